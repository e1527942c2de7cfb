//! Whether the service lives, whether it can take work, and what it counts.

use axum::{extract::State, response::IntoResponse};
use http::{StatusCode, header};

use crate::{
    decide::room,
    domain::Timestamp,
    store::{Depths, StoreError},
};

use super::{Console, breakers};

/// The content type of the OpenMetrics text format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The program runs.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// The store answers and has room for deliveries, and the service is not coming to an end.
pub(super) async fn readyz(State(console): State<Console>) -> (StatusCode, String) {
    if console.tasks.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    if let Some(reason) = full(&console) {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"));
    }
    match console.store.depths().await {
        Ok(_) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// Why every delivery is refused, if it is. That more comes for a moment than can be stored is no reason.
fn full(console: &Console) -> Option<&'static str> {
    let open_jobs_max = console.engine().settings.store.open_jobs_max;
    let jobs = (console.store.load().open_jobs >= open_jobs_max).then_some(room::JOBS_FULL);
    jobs.or_else(|| console.pressure.get().map(room::Full::reason))
}

pub(super) async fn metrics(State(console): State<Console>) -> impl IntoResponse {
    let counted = counted(&console).await;
    console.metrics.store_answers(counted.is_ok());
    match counted {
        Ok((depths, now)) => gauge(&console, &depths, now),
        Err(error) => tracing::error!(%error, "the depths could not be read"),
    }
    breakers::gauge(&console);
    ([(header::CONTENT_TYPE, OPENMETRICS)], console.metrics.render())
}

/// The depths, and the store's time: the ages of jobs are told by it.
async fn counted(console: &Console) -> Result<(Depths, Timestamp), StoreError> {
    Ok((console.store.depths().await?, console.store.now().await?))
}

fn gauge(console: &Console, depths: &Depths, now: Timestamp) {
    for lane in &depths.lanes {
        let age = lane.oldest_due.map_or(std::time::Duration::ZERO, |due| now.since(due));
        console.metrics.lane(lane.lane.as_str(), lane.ready, age);
    }
    let held = [
        ("leased", depths.leased),
        ("blocked", depths.blocked),
        ("waiting", depths.waiting),
        ("dead", depths.dead),
    ];
    held.into_iter().for_each(|(state, jobs)| console.metrics.held(state, jobs));
}
