//! Reading requests and writing answers the way most vendors do.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// The idempotency key that came with a request.
pub(super) fn key(headers: &HeaderMap) -> Option<&str> {
    text(headers, "idempotency-key")
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the request came with `token` as its bearer token.
pub(super) fn knows(headers: &HeaderMap, token: &SecretString) -> bool {
    text(headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "))
        == Some(token.expose_secret())
}

/// The body, if it is one JSON object.
pub(super) fn object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

/// A field's text, if it has any.
pub(super) fn filled<'b>(body: &'b Map<String, Value>, field: &str) -> Option<&'b str> {
    body.get(field)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

pub(super) fn answer(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}

/// The ledger is full.
pub(super) fn full() -> Response {
    (StatusCode::INSUFFICIENT_STORAGE, "the sandbox remembers no more effects: start a new one")
        .into_response()
}
