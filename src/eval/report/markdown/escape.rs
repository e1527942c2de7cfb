//! Text of strangers in Markdown: whatever it says, it stays text.
//!
//! Every sign that Markdown, HTML or a table could read is written as a numeric reference, which none of them reads as
//! structure. What a host links in the finished text (mentions, numbers of issues, addresses) is broken by an
//! invisible word joiner.

use crate::eval::report::wording::{NO_FIGURE, clipped, plain};

/// Characters shown of one piece of text at the most.
const CHARS_MAX: usize = 160;

/// The same of what a suite came to.
const ACCOUNT_CHARS_MAX: usize = 1_000;

/// Signs that are nowhere structure, and frequent in figures.
const HARMLESS: [char; 2] = [',', '%'];

const WORD_JOINER: &str = "&#8288;";

/// A name: a label, an id, a digest.
pub(super) fn code(text: &str) -> String {
    let text = prose(text);
    if text == NO_FIGURE { text } else { format!("<code>{text}</code>") }
}

/// A sentence, on one line.
pub(super) fn prose(text: &str) -> String {
    escaped(text, CHARS_MAX)
}

/// Sentences of ours that may name several cases, on one line.
pub(super) fn account(text: &str) -> String {
    escaped(text, ACCOUNT_CHARS_MAX)
}

fn escaped(text: &str, chars_max: usize) -> String {
    let text = plain(text);
    let text = clipped(text.trim(), chars_max);
    if text.is_empty() {
        return NO_FIGURE.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_punctuation() && !HARMLESS.contains(&c) {
            escaped.push_str(&format!("&#{};", u32::from(c)));
            if matches!(c, '@' | '#' | ':') {
                escaped.push_str(WORD_JOINER);
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sign_that_could_be_structure_is_left() {
        let every: String = (0..=0x7f_u8).map(char::from).collect();
        let escaped = prose(&every);
        let without_references =
            escaped.split("&#").map(|part| part.split_once(';').map_or(part, |(_, rest)| rest));
        let left: String = without_references.collect();
        assert!(
            left.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ' || HARMLESS.contains(&c)),
            "{left}"
        );
    }

    #[test]
    fn a_mention_or_an_address_is_broken_even_once_it_is_text() {
        assert_eq!(prose("hi @me"), "hi &#64;&#8288;me");
        assert_eq!(prose("http://a#1"), "http&#58;&#8288;&#47;&#47;a&#35;&#8288;1");
    }

    #[test]
    fn text_is_one_line_of_bounded_length_and_never_nothing() {
        assert_eq!(prose("a\nb"), "a b");
        assert_eq!(code(" \n"), NO_FIGURE);
        assert_eq!(code("größer"), "<code>größer</code>");
        assert_eq!(prose(&"x".repeat(1_000)).chars().count(), CHARS_MAX);
    }
}
