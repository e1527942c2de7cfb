//! A changed configuration takes the place of the one that works, once all of it is in order.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    config::{At, CLASSIFIERS, Environment, Files, Problems, Severity, Stamp, codes, tables::SettingsFile},
    domain::Clock,
    engine::{self, CompileOptions, Engine, Live},
    eval,
    host::Tasks,
    telemetry::Metrics,
};

/// Where the configuration comes from.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that holds `config/`, `prompts/`, `schemas/` and `evals/`.
    pub dir: PathBuf,
    /// What its references look up.
    pub env: Arc<dyn Environment>,
    /// How the files stood before the engine was made of them.
    pub seen: Stamp,
}

/// Looks at a project from time to time, and when SIGHUP says so.
pub(super) struct Reload {
    pub project: Project,
    pub engine: Live,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    /// SIGHUP.
    pub told: Option<Signal>,
}

/// Which changes wait for the next start, by table; empty if none does.
fn waiting(works: &SettingsFile, wanted: &SettingsFile) -> Vec<String> {
    macro_rules! differ {
        ($table:literal, $old:expr, $new:expr, [$($key:ident),+]) => {{
            let keys = [$((stringify!($key), $old.$key != $new.$key)),+];
            told($table, keys.into_iter().filter_map(|(key, has)| has.then_some(key)).collect())
        }};
    }
    let of_redis = match (&works.store.redis, &wanted.store.redis) {
        (Some(old), Some(new)) => {
            differ!("[store.redis]", old, new, [urls, cluster, ca_file, prefix, shards, connections])
        }
        (old, new) => (old != new).then(|| "[store.redis]".to_owned()),
    };
    // What is not named here is looked up whenever it is needed.
    [
        differ!(
            "[server]",
            works.server,
            wanted.server,
            [listen, admin_listen, admin_token, in_flight_bytes_max, request_timeout_ms, trusted_proxies]
        ),
        differ!("[store]", works.store, wanted.store, [path, dedupe_ms]),
        of_redis,
        differ!("[worker]", works.worker, wanted.worker, [concurrency, lease_ms, lane_weights]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `a, b and c of [table]`.
fn told(table: &str, keys: Vec<&str>) -> Option<String> {
    let (last, others) = keys.split_last()?;
    let before = if others.is_empty() { String::new() } else { format!("{} and ", others.join(", ")) };
    Some(format!("{before}{last} of {table}"))
}

impl Reload {
    /// Looks until the group of tasks is told to stop.
    pub async fn run(mut self) {
        let (seen, mut told) = (self.project.seen, self.told.take());
        // As it works, or was refused; and as it stood at the last look.
        let (mut tried, mut last) = (seen, seen);
        while !self.tasks.is_stopping() {
            let every = Duration::from_millis(self.engine.now().settings.server.reload_ms);
            let asked = tokio::select! {
                () = hung_up(told.as_mut()) => true,
                () = self.rest(every) => false,
                () = self.tasks.stopping() => return,
            };
            let stands = self.stamp().await;
            // Between two looks nothing was written any more: whoever saves several files has saved them all.
            let is_quiet = stands == last;
            last = stands;
            // What is being written while it is read is looked at again.
            if (asked || (is_quiet && stands != tried)) && self.look().await {
                tried = stands;
            }
        }
    }

    async fn rest(&self, every: Duration) {
        if every.is_zero() {
            return std::future::pending().await;
        }
        self.clock.sleep_until(self.clock.now().plus(every)).await;
    }

    async fn stamp(&self) -> Stamp {
        let dir = self.project.dir.clone();
        let looked = tokio::task::spawn_blocking(move || Stamp::of(&dir));
        looked.await.unwrap_or_else(|_| Stamp::of(&self.project.dir))
    }

    /// `false` if the files changed while they were read: nothing was done.
    async fn look(&self) -> bool {
        let (project, works) = (self.project.clone(), self.engine.now());
        let running = Arc::clone(&works);
        let clock = Arc::clone(&self.clock);
        let made = match tokio::task::spawn_blocking(move || compile(&project, running, &*clock)).await {
            Ok(made) => made,
            Err(error) => {
                tracing::error!(%error, "the changed configuration could not be read");
                self.metrics.reload("refused");
                return true;
            }
        };
        match made {
            Ok(None) => return false,
            Ok(Some((engine, problems))) => {
                tell(&problems);
                for what in waiting(&works.settings, &engine.settings) {
                    tracing::warn!("what changed in {what} takes effect at the next start");
                }
                let digest = Arc::clone(&engine.digest);
                self.engine.replace(engine);
                tracing::info!(config = %digest, "the changed configuration is in effect");
                self.metrics.reload("applied");
            }
            Err(problems) => {
                tell(&problems);
                let stays = &works.digest;
                tracing::error!(config = %stays, "the changed configuration is refused; the one before stays in effect");
                self.metrics.reload("refused");
            }
        }
        true
    }
}

fn tell(problems: &Problems) {
    for problem in problems {
        match problem.severity {
            Severity::Error => tracing::error!("{problem}"),
            Severity::Warning => tracing::warn!("{problem}"),
        }
    }
}

/// SIGHUP, from now on.
pub(super) fn hangups() -> Option<Signal> {
    let told = signal(SignalKind::hangup());
    if let Err(error) = &told {
        tracing::warn!(%error, "SIGHUP cannot be heard: a changed configuration is seen at the next look");
    }
    told.ok()
}

async fn hung_up(told: Option<&mut Signal>) {
    match told {
        Some(told) => drop(told.recv().await),
        None => std::future::pending().await,
    }
}

/// `engine`, unless an example does not do as expected, or its eval suites are to be asked and say no.
fn tried(
    engine: Engine,
    mut problems: Problems,
    files: &Files,
    clock: &dyn Clock,
) -> Result<Option<(Engine, Problems)>, Problems> {
    if let Some(offline) = engine::offline(files) {
        let (_, failed) = tokio::runtime::Handle::current().block_on(engine::run_examples(&offline, files));
        if failed.has_errors() {
            return Err(failed);
        }
    }
    if engine.settings.server.reload_eval {
        let missed = tokio::runtime::Handle::current().block_on(eval::ready(&engine, files, clock));
        if missed.has_errors() {
            return Err(missed);
        }
        problems.extend(missed);
    }
    Ok(Some((engine, problems)))
}

/// Reads and compiles everything and teaches the local judges: what is in effect is ready. `None` if the files changed
/// meanwhile.
fn compile(
    project: &Project,
    works: Arc<Engine>,
    clock: &dyn Clock,
) -> Result<Option<(Engine, Problems)>, Problems> {
    let before = Stamp::of(&project.dir);
    let files = Files::read(&project.dir);
    if Stamp::of(&project.dir) != before {
        return Ok(None);
    }
    let files = files?;
    let options = CompileOptions {
        base: Some(project.dir.clone()),
        // The store stays where it is.
        data_dir: Some(works.data_dir.clone()),
        reach: works.reach,
        going_on_from: Some(works),
    };
    match engine::compile(&files, project.env.as_ref(), options) {
        (Some(engine), problems) => {
            let untaught = engine.train();
            if untaught.is_empty() {
                return tried(engine, problems, &files, clock);
            }
            let problem = |why: String| {
                At::file(CLASSIFIERS).error(codes::BAD_CASE, why, "give the classifier cases to learn from")
            };
            Err(untaught.into_iter().map(problem).collect())
        }
        (None, problems) => Err(problems),
    }
}
