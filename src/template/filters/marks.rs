//! `marks(name, hints)`

use crate::decide::hidden::without_hidden;

/// `#name ` for every hint that the text holds: the judge `local` counts marks apart from words.
///
/// Hints are parts of words or phrases in lower case, separated by `|`; one that opens with a space starts a word. Case,
/// hidden characters and kinds of white space in the text do not matter.
pub(super) fn marks(text: &str, name: &str, hints: &str) -> String {
    let shown = format!(" {}", without_hidden(text)).replace(char::is_whitespace, " ").to_lowercase();
    let pairs = Pairs::of(&shown);
    let found = hints
        .split('|')
        .filter(|hint| !hint.is_empty() && pairs.cover(hint) && shown.contains(*hint))
        .count();
    format!("#{name} ").repeat(found)
}

/// The pairs of neighbouring bytes in a text. Most hints hold a pair that the text lacks, and need no search.
struct Pairs([u64; 1024]);

impl Pairs {
    fn of(text: &str) -> Self {
        let mut pairs = Pairs([0; 1024]);
        for (word, bit) in places(text) {
            pairs.0[word] |= bit;
        }
        pairs
    }

    fn cover(&self, hint: &str) -> bool {
        places(hint).all(|(word, bit)| self.0[word] & bit != 0)
    }
}

/// Where each pair stands: a word of 64, and its bit.
fn places(text: &str) -> impl Iterator<Item = (usize, u64)> {
    let pairs = text.as_bytes().iter().zip(text.as_bytes().iter().skip(1));
    pairs.map(|(&a, &b)| (usize::from(a) << 2 | usize::from(b) >> 6, 1 << (b & 63)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hint_counts_once() {
        assert_eq!(
            marks("Price and PRICES,\nhow\tmuch?", "buying", "price|how much|quote"),
            "#buying #buying "
        );
        assert_eq!(marks("pr\u{200b}ice", "buying", "price"), "#buying ");
        assert_eq!(marks("nothing", "buying", "price||"), "");
    }

    #[test]
    fn a_leading_space_starts_a_word() {
        assert_eq!(marks("SEO", "bait", " seo|eo"), "#bait #bait ");
        assert_eq!(marks("museum\nseoul", "bait", " seo"), "#bait ");
        assert_eq!(marks("museo", "bait", " seo"), "");
    }
}
