//! One of Slack's incoming webhooks: a secret URL that takes `{"text"}` and answers `ok`, or 4xx and a word.
//!
//! It knows no idempotency key: every request posts (docs.slack.dev, "Sending messages using incoming webhooks").

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use super::{
    Shared,
    ledger::Outcome,
    wire::{filled, full, object},
};

const TEXT_CHARS_MAX: usize = 40_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/services/{team}/{channel}/{secret}", post(text))
}

async fn text(
    State(shared): State<Arc<Shared>>,
    Path(webhook): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    if webhook != ("T".to_owned(), "B".to_owned(), "x".to_owned()) {
        return (StatusCode::NOT_FOUND, "no_service").into_response();
    }
    let Some(payload) = object(&body) else {
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    };
    match filled(&payload, "text") {
        None => return (StatusCode::BAD_REQUEST, "no_text").into_response(),
        Some(text) if text.chars().count() > TEXT_CHARS_MAX => {
            return (StatusCode::BAD_REQUEST, "msg_too_long").into_response();
        }
        Some(_) => {}
    }
    match shared.ledger.once("slack.text", None, &Value::Object(payload), |_| json!("ok")) {
        Outcome::Done(_) | Outcome::Again(_) => "ok".into_response(),
        Outcome::OtherBody | Outcome::Full => full(),
    }
}
