//! Values of cookies in a header: `Cookie: session=…`, `Set-Cookie: …`.

use std::ops::Range;

use super::edge::{before, free, is_open};

const HEADER: &str = "cookie";

/// What a cookie is told beside its name and value; none of it is secret.
const ATTRIBUTES: [&str; 7] = ["path", "domain", "expires", "max-age", "samesite", "version", "priority"];

/// Bytes of the shortest value.
const VALUE_BYTES_MIN: usize = 4;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Up to where a header was read: it has all that is left of its line.
    let mut read = 0;
    for (at, colon) in text.match_indices(':') {
        if at < read || !is_header(text, at) {
            continue;
        }
        let start = at + colon.len();
        let rest = text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let mut from = start;
        for cookie in line.split(';') {
            found.extend(value(text, from, cookie));
            from += cookie.len() + 1;
        }
        read = start + line.len();
    }
    found
}

/// Whether the name of such a header ends before the colon at `at`: the quote of a JSON key may stand in between.
fn is_header(text: &str, at: usize) -> bool {
    let from = text.floor_char_boundary(at.saturating_sub(HEADER.len() + 2));
    let near = text.get(from..at).unwrap_or_default().trim_end_matches(['"', '\'']);
    let end = from + near.len();
    let Some(start) = end.checked_sub(HEADER.len()) else { return false };
    text.get(start..end).is_some_and(|name| name.eq_ignore_ascii_case(HEADER)) && is_open(before(text, start))
}

/// The value of `cookie`, which is the text from `from` on.
fn value(text: &str, from: usize, cookie: &str) -> Option<Range<usize>> {
    let (name, rest) = cookie.split_once('=')?;
    let named = name.trim_start_matches([' ', '\t', '"', '\'']);
    let is_name = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | ',' | ':');
    let is_attribute = ATTRIBUTES.iter().any(|attribute| named.eq_ignore_ascii_case(attribute));
    if named.is_empty() || is_attribute || !named.chars().all(is_name) {
        return None;
    }
    let value = rest.trim_start_matches('"');
    let start = from + cookie.len() - value.len();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '<' | '>' | ',');
    let end = start + value.find(is_end).unwrap_or(value.len());
    free(text, start..end).filter(|at| at.len() >= VALUE_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn values_of_cookies_are_found() {
        for (text, values) in [
            ("Cookie: session=abc123", vec!["abc123"]),
            (
                "GET / HTTP/1.1\r\ncookie: sid=s%3Aabcd; theme=x; _ga=GA1.2.3\r\n\r\n",
                vec!["s%3Aabcd", "GA1.2.3"],
            ),
            (
                "Set-Cookie: id=a3fWa; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/path; Max-Age=3600; HttpOnly",
                vec!["a3fWa"],
            ),
            ("{\"Cookie\": \"sid=abcd1234\", \"x\": \"y=long\"}", vec!["abcd1234"]),
            ("curl -H 'Cookie: sid=abcd1234' https://x.example", vec!["abcd1234"]),
            ("Cookie: a=\"quoted\"\nCookie: b=plain", vec!["quoted", "plain"]),
        ] {
            assert_eq!(parts(text), values, "{text}");
        }
    }

    #[test]
    fn ordinary_cookies_are_none() {
        for text in [
            "the cookie session was nice",
            "Cookie: the best one was oat",
            "cookie: I count 2 + 2 = four of them",
            "Cookies: session=abcd1234",
            "my_cookie: session=abcd1234",
            "Cookie: a=b; SameSite=Strict; Domain=x.example",
            "cookie session=abcd1234",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }
}
