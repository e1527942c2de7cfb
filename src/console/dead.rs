//! Dead letters: in groups, and swept away or back to work in bounded steps.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    domain::JobState,
    store::{JobQuery, StoreError},
};

use super::{
    Console,
    jobs::Jobs,
    moment::{Moment, in_order},
    problem::{Problem, bad},
};

/// Note of a discarded dead letter, unless its operator left one.
const DISCARDED: &str = "discarded by an operator";

pub(super) async fn groups(State(console): State<Console>) -> Result<Response, Problem> {
    Ok(Json(console.store.dead_groups().await?).into_response())
}

/// One step of a sweep: which dead letters, and how.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sweep {
    ids: Option<String>,
    route: Option<String>,
    destination: Option<String>,
    cause: Option<String>,
    since: Option<Moment>,
    /// Dead before then. What the step before answered as `until`, for each step after the first.
    until: Option<Moment>,
    /// Dead letters that this step moves; 0 stands for as many as one step may.
    limit: u32,
    /// Only count.
    dry_run: bool,
    /// For the record of what is discarded.
    note: Option<String>,
}

enum Direction<'n> {
    Redrive,
    Discard { note: &'n str },
}

pub(super) async fn redrive(
    State(console): State<Console>,
    Json(sweep): Json<Sweep>,
) -> Result<Response, Problem> {
    if sweep.note.is_some() {
        return Err(bad("a redrive takes no `note`: leave it out"));
    }
    step(&console, sweep, Direction::Redrive).await
}

pub(super) async fn discard(
    State(console): State<Console>,
    Json(mut sweep): Json<Sweep>,
) -> Result<Response, Problem> {
    let note = sweep.note.take().unwrap_or_else(|| DISCARDED.to_owned());
    step(&console, sweep, Direction::Discard { note: &note }).await
}

/// Takes only what was dead when the sweep began: what dies again meanwhile is not taken twice.
async fn step(console: &Console, sweep: Sweep, direction: Direction<'_>) -> Result<Response, Problem> {
    in_order(sweep.since, sweep.until)?;
    // Dead in this very millisecond is dead already.
    let began = console.store.now().await?.plus(Duration::from_millis(1));
    let until = sweep.until.map_or(began, |moment| moment.0.min(began));
    let jobs = Jobs {
        state: None,
        route: sweep.route,
        destination: sweep.destination,
        cause: sweep.cause,
        ids: sweep.ids,
        since: sweep.since,
        until: Some(Moment(until)),
        after: None,
        limit: sweep.limit,
    };
    let query = JobQuery { state: Some(JobState::Dead), ..jobs.try_into()? };
    let moved = if sweep.dry_run { 0 } else { move_some(console, query.clone(), direction).await? };
    let left = console.store.count(query).await?;
    Ok(Json(json!({ "moved": moved, "left": left, "until": until })).into_response())
}

async fn move_some(console: &Console, query: JobQuery, direction: Direction<'_>) -> Result<u64, StoreError> {
    match direction {
        Direction::Redrive => console.store.redrive(query).await,
        Direction::Discard { note } => console.store.discard(query, note).await,
    }
}
