//! What came in, and what became of it.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{decide::pattern::TypePattern, domain::EventId, store::EventQuery};

use super::{
    Console,
    moment::{Moment, in_order},
    problem::{Problem, bad, not_found},
};

/// Which events, as a query string.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Events {
    source: Option<String>,
    /// As in a route: exactly, or by a prefix where it ends in `*`.
    #[serde(rename = "type")]
    event_type: Option<String>,
    since: Option<Moment>,
    until: Option<Moment>,
    before: Option<String>,
    #[serde(default)]
    limit: u32,
}

pub(super) async fn list(
    State(console): State<Console>,
    Query(events): Query<Events>,
) -> Result<Response, Problem> {
    in_order(events.since, events.until)?;
    let event_type = events.event_type.as_deref().map(TypePattern::new);
    if let Some(TypePattern::Exact(text) | TypePattern::Prefix(text)) = &event_type
        && text.contains('*')
    {
        return Err(bad("`*` stands at the end of a type, for anything: write `invoice.*`, or leave it out"));
    }
    let query = EventQuery {
        source: events.source,
        event_type,
        since: events.since.map(|moment| moment.0),
        until: events.until.map(|moment| moment.0),
        before: events.before.map(|id| id.parse()).transpose().map_err(bad)?,
        limit: events.limit,
    };
    Ok(Json(console.store.events(query).await?).into_response())
}

/// The whole timeline, with the body as text where it is text.
pub(super) async fn show(
    State(console): State<Console>,
    Path(event): Path<String>,
) -> Result<Response, Problem> {
    let id: EventId = event.parse().map_err(bad)?;
    let timeline = console.store.timeline(id).await?.ok_or_else(|| not_found(format!("event {id}")))?;
    let body = console.store.body(&timeline.event).await?;
    let body = body.map(|body| String::from_utf8_lossy(&body).into_owned());
    Ok(Json(json!({ "timeline": timeline, "body": body })).into_response())
}
