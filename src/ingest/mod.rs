//! HTTP in: bounded body → verify → filter → accept → answer. The public listener serves nothing else.

mod answer;
mod body;
mod client;
mod fullness;
mod limits;
mod receive;
mod refused;
mod throttle;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{Router, extract::DefaultBodyLimit, routing::post};
use ipnet::IpNet;
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    config,
    domain::Clock,
    engine::{Engine, Live},
    host::{self, Pressure, Tasks},
    store::Store,
    telemetry::Metrics,
};

use limits::Gates;
use throttle::Throttle;

/// What a delivery meets.
#[derive(Clone)]
pub struct Ingest {
    engine: Live,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Those of the engine that was asked for last.
    gates: Arc<RwLock<Arc<Gates>>>,
    /// Proxies whose word on a client's address counts.
    proxies: Arc<[IpNet]>,
    /// The log of deliveries to sources that are not there.
    strangers: Arc<Throttle>,
    /// Bytes of bodies that may be in flight, as permits of [`body::PERMIT_BYTES`].
    in_flight: Arc<Semaphore>,
    /// Whether there is room for more.
    pressure: Arc<Pressure>,
}

impl Ingest {
    pub fn new(
        engine: Live,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        pressure: Arc<Pressure>,
    ) -> Self {
        let current = engine.now();
        let server = &current.settings.server;
        let in_flight = Arc::new(Semaphore::new(body::permits(server.in_flight_bytes_max)));
        let gates = Gates::none(Arc::clone(&current)).of_engine(&current, &metrics, &store, &clock);
        // What is no network was an error when the configuration was read.
        let proxies = server.trusted_proxies.iter().filter_map(|text| config::network(text)).collect();
        Ingest {
            engine,
            store,
            clock,
            metrics,
            gates: Arc::new(RwLock::new(Arc::new(gates))),
            proxies,
            strangers: Arc::default(),
            in_flight,
            pressure,
        }
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
        self.engine.now()
    }

    /// What the sources of `engine` may let in.
    fn gates(&self, engine: &Arc<Engine>) -> Arc<Gates> {
        let gates = Arc::clone(&self.gates.read().unwrap_or_else(PoisonError::into_inner));
        if gates.are_of(engine) {
            return gates;
        }
        let mut held = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        if !held.are_of(engine) {
            *held = Arc::new(held.of_engine(engine, &self.metrics, &self.store, &self.clock));
        }
        Arc::clone(&held)
    }
}
