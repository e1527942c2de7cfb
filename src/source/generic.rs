//! Hookyard's own scheme, for senders you write yourself: time and body are signed, the id need not be.

use http::HeaderMap;

use super::{
    Refusal, headers, json,
    mac::{self, Key},
    reading::{Draft, Fault, id},
    refusal::{Window, seconds},
};

/// `sha256=` and the hex HMAC-SHA256 of `SECONDS.BODY`, key = the secret's UTF-8.
const SIGNATURE: &str = "x-webhook-signature";

/// Whole seconds since the epoch, signed.
const TIMESTAMP: &str = "x-webhook-timestamp";

/// The event's id, the same for every retry; a UUID is a good one. Not signed: without it the body's `id` is
/// taken, which is.
const EVENT_ID: &str = "x-event-id";

pub(super) const KEPT: [&str; 2] = [EVENT_ID, TIMESTAMP];

pub(super) fn verify(keys: &[Key], headers: &HeaderMap, body: &[u8], window: Window) -> Result<(), Refusal> {
    // Not signed, but read later: it must be unambiguous too.
    headers::only(headers, EVENT_ID)?;
    let given = headers::required(headers, SIGNATURE)?;
    let timestamp = headers::required(headers, TIMESTAMP)?;
    let signed_s = seconds(TIMESTAMP, timestamp)?;
    let tag = given
        .strip_prefix("sha256=")
        .and_then(mac::from_hex)
        .ok_or(Refusal::Bad { header: SIGNATURE, fault: "is not `sha256=` and 64 hex digits" })?;
    if !mac::signed_by_any(keys, &[timestamp.as_bytes(), b".", body], std::iter::once(tag)) {
        return Err(Refusal::mismatch(SIGNATURE));
    }
    window.admit(signed_s)
}

pub(super) fn read(draft: &mut Draft, headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
    let header = headers::text(headers, EVENT_ID);
    if let Some(given) = header {
        draft.add_id("the header `x-event-id`", given)?;
    }
    let [own, event_type, account] = json::fields(body, [&["id"], &["type"], &["account"]])?;
    draft.set_account([account]);
    // Where the header names the event, `id` in the body may be anything.
    if header.is_none()
        && let Some(own) = id("id", own)?
    {
        draft.add_id("`id` in the body", &own)?;
        draft.id_is_signed = true;
    }
    draft.set_type_from(event_type)
}

pub(super) fn sign(key: &Key, id: &str, timestamp: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let tag = hex::encode(key.tag(&[timestamp.as_bytes(), b".", body]));
    vec![(SIGNATURE, format!("sha256={tag}")), (TIMESTAMP, timestamp.to_owned()), (EVENT_ID, id.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{
        KeyKind, Reading, Scheme,
        tests::{BODY, event, outcome, reading, unreadable, verifier},
    };

    /// Python: `hmac.new(b"s3cr3t", b"1700000000." + body, hashlib.sha256).hexdigest()`.
    const GOLDEN: &str = "sha256=6ac6a640235d03e89b350bda54b9beb1d91e1352da9a52fc5aa57f9ccc9505c7";

    fn kinds(reading: &Reading) -> Vec<KeyKind> {
        match reading {
            Reading::Event(identity) | Reading::Unreadable { identity, .. } => {
                identity.keys.iter().map(|key| key.kind).collect()
            }
            Reading::Handshake(_) => vec![],
        }
    }

    #[test]
    fn python_signs_so() {
        let verifier = verifier(Scheme::Generic, &["s3cr3t"]);
        assert_eq!(outcome(&verifier, &[(SIGNATURE, GOLDEN), (TIMESTAMP, "1700000000")], BODY), Ok(()));
        let headers = [(SIGNATURE, GOLDEN), (TIMESTAMP, " 1700000000"), (EVENT_ID, "any")];
        assert_eq!(outcome(&verifier, &headers, BODY), Ok(()), "white space around a value is HTTP's");
    }

    #[test]
    fn other_forms_are_bad() {
        let verifier = verifier(Scheme::Generic, &["s3cr3t"]);
        let hex = GOLDEN.trim_start_matches("sha256=");
        for (signature, timestamp) in [
            (hex, "1700000000"),
            ("sha256=", "1700000000"),
            (&format!("sha512={hex}"), "1700000000"),
            (&format!("{GOLDEN}{hex}"), "1700000000"),
            (GOLDEN, "1700000001"),
            (GOLDEN, "-1700000000"),
            (GOLDEN, "1700000000.0"),
            (GOLDEN, "0x6553f100"),
            (GOLDEN, "99999999999999999999"),
        ] {
            let refused =
                outcome(&verifier, &[(SIGNATURE, signature), (TIMESTAMP, timestamp)], BODY).unwrap_err();
            assert_eq!(refused.reason(), "bad_signature", "{signature} {timestamp}");
        }
    }

    #[test]
    fn the_header_names_the_event_and_the_body_is_a_second_key() {
        let found = reading(Scheme::Generic, br#"{"id":{"not":"an id"},"type":"order.paid"}"#, &[]);
        assert_eq!(kinds(&found), [KeyKind::Id, KeyKind::Body]);
        let (event_type, keys, test_mode) = event(found);
        assert_eq!((event_type.as_str(), keys[0].as_str(), test_mode), ("order.paid", "id_1", false));
    }

    #[test]
    fn else_the_signed_id_of_the_body_does() {
        for (id, expected) in [
            ("\"ord_1\"", "ord_1"),
            ("0", "0"),
            ("-5", "-5"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            let body = format!(r#"{{"type":"t","id":{id}}}"#);
            let found = reading(Scheme::Generic, body.as_bytes(), &[(EVENT_ID, "")]);
            assert_eq!(kinds(&found), [KeyKind::Id], "{id}");
            assert_eq!(event(found).1, [expected]);
        }
    }

    #[test]
    fn a_number_that_would_be_rounded_is_no_id() {
        for id in ["18446744073709551616", "-9223372036854775809", "1.0", "1e3", "true", "[]", "{}"] {
            let body = format!(r#"{{"type":"t","id":{id}}}"#);
            let found = reading(Scheme::Generic, body.as_bytes(), &[(EVENT_ID, "")]);
            assert_eq!(kinds(&found), [KeyKind::Id]);
            let (identity, reason) = unreadable(found);
            assert!(reason.starts_with("`id` in the body is not text or a 64-bit integer"), "{id}: {reason}");
            assert!(identity.keys[0].text.starts_with("sha256:"));
        }
    }

    #[test]
    fn without_any_id_only_the_body_is_left() {
        for body in [&br#"{"type":"t"}"#[..], br#"{"type":"t","id":null}"#] {
            let found = reading(Scheme::Generic, body, &[(EVENT_ID, "")]);
            assert_eq!(kinds(&found), [KeyKind::Body]);
        }
    }

    #[test]
    fn only_type_gives_the_type() {
        let (_, reason) = unreadable(reading(Scheme::Generic, br#"{"event":"a","event_type":"b"}"#, &[]));
        assert!(reason.starts_with("the body has no `type`: have the sender"), "{reason}");
    }
}
