use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    domain::{Timestamp, Wait},
    remote::{Remote, RemoteOptions, Request, Response},
    source,
};

pub(super) const TOKEN: &str = "sandbox_token";
const SIGNING: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Time stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep_until(&self, _: Timestamp) -> Wait<'_> {
        Box::pin(std::future::pending())
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
pub(super) fn in_background(work: Background) {
    tokio::spawn(work);
}

pub(super) async fn start() -> Sandbox {
    start_by(Arc::new(Still)).await
}

pub(super) async fn start_by(clock: Arc<dyn Clock>) -> Sandbox {
    let options = SandboxOptions::new(clock, TOKEN.into(), SIGNING.into());
    Sandbox::start(options, in_background).await.unwrap()
}

fn remote() -> Remote {
    Remote::new(RemoteOptions { allow_private: true, ..RemoteOptions::default() }).unwrap()
}

fn request(url: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let request = Request::new(http::Method::POST, url.parse().unwrap()).with_json(body.to_owned());
    headers.iter().fold(request, |request, (name, value)| request.with_header(name, value).unwrap())
}

pub(super) async fn post(url: &str, headers: &[(&str, &str)], body: &str) -> Response {
    remote().send(request(url, headers, body)).await.unwrap()
}

pub(super) const BEARER: (&str, &str) = ("authorization", "Bearer sandbox_token");

fn done(sandbox: &Sandbox) -> Vec<(&'static str, u32, u32)> {
    sandbox.effects().iter().map(|effect| (effect.kind, effect.done, effect.seen)).collect()
}

