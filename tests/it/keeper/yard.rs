//! A store with its keeper and nothing else, looked after step by step.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use hookyard::{
    config::{Files, FixedEnvironment, SETTINGS, SOURCES},
    decide::pattern::TypePattern,
    domain::{Attempt, AttemptOutcome, Clock, Event, EventId, JobState, Lane, Next, Timestamp, Work},
    engine::{self, CompileOptions, Engine, Live, Reach},
    host::{self, Tasks},
    keeper::Keeper,
    source,
    store::{
        Accepted, Admission, ClaimRequest, Claimed, DedupeKey, EventQuery, Limits, NewJob, OnMatch,
        Settlement, Start, Store,
        sqlite::{FILE, SqliteOptions, SqliteStore},
    },
    telemetry::Metrics,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::{clock::HandClock, house::FORMS_SECRET};

pub const DAY: Duration = Duration::from_hours(24);

/// What keeps the yard.
pub struct Yard {
    pub store: Arc<SqliteStore>,
    pub keeper: Keeper,
    pub clock: Arc<HandClock>,
    dir: TempDir,
}

/// The embedded configuration with more settings, and more in `[source.forms]`.
pub fn engine(dir: &TempDir, settings: &[(&str, &str)], forms: &str) -> Engine {
    let mut files = Files::embedded();
    for (old, new) in settings {
        let text = files.get(SETTINGS).unwrap_or_default();
        assert!(text.contains(old), "no `{old}`");
        files = files.clone().with(SETTINGS, text.replacen(old, new, 1));
    }
    let table = "[source.forms]\n";
    let sources = files.get(SOURCES).unwrap_or_default().replace(table, &format!("{table}{forms}\n"));
    files = files.with(SOURCES, sources);
    let env =
        FixedEnvironment(BTreeMap::from([("FORMS_WEBHOOK_SECRET".to_owned(), FORMS_SECRET.to_owned())]));
    let options = CompileOptions {
        data_dir: Some(dir.path().to_owned()),
        reach: Reach::Sandbox,
        ..CompileOptions::default()
    };
    let (engine, problems) = engine::compile(&files, &env, options);
    engine.unwrap_or_else(|| panic!("the configuration has errors: {problems}"))
}

fn open(dir: &TempDir, engine: Engine, clock: &Arc<HandClock>) -> (Arc<SqliteStore>, Keeper) {
    let ticking: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let dedupe = Duration::from_millis(engine.settings.store.dedupe_ms);
    let options = SqliteOptions { dir: dir.path().to_owned(), dedupe, on_commit: Arc::new(|_, _| {}) };
    let store = Arc::new(SqliteStore::open(options, Arc::clone(&ticking)).unwrap());
    let keeper = Keeper {
        engine: Live::new(engine),
        store: Arc::clone(&store) as Arc<dyn Store>,
        started: clock.now(),
        clock: ticking,
        metrics: Arc::new(Metrics::default()),
        tasks: Tasks::default(),
        pressure: Arc::default(),
        hints: Arc::default(),
        freed: Arc::default(),
    };
    (store, keeper)
}

impl Yard {
    pub fn new() -> Self {
        Self::with(&[], "")
    }

