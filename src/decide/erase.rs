//! Where a person's data stands: whatever the way in which what identifies them is written.

use std::borrow::Cow;

/// How often text may be written within text: JSON in a string of JSON in a request that is itself kept as JSON.
const NESTED_MAX: usize = 4;

/// What identifies a person, such as a mail address. Shows itself to nobody: it is what is to be forgotten.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    pub fn new(key: &str) -> Self {
        Key(key.as_bytes().to_vec())
    }

    /// Whether the key stands in `text`, whatever the case of its ASCII letters: as it is, in JSON with any of its
    /// characters escaped, or as in forms and URLs.
    pub fn stands_in(&self, text: &[u8]) -> bool {
        let mut text = Cow::Borrowed(text);
        for _ in 0..NESTED_MAX {
            // Whether a `+` stands for a space or for itself is known to nobody who finds it: either may be meant.
            let is_in_form = |plus| decoded(&text, plus).is_some_and(|decoded| self.is_in(&decoded));
            if self.is_in(&text) || is_in_form(b' ') || is_in_form(b'+') {
                return true;
            }
            match unescaped(&text) {
                Some(inner) => text = Cow::Owned(inner),
                None => return false,
            }
        }
        self.is_in(&text)
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let Some(first) = self.0.first() else { return false };
        text.windows(self.0.len())
            .any(|part| part[0].eq_ignore_ascii_case(first) && part.eq_ignore_ascii_case(&self.0))
    }
}

/// `text` with the escapes of JSON strings written out; `None` if it has none.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    text.contains(&b'\\').then(|| {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let [first, tail @ ..] = rest {
            let (byte, used) = match (first, tail) {
                (b'\\', [b'u', ..]) => match character(rest) {
                    Some((c, used)) => {
                        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                        rest = &rest[used..];
                        continue;
                    }
                    None => (b'\\', 1),
                },
                (b'\\', [b'n', ..]) => (b'\n', 2),
                (b'\\', [b'r', ..]) => (b'\r', 2),
                (b'\\', [b't', ..]) => (b'\t', 2),
                (b'\\', [other @ (b'"' | b'\\' | b'/'), ..]) => (*other, 2),
                (other, _) => (*other, 1),
            };
            out.push(byte);
            rest = &rest[used..];
        }
        out
    })
}

/// The character that `\uXXXX`, or two of them, at the beginning of `text` stand for, and how many bytes they take.
fn character(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u16> {
        let escape = text.get(at..at + 6)?;
        let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, 6));
    }
    let pair = [first, unit(6)?];
    char::decode_utf16(pair).next()?.ok().map(|c| (c, 12))
}

/// `text` with `%XX` written out, and `+` as `plus`; `None` if it has neither.
fn decoded(text: &[u8], plus: u8) -> Option<Vec<u8>> {
    text.iter().any(|byte| b"%+".contains(byte)).then(|| {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let [first, tail @ ..] = rest {
            let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let (byte, used) = match (first, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
                (b'%', Some(byte)) => (byte, 3),
                (b'+', _) => (plus, 1),
                (other, _) => (*other, 1),
            };
            out.push(byte);
            rest = &rest[used..];
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_each_of_its_forms_and_whatever_its_case() {
        let key = Key::new("Ada@Engines.example");
        for (text, want) in [
            (r#"{"email":"ada@engines.example"}"#, true),
            ("ADA@ENGINES.EXAMPLE", true),
            ("from=ada%40engines.example&x=1", true),
            ("from=ada%40ENGINES.example", true),
            (r#"{"email":"ada\u0040engines.example"}"#, true),
            (r#"{"email":"\u0041da@engines.example"}"#, true),
            (r#"{"body":"{\"email\":\"ada\\u0040engines.example\"}"}"#, true),
            (r#"{"body":"from=ada%40engines.example"}"#, true),
            ("ada@engines", false),
            (r"\u", false),
            (r"\ud83d\u0041", false),
            ("%4", false),
            ("", false),
        ] {
            assert_eq!(key.stands_in(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn beyond_ascii_too() {
        let key = Key::new("J\u{fc}rgen \"J\" \u{1f600}");
        for text in [
            "j\u{fc}rgen \"J\" \u{1f600}",
            r#"{"name":"Jürgen \"J\" 😀"}"#,
            r#"{"name":"J\u00fcrgen \"J\" \ud83d\ude00"}"#,
            r#"{"name":"J\u00FCrgen \"J\" \uD83D\uDE00"}"#,
            "name=J%C3%BCrgen%20%22J%22%20%F0%9F%98%80",
            "name=J%C3%BCrgen+%22J%22+%F0%9F%98%80",
        ] {
            assert!(key.stands_in(text.as_bytes()), "{text}");
        }
        assert!(!key.stands_in("Jurgen".as_bytes()));
        assert!(!Key::new("").stands_in(b"anything"));
        assert!(Key::new("ada+news@corp.example").stands_in(br"ada\u002Bnews@corp.example"));
        for text in ["ada+news@corp.example", "to=ada+news%40corp.example", "to=ada%2Bnews%40corp.example"] {
            assert!(Key::new("ada+news@corp.example").stands_in(text.as_bytes()), "{text}");
        }
        assert!(Key::new("https://corp.example/ada").stands_in(br"https:\/\/corp.example\/ada"));
    }
}
