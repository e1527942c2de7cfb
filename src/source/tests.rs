//! What holds for every scheme, and what the other tests here share.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;

use super::*;
use crate::domain::{Delivery, Unverified};

/// When the golden vectors were signed, in seconds.
pub(super) const SIGNED_S: i64 = 1_700_000_000;
/// What the golden vectors sign.
pub(super) const BODY: &[u8] = br#"{"id":"evt_1","n":1}"#;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

pub(super) fn headers_of(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
}

pub(super) fn delivery(headers: HeaderMap, body: &[u8]) -> Delivery<Unverified> {
    Delivery::new("shop".into(), headers, Bytes::copy_from_slice(body), at(SIGNED_S))
}

pub(super) fn verifier(scheme: Scheme, secrets: &[&str]) -> Verifier {
    let secrets = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
    Verifier::new(scheme, secrets, TOLERANCE_DEFAULT).unwrap()
}

/// Whether these headers verify this body at the time of the golden vectors.
pub(super) fn outcome(verifier: &Verifier, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Refusal> {
    verifier.verify(delivery(headers_of(headers), body), at(SIGNED_S)).map(drop)
}

/// A secret that the scheme accepts; the second is another one.
pub(super) fn secrets(scheme: Scheme) -> [&'static str; 2] {
    match scheme {
        Scheme::StandardWebhooks => [
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
        ],
        Scheme::Github | Scheme::Stripe | Scheme::Generic => ["s3cr3t", "an0ther"],
    }
}

/// The headers of a delivery of `body`, signed by the first secret.
pub(super) fn signed(scheme: Scheme, body: &[u8]) -> HeaderMap {
    let [secret, _] = secrets(scheme);
    let headers = sign(scheme, &secret.into(), "id_1", body, Some("issues"), at(SIGNED_S)).unwrap();
    let pairs: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers_of(&pairs)
}

/// What a delivery of `body` under `headers` says, signed by the first secret over whatever is given.
pub(super) fn reading(scheme: Scheme, body: &[u8], more: &[(&'static str, &str)]) -> Reading {
    let mut headers = signed(scheme, body);
    for (name, value) in more {
        headers.insert(*name, value.parse().unwrap());
    }
    let [secret, _] = secrets(scheme);
    let verifier = verifier(scheme, &[secret]).with_body_key(true);
    verifier.read(&verifier.verify(delivery(headers, body), at(SIGNED_S)).unwrap())
}

/// Type, key texts and test mode of an event; panics on any other reading.
pub(super) fn event(reading: Reading) -> (String, Vec<String>, bool) {
    match reading {
        Reading::Event(Identity { event_type, keys, test_mode, account: _ }) => {
            (event_type.to_string(), keys.into_iter().map(|key| key.text).collect(), test_mode)
        }
        other => panic!("no event: {other:?}"),
    }
}

/// The account of a reading, event or not.
pub(super) fn account(reading: Reading) -> Option<String> {
    match reading {
        Reading::Event(identity) | Reading::Unreadable { identity, .. } => identity.account.map(String::from),
        Reading::Handshake(handshake) => panic!("no event: {handshake:?}"),
    }
}

/// Identity and reason of what cannot be read; panics on any other reading.
pub(super) fn unreadable(reading: Reading) -> (Identity, String) {
    match reading {
        Reading::Unreadable { identity, reason } => {
            assert_eq!(&*identity.event_type, UNREADABLE);
            (identity, reason)
        }
        other => panic!("readable: {other:?}"),
    }
}

fn window_of(scheme: Scheme) -> Option<i64> {
    match scheme {
        Scheme::Github => None,
        Scheme::Stripe | Scheme::StandardWebhooks | Scheme::Generic => Some(300),
    }
}

#[test]
fn what_is_signed_is_verified_by_any_of_the_secrets() {
    for scheme in Scheme::ALL {
        let [one, two] = secrets(scheme);
        let headers = signed(scheme, BODY);
        for secrets in [vec![one], vec![one, two], vec![two, one], vec![two, two, one]] {
            let outcome = verifier(scheme, &secrets).verify(delivery(headers.clone(), BODY), at(SIGNED_S));
            assert_eq!(outcome.unwrap().body(), BODY, "{scheme}");
        }
    }
}

#[test]
fn another_secret_does_not_verify() {
    for scheme in Scheme::ALL {
        let [_, two] = secrets(scheme);
        let outcome = verifier(scheme, &[two]).verify(delivery(signed(scheme, BODY), BODY), at(SIGNED_S));
        assert_eq!(outcome.unwrap_err().reason(), "bad_signature", "{scheme}");
    }
}

#[test]
fn any_flipped_bit_of_the_body_is_noticed() {
    for scheme in Scheme::ALL {
        let [one, two] = secrets(scheme);
        let verifier = verifier(scheme, &[one, two]);
        for bit in 0..BODY.len() * 8 {
            let mut body = BODY.to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            let outcome = verifier.verify(delivery(signed(scheme, BODY), &body), at(SIGNED_S));
            assert_eq!(outcome.unwrap_err().reason(), "bad_signature", "{scheme} bit {bit}");
        }
        for body in [&[] as &[u8], &[BODY, b"\n"].concat(), &BODY[1..]] {
            assert!(verifier.verify(delivery(signed(scheme, BODY), body), at(SIGNED_S)).is_err(), "{scheme}");
        }
    }
}

#[test]
fn every_signed_header_counts() {
    for (scheme, name, value) in [
        (Scheme::StandardWebhooks, "webhook-id", "id_2"),
        (Scheme::StandardWebhooks, "webhook-timestamp", "1700000001"),
        (Scheme::Generic, "x-webhook-timestamp", "1700000001"),
    ] {
        let mut headers = signed(scheme, BODY);
        headers.insert(name, value.parse().unwrap());
        let [one, _] = secrets(scheme);
        let outcome = verifier(scheme, &[one]).verify(delivery(headers, BODY), at(SIGNED_S));
        assert_eq!(outcome.unwrap_err().reason(), "bad_signature", "{name}");
    }
}

#[test]
fn stale_means_correctly_signed_and_too_far_from_now_either_way() {
    for scheme in Scheme::ALL {
        let [one, two] = secrets(scheme);
        let outcome = |secret, now_s| {
            let delivery = delivery(signed(scheme, BODY), BODY);
            verifier(scheme, &[secret]).verify(delivery, at(now_s)).map(drop)
        };
        for off in [-300, 300] {
            assert_eq!(outcome(one, SIGNED_S + off), Ok(()), "{scheme} {off}");
        }
        for off in [-301, 301, -SIGNED_S, 1 << 40] {
            let expected = match window_of(scheme) {
                None => Ok(()),
                Some(_) => Err(Refusal::Stale { age_s: off }),
            };
            assert_eq!(outcome(one, SIGNED_S + off), expected, "{scheme} {off}");
            assert_eq!(outcome(two, SIGNED_S + off).unwrap_err().reason(), "bad_signature", "{scheme} {off}");
        }
    }
}

#[test]
fn the_tolerance_is_the_configured_one() {
    let secret = vec!["s3cr3t".into()];
    let strict = Verifier::new(Scheme::Generic, secret, Duration::from_secs(60)).unwrap();
    let outcome = |now_s| strict.verify(delivery(signed(Scheme::Generic, BODY), BODY), at(now_s)).map(drop);
    assert_eq!(outcome(SIGNED_S + 60), Ok(()));
    assert_eq!(outcome(SIGNED_S + 61), Err(Refusal::Stale { age_s: 61 }));
}

#[test]
fn each_header_it_needs_is_missed() {
    for scheme in Scheme::ALL {
        let [one, _] = secrets(scheme);
        let verifier = verifier(scheme, &[one]);
        let needed: &[&str] = match scheme {
            Scheme::Github => &["x-hub-signature-256"],
            Scheme::Stripe => &["stripe-signature"],
            Scheme::StandardWebhooks => &["webhook-id", "webhook-timestamp", "webhook-signature"],
            Scheme::Generic => &["x-webhook-timestamp", "x-webhook-signature"],
        };
        for name in needed {
            let mut headers = signed(scheme, BODY);
            headers.remove(*name);
            let refused = verifier.verify(delivery(headers.clone(), BODY), at(SIGNED_S)).unwrap_err();
            assert_eq!(refused, Refusal::Missing { header: name });
            headers.insert(*name, HeaderValue::from_static(" "));
            assert_eq!(verifier.verify(delivery(headers, BODY), at(SIGNED_S)).unwrap_err(), refused);
        }
    }
}

#[test]
fn a_header_that_is_read_may_not_occur_twice_nor_be_binary() {
    for scheme in Scheme::ALL {
        let [one, _] = secrets(scheme);
        let verifier = verifier(scheme, &[one]);
        let good = signed(scheme, BODY);
        for name in good.keys().filter(|name| *name != headers::CONTENT_TYPE) {
            let mut twice = good.clone();
            twice.append(name, good[name].clone());
            let refused = verifier.verify(delivery(twice, BODY), at(SIGNED_S)).unwrap_err();
            assert_eq!(refused.reason(), "bad_signature", "{scheme} {name}");
            let mut binary = good.clone();
            binary.insert(name, HeaderValue::from_bytes(b"caf\xe9").unwrap());
            let refused = verifier.verify(delivery(binary, BODY), at(SIGNED_S)).unwrap_err();
            assert_eq!(refused.reason(), "bad_signature", "{scheme} {name}");
        }
    }
}

#[test]
fn an_encoded_body_is_refused_before_anything_else_is_looked_at() {
    for scheme in Scheme::ALL {
        let [one, _] = secrets(scheme);
        for mut headers in [signed(scheme, BODY), HeaderMap::new()] {
            headers.insert("content-encoding", HeaderValue::from_static("gzip"));
            let outcome = verifier(scheme, &[one]).verify(delivery(headers, BODY), at(SIGNED_S));
            assert_eq!(outcome.unwrap_err(), Refusal::UnsupportedEncoding, "{scheme}");
        }
    }
}

#[test]
fn no_secret_or_an_empty_one_makes_no_verifier() {
    let made = |scheme, secrets: &[&str]| {
        let secrets = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        Verifier::new(scheme, secrets, TOLERANCE_DEFAULT).map(drop)
    };
    for scheme in Scheme::ALL {
        let [one, _] = secrets(scheme);
        assert_eq!(made(scheme, &[]), Err(KeyError::NoSecret));
        assert_eq!(made(scheme, &[one, ""]), Err(KeyError::Empty { position: 2 }));
        assert_eq!(made(scheme, &[one; SECRETS_MAX]), Ok(()));
        assert_eq!(made(scheme, &[one; SECRETS_MAX + 1]), Err(KeyError::TooMany { count: SECRETS_MAX + 1 }));
    }
}

#[test]
fn debug_shows_no_secret() {
    for scheme in Scheme::ALL {
        let shown = format!("{:?}", verifier(scheme, &secrets(scheme)));
        assert!(secrets(scheme).iter().all(|secret| !shown.contains(secret)), "{shown}");
        assert!(shown.contains("secrets: 2"), "{shown}");
    }
}

#[test]
fn what_cannot_be_read_keeps_a_key_so_that_retries_do_not_pile_up() {
    for scheme in Scheme::ALL {
        for body in [b"" as &[u8], b"not json", b"[]", b"{\"a\":1,\"a\":2}", b"{\"type\":\"\xff\"}"] {
            let (identity, reason) = unreadable(reading(scheme, body, &[]));
            let primary = identity.keys.first().unwrap();
            assert_eq!(primary.kind, KeyKind::Id, "{scheme}");
            match scheme {
                Scheme::Github | Scheme::StandardWebhooks | Scheme::Generic => {
                    assert_eq!(primary.text, "id_1")
                }
                Scheme::Stripe => assert!(primary.text.starts_with("sha256:"), "{}", primary.text),
            }
            assert!(
                reason.contains(": have the sender ") || reason.contains("; have the sender "),
                "{reason}"
            );
            let stored = kept_headers(scheme, &signed(scheme, body));
            assert_eq!(payload(scheme, &stored, body).unwrap_err().to_string(), reason);
        }
    }
}

#[test]
fn identifiers_and_types_are_bounded_and_printable() {
    let long = "x".repeat(ID_BYTES_MAX + 1);
    for bad in [long.as_str(), "", "a\\u0000b", "a\\nb"] {
        for scheme in [Scheme::Stripe, Scheme::StandardWebhooks, Scheme::Generic] {
            let body = format!(r#"{{"id":"evt_1","type":"{bad}"}}"#);
            let (_, reason) = unreadable(reading(scheme, body.as_bytes(), &[]));
            assert!(reason.starts_with("`type` in the body "), "{scheme} {reason}");
        }
        let body = format!(r#"{{"id":"{bad}","type":"t"}}"#);
        let (identity, reason) = unreadable(reading(Scheme::Stripe, body.as_bytes(), &[]));
        assert!(identity.keys[0].text.starts_with("sha256:"), "{identity:?}");
        assert!(reason.starts_with("`id` in the body "), "{reason}");
    }
    let (identity, _) = unreadable(reading(Scheme::Generic, br#"{"type":"t"}"#, &[("x-event-id", &long)]));
    assert!(identity.keys[0].text.starts_with("sha256:"), "{identity:?}");
    let longest = "x".repeat(ID_BYTES_MAX);
    let (_, keys, _) = event(reading(Scheme::Generic, br#"{"type":"t"}"#, &[("x-event-id", &longest)]));
    assert_eq!(keys[0], longest);
}

#[test]
fn a_named_account_is_read_and_whatever_is_no_name_is_nobody() {
    for scheme in [Scheme::Stripe, Scheme::StandardWebhooks, Scheme::Generic] {
        let long = format!("\"{}\"", "x".repeat(ID_BYTES_MAX + 1));
        for (given, expected) in [
            ("\"acct_1\"", Some("acct_1")),
            ("\"\\u0061\"", Some("a")),
            ("9007199254740993", Some("9007199254740993")),
            ("null", None),
            ("\"\"", None),
            ("\"a\\nb\"", None),
            ("1.5", None),
            ("true", None),
            ("[\"acct_1\"]", None),
            ("{\"id\":\"acct_1\"}", None),
            (&long, None),
        ] {
            let body = format!(r#"{{"id":"evt_1","type":"t","account":{given}}}"#);
            let found = reading(scheme, body.as_bytes(), &[]);
            assert!(matches!(found, Reading::Event(_)), "{scheme} {given}");
            assert_eq!(account(found).as_deref(), expected, "{scheme} {given}");
        }
        let elsewhere = br#"{"id":"evt_1","type":"t","data":{"account":"acct_1"}}"#;
        assert_eq!(account(reading(scheme, elsewhere, &[])), None, "{scheme}");
        let no_type = br#"{"id":"evt_1","account":"acct_1"}"#;
        assert_eq!(account(reading(scheme, no_type, &[])).as_deref(), Some("acct_1"), "{scheme}");
    }
}

#[test]
fn githubs_account_is_the_installation_or_else_the_owner() {
    let owner = r#""repository":{"id":7,"owner":{"login":"ada","id":8}}"#;
    let organization = r#""organization":{"login":"engines"}"#;
    for (body, expected) in [
        (format!(r#"{{{owner},{organization},"installation":{{"id":123,"node_id":"x"}}}}"#), Some("123")),
        (format!(r#"{{{organization},{owner}}}"#), Some("ada")),
        (format!(r#"{{{organization},"repository":{{"owner":"ada"}}}}"#), Some("engines")),
        (format!(r#"{{{organization},"installation":null}}"#), Some("engines")),
        (r#"{"installation":[{"id":1}],"installation.id":2,"id":3,"owner":{"login":"x"}}"#.to_owned(), None),
        (r#"{"action":"created"}"#.to_owned(), None),
    ] {
        assert_eq!(account(reading(Scheme::Github, body.as_bytes(), &[])).as_deref(), expected, "{body}");
    }
}
