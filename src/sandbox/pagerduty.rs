//! PagerDuty's Events API v2: `POST /v2/enqueue`, answered by 202 or by 400 with what is wrong.
//!
//! A `routing_key` has 32 characters, a `dedup_key` at most 255, a summary at most 1,024, an event 512 KB. Of events
//! with one `dedup_key` and one `routing_key` the first opens an alert, and the others belong to it until it is
//! resolved; what would acknowledge or resolve an alert that is not open is taken and dropped
//! (PagerDuty/developer-docs, "Events API v2 Overview", "Send an Alert Event").

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, response::Response, routing::post};
use serde_json::{Map, Value, json};

use super::{
    Shared,
    wire::{answer, filled, full, object},
};

const ROUTING_KEY_CHARS: usize = 32;
const DEDUP_KEY_CHARS_MAX: usize = 255;
const SUMMARY_CHARS_MAX: usize = 1_024;
const EVENT_BYTES_MAX: usize = 512_000;
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// Every alert there was. Each is one of the ledger's effects, and so they are bounded as those are.
#[derive(Default)]
pub(super) struct Alerts(Mutex<HashMap<String, Vec<Alert>>>);

/// One alert; those with the same `dedup_key` stand in the order in which they were opened.
struct Alert {
    routing_key: String,
    open: bool,
}

impl Alerts {
    fn book(&self) -> MutexGuard<'_, HashMap<String, Vec<Alert>>> {
        // The book is in order after every statement below, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self) -> usize {
        self.book().values().flatten().filter(|alert| alert.open).count()
    }
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v2/enqueue", post(enqueue))
}

async fn enqueue(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    if body.len() > EVENT_BYTES_MAX {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the event has more than 512 KB");
    }
    let Some(mut event) = object(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "the event is no JSON object");
    };
    let Some(routing_key) = filled(&event, "routing_key").map(str::to_owned) else {
        return refuse(StatusCode::BAD_REQUEST, "'routing_key' is missing or blank");
    };
    if routing_key.chars().count() != ROUTING_KEY_CHARS {
        return refuse(StatusCode::BAD_REQUEST, "'routing_key' does not have 32 characters");
    }
    event.remove("routing_key"); // a credential: not for the ledger
    let dedup_key = filled(&event, "dedup_key").map(str::to_owned);
    if dedup_key.as_ref().is_some_and(|key| key.chars().count() > DEDUP_KEY_CHARS_MAX) {
        return refuse(StatusCode::BAD_REQUEST, "'dedup_key' has more than 255 characters");
    }
    match (filled(&event, "event_action"), dedup_key) {
        (Some("trigger"), key) => match wrong(&event) {
            Some(problem) => refuse(StatusCode::BAD_REQUEST, &problem),
            None => trigger(&shared, &routing_key, key, event),
        },
        (Some("acknowledge"), Some(key)) => accepted(&key),
        (Some("resolve"), Some(key)) => {
            let mut book = shared.alerts.book();
            let open = book.get_mut(&key).and_then(|alerts| current(alerts, &routing_key));
            if let Some((_, alert)) = open {
                alert.open = false;
            }
            accepted(&key)
        }
        (Some("acknowledge" | "resolve"), None) => {
            refuse(StatusCode::BAD_REQUEST, "'dedup_key' is missing or blank")
        }
        _ => refuse(StatusCode::BAD_REQUEST, "'event_action' is none of trigger, acknowledge, resolve"),
    }
}

/// What is wrong with what an alert is opened with.
fn wrong(event: &Map<String, Value>) -> Option<String> {
    let Some(payload) = event.get("payload").and_then(Value::as_object) else {
        return Some("'payload' is missing".to_owned());
    };
    if let Some(field) =
        ["summary", "source", "severity"].into_iter().find(|field| filled(payload, field).is_none())
    {
        return Some(format!("'payload.{field}' is missing or blank"));
    }
    if filled(payload, "summary").is_some_and(|summary| summary.chars().count() > SUMMARY_CHARS_MAX) {
        return Some("'payload.summary' has more than 1024 characters".to_owned());
    }
    if filled(payload, "severity").is_none_or(|severity| !SEVERITIES.contains(&severity)) {
        return Some(format!("'payload.severity' is none of {}", SEVERITIES.join(", ")));
    }
    let details = payload.get("custom_details");
    details
        .is_some_and(|details| !details.is_object())
        .then(|| "'payload.custom_details' is no object".to_owned())
}

/// Opens an alert, or adds to the one that is open.
fn trigger(
    shared: &Shared,
    routing_key: &str,
    dedup_key: Option<String>,
    event: Map<String, Value>,
) -> Response {
    let mut book = shared.alerts.book();
    // One that comes without a key always opens an alert, under a key of its own.
    let key = dedup_key.unwrap_or_else(|| format!("{:032x}", book.len() + 1));
    let alerts = book.entry(key.clone()).or_default();
    let known = current(alerts, routing_key).map(|(at, _)| at);
    let effect = match known.unwrap_or(alerts.len()) {
        0 => key.clone(),
        n => format!("{key} ({})", n + 1),
    };
    if !shared.ledger.upsert("pagerduty.alert", &effect, &Value::Object(event)) {
        return full();
    }
    if known.is_none() {
        alerts.push(Alert { routing_key: routing_key.to_owned(), open: true });
    }
    accepted(&key)
}

/// The open alert of a routing key, with its position.
fn current<'a>(alerts: &'a mut [Alert], routing_key: &str) -> Option<(usize, &'a mut Alert)> {
    alerts.iter_mut().enumerate().find(|(_, alert)| alert.open && alert.routing_key == routing_key)
}

fn accepted(dedup_key: &str) -> Response {
    let said = json!({ "status": "success", "message": "Event processed", "dedup_key": dedup_key });
    answer(StatusCode::ACCEPTED, said)
}

fn refuse(status: StatusCode, problem: &str) -> Response {
    let said =
        json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [problem] });
    answer(status, said)
}
