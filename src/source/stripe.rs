//! Stripe: time and body are signed, everything else stands in the body.

use http::HeaderMap;

use super::{
    Refusal, headers, json,
    json::Field,
    mac::{self, Key},
    reading::{Draft, Fault, id, text},
    refusal::{Window, seconds},
};

/// `t=SECONDS,v1=HEX[,v1=HEX][,v0=HEX]`: the hex HMAC-SHA256 of `SECONDS.BODY`, one `v1` for each live secret
/// during a rotation. The key is the whole `whsec_…` text as UTF-8, not its decoded part. Other schemes are
/// ignored (`v0` is for test deliveries and no signature). (stripe-node `Webhooks` `parseHeader`,
/// `EXPECTED_SCHEME`.)
const SIGNATURE: &str = "stripe-signature";

pub(super) fn verify(keys: &[Key], headers: &HeaderMap, body: &[u8], window: Window) -> Result<(), Refusal> {
    let bad = |fault| Refusal::Bad { header: SIGNATURE, fault };
    let items = headers::required(headers, SIGNATURE)?.split(',').filter_map(|item| item.split_once('='));
    let mut times = items.clone().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    let time = times.next().ok_or_else(|| bad("has no `t=`"))?;
    if times.next().is_some() {
        // stripe-node takes the last one; with two, we cannot know which one the sender's clock said.
        return Err(bad("has `t=` twice"));
    }
    let signed_s = seconds(SIGNATURE, time)?;
    let tags = items.filter(|(name, _)| *name == "v1").filter_map(|(_, value)| mac::from_hex(value));
    if tags.clone().next().is_none() {
        return Err(bad("has no `v1=` with 64 hex digits"));
    }
    if !mac::signed_by_any(keys, &[time.as_bytes(), b".", body], tags) {
        return Err(Refusal::mismatch(SIGNATURE));
    }
    window.admit(signed_s)
}

