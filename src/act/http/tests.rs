use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, Method, StatusCode, Uri};
use axum::Router;
use serde_json::json;

use super::*;
use crate::{
    act::{
        DestinationSpec,
        tests::{NOW, SIGNING, TOKEN, attempt, destination, frozen, serving, spec},
    },
    domain::{Delivery, Sent},
    source::{TOLERANCE_DEFAULT, Verifier},
};

fn set(text: &str) -> Setting<SecretString> {
    Setting::Set(SecretString::from(text))
}

fn freeze_to(with: Value, spec: DestinationSpec) -> Result<Call, TemplateError> {
    let context = Context::new()
        .with("event", &json!({"id": "evt_1", "n": 7, "evil": "a/../b", "q": "1?x=2", "lines": "a\r\nb"}));
    Http.compile(&with).unwrap().freeze(&context, &destination(spec))
}

fn freeze(with: Value) -> Result<Value, TemplateError> {
    freeze_to(with, spec("https://crm.example/v1/")).map(|call| serde_json::to_value(call).unwrap())
}

#[test]
fn a_request_is_frozen_whole_but_for_its_credential() {
    let with = json!({
        "method": "PUT",
        "path": "/contacts/{{ event.id }}?n={{ event.n }}",
        "headers": {"X-Trace": "{{ event.id }}"},
        "body": {"n": "{{ event.n }}", "hi": "Hi {{ event.id }}"},
    });
    let call = freeze_to(with, DestinationSpec { credential: set(TOKEN), ..spec("https://crm.example/v1/") });
    let want = json!({
        "call": "http",
        "method": "PUT",
        "target": {"url": "https://crm.example/v1/contacts/evt_1?n=7"},
        "headers": [
            ["content-type", {"plain": "application/json"}],
            ["authorization", {"credential": {"prefix": "Bearer "}}],
            ["x-trace", {"plain": "evt_1"}],
        ],
        "body": r#"{"n":7,"hi":"Hi evt_1"}"#,
    });
    assert_eq!(serde_json::to_value(call.unwrap()).unwrap(), want);
}

#[test]
fn little_is_needed() {
    let want = json!({"call": "http", "method": "POST", "target": {"url": "https://crm.example/v1/"}, "headers": [], "body": ""});
    assert_eq!(freeze(Value::Null).unwrap(), want);
    let own =
        freeze(json!({"headers": {"content-type": "application/merge-patch+json"}, "body": 1})).unwrap();
    assert_eq!(own["headers"], json!([["content-type", {"plain": "application/merge-patch+json"}]]));
}

#[test]
fn what_is_not_set_shows_its_name() {
    let spec = DestinationSpec {
        url: Setting::Unset("CRM_URL".to_owned()),
        credential: Setting::Unset("CRM_TOKEN".to_owned()),
        ..DestinationSpec::default()
    };
    let call = serde_json::to_value(freeze_to(json!({"path": "/contacts"}), spec).unwrap()).unwrap();
    assert_eq!(call["target"], json!({"url": "${CRM_URL}/contacts"}));
    assert_eq!(call["headers"], json!([["authorization", {"credential": {"prefix": "Bearer "}}]]));
}

#[test]
fn what_must_not_leave_does_not_freeze() {
    for with in [
        json!({"path": "/{{ event.evil }}"}),
        json!({"path": "/{{ event.q }}"}),
        json!({"path": "/{{ event.lines }}"}),
        json!({"path": "//evil.example"}),
        json!({"path": "/{{ event.absent }}"}),
        json!({"headers": {"x-a": "{{ event.lines }}"}}),
        json!({"headers": {"x-a": "x".repeat(HEADER_BYTES_MAX + 1)}}),
        json!({"body": "x".repeat(BODY_BYTES_MAX)}),
    ] {
        assert!(freeze(with.clone()).is_err(), "{with:.100}");
    }
    assert!(freeze(json!({"path": "/{{ event.q | urlencode }}"})).is_ok());
    let secret = spec("https://crm.example/hook?sig=1");
    assert!(freeze_to(json!({"path": "/x"}), secret).is_err());
    let call = freeze_to(json!({}), spec("https://crm.example/hook?sig=1")).unwrap();
    assert!(matches!(call, Call::Http { target: Target::SecretUrl, .. }));
}

#[test]
fn parameters_are_checked() {
    for (with, path) in [
        (json!({"verb": "GET"}), "verb"),
        (json!({"method": "get"}), "method"),
        (json!({"method": "GET", "body": {}}), "body"),
        (json!({"path": 7}), "path"),
        (json!({"path": "{{ event."}), "path"),
        (json!({"headers": {"x": 7}}), "headers.x"),
        (json!({"headers": {"x y": ""}}), "headers.x y"),
        (json!({"headers": {"x": "{% if %}"}}), "headers.x"),
        (json!({"headers": {"Authorization": "Bearer x"}}), "headers.Authorization"),
        (json!({"headers": {"idempotency-KEY": "x"}}), "headers.idempotency-KEY"),
        (json!({"headers": {"Webhook-Id": "x"}}), "headers.Webhook-Id"),
        (json!({"headers": {"Host": "x"}}), "headers.Host"),
        (json!({"headers": {"Content-Length": "1"}}), "headers.Content-Length"),
        (json!({"body": {"a": ["{{ x"]}}), "body.a.0"),
        (json!("POST"), ""),
    ] {
        assert_eq!(Http.compile(&with).unwrap_err().path.join("."), path, "{with}");
    }
}

