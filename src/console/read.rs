//! What is on record.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{
    domain::EventId,
    store::{EventQuery, StoreError},
};

use super::Console;

/// A refusal or failure as the caller sees it.
pub(super) struct Problem(pub StatusCode, pub String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::StaleLease(_) | StoreError::Conflict(_) => StatusCode::CONFLICT,
            StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem(status, error.to_string())
    }
}

/// Text in a path or query that is no id, state or cause.
pub(super) fn bad(error: impl std::fmt::Display) -> Problem {
    Problem(StatusCode::BAD_REQUEST, error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Events {
    source: Option<String>,
    before: Option<String>,
    #[serde(default)]
    limit: u32,
}

pub(super) async fn events(
    State(console): State<Console>,
    Query(query): Query<Events>,
) -> Result<Response, Problem> {
    let before = query.before.map(|id| id.parse()).transpose().map_err(bad)?;
    let query = EventQuery { source: query.source, before, limit: query.limit, ..EventQuery::default() };
    Ok(Json(console.store.events(query).await?).into_response())
}

/// The whole timeline, with the body as text where it is text.
pub(super) async fn event(
    State(console): State<Console>,
    Path(event): Path<String>,
) -> Result<Response, Problem> {
    let id: EventId = event.parse().map_err(bad)?;
    let timeline = console.store.timeline(id).await?;
    let timeline =
        timeline.ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("there is no event {id}")))?;
    let body = console.store.body(&timeline.event).await?;
    let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
    Ok(Json(json!({ "timeline": timeline, "body": body })).into_response())
}

pub(super) async fn depths(State(console): State<Console>) -> Result<Response, Problem> {
    Ok(Json(console.store.depths().await?).into_response())
}
