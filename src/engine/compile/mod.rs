//! From files to a ready [`Engine`], or every reason why not.

mod actions;
mod classifiers;
mod heard;
mod judges;
mod names;
mod retention;
mod routes;
mod sources;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    config::{
        self, Config, Environment, Files, Problems,
        tables::{BreakerTable, RetryTable},
    },
    decide::{breaker, retry::Schedule},
    domain::{Name, OWN_SOURCE},
};

use super::{Engine, LOGS, Origins, tried, trust::OWN_ORIGIN};

pub(super) use classifiers::Training;

/// What compiling needs beside the files.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// Folder that a relative `store.path` starts from; the current one if left out.
    pub base: Option<PathBuf>,
    /// Data directory, instead of the configured one.
    pub data_dir: Option<PathBuf>,
    pub reach: Reach,
    /// The engine that worked until now: connections, breakers and limits that are still as they were go on.
    pub going_on_from: Option<Arc<Engine>>,
}

/// Whether the engine may reach out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    #[default]
    Online,
    /// Destinations and judges are stand-ins on this machine: private addresses are allowed.
    Sandbox,
    /// Nothing is received and nothing is done, but paid judges may be asked.
    Judges,
    /// Nothing is received and no paid judge is asked: missing secrets are no errors, and keys are not looked at.
    Offline,
}

impl Reach {
    /// Whether deliveries are received and actions are performed.
    pub(in crate::engine) const fn serves(self) -> bool {
        matches!(self, Reach::Online | Reach::Sandbox)
    }
}

/// Digits of the digest that names a configuration in records.
const DIGEST_DIGITS: usize = 16;

/// What the parts of a configuration are compiled with.
struct Compiler<'a> {
    config: &'a Config,
    env: &'a dyn Environment,
    reach: Reach,
    earlier: Option<&'a Engine>,
    problems: Problems,
}

fn cases(config: &Config) -> BTreeMap<Name, String> {
    let folder = |(name, table): (&String, &config::tables::ClassifierTable)| {
        (name.as_str().into(), table.cases.clone().unwrap_or_else(|| name.clone()))
    };
    config.classifiers.iter().map(folder).collect()
}

/// Compiles everything. The engine is there unless one of the problems is an error.
pub fn compile(files: &Files, env: &dyn Environment, options: CompileOptions) -> (Option<Engine>, Problems) {
    let (config, problems) = config::load(files);
    let earlier = options.going_on_from.as_deref();
    let mut compiler = Compiler { config: &config, env, reach: options.reach, earlier, problems };
    let worker = &config.settings.worker;
    let schedule = adapted(&Schedule::default(), &worker.retry);
    let project_dir = options.base.unwrap_or_default();
    let configured = || project_dir.join(&config.settings.store.path);
    let data_dir = options.data_dir.unwrap_or_else(configured);

    let sources = compiler.sources();
    let (filter, otherwise) = compiler.filter();
    let destinations = compiler.destinations(&data_dir.join(LOGS));
    let actions = compiler.actions(&destinations, &schedule);
    let judges = compiler.judges();
    let (classifiers, training) = compiler.classifiers(&judges);
    let gates = compiler.gates();
    let routes = compiler.routes(&classifiers, &schedule);
    compiler.unreached(&routes, &filter, &otherwise);
    compiler.unheard();
    compiler.admin_token();

    let mut problems = compiler.problems;
    if problems.has_errors() {
        return (None, problems);
    }
    let digest: String = files.digest().chars().take(DIGEST_DIGITS).collect();
    let engine = Engine {
        digest: Arc::from(digest),
        settings: config.settings.clone(),
        reach: options.reach,
        data_dir,
        project_dir,
        sources,
        origins: origins(&config),
        retention: retention::rules(&config),
        filter,
        otherwise,
        routes,
        cases: cases(&config),
        classifiers,
        gates,
        judges,
        actions,
        destinations,
        schedule,
        training,
    };
    problems.extend(tried::prompts(&engine, &config));
    ((!problems.has_errors()).then_some(engine), problems)
}

fn origins(config: &Config) -> Origins {
    config
        .sources
        .iter()
        .filter_map(|(name, table)| Some((Name::from(name.as_str()), sources::origin(table)?)))
        .chain([(OWN_SOURCE.into(), OWN_ORIGIN.clone())])
        .collect()
}

/// One more than there are waits.
fn attempts(waits_ms: &[u64]) -> u32 {
    u32::try_from(waits_ms.len()).unwrap_or(u32::MAX).saturating_add(1)
}

/// `general`, with what `own` says otherwise.
fn adapted(general: &Schedule, own: &RetryTable) -> Schedule {
    let mut schedule = general.clone();
    if let Some(waits) = &own.schedule_ms {
        schedule.waits = waits.iter().copied().map(Duration::from_millis).collect();
        schedule.attempts_max = attempts(waits);
    }
    schedule.attempts_max = own.attempts_max.unwrap_or(schedule.attempts_max);
    schedule.jitter = own.jitter.unwrap_or(schedule.jitter);
    schedule.age_max = own.age_max_ms.map_or(schedule.age_max, Duration::from_millis);
    schedule
}

fn breaker(table: &BreakerTable) -> breaker::Settings {
    breaker::Settings {
        failures: table.failures,
        open: Duration::from_millis(table.open_ms),
        window: Duration::from_millis(table.window_ms),
        rate: table.rate,
        calls_min: table.calls_min,
    }
}
