//! A mail service in the manner of Resend: `POST /emails {from, to, subject, text}`.
//!
//! `Idempotency-Key` is at most 256 characters and kept for 24 h; another body under a known key gets 409
//! `invalid_idempotent_request` (resend.com/docs, "Idempotency keys", "Errors").

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

const KEY_CHARS_MAX: usize = 256;
const RECIPIENTS_MAX: usize = 50;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/emails", post(email))
}

async fn email(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if !knows(&headers, &shared.token) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "missing_api_key",
            "Missing API key in the authorization header",
        );
    }
    let key = key(&headers);
    if key.is_some_and(|key| !(1..=KEY_CHARS_MAX).contains(&key.len())) {
        let problem = "The idempotency key must have 1 to 256 characters";
        return refuse(StatusCode::BAD_REQUEST, "invalid_idempotency_key", problem);
    }
    let Some(mail) = object(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "validation_error", "The body is no JSON object");
    };
    for field in ["from", "subject", "text"] {
        if filled(&mail, field).is_none() {
            let problem = format!("Missing `{field}` field");
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, "missing_required_field", &problem);
        }
    }
    let recipients = match mail.get("to") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(some)) => some.iter().map(|one| one.as_str().unwrap_or_default()).collect(),
        Some(_) | None => Vec::new(),
    };
    if !(1..=RECIPIENTS_MAX).contains(&recipients.len()) {
        let problem = "Missing `to` field, or more than 50 recipients";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "missing_required_field", problem);
    }
    let senders = mail.get("from").and_then(Value::as_str);
    if let Some(bad) = recipients.into_iter().chain(senders).find(|address| !is_address(address)) {
        let problem = format!("Invalid `from` or `to` field: `{bad}` is no `a@b.c` or `Name <a@b.c>`");
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "validation_error", &problem);
    }
    let made = |number| json!({ "id": format!("00000000-0000-4000-8000-{number:012}") });
    match shared.ledger.once("mail.email", key, &Value::Object(mail), made) {
        Outcome::Done(made) | Outcome::Again(made) => answer(StatusCode::OK, made),
        Outcome::OtherBody => {
            let problem = "This idempotency key was used with another payload";
            refuse(StatusCode::CONFLICT, "invalid_idempotent_request", problem)
        }
        Outcome::Full => full(),
    }
}

fn is_address(text: &str) -> bool {
    let bare = match text.trim().split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text.trim(),
    };
    bare.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !bare.contains([' ', '<', '>', ','])
    })
}

fn refuse(status: StatusCode, name: &str, problem: &str) -> Response {
    answer(status, json!({ "statusCode": status.as_u16(), "name": name, "message": problem }))
}
