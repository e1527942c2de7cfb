//! A word that stands in the instructions and must not come back.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::decide::hidden::without_hidden;

/// Characters of a canary.
const DIGITS: usize = 16;

/// What stands where an event holds the word.
const GONE: &str = "[…]";

/// A word of the instructions that no answer may hold. It follows from the prompts, so that equal prompts ask equal
/// questions: whoever knows them, as anyone does those that are shipped, can work it out. So it is taken out of events,
/// or a stranger could have an answer called a leak that only quotes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canary(String);

impl Canary {
    /// `prompts` is a digest of them.
    pub fn of(prompts: &str) -> Self {
        let mut word = hex::encode(Sha256::digest(format!("hookyard canary\0{prompts}")));
        word.truncate(DIGITS);
        Canary(word)
    }

    pub fn word(&self) -> &str {
        &self.0
    }

    /// Whether a reader of `text` would find the word, in whatever case.
    pub fn is_in(&self, text: &str) -> bool {
        without_hidden(text).to_ascii_lowercase().contains(&self.0)
    }

    /// `text` without the word.
    pub fn taken_out<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let lower = text.to_ascii_lowercase();
        let mut left = String::new();
        let mut done = 0;
        for (at, word) in lower.match_indices(&self.0) {
            left.push_str(text.get(done..at).unwrap_or_default());
            left.push_str(GONE);
            done = at + word.len();
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        left.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_and_taken_out_in_any_case() {
        let canary = Canary::of("prompts");
        let word = canary.word();
        assert_eq!((word.len(), &canary), (DIGITS, &Canary::of("prompts")));
        let upper = word.to_uppercase();
        let text = format!("É {word}, x{upper}{word}y");
        assert!(canary.is_in(&text) && canary.is_in(&upper));
        assert!(canary.is_in(&format!("{}\u{200B}{}", &word[..5], &word[5..])));
        assert_eq!(canary.taken_out(&text), "É […], x[…][…]y");
        assert!(!canary.is_in("É") && canary.taken_out("É") == "É");
    }
}
