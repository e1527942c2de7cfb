//! A helpdesk in the manner of Zendesk: `POST /tickets`, idempotent by key, four priorities.
//!
//! The ticket stands under `ticket`, as Zendesk has it. `Idempotency-Key` is at most 255 characters; the answer says
//! `x-idempotency-lookup: hit` or `miss`, and another body under a known key gets 400 `IdempotentRequestError`
//! (developer.zendesk.com, "Best practices"; the Java client's `IdempotencyUtil`).

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
    routing::post,
};
use serde_json::{Value, json};

use super::{
    Shared,
    ledger::Outcome,
    wire::{answer, filled, full, key, knows, object},
};

const PRIORITIES: [&str; 4] = ["urgent", "high", "normal", "low"];
const KEY_CHARS_MAX: usize = 255;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/tickets", post(ticket))
}

async fn ticket(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if !knows(&headers, &shared.token) {
        return answer(StatusCode::UNAUTHORIZED, json!({ "error": "Couldn't authenticate you" }));
    }
    let key = key(&headers);
    if key.is_some_and(|key| key.len() > KEY_CHARS_MAX) {
        return refuse(StatusCode::BAD_REQUEST, "IdempotentRequestError", "the Idempotency-Key is too long");
    }
    let Some(Value::Object(ticket)) = object(&body).and_then(|mut body| body.remove("ticket")) else {
        return refuse(StatusCode::BAD_REQUEST, "InvalidAttribute", "`ticket` must be an object");
    };
    let said = ticket.get("comment").and_then(Value::as_object).and_then(|comment| filled(comment, "body"));
    if said.or_else(|| filled(&ticket, "description")).is_none() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "RecordInvalid", "Description: cannot be blank");
    }
    match ticket.get("priority") {
        None | Some(Value::Null) => {}
        Some(Value::String(priority)) if PRIORITIES.contains(&priority.as_str()) => {}
        Some(other) => {
            let problem = format!("Priority: {other} is not one of {}", PRIORITIES.join(", "));
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, "RecordInvalid", &problem);
        }
    }
    let (subject, priority) = (ticket.get("subject").cloned(), ticket.get("priority").cloned());
    let made =
        |id| json!({ "ticket": { "id": id, "status": "new", "subject": subject, "priority": priority } });
    match shared.ledger.once("helpdesk.ticket", key, &Value::Object(ticket), made) {
        Outcome::Done(made) => looked_up(made, key.map(|_| "miss")),
        Outcome::Again(made) => looked_up(made, Some("hit")),
        Outcome::OtherBody => {
            let problem = "the Idempotency-Key was used with other parameters";
            refuse(StatusCode::BAD_REQUEST, "IdempotentRequestError", problem)
        }
        Outcome::Full => full(),
    }
}

fn looked_up(ticket: Value, lookup: Option<&'static str>) -> Response {
    let mut response = answer(StatusCode::CREATED, ticket);
    if let Some(lookup) = lookup {
        response.headers_mut().insert("x-idempotency-lookup", HeaderValue::from_static(lookup));
    }
    response
}

fn refuse(status: StatusCode, error: &str, problem: &str) -> Response {
    answer(status, json!({ "error": error, "description": problem }))
}
