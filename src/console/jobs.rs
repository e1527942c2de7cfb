//! Jobs: which there are, how many, and one with its past.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    domain::JobId,
    store::{JobQuery, ROWS_MAX},
};

use super::{
    Console,
    moment::{Moment, in_order},
    problem::{Problem, bad, not_found},
};

/// Which jobs, as a query string or part of a body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Jobs {
    pub state: Option<String>,
    pub route: Option<String>,
    pub destination: Option<String>,
    pub cause: Option<String>,
    /// Job ids, separated by commas.
    pub ids: Option<String>,
    pub since: Option<Moment>,
    pub until: Option<Moment>,
    pub after: Option<String>,
    pub limit: u32,
}

impl TryFrom<Jobs> for JobQuery {
    type Error = Problem;

    fn try_from(jobs: Jobs) -> Result<Self, Problem> {
        let ids = jobs.ids.as_deref().unwrap_or_default().split(',').filter(|id| !id.is_empty());
        let ids: Vec<JobId> = ids.map(str::parse).collect::<Result<_, _>>().map_err(bad)?;
        if ids.len() > ROWS_MAX as usize {
            return Err(bad(format!("{} ids at one time are too many: name at most {ROWS_MAX}", ids.len())));
        }
        Ok(JobQuery {
            state: jobs.state.map(|word| word.parse()).transpose().map_err(bad)?,
            ids,
            route: jobs.route,
            destination: jobs.destination,
            cause: jobs.cause.map(|word| word.parse()).transpose().map_err(bad)?,
            since: jobs.since.map(|moment| moment.0),
            until: jobs.until.map(|moment| moment.0),
            after: jobs.after.map(|id| id.parse()).transpose().map_err(bad)?,
            limit: jobs.limit,
        })
    }
}

pub(super) async fn list(
    State(console): State<Console>,
    Query(jobs): Query<Jobs>,
) -> Result<Response, Problem> {
    in_order(jobs.since, jobs.until)?;
    Ok(Json(console.store.jobs(jobs.try_into()?).await?).into_response())
}

pub(super) async fn count(
    State(console): State<Console>,
    Query(jobs): Query<Jobs>,
) -> Result<Response, Problem> {
    in_order(jobs.since, jobs.until)?;
    let jobs = console.store.count(jobs.try_into()?).await?;
    Ok(Json(json!({ "jobs": jobs })).into_response())
}

/// One job with its past, and its event without the body.
pub(super) async fn show(
    State(console): State<Console>,
    Path(job): Path<String>,
) -> Result<Response, Problem> {
    let id: JobId = job.parse().map_err(bad)?;
    let gone = || not_found(format!("job {id}"));
    let timeline = console.store.timeline(id.event).await?.ok_or_else(gone)?;
    let entry = timeline.jobs.into_iter().find(|entry| entry.job.id == id).ok_or_else(gone)?;
    Ok(Json(json!({ "event": timeline.event, "job": entry })).into_response())
}
