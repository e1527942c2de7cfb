use std::sync::{Arc, Mutex};

use axum::Router;
use http::{HeaderMap, StatusCode, Uri};
use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::{
    act::{
        DestinationSpec,
        tests::{attempt, destination, frozen, secret_url, serving, spec},
    },
    domain::Sent,
};

const ROUTING_KEY: &str = "R0utingKeyNeverShown0123456789ab";

fn set(key: &str) -> Setting<SecretString> {
    Setting::Set(SecretString::from(key))
}

fn pager(url: &str) -> DestinationSpec {
    DestinationSpec { credential: set(ROUTING_KEY), ..spec(url) }
}

fn freeze_to(with: Value, spec: DestinationSpec) -> Result<Call, TemplateError> {
    let context = Context::new().with(
        "event",
        &json!({"id": "evt_1", "source": "stripe", "level": "error", "none": "", "list": [1], "nil": null}),
    );
    PagerDuty.compile(&with).unwrap().freeze(&context, &destination(spec))
}

fn freeze(with: Value) -> Result<Value, TemplateError> {
    freeze_to(with, pager("https://events.pagerduty.com")).map(|call| serde_json::to_value(call).unwrap())
}

/// The least that opens an alert, and `more`.
fn trigger(more: Value) -> Value {
    let mut with = json!({"summary": "down", "severity": "critical"});
    with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    with
}

fn body(with: Value) -> Value {
    serde_json::from_str(freeze(with).unwrap()["body"].as_str().unwrap()).unwrap()
}

#[test]
fn an_alert_is_frozen_whole_but_for_its_keys() {
    let want = json!({
        "call": "post",
        "target": {"url": "https://events.pagerduty.com/v2/enqueue"},
        "fill": [["routing_key", "credential"], ["dedup_key", "idempotency_key"]],
        "body": r#"{"event_action":"trigger","payload":{"summary":"down","source":"hookyard","severity":"critical"}}"#,
    });
    assert_eq!(freeze(trigger(json!({}))).unwrap(), want);
    let whole = body(trigger(json!({
        "summary": "{{ event.id }} is down",
        "severity": "{{ event.level }}",
        "source": "{{ event.source }}",
        "dedup_key": "stuck/{{ event.source }}",
        "details": {"event": "{{ event.id }}", "list": "{{ event.list }}"},
    })));
    let want = json!({
        "event_action": "trigger",
        "dedup_key": "stuck/stripe",
        "payload": {
            "summary": "evt_1 is down",
            "source": "stripe",
            "severity": "error",
            "custom_details": {"event": "evt_1", "list": [1]},
        },
    });
    assert_eq!(whole, want);
    assert_eq!(body(trigger(json!({"details": "{{ event.nil }}"}))), body(trigger(json!({}))));
}

#[test]
fn what_follows_up_names_its_alert() {
    for action in ["acknowledge", "resolve"] {
        let call = freeze(json!({"event_action": action, "dedup_key": "stuck/{{ event.source }}"})).unwrap();
        assert_eq!(call["fill"], json!([["routing_key", "credential"]]));
        let body: Value = serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, json!({"event_action": action, "dedup_key": "stuck/stripe"}));
    }
}

#[test]
fn the_url_may_be_the_services_or_the_endpoints() {
    for url in ["https://pd.example", "https://pd.example/", "https://pd.example/v2/enqueue"] {
        let call = serde_json::to_value(freeze_to(trigger(json!({})), pager(url)).unwrap()).unwrap();
        assert_eq!(call["target"]["url"], "https://pd.example/v2/enqueue", "{url}");
    }
    let unset = DestinationSpec {
        url: Setting::Unset("PAGERDUTY_URL".to_owned()),
        credential: Setting::Unset("PAGERDUTY_ROUTING_KEY".to_owned()),
        ..DestinationSpec::default()
    };
    let call = serde_json::to_value(freeze_to(trigger(json!({})), unset).unwrap()).unwrap();
    assert_eq!(call["target"]["url"], "${PAGERDUTY_URL}/v2/enqueue");
}

