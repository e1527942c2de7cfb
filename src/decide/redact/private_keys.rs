//! Private keys in PEM.

use std::ops::Range;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LABEL: &str = "PRIVATE KEY";

/// Bytes of the longest label, such as `OPENSSH PRIVATE KEY`, and its dashes.
const LABEL_BYTES_MAX: usize = 40;

/// Bytes of the longest key. Past them a block is taken for one whose end is missing.
const KEY_BYTES_MAX: usize = 16_384;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let ends: Vec<usize> =
        text.match_indices(END).filter_map(|(at, _)| label_end(text, at + END.len())).collect();
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let is_within = found.last().is_some_and(|last| at < last.end);
        let Some(body) = label_end(text, at + BEGIN.len()).filter(|_| !is_within) else { continue };
        let end = ends.get(ends.partition_point(|end| *end < body)).filter(|end| **end - at <= KEY_BYTES_MAX);
        found.push(at..end.copied().unwrap_or_else(|| lines_end(text, body)));
    }
    found
}

/// Where the label of a private key ends, its dashes included.
fn label_end(text: &str, at: usize) -> Option<usize> {
    let near = text.get(at..text.floor_char_boundary(at + LABEL_BYTES_MAX))?;
    let label = near.get(..near.find(DASHES)?)?;
    label.contains(LABEL).then_some(at + label.len() + DASHES.len())
}

/// Where lines of nothing but Base64 end.
fn lines_end(text: &str, from: usize) -> usize {
    let (mut read, mut end) = (from, from);
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        let key = line.trim();
        let is_base64 = key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        // The first line is what is left of the label's.
        if !is_base64 || (key.is_empty() && read > from) {
            break;
        }
        end = read + line.trim_end().len();
        read += line.len();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc+/12=\n-----END RSA PRIVATE KEY-----";

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn a_private_key_is_found_whole() {
        assert_eq!(parts(&format!("my key:\n{KEY}\nand {KEY}.")), [KEY, KEY]);
        let escaped = KEY.replace('\n', "\\n");
        assert_eq!(parts(&format!("{{\"key\": \"{escaped}\"}}")), [escaped]);
        let headed = KEY.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1);
        assert_eq!(parts(&headed), [headed.as_str()]);
    }

    #[test]
    fn without_its_end_as_much_as_looks_like_a_key_is_found() {
        let broken = KEY.split("\n-----END").next().expect("a part");
        assert_eq!(parts(&format!("{broken}\n\nThat was it.")), [broken]);
        let far = format!("{broken}\n\n{}\n{KEY}", "word ".repeat(KEY_BYTES_MAX / 5));
        assert_eq!(parts(&far), [broken, KEY]);
        assert_eq!(parts("-----BEGIN PRIVATE KEY----- is how it starts"), ["-----BEGIN PRIVATE KEY-----"]);
    }

    #[test]
    fn public_parts_stay() {
        for text in
            ["-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "-----END PRIVATE KEY-----"]
        {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }
}
