//! A customer database: contacts by address, and things noted about them.
//!
//! No vendor's own, but with the manners of one: `Authorization: Bearer`, upsert by natural key (as HubSpot's
//! `batch/upsert` by email, whose answer says `new`), `Idempotency-Key` for everything else.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use serde_json::{Value, json};

use super::{
    Shared,
    ledger::Outcome,
    wire::{answer, filled, full, key, knows, object},
};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/contacts", post(contact))
        .route("/tasks", post(async |shared, headers, body| note("crm.task", shared, &headers, &body)))
        .route("/notes", post(async |shared, headers, body| note("crm.note", shared, &headers, &body)))
        .route("/drafts", post(async |shared, headers, body| note("crm.draft", shared, &headers, &body)))
        .route("/payments", post(async |shared, headers, body| note("crm.payment", shared, &headers, &body)))
}

async fn contact(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if !knows(&headers, &shared.token) {
        return unauthorized();
    }
    let Some(contact) = object(&body) else { return no_object() };
    let Some(email) = filled(&contact, "email").filter(|email| email.contains('@')).map(str::to_lowercase)
    else {
        return error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "`email` is missing or no address");
    };
    // What is done once per key is the request; the contact itself is one for each address.
    if !shared.ledger.upsert("crm.contact", key(&headers).unwrap_or(&email), &Value::Object(contact)) {
        return full();
    }
    let (number, new) = shared.ledger.number("crm.contact", &email);
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    answer(status, json!({ "id": format!("contact_{number}"), "email": email, "new": new }))
}

fn note(
    kind: &'static str,
    State(shared): State<Arc<Shared>>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    if !knows(headers, &shared.token) {
        return unauthorized();
    }
    let Some(note) = object(body).filter(|note| !note.is_empty()) else { return no_object() };
    let made = |number| json!({ "id": format!("{}_{number}", kind.trim_start_matches("crm.")) });
    match shared.ledger.once(kind, key(headers), &Value::Object(note), made) {
        Outcome::Done(made) | Outcome::Again(made) => answer(StatusCode::CREATED, made),
        Outcome::OtherBody => {
            let problem = "the Idempotency-Key was used with another body";
            error(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED", problem)
        }
        Outcome::Full => full(),
    }
}

fn unauthorized() -> Response {
    error(StatusCode::UNAUTHORIZED, "INVALID_AUTHENTICATION", "a valid bearer token is needed")
}

fn no_object() -> Response {
    error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "the body is no JSON object with fields")
}

/// As HubSpot shapes errors (developers.hubspot.com, "Error handling").
fn error(status: StatusCode, category: &str, problem: &str) -> Response {
    answer(status, json!({ "status": "error", "category": category, "message": problem }))
}
