//! Dead letters, jobs that wait for a person, and the switches.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    domain::{JobId, Verdict, Work},
    store::{JobQuery, Pause, Resolution, Resolved},
};

use super::{
    Console,
    read::{Problem, bad},
};

/// Which jobs, as a query string or body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jobs {
    state: Option<String>,
    route: Option<String>,
    cause: Option<String>,
    /// Job ids, separated by commas.
    ids: Option<String>,
    #[serde(default)]
    limit: u32,
}

impl TryFrom<Jobs> for JobQuery {
    type Error = Problem;

    fn try_from(jobs: Jobs) -> Result<Self, Problem> {
        let ids = jobs.ids.as_deref().unwrap_or_default().split(',').filter(|id| !id.is_empty());
        Ok(JobQuery {
            state: jobs.state.map(|word| word.parse()).transpose().map_err(bad)?,
            cause: jobs.cause.map(|word| word.parse()).transpose().map_err(bad)?,
            route: jobs.route,
            ids: ids.map(str::parse).collect::<Result<_, _>>().map_err(bad)?,
            limit: jobs.limit,
            ..JobQuery::default()
        })
    }
}

pub(super) async fn list(
    State(console): State<Console>,
    Query(query): Query<Jobs>,
) -> Result<Response, Problem> {
    Ok(Json(console.store.jobs(query.try_into()?).await?).into_response())
}

pub(super) async fn redrive(
    State(console): State<Console>,
    Json(query): Json<Jobs>,
) -> Result<Response, Problem> {
    let redriven = console.store.redrive(query.try_into()?).await?;
    Ok(Json(json!({ "redriven": redriven })).into_response())
}

/// What a person says with a decision.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Decision {
    /// For a route job: the label it is to have.
    label: Option<String>,
    /// Further fields of the output.
    output: serde_json::Map<String, Value>,
    note: Option<String>,
}

pub(super) async fn approve(
    State(console): State<Console>,
    Path(job): Path<String>,
    Json(decision): Json<Decision>,
) -> Result<Response, Problem> {
    let id: JobId = job.parse().map_err(bad)?;
    let verdict = match &decision.label {
        Some(label) => Some(Box::new(verdict(&console, id, label, &decision).await?)),
        None => None,
    };
    resolve(&console, id, Resolved::Approve { verdict }, decision.note, "approved").await
}

pub(super) async fn done(
    State(console): State<Console>,
    Path(job): Path<String>,
    Json(decision): Json<Decision>,
) -> Result<Response, Problem> {
    resolve(&console, job.parse().map_err(bad)?, Resolved::Done, decision.note, "marked as done").await
}

pub(super) async fn discard(
    State(console): State<Console>,
    Path(job): Path<String>,
    Json(decision): Json<Decision>,
) -> Result<Response, Problem> {
    let id: JobId = job.parse().map_err(bad)?;
    let dead = JobQuery { ids: vec![id], ..JobQuery::default() };
    let note = decision.note.clone().unwrap_or_else(|| "discarded".to_owned());
    if console.store.discard(dead, &note).await? == 1 {
        return Ok(Json(json!({ "job": id, "state": "discarded" })).into_response());
    }
    resolve(&console, id, Resolved::Discard, decision.note, "discarded").await
}

async fn resolve(
    console: &Console,
    id: JobId,
    resolved: Resolved,
    note: Option<String>,
    otherwise: &str,
) -> Result<Response, Problem> {
    let note = note.unwrap_or_else(|| format!("{otherwise} by a person"));
    console.store.resolve(id, Resolution { resolved, note: note.clone() }).await?;
    Ok(Json(json!({ "job": id, "note": note })).into_response())
}

/// The verdict of a person about a waiting route job, valid by its classifier's schema.
async fn verdict(console: &Console, id: JobId, label: &str, decision: &Decision) -> Result<Verdict, Problem> {
    let jobs = console.store.jobs(JobQuery { ids: vec![id], ..JobQuery::default() }).await?;
    let job = jobs
        .into_iter()
        .next()
        .ok_or_else(|| Problem(StatusCode::NOT_FOUND, format!("there is no job {id}")))?;
    let Work::Route { route, .. } = &job.work else {
        return Err(bad(format!("{id} is an action: it has no label to decide")));
    };
    console.engine().verdict_of_person(route, label, &decision.output).map_err(bad)
}

/// What to pause.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scope {
    /// A route; everything if left out.
    route: Option<String>,
}

impl Scope {
    /// A misspelt route must not look like success.
    fn pause(self, console: &Console) -> Result<Pause, Problem> {
        match self.route {
            None => Ok(Pause::Everything),
            Some(route) if console.engine().has_route(&route) => Ok(Pause::Route(route.into())),
            Some(route) => Err(Problem(StatusCode::NOT_FOUND, format!("no route is called `{route}`"))),
        }
    }
}

pub(super) async fn pause(
    State(console): State<Console>,
    Json(scope): Json<Scope>,
) -> Result<Response, Problem> {
    console.store.pause(scope.pause(&console)?).await?;
    Ok(Json(json!({ "paused": true })).into_response())
}

pub(super) async fn resume(
    State(console): State<Console>,
    Json(scope): Json<Scope>,
) -> Result<Response, Problem> {
    console.store.resume(scope.pause(&console)?).await?;
    Ok(Json(json!({ "paused": false })).into_response())
}
