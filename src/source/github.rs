//! GitHub: the body is signed, id and event stand in headers that are not.
//!
//! Nothing signed tells the time, so a capture stays valid: the dedupe keys are the only defence, and the
//! delivery id can be altered by whoever replays. That is what [`KeyKind::Body`](super::KeyKind::Body) is
//! for. The event name can be altered likewise; routes that matter should also look at the body.

use std::borrow::Cow;

use http::HeaderMap;
use serde_json::json;

use super::{
    Handshake, Refusal, UnreadableBody, form, headers,
    json::{self, Path},
    mac::{self, Key},
    reading::{Draft, Fault, text},
};

/// `sha256=` and the hex HMAC-SHA256 of the raw body, key = the secret's UTF-8 (github/docs
/// best-practices-for-using-webhooks; @octokit/webhooks-methods `sign`). The older `X-Hub-Signature` is SHA-1
/// and is not read.
const SIGNATURE: &str = "x-hub-signature-256";

/// Name of the event (github/docs webhook-events-and-payloads, "Delivery headers").
const EVENT: &str = "x-github-event";

/// A GUID; the same again when a person presses "redeliver" (github/docs best-practices-for-using-webhooks).
const DELIVERY: &str = "x-github-delivery";

/// Which webhook sent it, needed to ask for a redelivery (github/docs webhook-events-and-payloads).
const HOOK_ID: &str = "x-github-hook-id";

pub(super) const KEPT: [&str; 3] = [DELIVERY, EVENT, HOOK_ID];

pub(super) fn verify(keys: &[Key], headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    // Not signed, but read later: they must be unambiguous too.
    headers::only(headers, EVENT)?;
    headers::only(headers, DELIVERY)?;
    let given = headers::required(headers, SIGNATURE)?;
    let tag = given
        .strip_prefix("sha256=")
        .and_then(mac::from_hex)
        .ok_or(Refusal::Bad { header: SIGNATURE, fault: "is not `sha256=` and 64 hex digits" })?;
    if mac::signed_by_any(keys, &[body], std::iter::once(tag)) {
        Ok(())
    } else {
        Err(Refusal::mismatch(SIGNATURE))
    }
}

/// `ping` is sent once when a webhook is made, and wants a 2xx (github/docs webhook-events-and-payloads,
/// "ping").
pub(super) fn handshake(headers: &HeaderMap) -> Option<Handshake> {
    (headers::text(headers, EVENT)? == "ping")
        .then(|| Handshake { status: 200, body: json!({ "status": "pong" }) })
}

/// The action, and then who may be the account, best first: deliveries of a GitHub App name the installation, those
/// of a webhook the owner of its repository or its organization (github/docs webhook-events-and-payloads).
const WANTED: [Path<'static>; 4] =
    [&["action"], &["installation", "id"], &["repository", "owner", "login"], &["organization", "login"]];

/// The type is the event's name, and `.` with the body's `action` where there is one: `push`,
/// `pull_request.opened` (github/docs webhook-events-and-payloads; @octokit/webhooks names its handlers so).
pub(super) fn read(draft: &mut Draft, headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
    if let Some(id) = headers::text(headers, DELIVERY) {
        draft.add_id("the header `x-github-delivery`", id)?;
    }
    let event = headers::text(headers, EVENT).ok_or(Fault::NoHeader { header: EVENT })?;
    let json = json(headers::text(headers, headers::CONTENT_TYPE), body)?;
    let [action, accounts @ ..] = json::fields(&json, WANTED)?;
    draft.set_account(accounts);
    let what = "the header `x-github-event` with `action` of the body";
    match text("action", action)? {
        Some(action) => draft.set_type(what, &format!("{event}.{action}")),
        None => draft.set_type(what, event),
    }
}

/// The JSON of a delivery. New webhooks send forms unless told otherwise (@octokit/openapi,
/// `config.content_type`), with the JSON in a parameter called `payload` (github/docs creating-webhooks). The
/// signature covers the raw form.
pub(super) fn json<'b>(content_type: Option<&str>, body: &'b [u8]) -> Result<Cow<'b, [u8]>, UnreadableBody> {
    if form::is_form(content_type) { form::payload(body).map(Cow::Owned) } else { Ok(Cow::Borrowed(body)) }
}