#[test]
fn what_pagerduty_refuses_does_not_freeze() {
    for more in [
        json!({"summary": " {{ event.none }}"}),
        json!({"severity": "{{ event.source }}"}),
        json!({"source": "{{ event.none }}"}),
        json!({"dedup_key": "{{ event.none }}"}),
        json!({"dedup_key": "é".repeat(DEDUP_KEY_CHARS_MAX + 1)}),
        json!({"details": "{{ event.list }}"}),
        json!({"details": {"much": "x".repeat(EVENT_BYTES_MAX)}}),
        json!({"summary": "{{ event.absent }}"}),
    ] {
        assert!(freeze(trigger(more.clone())).is_err(), "{more:.100}");
    }
    assert!(freeze(trigger(json!({"dedup_key": "é".repeat(DEDUP_KEY_CHARS_MAX)}))).is_ok());
}

#[test]
fn a_long_summary_is_cut() {
    let summary = |chars| body(trigger(json!({"summary": "é".repeat(chars)})))["payload"]["summary"].clone();
    assert_eq!(summary(SUMMARY_CHARS_MAX), "é".repeat(SUMMARY_CHARS_MAX));
    assert_eq!(summary(SUMMARY_CHARS_MAX + 1), format!("{}…", "é".repeat(SUMMARY_CHARS_MAX - 1)));
}

#[test]
fn parameters_are_checked() {
    for (with, path) in [
        (json!({}), "severity"),
        (json!({"severity": "info"}), "summary"),
        (trigger(json!({"severity": "urgent"})), "severity"),
        (trigger(json!({"severity": "{{ "})), "severity"),
        (trigger(json!({"event_action": "open"})), "event_action"),
        (trigger(json!({"routing_key": "x"})), "routing_key"),
        (trigger(json!({"details": {"a": ["{{ x"]}})), "details.a.0"),
        (trigger(json!({"dedup_key": 7})), "dedup_key"),
        (json!({"event_action": "resolve"}), "dedup_key"),
        (trigger(json!({"event_action": "resolve", "dedup_key": "k"})), "summary"),
        (json!({"event_action": "acknowledge", "dedup_key": "k", "details": {}}), "details"),
    ] {
        assert_eq!(PagerDuty.compile(&with).unwrap_err().path.join("."), path, "{with}");
    }
}

#[test]
fn a_destination_needs_a_url_and_a_routing_key() {
    let url = "https://pd.example";
    for (spec, says) in [
        (pager(url), None),
        (DestinationSpec { credential: Setting::Unset("KEY".to_owned()), ..spec(url) }, None),
        (spec(url), Some("no credential")),
        (DestinationSpec { credential: set(ROUTING_KEY), ..DestinationSpec::default() }, Some("no url")),
        (DestinationSpec { credential: set("hunter2"), ..spec(url) }, Some("no routing key")),
        (DestinationSpec { credential: set(&"\"".repeat(32)), ..spec(url) }, Some("no routing key")),
        (DestinationSpec { credential: set(ROUTING_KEY), ..secret_url(url) }, Some("one of its own")),
        (pager("https://pd.example?a=1"), Some("one of its own")),
    ] {
        match (PagerDuty.fits(&destination(spec)), says) {
            (Ok(()), None) => {}
            (Err(error), Some(says)) => {
                assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
            }
            (got, want) => panic!("{got:?} where {want:?} was expected"),
        }
    }
}

