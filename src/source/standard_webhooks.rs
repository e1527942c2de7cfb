//! Standard Webhooks: id, time and body are signed. Also Svix, whose older header names mean the same.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::HeaderMap;
use secrecy::SecretSlice;

use super::{
    KeyError, Refusal, headers, json,
    mac::{self, Key},
    reading::{Draft, Fault},
    refusal::{Window, seconds},
};

/// The three headers under one set of names (standard-webhooks spec 1.0.0, "Webhook headers").
struct Names {
    /// The same for every retry of one event.
    id: &'static str,
    /// Whole seconds since the epoch, of this attempt.
    timestamp: &'static str,
    /// `v1,BASE64` separated by spaces, one for each live secret; `v1a` is ed25519 and ignored here. The
    /// base64 HMAC-SHA256 of `ID.SECONDS.BODY`.
    signature: &'static str,
}

const STANDARD: Names =
    Names { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };

const SVIX: Names = Names { id: "svix-id", timestamp: "svix-timestamp", signature: "svix-signature" };

pub(super) const KEPT: [&str; 4] = [STANDARD.id, STANDARD.timestamp, SVIX.id, SVIX.timestamp];

/// For secrets only: the padding may be missing, as they are copied by hand.
const BASE64_LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The secret's form: base64 of 24 to 64 bytes after `whsec_` (standard-webhooks spec 1.0.0, "Signature
/// scheme"; the SDKs take it without the prefix too).
pub(super) fn key(position: usize, secret: &str) -> Result<SecretSlice<u8>, KeyError> {
    if secret.starts_with("whpk_") || secret.starts_with("whsk_") {
        return Err(KeyError::Asymmetric { position });
    }
    let base64 = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = BASE64_LENIENT.decode(base64).map_err(|_| KeyError::NotBase64 { position })?;
    match key.len() {
        24..=64 => Ok(key.into()),
        bytes => Err(KeyError::Length { position, bytes }),
    }
}

/// What the headers give.
struct Given<'h> {
    names: Names,
    id: &'h str,
    timestamp: &'h str,
    signature: &'h str,
}

impl<'h> Given<'h> {
    /// Svix's names first, as its SDK prefers them (svix `webhook.js`), but a whole set or nothing: mixing
    /// the sets would let an unsigned header stand beside a signed one.
    fn from(headers: &'h HeaderMap) -> Result<Self, Refusal> {
        let given = |names: Names| -> Result<Self, Refusal> {
            Ok(Given {
                id: headers::required(headers, names.id)?,
                timestamp: headers::required(headers, names.timestamp)?,
                signature: headers::required(headers, names.signature)?,
                names,
            })
        };
        match given(SVIX) {
            Err(Refusal::Missing { .. }) => given(STANDARD),
            svix => svix,
        }
    }
}

pub(super) fn verify(keys: &[Key], headers: &HeaderMap, body: &[u8], window: Window) -> Result<(), Refusal> {
    let Given { names, id, timestamp, signature } = Given::from(headers)?;
    let signed_s = seconds(names.timestamp, timestamp)?;
    let tags = signature.split(' ').filter_map(|one| one.strip_prefix("v1,")).filter_map(mac::from_base64);
    if tags.clone().next().is_none() {
        let fault = "has no `v1,` with the base64 of 32 bytes";
        return Err(Refusal::Bad { header: names.signature, fault });
    }
    // An id may contain `.`, which the spec advises against: but as the time must be digits and the body
    // begin with `{`, the signed string still divides in one way only.
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    if !mac::signed_by_any(keys, &parts, tags) {
        return Err(Refusal::mismatch(names.signature));
    }
    window.admit(signed_s)
}

/// The spec recommends, and we require, a `type` in the body (standard-webhooks spec 1.0.0, "Payload
/// structure"). `account` is ours: a sender that serves several may name the one concerned.
pub(super) fn read(draft: &mut Draft, headers: &HeaderMap, body: &[u8]) -> Result<(), Fault> {
    draft.id_is_signed = true;
    let given = Given::from(headers).map_err(|_| Fault::NoHeader { header: STANDARD.id })?;
    draft.add_id("the header with the id", given.id)?;
    let [event_type, account] = json::fields(body, [&["type"], &["account"]])?;
    draft.set_account([account]);
    draft.set_type_from(event_type)
}

