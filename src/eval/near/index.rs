//! Finds the texts that are similar to one without comparing it to all.
//!
//! Prefix filtering: let every set be sorted in one order. Two sets of Jaccard similarity `t` or more share at least
//! `t·n` of the `n` elements of either, so they share `k` within the first `n - ⌈t·n⌉ + k` of both. Only those are
//! posted and looked up, and in an order from rare to common hardly two unrelated texts meet `k` times.
//!
//! Where many texts have a common part, such as a footer, they do. Positional filtering leaves these out: two sets that
//! meet at a place share what they shared before it, that element, and no more than the shorter of what is left of both.

use super::text::plain;

/// Characters of one shingle. Six would not fit the number a shingle is packed into.
pub(super) const SHINGLE_CHARS: usize = 5;

/// Characters of a plain text that are compared. What a text is about shows well before.
const CHARS_MAX: usize = 20_000;

/// Shingles two texts must have met by before they are compared. One word that both have gives several.
const MEETINGS: usize = 16;

/// Bits of one character.
const CHAR_BITS: u32 = 21;

/// All texts as sets, some of which have been added to be found.
pub(super) struct Index {
    similar_min: f64,
    /// Of each text its shingles by rank, from rare to common.
    sets: Vec<Vec<usize>>,
    /// By rank: the texts that were added with it among their first shingles, with its place in their set.
    posted: Vec<Vec<(usize, usize)>>,
    /// Of each text: how many shingles it was found by, for the text that is asked for.
    met: Vec<Met>,
}

/// What is known of one text while those similar to another are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Met {
    #[default]
    Never,
    /// By so many shingles.
    By(usize),
    /// It cannot be similar any more, or nobody wants to know.
    Dropped,
}

impl Index {
    /// All texts that will be asked for or added, by their place. `similar_min` is above 0 and up to 1.
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a str>, similar_min: f64) -> Self {
        let sets: Vec<Vec<u128>> = texts.map(|text| shingles(&plain(text))).collect();
        let (sets, ranks) = ranked(&sets);
        let met = vec![Met::default(); sets.len()];
        Index { similar_min, met, posted: vec![Vec::new(); ranks], sets }
    }

    /// Of the texts that were added, those that are `wanted` and similar to the one at `at`, by their place, with the similarity.
    pub(super) fn near(&mut self, at: usize, wanted: impl Fn(usize) -> bool) -> Vec<(usize, f64)> {
        let set = &self.sets[at];
        let mut seen = Vec::new();
        for (place, rank) in first(set, self.similar_min).iter().enumerate() {
            for &(other, other_place) in &self.posted[*rank] {
                let shared = match self.met[other] {
                    Met::Dropped => continue,
                    Met::By(shared) => shared,
                    Met::Never => {
                        seen.push(other);
                        0
                    }
                };
                let length = self.sets[other].len();
                let left = (set.len() - place).min(length - other_place);
                let is_hopeless = shared + left < shared_of(set.len() + length, self.similar_min);
                self.met[other] = if is_hopeless || shared == 0 && !wanted(other) {
                    Met::Dropped
                } else {
                    Met::By(shared + 1)
                };
            }
        }
        let met_min = MEETINGS.min(shared_min(set, self.similar_min));
        let is_near = |met: Met| matches!(met, Met::By(shared) if shared >= met_min);
        seen.retain(|other| is_near(std::mem::take(&mut self.met[*other])));
        seen.sort_unstable();
        let similar = |other: usize| Some((other, similarity(set, &self.sets[other], self.similar_min)?));
        seen.into_iter().filter_map(similar).collect()
    }

    /// From now on the text at `at` is found.
    pub(super) fn add(&mut self, at: usize) {
        for (place, rank) in first(&self.sets[at], self.similar_min).iter().enumerate() {
            self.posted[*rank].push((at, place));
        }
    }
}

/// Taken off a bound, because 0.07 × 100 is above 7 in binary: a bound may be too low, never too high.
const SLACK: f64 = 1e-6;

/// The least that a similar set shares with `set`.
fn shared_min(set: &[usize], similar_min: f64) -> usize {
    (similar_min * set.len() as f64 - SLACK).ceil() as usize
}

/// The least that two similar sets share which have `elements` together, those of both counted twice.
fn shared_of(elements: usize, similar_min: f64) -> usize {
    (similar_min / (1.0 + similar_min) * elements as f64 - SLACK).ceil() as usize
}

/// The elements among which a similar set shares [`MEETINGS`] with `set`, or all it shares if that is less.
fn first(set: &[usize], similar_min: f64) -> &[usize] {
    let end = set.len() - shared_min(set, similar_min) + MEETINGS;
    set.get(..end).unwrap_or(set)
}

/// The distinct runs of [`SHINGLE_CHARS`] characters, each packed into a number; a shorter text is one of its own.
fn shingles(plain: &str) -> Vec<u128> {
    let chars: Vec<char> = plain.chars().take(CHARS_MAX).collect();
    let pack = |run: &[char]| run.iter().fold(0, |packed, c| packed << CHAR_BITS | u128::from(u32::from(*c)));
    let mut shingles: Vec<u128> = match chars.len() {
        0 => Vec::new(),
        1..SHINGLE_CHARS => vec![pack(&chars)],
        _ => chars.windows(SHINGLE_CHARS).map(pack).collect(),
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// The sets with their elements numbered from rare to common, and how many elements there are.
fn ranked(sets: &[Vec<u128>]) -> (Vec<Vec<usize>>, usize) {
    let places = sets.iter().enumerate().flat_map(|(at, set)| set.iter().map(move |shingle| (*shingle, at)));
    let mut places: Vec<(u128, usize)> = places.collect();
    places.sort_unstable();
    let mut holders: Vec<&[(u128, usize)]> = places.chunk_by(|a, b| a.0 == b.0).collect();
    // Stable, so that equally rare ones stay in their own order.
    holders.sort_by_key(|holders| holders.len());
    let mut ranked: Vec<Vec<usize>> = sets.iter().map(|set| Vec::with_capacity(set.len())).collect();
    for (rank, holders) in holders.iter().enumerate() {
        holders.iter().for_each(|(_, at)| ranked[*at].push(rank));
    }
    (ranked, holders.len())
}

/// Of two sorted sets, if it is `min` or more.
fn similarity(a: &[usize], b: &[usize], min: f64) -> Option<f64> {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        shared += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    let similarity = shared as f64 / (a.len() + b.len() - shared).max(1) as f64;
    (similarity >= min).then_some(similarity)
}
