//! Tokens of Telegram's bots: a number, a colon, and 35 characters of which the first two are `AA`.

use std::ops::{Range, RangeInclusive};

use super::edge::free;

const DIGITS: RangeInclusive<usize> = 6..=12;

/// A few less than there are, since people cut.
const CHARS: RangeInclusive<usize> = 30..=40;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    text.match_indices(":AA").filter_map(|(at, _)| token(text, at)).collect()
}

/// The token whose colon is at `at`. Letters may stand before it, as in the addresses of Telegram's API.
fn token(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text.get(..at)?.bytes().rev().take(DIGITS.end() + 1);
    let digits = before.take_while(u8::is_ascii_digit).count();
    let after = text.get(at + 1..)?.bytes().take(CHARS.end() + 1);
    let chars = after.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).count();
    let is_token = DIGITS.contains(&digits) && CHARS.contains(&chars);
    is_token.then(|| free(text, at - digits..at + 1 + chars))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn a_bots_token_is_found() {
        let token = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_";
        for text in [
            token.to_owned(),
            format!("Use this token: {token}."),
            format!("https://api.telegram.org/bot{token}/getMe"),
        ] {
            assert_eq!(parts(&text), [token], "{text}");
        }
    }

    #[test]
    fn other_numbers_with_a_colon_are_not() {
        for text in [
            "123456789:AAHdq",
            "12:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_",
            "1234567890123:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_",
            "123456789:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_",
            "123456789: AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_",
            "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_AAHdqTcvCH",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }
}
