//! The whole service in one process, or a part of it: listeners, workers, keeper and store, started together and drained
//! together.

mod migration;
mod opened;
mod reload;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    console::Console,
    domain::Clock,
    engine::{Engine, Live},
    host::{self, Tasks},
    ingest::Ingest,
    keeper::Keeper,
    remote,
    store::Store,
    telemetry::Metrics,
    worker::{LARGE_BODIES_MAX, Worker},
};

use reload::Reload;

/// How long requests and jobs under way may take to end once the service is told to stop. Longer than the shipped
/// judges may think, so that no answer under way is lost.
const DRAIN_MAX: Duration = Duration::from_secs(30);

pub use migration::{MigrateError, abandon, migrate};
pub use opened::{OpenError, Opened};
pub use reload::Project;

/// What a process does of the service's work. Several that share a Redis do it together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Takes in.
    Ingest,
    /// Works on jobs.
    Worker,
    /// Keeps house: alarms, retention.
    Keeper,
    #[default]
    All,
}

impl Role {
    fn does(self, part: Role) -> bool {
        self == Role::All || self == part
    }
}

/// What `Service::start` needs beside the engine.
pub struct ServiceOptions {
    /// Address of the public listener; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Address of the admin listener.
    pub admin_listen: SocketAddr,
    pub admin_token: Option<SecretString>,
    pub clock: Arc<dyn Clock>,
    pub role: Role,
    /// Where the engine comes from, to be looked at for changes; `None` for one that cannot change.
    pub project: Option<Project>,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
}

/// A running service.
pub struct Service {
    /// Where deliveries are taken in, if this process does.
    pub public: Option<SocketAddr>,
    pub admin: SocketAddr,
    pub store: Arc<dyn Store>,
    pub engine: Live,
    pub metrics: Arc<Metrics>,
    pub keeper: Keeper,
    opened: Opened,
    tasks: Tasks,
}

impl Service {
    /// Opens the store, opens the listeners, then starts what the role asks for and teaches the local judges.
    ///
    /// # Errors
    /// The store is in use or unreadable, or an address is taken.
    pub async fn start(engine: Engine, options: ServiceOptions) -> Result<Self, StartError> {
        remote::install_tls();
        // Before anything takes its time: until then the signal would end the process.
        let told = options.project.as_ref().and_then(|_| reload::hangups());
        let ServiceOptions { listen, admin_listen, admin_token, clock, role, project } = options;
        let metrics = Arc::new(Metrics::default());
        let counted = Arc::clone(&metrics);
        let on_commit = Arc::new(move |took, operations| counted.commit(took, operations));
        let opened = Opened::open(&engine, Arc::clone(&clock), on_commit).await?;
        let store = opened.store();
        let public = if role.does(Role::Ingest) { Some(bind(listen)?) } else { None };
        let (admin, admin_at) = bind(admin_listen)?;
        let engine = Live::new(engine);
        let tasks = Tasks::default();

        let keeper = Keeper {
            engine: engine.clone(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
            pressure: Arc::default(),
            started: clock.now(),
            hints: Arc::default(),
            freed: Arc::default(),
        };
        // Before the first delivery asks.
        keeper.measure().await;
        let public_at = public.as_ref().map(|(_, at)| *at);
        if let Some((listener, _)) = public {
            let ingest = Ingest::new(
                engine.clone(),
                Arc::clone(&store),
                Arc::clone(&clock),
                Arc::clone(&metrics),
                Arc::clone(&keeper.pressure),
            );
            tasks.spawn("public listener", ingest.serve(listener, tasks.clone()));
        }
        let console = Console {
            engine: engine.clone(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            pressure: Arc::clone(&keeper.pressure),
            token: admin_token,
            tasks: tasks.clone(),
        };
        tasks.spawn("admin listener", console.serve(admin));
        if let Some(project) = project {
            let reload = Reload {
                project,
                engine: engine.clone(),
                clock: Arc::clone(&clock),
                metrics: Arc::clone(&metrics),
                tasks: tasks.clone(),
                told,
            };
            tasks.spawn("reload", reload.run());
        }
        if role.does(Role::Worker) {
            let worker = Worker {
                engine: engine.clone(),
                store: Arc::clone(&store),
                clock,
                metrics: Arc::clone(&metrics),
                tasks: tasks.clone(),
                large_bodies: Arc::new(Semaphore::new(LARGE_BODIES_MAX)),
                rates: Arc::default(),
                freed: Arc::clone(&keeper.freed),
            };
            tasks.spawn("worker", worker.run());
        }
        tasks.spawn("keeper", keeper.clone().run(role.does(Role::Keeper)));
        let (of_store, ending) = (opened.clone(), tasks.clone());
        tasks.spawn("store", async move {
            tokio::select! {
                () = of_store.upkeep() => {}
                () = ending.stopping() => {}
            }
        });
        let learner = engine.now();
        tasks.spawn("training", async move {
            if let Err(error) = tokio::task::spawn_blocking(move || drop(learner.train())).await {
                tracing::error!(%error, "training the local judges failed");
            }
        });
        Ok(Service { public: public_at, admin: admin_at, store, engine, metrics, keeper, opened, tasks })
    }

    /// Stops taking in, finishes what is under way, and gives up the data directory.
    pub async fn stop(self) {
        self.tasks.stop();
        let is_drained = tokio::select! {
            is_drained = self.tasks.drained(DRAIN_MAX) => is_drained,
            // Until then: whoever is not heard is taken for gone, and what is under way with it.
            () = self.opened.upkeep() => false,
        };
        if !is_drained {
            tracing::warn!("some jobs did not end in time; they will be taken up again at the next start");
        }
        let Service { store, keeper, opened, .. } = self;
        drop((store, keeper));
        opened.close();
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = host::http::listen(address).map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}