/// Snapshot (`object: "event"`) and thin events (`"v2.core.event"`) have `id`, `type` and `livemode` in the
/// same places (stripe-node `resources/Events`, `resources/V2/Core/Events`). An event of a connected account
/// names it in `account` (the same `resources/Events`).
pub(super) fn read(draft: &mut Draft, body: &[u8]) -> Result<(), Fault> {
    let wanted: [json::Path<'_>; 5] = [&["id"], &["type"], &["livemode"], &["snapshot_event"], &["account"]];
    let [own, event_type, livemode, snapshot, account] = json::fields(body, wanted)?;
    draft.id_is_signed = true;
    draft.set_account([account]);
    // First, so that even what cannot be read otherwise is known to be a test.
    draft.test_mode = match livemode {
        Field::Bool(live) => !live,
        Field::Absent | Field::Null => false,
        Field::Unsigned(_) | Field::Signed(_) | Field::Float | Field::Text(_) | Field::Nested => {
            return Err(Fault::Kind { field: "livemode", wanted: "true or false" });
        }
    };
    let remedy = "point Stripe's event destination here, not another sender";
    let own = id("id", own)?.ok_or(Fault::NoField { field: "id", remedy })?;
    draft.add_id("`id` in the body", &own)?;
    // Where both kinds of destination point at us, a thin event names its snapshot twin: one of the two is
    // enough.
    if let Some(twin) = text("snapshot_event", snapshot)? {
        draft.add_id("`snapshot_event` in the body", &twin)?;
    }
    draft.set_type_from(event_type)
}

pub(super) fn sign(key: &Key, timestamp: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let tag = hex::encode(key.tag(&[timestamp.as_bytes(), b".", body]));
    vec![(SIGNATURE, format!("t={timestamp},v1={tag}"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{
        Scheme,
        tests::{BODY, event, outcome, reading, unreadable, verifier},
    };

    /// Made by stripe-node `webhooks.generateTestHeaderString`.
    const GOLDEN: &str = "180efed470f69ea63d2145336828f968c61b2264f977a79fa77b058fec58b7b1";

    #[test]
    fn stripe_node_signs_so() {
        let verifier = verifier(Scheme::Stripe, &["whsec_test"]);
        let other = "0".repeat(64);
        for value in [
            format!("t=1700000000,v1={GOLDEN}"),
            format!("v1={GOLDEN},t=1700000000"),
            format!("t=1700000000,v1={other},v1={GOLDEN}"),
            format!("t=1700000000,v1={GOLDEN},v1={other},v0={other}"),
            format!("t=1700000000,v1=broken,v1={GOLDEN},v2,,x="),
        ] {
            assert_eq!(outcome(&verifier, &[(SIGNATURE, &value)], BODY), Ok(()), "{value}");
        }
    }

    #[test]
    fn other_forms_are_bad() {
        let verifier = verifier(Scheme::Stripe, &["whsec_test"]);
        for value in [
            "t",
            "t=1700000000",
            "t=1700000000,v1=",
            "t=1700000000,v1",
            &format!("v1={GOLDEN}"),
            &format!("t=1700000000,v0={GOLDEN}"),
            &format!("t=1700000000,V1={GOLDEN}"),
            &format!("t=1700000000, v1={GOLDEN}"),
            &format!("t=1700000000;v1={GOLDEN}"),
            &format!("t=1700000000,v1=={GOLDEN}"),
            &format!("t=1700000000,v1={GOLDEN}0"),
            &format!("t=1700000000,t=1700000000,v1={GOLDEN}"),
            &format!("t=-1700000000,v1={GOLDEN}"),
            &format!("t=+1700000000,v1={GOLDEN}"),
            &format!("t=1700000000.0,v1={GOLDEN}"),
            &format!("t=,v1={GOLDEN}"),
            &format!("t=99999999999999999999,v1={GOLDEN}"),
            &format!("t=01700000000,v1={GOLDEN}"),
        ] {
            let refused = outcome(&verifier, &[(SIGNATURE, value)], BODY).unwrap_err();
            assert_eq!(refused.reason(), "bad_signature", "{value}");
        }
    }

    #[test]
    fn a_snapshot_is_known_by_its_id() {
        let body =
            br#"{"id":"evt_1","object":"event","livemode":true,"data":{"object":{"id":"cus_1","type":"x"}},
            "type":"invoice.payment_failed"}"#;
        let expected = ("invoice.payment_failed".to_owned(), vec!["evt_1".to_owned()], false);
        assert_eq!(event(reading(Scheme::Stripe, body, &[])), expected);
    }

    #[test]
    fn a_thin_event_is_also_known_by_its_twin() {
        let body =
            br#"{"id":"evt_2","object":"v2.core.event","livemode":false,"created":"2026-01-01T00:00:00Z",
            "snapshot_event":"evt_1","type":"v1.invoice.payment_failed"}"#;
        let keys = vec!["evt_2".to_owned(), "evt_1".to_owned()];
        let expected = ("v1.invoice.payment_failed".to_owned(), keys, true);
        assert_eq!(event(reading(Scheme::Stripe, body, &[])), expected);
        let body = br#"{"id":"evt_2","type":"t","snapshot_event":null}"#;
        assert_eq!(event(reading(Scheme::Stripe, body, &[])).1, ["evt_2"]);
    }

    #[test]
    fn only_livemode_false_is_a_test() {
        for (livemode, test) in [("true", false), ("false", true), ("null", false)] {
            let body = format!(r#"{{"id":"evt_1","type":"t","livemode":{livemode}}}"#);
            assert_eq!(event(reading(Scheme::Stripe, body.as_bytes(), &[])).2, test, "{livemode}");
        }
        for livemode in ["0", "\"false\"", "[]", "{}", "0.0"] {
            let body = format!(r#"{{"id":"evt_1","type":"t","livemode":{livemode}}}"#);
            let (_, reason) = unreadable(reading(Scheme::Stripe, body.as_bytes(), &[]));
            assert!(reason.starts_with("`livemode` in the body is not true or false"), "{reason}");
        }
        let (identity, _) = unreadable(reading(Scheme::Stripe, br#"{"id":"evt_1","livemode":false}"#, &[]));
        assert!(identity.test_mode);
    }

    #[test]
    fn a_missing_field_is_named_and_the_id_kept_if_it_is_there() {
        let (identity, reason) = unreadable(reading(Scheme::Stripe, BODY, &[]));
        assert_eq!(identity.keys[0].text, "evt_1");
        assert!(reason.starts_with("the body has no `type`: "), "{reason}");
        let (identity, reason) = unreadable(reading(Scheme::Stripe, br#"{"type":"t"}"#, &[]));
        assert_eq!(identity.keys.len(), 1);
        assert!(reason.starts_with("the body has no `id`: "), "{reason}");
    }
}
