//! What follows `Bearer` or `Basic` in a header.

use std::ops::Range;

use super::edge::{before, free, is_open};

const SCHEMES: [&str; 2] = ["bearer ", "basic "];

/// Characters of a credential that has a digit, and of one that has none: "basic understanding" is no credential.
const CHARS_MIN: usize = 8;
const CHARS_MIN_WITHOUT_DIGIT: usize = 24;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    text.match_indices(['b', 'B']).filter_map(|(at, _)| credential(text, at)).collect()
}

/// What follows the scheme at `at`. It has no space, so none of it can be a scheme before another.
fn credential(text: &str, at: usize) -> Option<Range<usize>> {
    let is_here =
        |scheme: &str| text.get(at..at + scheme.len()).is_some_and(|word| word.eq_ignore_ascii_case(scheme));
    let scheme = SCHEMES.iter().find(|scheme| is_here(scheme)).filter(|_| is_open(before(text, at)))?;
    let start = at + scheme.len();
    let rest = text.get(start..)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-._~+/=".contains(c)).unwrap_or(rest.len());
    let has_digit = rest.get(..end)?.bytes().any(|b| b.is_ascii_digit());
    let chars_min = if has_digit { CHARS_MIN } else { CHARS_MIN_WITHOUT_DIGIT };
    (end >= chars_min).then(|| free(text, start..start + end))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn credentials_of_a_header_are_found() {
        assert_eq!(parts("Authorization: Bearer abc.DEF-123~456\n"), ["abc.DEF-123~456"]);
        assert_eq!(parts("authorization: basic YWRhOmxvdmVsYWNl1w=="), ["YWRhOmxvdmVsYWNl1w=="]);
    }

    #[test]
    fn plain_words_are_none() {
        for text in [
            "the bearer of bad news",
            "basic understanding",
            "Basic plan, 49 a month",
            "forbearer abc12345678",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }
}
