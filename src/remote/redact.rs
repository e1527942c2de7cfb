//! Blots our own secrets out of what a destination sent back.

use secrecy::{ExposeSecret, SecretString};

const BLOT: &[u8] = b"[redacted]";

/// Shorter secrets are left alone: blotting out every "a" would spoil the answer and hide nothing.
const SECRET_BYTES_MIN: usize = 4;

/// `body` without any of the secrets, as they are or as JSON may write them.
pub(super) fn redact(mut body: Vec<u8>, secrets: &[SecretString]) -> Vec<u8> {
    for secret in secrets.iter().map(ExposeSecret::expose_secret) {
        if secret.len() < SECRET_BYTES_MIN {
            continue;
        }
        body = without(body, secret.as_bytes());
        if secret.contains('/') {
            body = without(body, secret.replace('/', "\\/").as_bytes());
        }
    }
    body
}

fn without(body: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let find = |from: &[u8]| from.windows(secret.len()).position(|window| window == secret);
    let Some(mut at) = find(&body) else { return body };
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = body.as_slice();
    while let Some((before, after)) = rest.split_at_checked(at) {
        clean.extend_from_slice(before);
        clean.extend_from_slice(BLOT);
        rest = after.get(secret.len()..).unwrap_or_default();
        match find(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    clean.extend_from_slice(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_however_often_they_occur() {
        let secrets = ["tok_1", "/T/B/x", "ab"].map(SecretString::from);
        for (body, want) in [
            ("", ""),
            ("nothing here", "nothing here"),
            ("tok_1", "[redacted]"),
            (
                r#"{"a":"tok_1tok_1","u":"https:\/\/h\/T\/B\/x"}"#,
                r#"{"a":"[redacted][redacted]","u":"https:\/\/h[redacted]"}"#,
            ),
            ("no team at /T/B/x.", "no team at [redacted]."),
            ("cab", "cab"),
        ] {
            assert_eq!(String::from_utf8(redact(body.into(), &secrets)).unwrap(), want);
        }
    }
}
