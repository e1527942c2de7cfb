//! The admin listener: health, metrics, and what an operator may see and do. Loopback unless a token guards it.

mod access;
mod breakers;
mod dead;
mod decisions;
mod erase;
mod events;
mod health;
mod jobs;
mod moment;
mod pause;
mod problem;
mod replay;
mod spend;
mod stats;

use std::{sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::{
    domain::Clock,
    engine::{Engine, Live},
    host::{self, Pressure, Tasks},
    store::Store,
    telemetry::Metrics,
};

/// How long a client of the admin listener may take for a request's head, and stay idle.
const REQUEST_HEAD_WITHIN: Duration = Duration::from_secs(60);

/// What the admin listener shows and steers.
#[derive(Clone)]
pub struct Console {
    pub engine: Live,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub pressure: Arc<Pressure>,
    /// Demanded as a bearer token for everything but `/livez` and `/readyz`.
    pub token: Option<SecretString>,
    pub tasks: Tasks,
}

impl Console {
    pub fn router(self) -> Router {
        let guarded = Router::new()
            .route("/metrics", get(health::metrics))
            .route("/api/v1/events", get(events::list))
            .route("/api/v1/events/{event}", get(events::show))
            .route("/api/v1/breakers", get(breakers::list))
            .route("/api/v1/jobs", get(jobs::list))
            .route("/api/v1/jobs/count", get(jobs::count))
            .route("/api/v1/jobs/{job}", get(jobs::show))
            .route("/api/v1/jobs/{job}/approve", post(decisions::approve))
            .route("/api/v1/jobs/{job}/done", post(decisions::done))
            .route("/api/v1/jobs/{job}/discard", post(decisions::discard))
            .route("/api/v1/dead/groups", get(dead::groups))
            .route("/api/v1/dead/redrive", post(dead::redrive))
            .route("/api/v1/dead/discard", post(dead::discard))
            .route("/api/v1/replay", post(replay::replay))
            .route("/api/v1/pause", post(pause::pause))
            .route("/api/v1/resume", post(pause::resume))
            .route("/api/v1/pauses", get(pause::list))
            .route("/api/v1/depths", get(stats::depths))
            .route("/api/v1/spend", get(spend::spend))
            .route("/api/v1/stats", get(stats::stats))
            .route("/api/v1/erase", post(erase::erase))
            .route_layer(middleware::from_fn_with_state(self.clone(), access::guard));
        Router::new()
            .route("/livez", get(health::livez))
            .route("/readyz", get(health::readyz))
            .merge(guarded)
            .with_state(self)
    }

    fn engine(&self) -> Arc<Engine> {
        self.engine.now()
    }

    /// Serves until the group of tasks is told to stop.
    pub async fn serve(self, listener: TcpListener) {
        let tasks = self.tasks.clone();
        host::http::serve(listener, self.router(), tasks, REQUEST_HEAD_WITHIN).await;
    }
}
