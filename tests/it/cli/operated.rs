//! A project that is operated: what comes in, what comes of it, and how commands end.

use hookyard::{
    config::{CLASSIFIERS, Files, JUDGES, ROUTES, SETTINGS},
    domain::Timestamp,
    source::{self, Scheme},
};
use serde_json::{Value, json};

use crate::support::process::{Ended, Project, Running};

const SECRET: &str = "forms-secret";

/// Nothing listens there: an operator's command finds no service.
pub const NOWHERE: &str = "127.0.0.1:1";

/// One route whose one action writes a line, and is not tried again.
pub fn project() -> Project {
    project_of("", "[route.all]\ntypes = [\"*\"]\naction = [{ id = \"record\", use = \"log_payment\" }]\n")
}

/// Routes that try no action again, and their classifiers.
pub fn project_of(classifiers: &str, routes: &str) -> Project {
    let files = Files::embedded().with(CLASSIFIERS, classifiers).with(JUDGES, "").with(ROUTES, routes);
    let settings = "[worker]\nretry.schedule_ms = []\n";
    let project = Project::new(&files.with(SETTINGS, settings));
    project.with_env("FORMS_WEBHOOK_SECRET", SECRET).with_env("HOOKYARD_ADMIN_LISTEN", NOWHERE)
}

/// Delivers payments; their events.
pub async fn deliver(service: &Running, ids: &[&str]) -> Vec<String> {
    let mut events = Vec::new();
    for id in ids {
        let body = json!({ "type": "payment.succeeded", "data": { "id": id } });
        events.push(deliver_one(service, id, &body).await);
    }
    events
}

/// Delivers a payment that came before.
pub async fn deliver_again(service: &Running, id: &str) {
    let (status, answer) = send_payment(service, id).await;
    assert_eq!((status, answer["status"].as_str()), (200, Some("duplicate")), "{answer}");
}

/// Delivers a payment, whether or not it came before; the answer.
pub async fn send_payment(service: &Running, id: &str) -> (u16, Value) {
    send(service, id, &json!({ "type": "payment.succeeded", "data": { "id": id } })).await
}

/// Delivers a body; its event.
pub async fn deliver_one(service: &Running, id: &str, body: &Value) -> String {
    let (status, answer) = send(service, id, body).await;
    assert_eq!(status, 202, "{answer}");
    answer["event"].as_str().expect("an id").to_owned()
}

async fn send(service: &Running, id: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string().into_bytes();
    let now = Timestamp::from_millis(now_ms());
    let headers = source::sign(Scheme::Generic, &SECRET.into(), id, &body, None, now).expect("signed");
    service.deliver("forms", headers, body).await.expect("an answer")
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    now.as_millis().try_into().expect("before the end")
}

pub async fn settled(service: &Running, dead: usize, done: usize) {
    count(service, "dead", dead).await;
    count(service, "done", done).await;
}

/// Waits until so many jobs are in a state.
pub async fn count(service: &Running, state: &str, number: usize) {
    let number = json!(number);
    service.until(&format!("/api/v1/jobs/count?state={state}"), |count| count["jobs"] == number).await;
}

/// Lines of a log of the project's.
pub fn lines(project: &Project, log: &str) -> Vec<String> {
    let path = project.path(&format!("data/logs/{log}.jsonl"));
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Runs a command on the running service.
pub fn on(project: &Project, service: &Running, arguments: &[&str]) -> Ended {
    let mut command = project.command(arguments);
    command.args(["--admin", &format!("http://{}", service.admin)]);
    Ended::of(command)
}

/// It ended well; what it printed.
pub fn well(ended: Ended) -> String {
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    ended.out
}

pub fn json_of(ended: Ended) -> Value {
    serde_json::from_str(&well(ended)).expect("one JSON document")
}
