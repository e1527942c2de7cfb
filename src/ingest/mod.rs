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
    sync::{Arc, RwLock},
    time::Duration,
};

use axum::{Router, extract::DefaultBodyLimit, routing::post};
use ipnet::IpNet;
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    config,
    domain::Clock,
    engine::Engine,
    host::{self, Pressure, Tasks},
    store::Store,
    telemetry::Metrics,
};

use limits::Gates;
use throttle::Throttle;

/// What a delivery meets.
#[derive(Clone)]
pub struct Ingest {
    engine: Arc<RwLock<Arc<Engine>>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    gates: Arc<Gates>,
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
        engine: Arc<RwLock<Arc<Engine>>>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        pressure: Arc<Pressure>,
    ) -> Self {
        let current = read(&engine);
        let server = &current.settings.server;
        let in_flight = Arc::new(Semaphore::new(body::permits(server.in_flight_bytes_max)));
        let gates = Arc::new(Gates::new(&current, &metrics, &store, &clock));
        // What is no network was an error when the configuration was read.
        let proxies = server.trusted_proxies.iter().filter_map(|text| config::network(text)).collect();
        Ingest {
            engine,
            store,
            clock,
            metrics,
            gates,
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
        read(&self.engine)
    }
}

fn read(engine: &RwLock<Arc<Engine>>) -> Arc<Engine> {
    Arc::clone(&engine.read().unwrap_or_else(std::sync::PoisonError::into_inner))
}