#[tokio::test]
async fn the_crm_upserts_contacts_and_notes_once_per_key() {
    let sandbox = start().await;
    let contacts = format!("{}/contacts", sandbox.urls().crm);
    let body = r#"{"email":"Ada@x.example","name":"Ada"}"#;
    assert_eq!(post(&contacts, &[], body).await.status, 401);
    assert_eq!(post(&contacts, &[("authorization", "Bearer other")], body).await.status, 401);
    assert_eq!(post(&contacts, &[BEARER], r#"{"email":""}"#).await.status, 400);
    assert_eq!(post(&contacts, &[BEARER], "[]").await.status, 400);
    let first = post(&contacts, &[BEARER], body).await;
    assert_eq!((first.status, first.json().unwrap()["new"].clone()), (201, json!(true)));
    let again = post(&contacts, &[BEARER, ("idempotency-key", "k")], body).await;
    assert_eq!(again.json().unwrap(), json!({"id": "contact_1", "email": "ada@x.example", "new": false}));
    for path in ["tasks", "notes", "drafts", "payments"] {
        let url = format!("{}/{path}", sandbox.urls().crm);
        let first = post(&url, &[BEARER, ("idempotency-key", "k")], r#"{"a":1}"#).await;
        let again = post(&url, &[BEARER, ("idempotency-key", "k")], r#"{"a":1}"#).await;
        assert_eq!((first.status, &first.body), (201, &again.body));
        assert_eq!(post(&url, &[BEARER, ("idempotency-key", "k")], r#"{"a":2}"#).await.status, 422);
    }
    assert!(done(&sandbox).iter().all(|(_, done, _)| *done == 1), "{:?}", sandbox.effects());
    assert_eq!(sandbox.requests("/crm/contacts"), 6);
}

#[tokio::test]
async fn the_helpdesk_knows_keys_and_priorities() {
    let sandbox = start().await;
    let url = format!("{}/tickets", sandbox.urls().helpdesk);
    let ticket = |priority: &str| {
        json!({"ticket": {"subject": "s", "comment": {"body": "b"}, "priority": priority}}).to_string()
    };
    let keyed = [BEARER, ("idempotency-key", "k")];
    assert_eq!(post(&url, &[], &ticket("low")).await.status, 401);
    assert_eq!(post(&url, &keyed, &ticket("9")).await.status, 422);
    assert_eq!(post(&url, &keyed, r#"{"ticket":{"subject":"s"}}"#).await.status, 422);
    assert_eq!(post(&url, &keyed, r#"{"subject":"s"}"#).await.status, 400);
    let first = post(&url, &keyed, &ticket("high")).await;
    let again = post(&url, &keyed, &ticket("high")).await;
    assert_eq!((first.status, &first.body), (201, &again.body));
    assert_eq!([first.headers, again.headers].map(|h| h["x-idempotency-lookup"].clone()), ["miss", "hit"]);
    let other = post(&url, &keyed, &ticket("low")).await;
    assert_eq!(
        (other.status, other.json().unwrap()["error"].clone()),
        (400, json!("IdempotentRequestError"))
    );
    assert_eq!(done(&sandbox), [("helpdesk.ticket", 1, 3)]);
}

#[tokio::test]
async fn mail_needs_its_fields_and_knows_keys() {
    let sandbox = start().await;
    let url = format!("{}/emails", sandbox.urls().mail);
    let mail = json!({"from": "Us <us@x.example>", "to": "a@x.example", "subject": "s", "text": "t"});
    let without = |field: &str| {
        let mut mail = mail.clone();
        mail.as_object_mut().unwrap().remove(field);
        mail.to_string()
    };
    let keyed = [BEARER, ("idempotency-key", "k")];
    assert_eq!(post(&url, &[], &mail.to_string()).await.status, 401);
    for field in ["from", "to", "subject", "text"] {
        assert_eq!(post(&url, &keyed, &without(field)).await.status, 422, "{field}");
    }
    let mut bad = mail.clone();
    bad["to"] = json!(["a@x.example", "nobody"]);
    assert_eq!(post(&url, &keyed, &bad.to_string()).await.status, 422);
    let first = post(&url, &keyed, &mail.to_string()).await;
    let again = post(&url, &keyed, &mail.to_string()).await;
    assert_eq!((first.status, &first.body), (200, &again.body));
    bad["to"] = json!(["b@x.example"]);
    let other = post(&url, &keyed, &bad.to_string()).await;
    assert_eq!(
        (other.status, other.json().unwrap()["name"].clone()),
        (409, json!("invalid_idempotent_request"))
    );
    assert_eq!(done(&sandbox), [("mail.email", 1, 3)]);
}

#[tokio::test]
async fn slack_posts_each_time() {
    let sandbox = start().await;
    let url = sandbox.urls().slack;
    for (url, body, status, want) in [
        (url.as_str(), r#"{"text":"hi"}"#, 200, "ok"),
        (&url, r#"{"text":"hi"}"#, 200, "ok"),
        (&url, r#"{"text":" "}"#, 400, "no_text"),
        (&url, "hi", 400, "invalid_payload"),
        (&url.replace("/x", "/y"), r#"{"text":"hi"}"#, 404, "no_service"),
    ] {
        let response = post(url, &[], body).await;
        assert_eq!((response.status, response.body.as_ref()), (status, want.as_bytes()), "{body}");
    }
    assert_eq!(done(&sandbox), [("slack.text", 2, 2)]);
}

#[tokio::test]
async fn the_pager_refuses_what_is_no_event() {
    let sandbox = start().await;
    let url = format!("{}/v2/enqueue", sandbox.urls().pagerduty);
    let good = || {
        json!({
            "routing_key": "0123456789abcdef0123456789abcdef", "event_action": "trigger", "dedup_key": "k",
            "payload": {"summary": "s", "source": "hookyard", "severity": "critical"},
        })
    };
    let long = |chars: usize| json!("x".repeat(chars));
    for (field, value, status) in [
        ("/routing_key", Value::Null, 400),
        ("/routing_key", json!("short"), 400),
        ("/event_action", json!("open"), 400),
        ("/dedup_key", long(256), 400),
        ("/payload", Value::Null, 400),
        ("/payload/summary", json!(" "), 400),
        ("/payload/summary", long(1025), 400),
        ("/payload/source", Value::Null, 400),
        ("/payload/severity", json!("urgent"), 400),
        ("/payload/source", long(512_000), 413),
    ] {
        let mut event = good();
        *event.pointer_mut(field).unwrap() = value;
        let response = post(&url, &[], &event.to_string()).await;
        assert_eq!(response.status, status, "{field}");
        assert_eq!(response.json().unwrap()["status"], "invalid event");
    }
    let mut unnamed = good();
    unnamed.as_object_mut().unwrap().remove("dedup_key");
    assert_eq!(post(&url, &[], &unnamed.to_string()).await.status, 202);
    unnamed["event_action"] = json!("resolve");
    assert_eq!(post(&url, &[], &unnamed.to_string()).await.status, 400);
    assert_eq!(post(&url, &[], "[]").await.status, 400);
    assert_eq!(sandbox.open_alerts(), 1);
    assert!(!format!("{:?}", sandbox.effects()).contains("0123456789abcdef0123456789abcdef"));
}

#[tokio::test]
async fn the_pager_has_one_alert_for_a_key_until_it_is_resolved() {
    let sandbox = start().await;
    let url = format!("{}/v2/enqueue", sandbox.urls().pagerduty);
    let send = async |routing_key: char, action: &str, key: &str, summary: &str| {
        let event = json!({
            "routing_key": routing_key.to_string().repeat(32), "event_action": action, "dedup_key": key,
            "payload": {"summary": summary, "source": "hookyard", "severity": "error"},
        });
        let response = post(&url, &[], &event.to_string()).await;
        assert_eq!((response.status, response.json().unwrap()["dedup_key"].clone()), (202, json!(key)));
        sandbox.open_alerts()
    };
    assert_eq!([send('a', "trigger", "k", "1").await, send('a', "trigger", "k", "2").await], [1, 1]);
    assert_eq!(done(&sandbox), [("pagerduty.alert", 1, 2)]);
    assert_eq!(send('b', "trigger", "k", "another service's").await, 2);
    assert_eq!(send('a', "acknowledge", "k", "").await, 2);
    assert_eq!(send('a', "resolve", "unknown", "").await, 2);
    assert_eq!([send('a', "resolve", "k", "").await, send('a', "resolve", "k", "").await], [1, 1]);
    assert_eq!(send('a', "trigger", "k", "3").await, 2);
    let keys: Vec<_> = sandbox.effects().into_iter().filter_map(|effect| effect.key).collect();
    assert_eq!(keys, ["k", "k (2)", "k (3)"]);
}

#[tokio::test]
async fn analytics_takes_only_what_is_signed() {
    let sandbox = start().await;
    let url = format!("{}/events", sandbox.urls().analytics);
    let body = r#"{"type":"x"}"#;
    let signed = |secret: &str| {
        source::sign(Scheme::StandardWebhooks, &secret.into(), "evt_1", body.as_bytes(), None, Still.now())
            .unwrap()
    };
    let other = signed("whsec_ZZEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    for (headers, status) in [(signed(SIGNING), 202), (signed(SIGNING), 202), (other, 401), (Vec::new(), 401)]
    {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(post(&url, &headers, body).await.status, status);
    }
    assert_eq!(done(&sandbox), [("analytics.event", 1, 2)]);
}

#[tokio::test]
async fn faults_come_when_they_are_asked_for() {
    let sandbox = start().await;
    let url = format!("{}/notes", sandbox.urls().crm);
    let note = || post(&url, &[BEARER, ("idempotency-key", "k")], r#"{"a":1}"#);
    sandbox.fail_next("/crm/notes", 2, 503);
    sandbox.fail_next_with(
        "/crm/notes",
        1,
        Fault { status: 429, retry_after_s: Some(7), after_effect: true },
    );
    assert_eq!([note().await.status, note().await.status], [503, 503]);
    assert!(sandbox.effects().is_empty());
    let lost = note().await;
    assert_eq!((lost.status, lost.headers["retry-after"].clone()), (429, "7".parse().unwrap()));
    assert_eq!(done(&sandbox), [("crm.note", 1, 1)]);
    assert_eq!(note().await.status, 201);
    assert_eq!(done(&sandbox), [("crm.note", 1, 2)]);
    assert_eq!(sandbox.requests("/crm/notes"), 4);
}

#[tokio::test]
async fn requests_wait_at_a_gate_until_it_opens() {
    let sandbox = start().await;
    let url = format!("{}/notes", sandbox.urls().crm);
    let (before, after) = (sandbox.hold("/crm/notes"), sandbox.hold_answer("/crm/notes"));
    let script = async {
        before.arrived(1).await;
        assert!(sandbox.effects().is_empty());
        before.release();
        after.arrived(1).await;
        assert_eq!(done(&sandbox), [("crm.note", 1, 1)]);
        drop(after);
    };
    let (response, ()) = tokio::join!(post(&url, &[BEARER], r#"{"a":1}"#), script);
    assert_eq!(response.status, 201);
    assert_eq!(post(&url, &[BEARER], r#"{"a":2}"#).await.status, 201);
}

#[tokio::test]
async fn it_stops_and_lets_go() {
    let sandbox = start().await;
    let url = format!("{}/notes", sandbox.urls().crm);
    let gate = sandbox.hold("/crm/notes");
    let script = async {
        gate.arrived(1).await;
        sandbox.stop().await;
    };
    let (response, ()) = tokio::join!(post(&url, &[BEARER], r#"{"a":1}"#), script);
    assert_eq!(response.status, 201);
    assert!(remote().send(request(&url, &[BEARER], "{}")).await.is_err());
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let options = SandboxOptions {
        bind: "0.0.0.0:0".parse().unwrap(),
        ..SandboxOptions::new(Arc::new(Still), TOKEN.into(), SIGNING.into())
    };
    let error = Sandbox::start(options, in_background).await.unwrap_err();
    assert!(matches!(error, SandboxError::NotLoopback(_)), "{error}");
}
