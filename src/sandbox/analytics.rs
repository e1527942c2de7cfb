//! A receiver of signed events: `POST /events` by Standard Webhooks, told apart by their `webhook-id`.

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
    wire::{answer, full, object, text},
};
use crate::domain::Delivery;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/events", post(event))
}

async fn event(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let now = shared.clock.now();
    let delivery = Delivery::new("analytics".into(), headers, body, now);
    let Ok(delivery) = shared.verifier.verify(delivery, now) else {
        return answer(StatusCode::UNAUTHORIZED, json!({ "error": "the signature does not match" }));
    };
    let Some(event) = object(delivery.body()) else {
        return answer(StatusCode::BAD_REQUEST, json!({ "error": "the body is no JSON object" }));
    };
    let id = text(delivery.headers(), "webhook-id");
    match shared.ledger.once("analytics.event", id, &Value::Object(event), |_| json!({ "accepted": true })) {
        Outcome::Done(accepted) | Outcome::Again(accepted) => answer(StatusCode::ACCEPTED, accepted),
        Outcome::OtherBody => {
            answer(StatusCode::CONFLICT, json!({ "error": "the webhook-id has another body" }))
        }
        Outcome::Full => full(),
    }
}
