//! What a person says about a job that waits for one.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    decide::review::wants_label,
    domain::{JobId, Verdict, Work},
    store::{JobHistory, JobQuery, Resolution, Resolved},
};

use super::{
    Console,
    problem::{Problem, bad, not_found},
};

/// What a person says with a decision.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Decision {
    /// For a route job: the label it is to have. Not left out where no judge could tell.
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
        None => {
            can_do_without_label(&console, id).await?;
            None
        }
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

/// Of a waiting job or a dead letter.
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

/// Refuses a yes alone where it would change nothing. Whether the job is there, and waits, is for the store to say.
async fn can_do_without_label(console: &Console, id: JobId) -> Result<(), Problem> {
    let timeline = console.store.timeline(id.event).await?;
    let entry = timeline.iter().flat_map(|timeline| &timeline.jobs).find(|entry| entry.job.id == id);
    let Some(JobHistory { job, .. }) = entry.filter(|entry| wants_label(&entry.job, &entry.history)) else {
        return Ok(());
    };
    match console.engine().labels(job.work.route()) {
        Some(labels) => Err(bad(format!(
            "{id} waits because no judge could tell what it is: approve it with `--label` and one of {}, or replay its \
             event to have the judges asked anew",
            labels.join(", ")
        ))),
        None => Ok(()),
    }
}

/// The verdict of a person about a waiting route job, valid by its classifier's schema.
async fn verdict(console: &Console, id: JobId, label: &str, decision: &Decision) -> Result<Verdict, Problem> {
    let jobs = console.store.jobs(JobQuery { ids: vec![id], ..JobQuery::default() }).await?;
    let job = jobs.into_iter().next().ok_or_else(|| not_found(format!("job {id}")))?;
    let Work::Route { route, .. } = &job.work else {
        return Err(bad(format!("{id} is an action: it has no label to decide")));
    };
    console.engine().verdict_of_person(route, label, &decision.output).map_err(bad)
}