#[test]
fn a_destination_that_knows_keys_protects() {
    assert_eq!(Http.class(&destination(spec("https://x.example"))), EffectClass::Bare);
    let keyed = DestinationSpec { idempotency_ms: Some(7), ..spec("https://x.example") };
    assert_eq!(Http.class(&destination(keyed)), EffectClass::Keyed { life_ms: 7 });
}

/// What arrived at a server that repeats it all.
type Seen = Arc<Mutex<Vec<(Method, Uri, HeaderMap, String)>>>;

async fn echoing() -> (String, Seen) {
    let seen = Seen::default();
    let to = Arc::clone(&seen);
    let handler = |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        let answer = format!("{headers:?}");
        to.lock().unwrap().push((method, uri, headers, body));
        (StatusCode::CREATED, answer)
    };
    (serving(Router::new().fallback(handler)).await, seen)
}

#[tokio::test]
async fn each_attempt_sends_the_same_bytes_signed_anew() {
    let (base, seen) = echoing().await;
    let spec = || DestinationSpec { credential: set(TOKEN), signing_secret: set(SIGNING), ..spec(&base) };
    let call = freeze_to(json!({"path": "/events", "body": {"type": "x"}}), spec()).unwrap();
    let request = frozen(&Http, call, EffectClass::Bare);
    let later = Try {
        now: crate::domain::Timestamp::from_millis(NOW.as_millis() + 60_000),
        look_first: true,
        pass: None,
    };
    let signed_at = [NOW, later.now];
    for attempt in [attempt(), later] {
        let receipt = Http.perform(&request, &destination(spec()), &attempt).await.unwrap();
        assert_eq!((receipt.sent, receipt.status), (Sent::Sent, Some(201)));
        let shown = serde_json::to_string(&receipt).unwrap();
        assert!(shown.contains("idempotency-key"), "{shown}");
        assert!(!shown.contains(TOKEN) && !shown.contains("v1,"), "{shown}");
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let verifier =
        Verifier::new(Scheme::StandardWebhooks, vec![SecretString::from(SIGNING)], TOLERANCE_DEFAULT)
            .unwrap();
    let mut signatures = Vec::new();
    for ((method, uri, headers, body), at) in seen.into_iter().zip(signed_at) {
        assert_eq!((method.as_str(), uri.path(), body.as_str()), ("POST", "/events", r#"{"type":"x"}"#));
        assert_eq!(headers["idempotency-key"], request.idempotency_key.as_str());
        assert_eq!(headers["webhook-id"], request.idempotency_key.as_str());
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(headers["content-type"], "application/json");
        signatures.push(headers["webhook-signature"].clone());
        let delivery = Delivery::new("s".into(), headers, body.into(), at);
        verifier.verify(delivery, at).unwrap();
    }
    assert_ne!(signatures[0], signatures[1]);
}

#[tokio::test]
async fn credentials_go_only_where_the_configuration_says_today() {
    let (base, seen) = echoing().await;
    let keyed = |spec| DestinationSpec { credential: set(TOKEN), ..spec };
    let call = freeze_to(json!({"path": "/x"}), keyed(spec(&base))).unwrap();
    let request = frozen(&Http, call, EffectClass::Bare);
    let unset = |url| Setting::Unset(String::from(url));
    for moved in [
        keyed(spec("https://crm.example")),
        keyed(spec(&format!("{base}/?sig=x"))),
        spec(&base),
        keyed(DestinationSpec { url: unset("CRM_URL"), ..DestinationSpec::default() }),
        DestinationSpec { credential: Setting::Unset("CRM_TOKEN".to_owned()), ..spec(&base) },
        keyed(DestinationSpec::default()),
    ] {
        let failure = Http.perform(&request, &destination(moved), &attempt()).await.unwrap_err();
        assert!(matches!(failure, Failure::Permanent { .. }), "{failure:?}");
        assert!(!format!("{failure:?}").contains(TOKEN));
    }
    let dry = freeze_to(
        json!({"path": "/x"}),
        DestinationSpec { url: unset("CRM_URL"), ..DestinationSpec::default() },
    );
    let request = frozen(&Http, dry.unwrap(), EffectClass::Bare);
    let failure = Http.perform(&request, &destination(spec(&base)), &attempt()).await.unwrap_err();
    assert!(failure.reason().contains("not set"), "{failure:?}");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_answer_is_told_apart_from_nothing_sent() {
    let closed = format!("http://{}", crate::remote::tests::closed().await);
    let broken = format!("http://{}", crate::remote::tests::canned(b"").await);
    let refusing = format!(
        "http://{}",
        crate::remote::tests::canned(b"HTTP/1.1 401 No\r\n\r\nbad tok_never_shown").await
    );
    for (base, want) in [(closed, "Transient"), (broken, "Unknown"), (refusing, "Permanent")] {
        let spec = || DestinationSpec { credential: set(TOKEN), idempotency_ms: Some(1), ..spec(&base) };
        let call = freeze_to(json!({}), spec()).unwrap();
        let request = frozen(&Http, call, EffectClass::Keyed { life_ms: 1 });
        let failure = Http.perform(&request, &destination(spec()), &attempt()).await.unwrap_err();
        let shown = format!("{failure:?}");
        assert!(shown.starts_with(want), "{shown}");
        assert!(!shown.contains(TOKEN), "{shown}");
    }
}
