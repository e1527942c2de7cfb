//! Values that are called a password, token or key: `password: …`, `api_key=…`, `"secret": "…"`; or, in an address, a
//! signature: `?sig=…`.

use std::ops::Range;

use super::{
    edge::{after, free},
    held::HELD,
};

/// Names that a value may have, or that its name may end with, in lower case.
const NAMES: [&str; 29] = [
    "password",
    "passwort",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "kennwort",
    "mot de passe",
    "contraseña",
    "contrasena",
    "senha",
    "parola",
    "wachtwoord",
    "hasło",
    "token",
    "secret",
    "api_key",
    "api-key",
    "api key",
    "apikey",
    "access_key",
    "access key",
    "accesskey",
    "accountkey",
    "account_key",
    "secret_key",
    "private_key",
    "encryption_key",
    "signing_key",
];

/// Bytes of the longest name.
const NAME_BYTES_MAX: usize = 16;

/// Parameters of an address that are secret, in lower case. Outside of one, a signature is what people write by hand.
const PARAMETERS: [&str; 4] = ["sig", "signature", "x-amz-signature", "x-goog-signature"];

/// Bytes of the longest parameter, and of what stands before it.
const PARAMETER_BYTES_MAX: usize = 17;

/// Bytes from a name to the end of its value on a line below.
const BELOW_BYTES_MAX: usize = 192;

/// Bytes of the shortest value there that has letters of both cases alone: names of products have, too.
const MIXED_BYTES_MIN: usize = 12;

/// Bytes of the shortest value.
const VALUE_BYTES_MIN: usize = 4;

/// Bytes of the longest value in quotes. Where they do not close by then, the value ends as one without quotes.
const QUOTED_BYTES_MAX: usize = 512;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    // Up to where a value without quotes was read in vain: it ends at a placeholder, as all that begin in it do.
    let mut read = 0;
    for (at, sign) in text.match_indices([':', '=']) {
        let is_equals = sign == "=";
        let is_named = is_named(text, at) || (is_equals && is_parameter(text, at));
        if found.last().is_some_and(|last| at < last.end) || !is_named {
            continue;
        }
        if !is_equals && let Some(value) = below(text, at + sign.len()) {
            found.push(value);
            continue;
        }
        let (start, quote) = value_start(text, at + sign.len());
        if let Some(end) = quote.and_then(|quote| quoted_end(text, start, quote)) {
            found.extend(free(text, start..end).filter(|at| at.len() >= VALUE_BYTES_MIN));
        } else if start >= read {
            let end = plain_end(text, start, is_equals);
            match free(text, start..end) {
                Some(value) if is_secret(text, &value, is_equals) => found.push(value),
                _ => read = end,
            }
        }
    }
    found
}

/// Whether a name that keeps its value secret ends before the sign at `at`: spaces and the quote of a JSON key may stand
/// in between.
fn is_named(text: &str, at: usize) -> bool {
    let from = text.floor_char_boundary(at.saturating_sub(NAME_BYTES_MAX + 4));
    let near =
        text.get(from..at).unwrap_or_default().trim_end_matches([' ', '\u{A0}', '"', '\'', '`', '*', '\\']);
    let near = near.to_lowercase();
    NAMES.iter().any(|name| near.ends_with(name))
}

/// Whether a parameter that keeps its value secret ends before the sign at `at`. In HTML `&amp;` stands before it.
fn is_parameter(text: &str, at: usize) -> bool {
    let from = text.floor_char_boundary(at.saturating_sub(PARAMETER_BYTES_MAX));
    let near = text.get(from..at).unwrap_or_default();
    let name = near.rfind(['?', '&', ';']).and_then(|before| near.get(before + 1..)).unwrap_or_default();
    PARAMETERS.iter().any(|parameter| name.eq_ignore_ascii_case(parameter))
}

/// The value of a name that ends its line: alone on the next one, or past an empty one, as in a mail that was pasted. A
/// letter goes on there as well, so it takes a digit or letters of both cases, and is neither an address nor another name.
fn below(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let near = rest.get(..rest.floor_char_boundary(BELOW_BYTES_MAX))?;
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\u{A0}');
    let is_mark = |c: char| matches!(c, '"' | '\'' | '`' | '*');
    // A `>` stands before what somebody has quoted.
    let line = near.trim_start_matches(|c| is_blank(c) || is_mark(c) || matches!(c, '\n' | '>'));
    let gap = near.get(..near.len() - line.len())?;
    let length = line.find(|c: char| c.is_whitespace() || c == HELD).unwrap_or(line.len());
    let (word, after) = line.split_at_checked(length)?;
    let after = after.trim_start_matches(is_blank);
    let is_alone = after.starts_with('\n') || (after.is_empty() && near.len() == rest.len());
    let value = word.trim_end_matches(|c| is_mark(c) || matches!(c, ',' | ';'));
    let is_mixed = value.len() >= MIXED_BYTES_MIN
        && value.chars().skip(1).any(char::is_uppercase)
        && value.chars().any(char::is_lowercase);
    let is_likely = (is_mixed || value.bytes().any(|b| b.is_ascii_digit()))
        && !value.ends_with(':')
        && !value.contains("://");
    let is_below = (1..=2).contains(&gap.matches('\n').count());
    let start = at + gap.len();
    let value = start..start + value.len();
    (is_below && is_alone && is_likely && value.len() >= VALUE_BYTES_MIN).then(|| free(text, value))?
}