pub(super) fn sign(key: &Key, id: &str, timestamp: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let tag = mac::to_base64(key.tag(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]));
    vec![
        (STANDARD.id, id.to_owned()),
        (STANDARD.timestamp, timestamp.to_owned()),
        (STANDARD.signature, format!("v1,{tag}")),
    ]
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::source::{
        Scheme,
        tests::{BODY, event, outcome, reading, unreadable, verifier},
    };

    const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    /// Made by the SDK `standardwebhooks`.
    const GOLDEN: &str = "v1,vdz6zQ5C0vueqUxgM2M6scdTm0SwHhSN0rojLS47ohM=";

    const OTHER: &str = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn given(signature: &str) -> [(&str, &str); 3] {
        [(STANDARD.id, "msg_1"), (STANDARD.timestamp, "1700000000"), (STANDARD.signature, signature)]
    }

    fn svix(signature: &str) -> [(&str, &str); 3] {
        [(SVIX.id, "msg_1"), (SVIX.timestamp, "1700000000"), (SVIX.signature, signature)]
    }

    #[test]
    fn the_sdk_signs_so() {
        let verifier = verifier(Scheme::StandardWebhooks, &[SECRET]);
        for signature in [
            GOLDEN.to_owned(),
            format!("{OTHER} {GOLDEN}"),
            format!("v1a,AAAA v1,broken v2,x  {GOLDEN} {OTHER} v1"),
        ] {
            assert_eq!(outcome(&verifier, &given(&signature), BODY), Ok(()), "{signature}");
            assert_eq!(outcome(&verifier, &svix(&signature), BODY), Ok(()), "{signature}");
        }
    }

    #[test]
    fn other_forms_are_bad() {
        let verifier = verifier(Scheme::StandardWebhooks, &[SECRET]);
        let tag = GOLDEN.trim_start_matches("v1,");
        for signature in [
            tag,
            "v1",
            "v1,",
            OTHER,
            &format!("v1a,{tag}"),
            &format!("v2,{tag}"),
            &format!("v1={tag}"),
            &format!("V1,{tag}"),
            &format!("v1, {tag}"),
            &format!("{OTHER},{GOLDEN}"),
            GOLDEN.trim_end_matches('='),
        ] {
            let refused = outcome(&verifier, &given(signature), BODY).unwrap_err();
            assert_eq!(refused.reason(), "bad_signature", "{signature}");
        }
        for timestamp in
            ["-1700000000", "1700000000.0", "1.7e9", "2023-11-14T22:13:20Z", "99999999999999999999"]
        {
            let headers =
                [(STANDARD.id, "msg_1"), (STANDARD.timestamp, timestamp), (STANDARD.signature, GOLDEN)];
            let refused = outcome(&verifier, &headers, BODY).unwrap_err();
            assert_eq!(refused.reason(), "bad_signature", "{timestamp}");
        }
    }

    #[test]
    fn the_two_sets_of_names_are_never_mixed() {
        let verifier = verifier(Scheme::StandardWebhooks, &[SECRET]);
        let [id, timestamp, signature] = given(GOLDEN);
        let [svix_id, svix_timestamp, svix_signature] = svix(GOLDEN);
        let mixed = [id, svix_timestamp, signature];
        assert_eq!(outcome(&verifier, &mixed, BODY), Err(Refusal::Missing { header: STANDARD.timestamp }));
        // A stray Svix header beside a whole set changes nothing ...
        assert_eq!(outcome(&verifier, &[id, timestamp, signature, (SVIX.id, "msg_2")], BODY), Ok(()));
        // ... and of two whole sets Svix's must verify.
        let both = [id, timestamp, signature, (SVIX.id, "msg_2"), svix_timestamp, svix_signature];
        assert_eq!(outcome(&verifier, &both, BODY).unwrap_err().reason(), "bad_signature");
        let both = [(STANDARD.id, "msg_2"), timestamp, signature, svix_id, svix_timestamp, svix_signature];
        assert_eq!(outcome(&verifier, &both, BODY), Ok(()));
    }

    #[test]
    fn an_event_is_known_by_its_signed_id() {
        let body = br#"{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":1}}"#;
        let expected = ("contact.created".to_owned(), vec!["id_1".to_owned()], false);
        assert_eq!(event(reading(Scheme::StandardWebhooks, body, &[])), expected);
        let (identity, reason) = unreadable(reading(Scheme::StandardWebhooks, BODY, &[]));
        assert!(reason.starts_with("the body has no `type`: "), "{reason}");
        assert_eq!(identity.keys.len(), 1);
        let (_, reason) = unreadable(reading(Scheme::StandardWebhooks, br#"{"type":7}"#, &[]));
        assert!(reason.starts_with("`type` in the body is not text"), "{reason}");
    }

    fn key_of(secret: &str) -> Result<Vec<u8>, KeyError> {
        key(2, secret).map(|key| key.expose_secret().to_vec())
    }

    #[test]
    fn standard_webhooks_secrets_are_base64_with_or_without_prefix_and_padding() {
        let padded = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        for secret in [padded, padded.trim_end_matches('='), padded.trim_start_matches("whsec_")] {
            assert_eq!(key_of(secret), Ok(b"0123456789abcdef0123456789abcdef".to_vec()));
        }
    }

    #[test]
    fn other_standard_webhooks_secrets_are_refused_without_being_shown() {
        let long = format!("whsec_{}", BASE64_LENIENT.encode([7; 65]));
        let short = format!("whsec_{}", BASE64_LENIENT.encode([7; 23]));
        for (secret, error) in [
            ("whsec_", KeyError::Length { position: 2, bytes: 0 }),
            ("whsec_not base64!", KeyError::NotBase64 { position: 2 }),
            ("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", KeyError::NotBase64 { position: 2 }),
            (&short, KeyError::Length { position: 2, bytes: 23 }),
            (&long, KeyError::Length { position: 2, bytes: 65 }),
            ("whpk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", KeyError::Asymmetric { position: 2 }),
            ("whsk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", KeyError::Asymmetric { position: 2 }),
        ] {
            assert_eq!(key_of(secret), Err(error.clone()));
            assert!(error.to_string().starts_with("secret 2 "), "{error}");
            assert!(!error.to_string().contains("MDEy"), "{error}");
        }
    }
}