    pub fn with(settings: &[(&str, &str)], forms: &str) -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(HandClock::default()));
        let (store, keeper) = open(&dir, engine(&dir, settings, forms), &clock);
        Yard { store, keeper, clock, dir }
    }

    /// Closes the store and opens it again, with the same configuration.
    pub fn restart(self) -> Self {
        let Yard { store, keeper, clock, dir } = self;
        let engine = keeper.engine.now();
        drop(keeper);
        Arc::into_inner(store).unwrap().close();
        let engine = Arc::into_inner(engine).unwrap();
        let (store, keeper) = open(&dir, engine, &clock);
        Yard { store, keeper, clock, dir }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Some time later the keeper looks.
    pub async fn look_after(&self, by: Duration) {
        self.advance(by);
        self.keeper.look().await;
    }

    /// Accepts an event of `forms`, with jobs that begin so.
    pub async fn accept(&self, id: &str, body: Vec<u8>, jobs: &[Start]) -> Accepted {
        self.store.accept(self.admission("forms", id, body, jobs)).await.unwrap()
    }

    /// An event of a source, ready to be accepted.
    pub fn admission(&self, source: &str, id: &str, body: Vec<u8>, jobs: &[Start]) -> Admission {
        let event = self.event(source, body);
        let job = |start: &Start| {
            let work = Work::Route { route: "triage".into(), replay: None };
            NewJob { start: start.clone(), ..NewJob::new(Lane::Normal, work, "a-config".into()) }
        };
        let key = DedupeKey { text: format!("{source}/{id}"), on_match: OnMatch::Duplicate };
        let jobs = jobs.iter().map(job).collect();
        Admission::of_our_own(event, vec![key], jobs)
    }

    pub fn event(&self, source: &str, body: Vec<u8>) -> Event {
        event(source, body, self.now())
    }

    /// Works on everything that is ready, as if it succeeded; what is given to `how` ends otherwise.
    pub async fn work(&self, how: impl Fn(&Claimed) -> Next) -> usize {
        let mut worked = 0;
        loop {
            let shares = [Lane::Critical, Lane::Normal, Lane::Bulk].map(|lane| (lane, 500));
            let limits = Limits::default();
            let lease = Duration::from_secs(60);
            let claim = self.store.claim(ClaimRequest { shares, lease, limits }).await.unwrap();
            if claim.jobs.is_empty() {
                return worked;
            }
            worked += claim.jobs.len();
            let mut settling = JoinSet::new();
            for claimed in claim.jobs {
                let (store, next) = (Arc::clone(&self.store), how(&claimed));
                let settlement = settlement(next, self.now());
                settling.spawn(async move { store.settle(claimed.lease, settlement).await.unwrap() });
            }
            settling.join_all().await;
        }
    }

    /// Body and id of the alarms of a type, the oldest first.
    pub async fn alarms(&self, event_type: &str) -> Vec<(EventId, Value)> {
        let query = EventQuery {
            source: Some("hookyard".to_owned()),
            event_type: Some(TypePattern::new(event_type)),
            ..EventQuery::default()
        };
        let mut alarms = Vec::new();
        for summary in self.store.events(query).await.unwrap().into_iter().rev() {
            let timeline = self.store.timeline(summary.event.id).await.unwrap().unwrap();
            let body = self.store.body(&timeline.event).await.unwrap().unwrap();
            alarms.push((summary.event.id, serde_json::from_slice(&body).unwrap()));
        }
        alarms
    }

    /// A file of the data directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Bytes of the database; just after a restart nothing is in its write-ahead log.
    pub fn file_bytes(&self) -> u64 {
        std::fs::metadata(self.path(FILE)).map_or(0, |file| file.len())
    }

    /// Jobs of an event in a state.
    pub async fn in_state(&self, event: EventId, state: JobState) -> usize {
        let timeline = self.store.timeline(event).await.unwrap().unwrap();
        timeline.jobs.iter().filter(|entry| entry.job.state == state).count()
    }
}

pub fn event(source: &str, body: Vec<u8>, received_at: Timestamp) -> Event {
    Event {
        id: host::event_id(),
        source: source.into(),
        event_type: source::UNREADABLE.into(),
        lane: Lane::Normal,
        received_at,
        test_mode: false,
        headers: Vec::new(),
        body: body.into(),
    }
}

pub fn settlement(next: Next, now: Timestamp) -> Settlement {
    let attempt =
        Attempt { started_at: now, ended_at: now, outcome: AttemptOutcome::Done, detail: None, status: None };
    Settlement {
        attempt,
        next,
        afresh: false,
        request: None,
        in_doubt: false,
        verdict: None,
        receipt: None,
        follow_up: Vec::new(),
        replaces: Vec::new(),
        bill: None,
    }
}
