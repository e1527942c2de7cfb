//! How much is where, and how it goes.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Console, breakers, problem::Problem};

pub(super) async fn depths(State(console): State<Console>) -> Result<Response, Problem> {
    Ok(Json(console.store.depths().await?).into_response())
}

/// Everything an operator looks at first.
pub(super) async fn stats(State(console): State<Console>) -> Result<Response, Problem> {
    let store = &console.store;
    let load = store.load();
    let (depths, pauses) = (store.depths().await?, store.pauses().await?);
    let groups = store.dead_groups().await?;
    let dead = json!({ "jobs": groups.iter().map(|group| group.jobs).sum::<u64>(), "groups": groups.len() });
    Ok(Json(json!({
        "now": console.clock.now(),
        "depths": depths,
        "pauses": pauses,
        "load": { "open_jobs": load.open_jobs, "payload_bytes": load.payload_bytes },
        "dead": dead,
        "breakers": breakers::shown(&console),
        "rests": breakers::rests(&console),
        "sources": sources(&console).await?,
    }))
    .into_response())
}

/// When each source was last heard of; `null` for one that is on and was never heard of.
async fn sources(console: &Console) -> Result<Vec<Value>, Problem> {
    let heard = console.store.last_heard().await?;
    let engine = console.engine();
    let silent = engine.sources().filter(|source| !heard.iter().any(|(name, _)| *name == source.name));
    let silent = silent.map(|source| json!({ "source": source.name, "last_heard": null }));
    let known = heard.iter().map(|(name, at)| json!({ "source": name, "last_heard": at }));
    Ok(known.chain(silent).collect())
}
