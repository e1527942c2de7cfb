//! The `application/x-www-form-urlencoded` body, for senders that wrap their JSON in one.

use super::UnreadableBody;

const TYPE: &str = "application/x-www-form-urlencoded";

/// Whether a content type, parameters aside, is a form.
pub(super) fn is_form(content_type: Option<&str>) -> bool {
    content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(TYPE))
}

/// The bytes of the field `payload`. Stricter than browsers' parsers: it must occur once, and a `%` without
/// two hex digits is an error, so that no two readers of one body can see different JSON.
pub(super) fn payload(body: &[u8]) -> Result<Vec<u8>, UnreadableBody> {
    let mut found = None;
    for field in body.split(|byte| *byte == b'&') {
        let mut halves = field.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        if name != b"payload" {
            continue;
        }
        if found.is_some() {
            return Err(UnreadableBody::Form("has the field `payload` twice"));
        }
        found = Some(halves.next().unwrap_or_default());
    }
    decode(found.ok_or(UnreadableBody::Form("has no field `payload`"))?)
}

/// `+` is a space and `%41` an `A` (WHATWG URL, application/x-www-form-urlencoded parsing).
fn decode(text: &[u8]) -> Result<Vec<u8>, UnreadableBody> {
    let broken = || UnreadableBody::Form("has a `%` that two hex digits do not follow");
    let digit =
        |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = digit(bytes.next()).ok_or_else(broken)?;
                let low = digit(bytes.next()).ok_or_else(broken)?;
                high << 4 | low
            }
            other => *other,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_compared_without_case_and_parameters() {
        for form in
            [TYPE, "Application/X-WWW-Form-Urlencoded", "application/x-www-form-urlencoded ; charset=utf-8"]
        {
            assert!(is_form(Some(form)), "{form}");
        }
        for other in [None, Some(""), Some("application/json"), Some("x; application/x-www-form-urlencoded")]
        {
            assert!(!is_form(other), "{other:?}");
        }
    }

    #[test]
    fn the_payload_is_decoded() {
        for (body, expected) in [
            ("payload=%7B%22a%22%3A%22b+c%2bd%22%7D", "{\"a\":\"b c+d\"}"),
            ("x=1&payload={}&y", "{}"),
            ("%70ayload=a=b", "a=b"),
            ("payload", ""),
            ("payload=%C3%A9", "é"),
        ] {
            assert_eq!(payload(body.as_bytes()).unwrap(), expected.as_bytes(), "{body}");
        }
    }

    #[test]
    fn anything_ambiguous_is_refused() {
        for body in [
            "",
            "x=1",
            "payload=1&payload=1",
            "payload=%",
            "payload=%4",
            "payload=%zz",
            "%=&payload=1",
            "payload=%+1",
        ] {
            assert!(matches!(payload(body.as_bytes()), Err(UnreadableBody::Form(_))), "{body}");
        }
    }
}
