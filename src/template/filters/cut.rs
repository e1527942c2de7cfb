//! Takes the middle out of a text that is too long, and says so.

use std::fmt;

use minijinja::Error;

use super::wrong;
use crate::decide::cost::tokens_about;

/// Bytes of the longest notice of a cut, its number included.
const NOTICE_BYTES_MAX: usize = 47;

/// The smallest budget in which a notice has room.
pub(super) const TOKENS_MIN: usize = 20;

/// The two ends of a text: two thirds from the head and one third from the tail, since requests open and close a text
/// and quotes fill it. Shown, it has a notice in between if something is gone.
#[derive(Debug)]
pub(super) struct Cut<'a> {
    head: &'a str,
    /// Characters between the two ends.
    pub(super) gone: usize,
    tail: &'a str,
}

impl<'a> Cut<'a> {
    /// Keeps at most `chars_max` characters; the notice is not counted.
    ///
    /// # Errors
    /// `chars_max` is 0.
    pub(super) fn to_chars(text: &'a str, chars_max: usize) -> Result<Self, Error> {
        if chars_max == 0 {
            return Err(wrong("a bound of 0 characters would leave nothing"));
        }
        if text.chars().count() <= chars_max {
            return Ok(Cut::none(text));
        }
        let tail_chars = chars_max / 3;
        let head = text.char_indices().nth(chars_max - tail_chars).map_or(text.len(), |(at, _)| at);
        let last = |chars: usize| text.char_indices().nth_back(chars - 1).map_or(0, |(at, _)| at);
        Ok(Cut::between(text, head, if tail_chars == 0 { text.len() } else { last(tail_chars) }))
    }

    /// Keeps what is about `tokens_max` tokens, the notice among them.
    ///
    /// # Errors
    /// `tokens_max` is below [`TOKENS_MIN`].
    pub(super) fn to_tokens(text: &'a str, tokens_max: usize) -> Result<Self, Error> {
        if tokens_max < TOKENS_MIN {
            return Err(wrong(format!(
                "a budget of {tokens_max} tokens has no room to say that something was cut: {TOKENS_MIN} are the least"
            )));
        }
        let budget = u64::try_from(tokens_max).unwrap_or(u64::MAX);
        if tokens_about(text.len()) <= budget {
            return Ok(Cut::none(text));
        }
        // What `tokens_about` says, turned round.
        let bytes_max = tokens_max.saturating_mul(12) / 5;
        let room = bytes_max.saturating_sub(NOTICE_BYTES_MAX);
        let tail_bytes = room / 3;
        let head = text.floor_char_boundary(room - tail_bytes);
        let tail = text.ceil_char_boundary(text.len().saturating_sub(tail_bytes));
        Ok(Cut::between(text, head, tail))
    }

    fn none(text: &'a str) -> Self {
        Cut { head: text, gone: 0, tail: "" }
    }

    fn between(text: &'a str, head: usize, tail: usize) -> Self {
        let part = |range: Option<&'a str>| range.unwrap_or_default();
        let gone = part(text.get(head..tail)).chars().count();
        Cut { head: part(text.get(..head)), gone, tail: part(text.get(tail..)) }
    }
}

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut { head, gone, tail } = self;
        if *gone == 0 {
            f.write_str(head)
        } else {
            write!(f, "{head}\n[… {gone} characters cut …]\n{tail}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_notice_has_room_in_the_smallest_budget() {
        let longest = Cut { head: "", gone: usize::MAX, tail: "" }.to_string();
        assert_eq!(longest.len(), NOTICE_BYTES_MAX);
        let tokens = |bytes| usize::try_from(tokens_about(bytes)).expect("few");
        assert_eq!(tokens(NOTICE_BYTES_MAX), TOKENS_MIN);
    }

    #[test]
    fn both_ends_are_kept_whole() {
        let text: String = ('a'..='z').collect();
        let cut = Cut::to_chars(&text, 9).expect("cuts");
        assert_eq!((cut.head, cut.gone, cut.tail), ("abcdef", 17, "xyz"));
        let cut = Cut::to_chars(&text, 1).expect("cuts");
        assert_eq!((cut.head, cut.gone, cut.tail), ("a", 25, ""));
        assert_eq!(Cut::to_chars(&text, 26).expect("fits").gone, 0);
    }
}
