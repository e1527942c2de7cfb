//! Running a stored event again, or telling what that would do.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{
    domain::{Body, EventId, Replay, ReplayMode},
    engine, host,
    store::{Replayed, Timeline},
};

use super::{
    Console,
    problem::{Problem, bad, not_found},
};

/// Characters a sweep's name has at most.
const SWEEP_CHARS_MAX: usize = 64;

/// A wish to replay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    event: String,
    mode: Mode,
    /// A fresh one is made if it is left out.
    sweep: Option<String>,
    /// Of a dry run: whether judges are to be asked anew, as far as the record answers for them.
    #[serde(default)]
    reclassify: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Reuse,
    Reclassify,
    /// Only tell the difference.
    DryRun,
}

pub(super) async fn replay(
    State(console): State<Console>,
    Json(wish): Json<Wish>,
) -> Result<Response, Problem> {
    let event: EventId = wish.event.parse().map_err(bad)?;
    if wish.reclassify && !matches!(wish.mode, Mode::DryRun) {
        return Err(bad("`reclassify` is for a dry run: otherwise say `\"mode\": \"reclassify\"`"));
    }
    match wish.mode {
        Mode::Reuse => run(&console, event, ReplayMode::Reuse, wish.sweep).await,
        Mode::Reclassify => run(&console, event, ReplayMode::Reclassify, wish.sweep).await,
        Mode::DryRun if wish.reclassify => preview(&console, event, ReplayMode::Reclassify).await,
        Mode::DryRun => preview(&console, event, ReplayMode::Reuse).await,
    }
}

async fn run(
    console: &Console,
    event: EventId,
    mode: ReplayMode,
    sweep: Option<String>,
) -> Result<Response, Problem> {
    let sweep = sweep.unwrap_or_else(host::unique_name);
    if sweep.is_empty() || sweep.chars().count() > SWEEP_CHARS_MAX {
        return Err(bad(format!("`sweep` is a name of 1 to {SWEEP_CHARS_MAX} characters")));
    }
    let timeline = with_body(console, event).await?;
    let answer = |status: &str, jobs: usize| {
        Json(json!({ "event": event, "sweep": sweep, "status": status, "jobs": jobs })).into_response()
    };
    if engine::was_replayed(&timeline, &sweep) {
        return Ok(answer("already", 0));
    }
    let wish = Replay { mode, sweep: sweep.as_str().into() };
    let jobs = console.engine().replay_jobs(&timeline.event, &wish).map_err(|why| refused(event, &why))?;
    let made = jobs.len();
    Ok(match console.store.replay(event, jobs).await? {
        Replayed::Queued => answer("queued", made),
        Replayed::Already => answer("already", 0),
    })
}

async fn preview(console: &Console, event: EventId, mode: ReplayMode) -> Result<Response, Problem> {
    let timeline = with_body(console, event).await?;
    let engine = console.engine();
    let preview = engine.preview(&timeline, mode, console.clock.as_ref()).await;
    Ok(Json(preview.map_err(|why| refused(event, &why))?).into_response())
}

fn refused(event: EventId, why: &str) -> Problem {
    Problem(StatusCode::CONFLICT, format!("{event} cannot be replayed: {why}"))
}

/// The record of an event, its body at hand.
async fn with_body(console: &Console, event: EventId) -> Result<Timeline, Problem> {
    let timeline = console.store.timeline(event).await?;
    let mut timeline = timeline.ok_or_else(|| not_found(format!("event {event}")))?;
    let body = console.store.body(&timeline.event).await?;
    timeline.event.body = Body::Here(body.ok_or_else(|| refused(event, "its body is gone"))?);
    Ok(timeline)
}
