//! HTTP in: bounded body → verify → filter → accept → answer. The public listener serves nothing else.

mod answer;
mod body;
mod limits;
mod receive;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use axum::{Router, extract::DefaultBodyLimit, routing::post};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    domain::Clock,
    engine::Engine,
    host::{self, Tasks},
    store::Store,
    telemetry::Metrics,
};

use limits::Limiters;

/// What a delivery meets.
#[derive(Clone)]
pub struct Ingest {
    engine: Arc<RwLock<Arc<Engine>>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    limiters: Arc<Limiters>,
    /// Bytes of bodies that may be in flight, as permits of [`body::PERMIT_BYTES`].
    in_flight: Arc<Semaphore>,
}

impl Ingest {
    pub fn new(
        engine: Arc<RwLock<Arc<Engine>>>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let current = read(&engine);
        let in_flight = Arc::new(Semaphore::new(body::permits(current.settings.server.in_flight_bytes_max)));
        let limiters = Arc::new(Limiters::new(&current, &metrics));
        Ingest { engine, store, clock, metrics, limiters, in_flight }
    }

    pub fn router(self) -> Router {
        Router::new()
            .route("/webhooks/{source}", post(receive::receive))
            .fallback(answer::not_found)
            // Ours is stricter, and counts.
            .layer(DefaultBodyLimit::disable())
            .with_state(self)
    }

    /// Serves until the group of tasks is told to stop; requests under way are answered.
    pub async fn serve(self, listener: TcpListener, tasks: Tasks) {
        let within = Duration::from_millis(self.engine().settings.server.request_timeout_ms);
        host::http::serve(listener, self.router(), tasks, within).await;
    }

    fn engine(&self) -> Arc<Engine> {
        read(&self.engine)
    }
}

fn read(engine: &RwLock<Arc<Engine>>) -> Arc<Engine> {
    Arc::clone(&engine.read().unwrap_or_else(std::sync::PoisonError::into_inner))
}