#[tokio::test]
async fn each_attempt_fills_in_the_keys_before_the_same_bytes() {
    type Seen = Arc<Mutex<Vec<(Uri, HeaderMap, String)>>>;
    let seen = Seen::default();
    let to = Arc::clone(&seen);
    let server = Router::new().fallback(|uri: Uri, headers: HeaderMap, body: String| async move {
        to.lock().unwrap().push((uri, headers, body.clone()));
        (StatusCode::ACCEPTED, body)
    });
    let base = serving(server).await;
    let call = freeze_to(trigger(json!({"summary": "{{ 12.50 }}"})), pager(&base)).unwrap();
    let Call::Post { body: rest, .. } = &call else { panic!("{call:?}") };
    let rest = rest.clone();
    let request = frozen(&PagerDuty, call, EffectClass::Natural);
    assert!(!format!("{request:?}").contains(ROUTING_KEY));
    for _ in 0..2 {
        let receipt = PagerDuty.perform(&request, &destination(pager(&base)), &attempt()).await.unwrap();
        assert_eq!((receipt.sent, receipt.status), (Sent::Sent, Some(202)));
        let shown = serde_json::to_string(&receipt).unwrap();
        assert!(shown.contains("[redacted]") && !shown.contains(ROUTING_KEY), "{shown}");
    }
    let key = &request.idempotency_key;
    let want = format!(r#"{{"routing_key":"{ROUTING_KEY}","dedup_key":"{key}",{}"#, &rest[1..]);
    for (uri, headers, body) in std::mem::take(&mut *seen.lock().unwrap()) {
        assert_eq!((uri.path(), body.as_str()), ("/v2/enqueue", want.as_str()));
        assert_eq!(headers["content-type"], "application/json");
        assert!(!headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn only_202_is_success_and_the_routing_key_stays_secret() {
    let server = Router::new().fallback(|uri: Uri, body: String| async move {
        let status = uri.path().trim_start_matches('/').split('/').next().unwrap().parse().unwrap();
        (StatusCode::from_u16(status).unwrap(), body)
    });
    let base = serving(server).await;
    for (status, want) in [
        (202, "Ok"),
        (200, "Err(Unknown"),
        (400, "Err(Permanent"),
        (403, "Err(Permanent"),
        (404, "Err(Permanent"),
        (429, "Err(Throttled"),
        (500, "Err(Transient"),
        (503, "Err(Transient"),
    ] {
        let to = || pager(&format!("{base}/{status}"));
        let request = frozen(&PagerDuty, freeze_to(trigger(json!({})), to()).unwrap(), EffectClass::Natural);
        let destination = destination(to());
        let got = PagerDuty.perform(&request, &destination, &attempt()).await;
        let shown = format!("{got:?} {destination:?}");
        assert!(shown.starts_with(want), "{status}: {shown}");
        assert!(!shown.contains(ROUTING_KEY), "{shown}");
    }
}

#[tokio::test]
async fn the_routing_key_goes_only_where_the_configuration_says_today() {
    let base = serving(Router::new().fallback(|| async { StatusCode::ACCEPTED })).await;
    let request =
        frozen(&PagerDuty, freeze_to(trigger(json!({})), pager(&base)).unwrap(), EffectClass::Natural);
    for moved in [
        pager("https://pd.example"),
        spec(&base),
        DestinationSpec { credential: Setting::Unset("KEY".to_owned()), ..spec(&base) },
        DestinationSpec { credential: set(ROUTING_KEY), ..secret_url(&base) },
        DestinationSpec { credential: set(ROUTING_KEY), ..DestinationSpec::default() },
    ] {
        let failure = PagerDuty.perform(&request, &destination(moved), &attempt()).await.unwrap_err();
        assert!(matches!(failure, Failure::Permanent { .. }), "{failure:?}");
        assert!(!format!("{failure:?}").contains(ROUTING_KEY));
    }
    for broken in ["{}", "[]", "", "{ \"a\":1}"] {
        let mut request = request.clone();
        let Call::Post { body, .. } = &mut request.call else { panic!("{request:?}") };
        broken.clone_into(body);
        let failure = PagerDuty.perform(&request, &destination(pager(&base)), &attempt()).await.unwrap_err();
        assert!(matches!(failure, Failure::Permanent { .. }), "{broken}: {failure:?}");
    }
}
