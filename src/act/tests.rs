//! What the kinds' tests share, and what holds for every kind.

use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::{domain::Mode, remote};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(super) const TOKEN: &str = "tok_never_shown";
pub(super) const SIGNING: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Serves a router on loopback; gives the base URL.
pub(super) async fn serving(router: axum::Router) -> String {
    format!("http://{}", remote::tests::serve(router).await)
}

pub(super) fn spec(url: &str) -> DestinationSpec {
    DestinationSpec { url: Setting::Set(url.to_owned()), allow_private: true, ..DestinationSpec::default() }
}

pub(super) fn secret_url(url: &str) -> DestinationSpec {
    DestinationSpec { url_is_secret: true, ..spec(url) }
}

pub(super) fn destination(spec: DestinationSpec) -> Destination {
    Destination::new("crm".into(), spec, "/nonexistent").unwrap()
}

pub(super) fn frozen(act: &dyn Act, call: Call, class: EffectClass) -> FrozenRequest {
    FrozenRequest {
        kind: act.kind().into(),
        destination: "crm".into(),
        idempotency_key: "evt_1.contact.1".to_owned(),
        class,
        retry_unknown: false,
        mode: Mode::Live,
        mode_reason: None,
        frozen_at: NOW,
        call,
    }
}

pub(super) fn attempt() -> Try {
    Try { now: NOW, look_first: false, pass: None }
}

#[test]
fn every_kind_is_found_by_its_name() {
    for kind in kinds() {
        assert_eq!(act(kind).unwrap().kind(), kind);
    }
    assert_eq!(kinds().collect::<Vec<_>>(), ["http", "slack.webhook", "pagerduty.event", "store.append"]);
    assert!(act("smtp").is_none());
}

#[tokio::test]
async fn no_kind_performs_anothers_request() {
    let append = Call::Append { log: "x".to_owned(), line: "{}".to_owned() };
    let post = Call::Http {
        method: "POST".to_owned(),
        target: crate::domain::Target::Url("https://crm.example/".to_owned()),
        headers: Vec::new(),
        body: String::new(),
    };
    let filled = Call::Post {
        target: crate::domain::Target::Url("https://crm.example/".to_owned()),
        fill: Vec::new(),
        body: r#"{"a":1}"#.to_owned(),
    };
    let destination = destination(spec("https://crm.example/"));
    for (kind, call) in [
        ("http", filled.clone()),
        ("slack.webhook", filled.clone()),
        ("store.append", filled),
        ("pagerduty.event", append.clone()),
        ("pagerduty.event", post.clone()),
        ("http", append.clone()),
        ("slack.webhook", append),
        ("slack.webhook", post.clone()),
        ("store.append", post),
    ] {
        let act = act(kind).unwrap();
        let request = frozen(act, call, EffectClass::Bare);
        let failure = act.perform(&request, &destination, &attempt()).await.unwrap_err();
        assert!(matches!(failure, Failure::Permanent { .. }), "{kind}: {failure:?}");
    }
}

#[test]
fn what_a_destination_lacks_is_told() {
    let unset = |reference: &str| Setting::Unset(reference.to_owned());
    let lacking = |url, credential, signing_secret| {
        destination(DestinationSpec { url, credential, signing_secret, ..DestinationSpec::default() })
            .unready()
    };
    assert_eq!(lacking(Setting::Absent, Setting::Absent, Setting::Absent), None);
    assert_eq!(lacking(unset("CRM_URL"), Setting::Absent, Setting::Absent).unwrap(), "CRM_URL is not set");
    assert_eq!(
        lacking(unset("A"), Setting::Unset("B".to_owned()), Setting::Unset("C".to_owned())).unwrap(),
        "A, B and C are not set"
    );
}

#[test]
fn what_cannot_be_used_is_refused_without_being_shown() {
    let set = |text: &str| Setting::Set(SecretString::from(text));
    let public = || DestinationSpec { allow_private: false, ..spec("https://crm.example/hunter2") };
    for (spec, field) in [
        (DestinationSpec { url: Setting::Set("hunter2".to_owned()), ..public() }, "url"),
        (DestinationSpec { url: Setting::Set(" ".to_owned()), ..public() }, "url"),
        (DestinationSpec { url: Setting::Set("ftp://x.example/hunter2".to_owned()), ..public() }, "url"),
        (DestinationSpec { url: Setting::Set("https://u:hunter2@x.example/".to_owned()), ..public() }, "url"),
        (DestinationSpec { url: Setting::Set("https://x.example/#hunter2".to_owned()), ..public() }, "url"),
        (DestinationSpec { url: Setting::Set("http://10.0.0.1/hunter2".to_owned()), ..public() }, "url"),
        (DestinationSpec { credential: set("hunter2\n"), ..public() }, "credential"),
        (DestinationSpec { credential: set(" "), ..public() }, "credential"),
        (DestinationSpec { signing_secret: set("whsec_hunter2"), ..public() }, "signing_secret"),
        (DestinationSpec { limit_per_min: Some(0), ..public() }, "limit_per_min"),
        (DestinationSpec { timeout: std::time::Duration::ZERO, ..public() }, "timeout_ms"),
    ] {
        let error = Destination::new("crm".into(), spec, "/nonexistent").unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let set = |text: &str| Setting::Set(SecretString::from(text));
    let spec = DestinationSpec {
        credential: set(TOKEN),
        signing_secret: set(SIGNING),
        ..spec("https://crm.example/hook?sig=hunter2")
    };
    let shown = format!("{:?}", destination(spec));
    for secret in [TOKEN, SIGNING, "hunter2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_limit_tells_the_wait() {
    let limited = destination(DestinationSpec { limit_per_min: Some(2), ..spec("https://crm.example") });
    let second = std::time::Duration::from_secs(1);
    assert_eq!([0, 0, 0, 30].map(|s| limited.ready(s * second).is_ok()), [true, true, false, true]);
    assert!(destination(DestinationSpec::default()).ready(second).is_ok_and(|pass| pass.is_none()));
}

#[test]
fn kinds_say_where_they_can_go() {
    let nowhere = || destination(DestinationSpec::default());
    let plain = || destination(spec("https://crm.example"));
    let secret = || destination(secret_url("https://crm.example"));
    let fits = |kind: &str| [nowhere(), plain(), secret()].map(|to| act(kind).unwrap().fits(&to).is_ok());
    assert_eq!(fits("http"), [false, true, true]);
    assert_eq!(fits("slack.webhook"), [false, false, true]);
    assert_eq!(fits("pagerduty.event"), [false, false, false], "none has a routing key");
    assert_eq!(fits("store.append"), [true, true, true]);
    assert_eq!(
        json!(kinds().map(|kind| act(kind).unwrap().url_is_secret()).collect::<Vec<_>>()),
        json!([false, true, false, false])
    );
}