pub(super) fn sign(key: &Key, id: &str, body: &[u8], event: Option<&str>) -> Vec<(&'static str, String)> {
    let signature = format!("sha256={}", hex::encode(key.tag(&[body])));
    let mut headers = vec![(SIGNATURE, signature), (DELIVERY, id.to_owned())];
    headers.extend(event.map(|event| (EVENT, event.to_owned())));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{
        KeyKind, Reading, Scheme, payload,
        tests::{BODY, event, outcome, reading, unreadable, verifier},
    };

    /// Made by @octokit/webhooks-methods `sign`.
    const GOLDEN: &str = "sha256=8fb73c258da0480b71300f0705af0fd988d4b29132ff3bfda8a097127fc7d001";

    #[test]
    fn octokit_signs_so() {
        let verifier = verifier(Scheme::Github, &["s3cr3t"]);
        assert_eq!(outcome(&verifier, &[(SIGNATURE, GOLDEN)], BODY), Ok(()));
    }

    /// github/docs validating-webhook-deliveries, "Testing the webhook payload validation".
    #[test]
    fn github_documents_it_so() {
        let verifier = verifier(Scheme::Github, &["It's a Secret to Everybody"]);
        let golden = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(outcome(&verifier, &[(SIGNATURE, golden)], b"Hello, World!"), Ok(()));
    }

    #[test]
    fn other_forms_of_the_signature_are_bad() {
        let verifier = verifier(Scheme::Github, &["s3cr3t"]);
        let hex = GOLDEN.trim_start_matches("sha256=");
        for value in [
            hex,
            "sha256=",
            "sha256",
            &format!("SHA256={hex}"),
            &format!("sha1={hex}"),
            &format!("sha256= {hex}"),
            &format!("sha256={hex}00"),
            &format!("sha256={}", &hex[..62]),
            &format!("sha256={hex},sha256={hex}"),
            &format!("sha256={}zz", &hex[..62]),
        ] {
            let refused = outcome(&verifier, &[(SIGNATURE, value)], BODY).unwrap_err();
            assert_eq!(refused.reason(), "bad_signature", "{value}");
        }
        let old = [("x-hub-signature", "sha1=0000000000000000000000000000000000000000")];
        assert_eq!(outcome(&verifier, &old, BODY), Err(Refusal::Missing { header: SIGNATURE }));
    }

    #[test]
    fn a_ping_is_answered_whatever_its_body() {
        for body in [br#"{"zen":"Design for failure.","hook_id":1}"# as &[u8], b"not json"] {
            let Reading::Handshake(handshake) = reading(Scheme::Github, body, &[(EVENT, "ping")]) else {
                panic!("no handshake");
            };
            assert_eq!(handshake, Handshake { status: 200, body: json!({ "status": "pong" }) });
        }
    }

    #[test]
    fn type_is_the_event_with_its_action() {
        let body_key = |body| super::super::reading::digest(body);
        for (body, name, expected) in [
            (br#"{"action":"opened","n":1}"# as &[u8], "pull_request", "pull_request.opened"),
            (br#"{"n":{"action":"opened"}}"#, "push", "push"),
            (br#"{"action":null}"#, "push", "push"),
            (br#"{"\u0061ction":"cr\u00e9ated"}"#, "issues", "issues.cr\u{e9}ated"),
        ] {
            let keys = vec!["id_1".to_owned(), body_key(body)];
            let found = event(reading(Scheme::Github, body, &[(EVENT, name)]));
            assert_eq!(found, (expected.to_owned(), keys, false));
        }
    }

    #[test]
    fn the_id_is_unsigned_and_so_the_body_is_a_second_key() {
        let Reading::Event(identity) = reading(Scheme::Github, BODY, &[]) else { panic!("no event") };
        let kinds: Vec<_> = identity.keys.iter().map(|key| key.kind).collect();
        assert_eq!(kinds, [KeyKind::Id, KeyKind::Body]);
        let digest = "sha256:b2f4330a25c9c40a8c3a1be472ff4703bc9840c43337075ee9dc8cf3be01937c";
        assert_eq!(identity.keys[1].text, digest); // printf | sha256sum
    }

    #[test]
    fn a_form_is_signed_raw_and_read_from_its_payload() {
        let body = b"payload=%7B%22action%22%3A%22opened%22%2C%22n%22%3A1%7D";
        let verifier = verifier(Scheme::Github, &["s3cr3t"]);
        // Python: hmac.new(b"s3cr3t", body, hashlib.sha256).hexdigest()
        let golden = "sha256=ab9c4a30bdca1572474e4fbcffedf7dd925807c21e68c825840a68276b567ae5";
        assert_eq!(outcome(&verifier, &[(SIGNATURE, golden)], body), Ok(()));

        let form = "application/x-www-form-urlencoded";
        let (event_type, ..) = event(reading(Scheme::Github, body, &[(headers::CONTENT_TYPE, form)]));
        assert_eq!(event_type, "issues.opened");
        let stored = [(headers::CONTENT_TYPE.to_owned(), form.to_owned())];
        assert_eq!(payload(Scheme::Github, &stored, body).unwrap(), json!({ "action": "opened", "n": 1 }));

        let (_, reason) = unreadable(reading(Scheme::Github, body, &[]));
        assert!(reason.contains("does not begin with `{`"), "{reason}");
        let (identity, reason) =
            unreadable(reading(Scheme::Github, b"data={}", &[(headers::CONTENT_TYPE, form)]));
        assert!(reason.contains("has no field `payload`"), "{reason}");
        assert_eq!(identity.keys[0].text, "id_1");
    }

    #[test]
    fn what_the_type_needs_must_be_there() {
        let (_, reason) = unreadable(reading(Scheme::Github, br#"{"action":{"a":1}}"#, &[]));
        assert!(reason.starts_with("`action` in the body is not text"), "{reason}");
        let (_, reason) = unreadable(reading(Scheme::Github, BODY, &[(EVENT, "")]));
        assert!(reason.starts_with("the header `x-github-event` is missing"), "{reason}");
        let (_, keys, _) = event(reading(Scheme::Github, BODY, &[(DELIVERY, "")]));
        assert_eq!(keys.len(), 1, "without a delivery id only the body is left: {keys:?}");
    }
}
