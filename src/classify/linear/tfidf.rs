//! Phrases → sparse TF-IDF rows over a sorted vocabulary.

use std::cmp::Reverse;

use super::tokens::{Phrases, is_mark, is_pair};

/// Texts a single word must occur in to be learned.
const WORD_TEXTS_MIN: usize = 1;

/// Texts a 2-gram must occur in to be learned: one seen once mostly repeats what its words say.
const PAIR_TEXTS_MIN: usize = 2;

/// Terms learned; beyond that the ones found in most texts stay. Bounds the memory of a fit.
const TERMS_MAX: usize = 200_000;

/// Length of a row's marks, where its words have length 1. What a template marks counts about as much as the words of
/// an ordinary mail, however many words it has.
const MARKS_LENGTH: f64 = 0.7;

/// A text as (index of a term, weight), indices ascending: marks, which sort first, then words. Empty if no term is known.
pub(super) type Row = Vec<(usize, f64)>;

/// A learned term and its inverse document frequency.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) text: String,
    pub(super) idf: f64,
}

/// The learned terms, sorted by text; a term's position is its index.
#[derive(Debug, Clone)]
pub(super) struct Vocabulary(Vec<Term>);

impl Vocabulary {
    /// Learns the terms of these texts, and how rare each is among them.
    pub(super) fn learn(texts: &[Phrases]) -> Self {
        let mut found: Vec<&str> = texts.iter().flat_map(counts).map(|(term, _)| term).collect();
        found.sort_unstable();
        let mut kept: Vec<(&str, usize)> =
            runs(&found).filter(|&(term, texts)| texts >= texts_min(term)).collect();
        keep_common(&mut kept, TERMS_MAX);
        let idf = |with: usize| ((1 + texts.len()) as f64 / (1 + with) as f64).ln() + 1.0;
        Self(kept.into_iter().map(|(term, with)| Term { text: term.to_owned(), idf: idf(with) }).collect())
    }

    /// Weighs a text's known terms by (1 + ln count) · idf, then scales words and marks to their lengths.
    pub(super) fn row(&self, text: &Phrases) -> Row {
        let weigh = |(term, count): (&str, usize)| {
            let index = self.0.binary_search_by(|known| known.text.as_str().cmp(term)).ok()?;
            Some((index, (1.0 + (count as f64).ln()) * self.0.get(index)?.idf))
        };
        let mut row: Row = counts(text).into_iter().filter_map(weigh).collect();
        let marks = self.0.partition_point(|term| is_mark(&term.text));
        let known_marks = row.partition_point(|&(index, _)| index < marks);
        let (marks, words) = row.split_at_mut(known_marks);
        scale(marks, MARKS_LENGTH);
        scale(words, 1.0);
        row
    }

    /// The terms in index order.
    pub(super) fn terms(&self) -> &[Term] {
        &self.0
    }
}

/// Gives part of a row this length; without terms it stays without.
fn scale(part: &mut [(usize, f64)], length: f64) {
    let found = part.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
    part.iter_mut().for_each(|(_, weight)| *weight *= length / found);
}

/// Cuts (term, texts with it) down to the `max` found in most texts; of equals, the first in term order stay.
fn keep_common(terms: &mut Vec<(&str, usize)>, max: usize) {
    if terms.len() > max {
        terms.sort_unstable_by_key(|&(term, texts)| (Reverse(texts), term));
        terms.truncate(max);
        terms.sort_unstable();
    }
}

fn texts_min(term: &str) -> usize {
    if is_pair(term) { PAIR_TEXTS_MIN } else { WORD_TEXTS_MIN }
}

/// A text's distinct terms, sorted, each with how often it occurs.
fn counts(text: &Phrases) -> Vec<(&str, usize)> {
    let mut terms = text.terms();
    terms.sort_unstable();
    runs(&terms).collect()
}

/// Each distinct term of a sorted list, with the number of its copies.
fn runs<'a>(sorted: &[&'a str]) -> impl Iterator<Item = (&'a str, usize)> {
    sorted.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Vec<Phrases> {
        texts.iter().map(|text| Phrases::read(text)).collect()
    }

    #[test]
    fn vocabulary_is_sorted_and_drops_rare_pairs() {
        let learned = Vocabulary::learn(&read(&["pay now", "pay now later", "zebra"]));
        let terms: Vec<&str> = learned.terms().iter().map(|term| term.text.as_str()).collect();
        assert_eq!(terms, ["later", "now", "pay", "pay now", "zebra"]);
    }

    #[test]
    fn the_most_common_terms_stay() {
        let mut terms = vec![("a", 1), ("b", 3), ("c", 1), ("d", 2)];
        keep_common(&mut terms, 4);
        assert_eq!(terms.len(), 4);
        keep_common(&mut terms, 3);
        assert_eq!(terms, [("a", 1), ("b", 3), ("d", 2)]);
    }

    #[test]
    fn idf_is_smooth() {
        let learned = Vocabulary::learn(&read(&["a b", "a c", "a d"]));
        let idf: Vec<f64> = learned.terms().iter().map(|term| term.idf).collect();
        assert_eq!(idf, [1.0, 2f64.ln() + 1.0, 2f64.ln() + 1.0, 2f64.ln() + 1.0]);
    }

    #[test]
    fn words_weigh_by_sublinear_count_and_have_length_one() {
        let learned = Vocabulary::learn(&read(&["a. b"]));
        let row = learned.row(&Phrases::read("a. a. b. unknown"));
        let (twice, once) = (1.0 + 2f64.ln(), 1.0);
        let length = twice.hypot(once);
        assert_eq!(row.iter().map(|&(index, _)| index).collect::<Vec<_>>(), [0, 1]);
        for (&(_, weight), expected) in row.iter().zip([twice / length, once / length]) {
            assert!((weight - expected).abs() < 1e-15);
        }
        assert!(learned.row(&Phrases::read("nothing known")).is_empty());
    }

    #[test]
    fn words_take_nothing_from_marks() {
        let learned = Vocabulary::learn(&read(&["#x a b", "#y a b"]));
        let weights =
            |text| learned.row(&Phrases::read(text)).into_iter().map(|(_, weight)| weight).collect();
        let (short, long): (Vec<f64>, Vec<f64>) = (weights("a #x"), weights("a b a b a b #x"));
        assert_eq!((short.len(), long.len()), (2, 4));
        assert!((short[0] - MARKS_LENGTH).abs() < 1e-15 && (long[0] - MARKS_LENGTH).abs() < 1e-15);
        assert!((short[1] - 1.0).abs() < 1e-15 && long[1..].iter().all(|weight| *weight < 1.0));
    }
}