/// Where the value begins, past the rest of `:=` or `=>`, spaces and a quote; and that quote.
fn value_start(text: &str, at: usize) -> (usize, Option<char>) {
    let rest = text.get(at..).unwrap_or_default();
    let near = rest.get(..rest.floor_char_boundary(8)).unwrap_or_default();
    let value = near
        .trim_start_matches(['=', '>', '*'])
        .trim_start_matches([' ', '\t', '\u{A0}'])
        .trim_start_matches('\\');
    let start = at + near.len() - value.len();
    match value.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        Some(quote) => (start + 1, Some(quote)),
        None => (start, None),
    }
}

/// Where the same quote closes the value on its line.
fn quoted_end(text: &str, start: usize, quote: char) -> Option<usize> {
    let rest = text.get(start..)?;
    let near = rest.get(..rest.floor_char_boundary(QUOTED_BYTES_MAX))?;
    let end = near.find([quote, '\n', HELD]).filter(|end| after(near, *end) == Some(quote))?;
    Some(start + near.get(..end)?.trim_end_matches('\\').len())
}

/// Where a value without quotes ends. In an address, `&` ends it as well.
fn plain_end(text: &str, start: usize, is_equals: bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let is_end = |c: char| {
        c.is_whitespace()
            || matches!(c, '"' | '\'' | '`' | '<' | '>' | ',' | ';' | ')' | ']' | '}' | HELD)
            || (is_equals && c == '&')
    };
    start + rest.find(is_end).unwrap_or(rest.len())
}

/// After `=` anything is. After a colon a sentence may follow, as in "password: please send a new one": then it takes a
/// digit, a sign, letters of both cases, or the end of the line.
fn is_secret(text: &str, at: &Range<usize>, is_equals: bool) -> bool {
    let value = text.get(at.clone()).unwrap_or_default();
    let has = |class: fn(char) -> bool| value.chars().any(class);
    let is_mixed = value.chars().skip(1).any(char::is_uppercase) && has(char::is_lowercase);
    let is_odd = value.trim_end_matches(['.', '?', ':']).chars().any(|c| !c.is_alphabetic());
    let rest = text.get(at.end..).unwrap_or_default();
    let is_last = rest.trim_start_matches([' ', '\t', '\r']).chars().next().is_none_or(|c| c == '\n');
    value.len() >= VALUE_BYTES_MIN && (is_equals || is_odd || is_mixed || is_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn named_values_are_found() {
        for (text, value) in [
            ("password: hunter2", "hunter2"),
            ("My Passwort:  Sommer!, danke", "Sommer!"),
            ("DB_PASSWORD=correct horse", "correct"),
            ("password: correct\nhorse", "correct"),
            ("password: correctHorse it is", "correctHorse"),
            ("{\"apiKey\": \"a b c d\", \"x\": 1}", "a b c d"),
            ("{\\\"token\\\":\\\"abcd\\\"}", "abcd"),
            ("*Mot de passe :* été2026 merci", "été2026"),
            ("contraseña = 'qu\"ien'", "qu\"ien"),
            ("https://x.example/?token=abcd&user=ada", "abcd"),
            ("secret => abcd", "abcd"),
            ("api key: abc-def", "abc-def"),
            ("token='abcd", "abcd"),
            (
                "AccountName=x;AccountKey=Eby8vdM02xNO+cqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;",
                "Eby8vdM02xNO+cqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
            ),
            ("SharedAccessKeyName=Root;SharedAccessKey=abcd+12=", "abcd+12="),
            ("https://x.example/a?sv=2024&sig=a%2Bb%3D&se=1", "a%2Bb%3D"),
            ("<https://x.example/a?Signature=abcd>", "abcd"),
            ("https://x.example/?X-Amz-Expires=60&amp;X-Amz-Signature=0f1e2d", "0f1e2d"),
        ] {
            assert_eq!(parts(text), [value], "{text}");
        }
        assert_eq!(parts("password: one1\npassword: two2"), ["one1", "two2"]);
    }

    #[test]
    fn a_value_alone_on_the_line_below_its_name_is_found() {
        for (text, value) in [
            ("User:\n  ada\nPassword:\n  Winter2026!\nRegards", "Winter2026!"),
            ("Password:\r\nWinter2026!\r\n", "Winter2026!"),
            ("> *Passwort:*\n>\n> hunter2", "hunter2"),
            ("Your API key:\n\n  \"correctHorse\",  \n", "correctHorse"),
            ("passcode:\u{A0}\n482913", "482913"),
            ("token:\npassword:ab12", "password:ab12"),
        ] {
            assert_eq!(parts(text), [value], "{text}");
        }
    }

    #[test]
    fn what_a_letter_goes_on_with_below_a_name_is_not() {
        for text in [
            "This is about my password:\nI have 2 of them",
            "Password:\nThanks!",
            "API key:\nOpenAI\n",
            "Password:\n\n\nab12cd",
            "Username:\nPassword:\nPIN2:\n",
            "Reset your password:\nhttps://x.example/reset/12345678\n",
            "secret:\nab1",
            "Password:\nab12cd\u{FDD0}",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
        let long = format!("password:\n{}1", "ab".repeat(BELOW_BYTES_MAX));
        assert_eq!(parts(&long), Vec::<&str>::new());
    }

    #[test]
    fn sentences_and_other_names_are_not() {
        for text in [
            "I forgot my password: please send a new one",
            "password: Please, reset it.",
            "password: see below",
            "key-account=Berlin, a key account: Berlin",
            "Signature: Ada Lovelace",
            "signature=Ada&design=abcd",
            "https://x.example/?design=abcd",
            "password:",
            "token=abc",
            "tokens: 4096",
            "the secret of it: nobody knows 1 thing",
            "user=ada1815",
            "password [secret 1]",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
        assert_eq!(parts(&format!("password: {HELD} token=abcd{HELD}")), Vec::<&str>::new());
    }
}
