//! Where a person's data stands: the forms in which what identifies them may be written.

/// What identifies a person, such as a mail address. Shows itself to nobody: it is what is to be forgotten.
#[derive(Clone)]
pub struct Key {
    /// In lower case (of ASCII letters), none empty.
    forms: Vec<Vec<u8>>,
}

impl Key {
    /// `key` as it may stand in plain text, in JSON (also where everything beyond ASCII is escaped), and in forms and
    /// URLs.
    pub fn new(key: &str) -> Self {
        let plain = key.to_ascii_lowercase();
        let mut quoted = String::new();
        let mut escaped = String::new();
        for c in plain.chars() {
            let short = match c {
                '"' | '\\' => Some(format!("\\{c}")),
                '\n' => Some("\\n".to_owned()),
                '\r' => Some("\\r".to_owned()),
                '\t' => Some("\\t".to_owned()),
                _ => None,
            };
            let utf16 = || c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let plain = || c.to_string();
            quoted.push_str(&short.clone().unwrap_or_else(plain));
            escaped.push_str(&short.unwrap_or_else(|| if c.is_ascii() { plain() } else { utf16() }));
        }
        let mut encoded = String::new();
        for byte in plain.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(byte.into());
            } else {
                encoded.push_str(&format!("%{byte:02x}"));
            }
        }
        let mut forms: Vec<_> = [plain, quoted, escaped, encoded].map(String::into_bytes).into();
        forms.sort();
        forms.dedup();
        forms.retain(|form| !form.is_empty());
        Key { forms }
    }

    /// Whether the key stands in `text`, in one of its forms and whatever the case of its ASCII letters.
    pub fn stands_in(&self, text: &[u8]) -> bool {
        self.forms.iter().any(|form| {
            text.windows(form.len())
                .any(|part| part[0].eq_ignore_ascii_case(&form[0]) && part.eq_ignore_ascii_case(form))
        })
    }
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
            ("ada@engines", false),
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
        ] {
            assert!(key.stands_in(text.as_bytes()), "{text}");
        }
        assert!(!key.stands_in("Jurgen".as_bytes()));
        assert!(!Key::new("").stands_in(b"anything"));
    }
}
