//! Moving a stopped service's work from the SQLite file to Redis. It may end at any moment, and is then begun again.
//!
//! 1. Redis is reached, and found empty.
//! 2. The file notes that its work goes: from now on no service opens it.
//! 3. Redis is closed to everybody else, and all is copied there; what is there already stays as it is.
//! 4. Both sides are counted, and must agree. Redis notes that it has everything.
//! 5. The file notes that its work is gone.
//! 6. Redis is opened: the first job may be handed out.

use std::{path::PathBuf, pin::Pin, sync::Arc, task::Poll, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    decide::migration::{Arriving, Leaving, Refusal, Step, next},
    domain::{Body, Clock},
    engine::Engine,
    host,
    store::{
        Carried, Departure, Inventory, Store, StoreError,
        dir::DirError,
        redis::{Import, Standing, Target},
        sqlite::{self, FILE, SqliteOptions, SqliteStore},
    },
};

use super::opened::{self, EPOCH_FILE, OpenError, PROCESS_FILE};

/// Why the work was not moved, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(
        "config/hookyard.toml has no [store.redis], which says where to move the work: set it, as `hookyard serve` is to \
         use it afterwards"
    )]
    NoTarget,
    #[error("{} holds no {FILE}: there is nothing to move; correct --data or store.path", .0.display())]
    NoStore(PathBuf),
    #[error("a process uses {}: stop the service, then migrate", .0.display())]
    InUse(PathBuf),
    #[error(
        "{to} holds events of another origin, and the work of two stores is not mixed: choose another store.redis.prefix, \
         or empty it"
    )]
    Foreign { to: String },
    #[error(
        "the work of this file was moved to {to}, and not to what [store.redis] names now: `hookyard serve` goes on with \
         it where it is"
    )]
    Gone { to: String },
    #[error("nothing was begun that could be abandoned")]
    NotBegun,
    #[error(
        "in the file and in Redis there is not the same: {}. Nothing works on it in either; run it again, or stay with the \
         file with --abandon", .0.join("; ")
    )]
    Differs(Vec<String>),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what Redis keeps of the migration cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl From<sqlite::OpenError> for MigrateError {
    fn from(error: sqlite::OpenError) -> Self {
        match error {
            sqlite::OpenError::Dir(DirError::InUse(dir)) => MigrateError::InUse(dir),
            error => MigrateError::Open(error.into()),
        }
    }
}

impl From<crate::store::redis::OpenError> for MigrateError {
    fn from(error: crate::store::redis::OpenError) -> Self {
        MigrateError::Open(error.into())
    }
}

/// What was moved, however many runs it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    #[serde(flatten)]
    pub moved: Inventory,
    pub dedupe_keys: u64,
    /// Older events, at their end, that stay in the file.
    pub events_left: u64,
    /// The file that is kept.
    pub file: PathBuf,
    /// Where the work is now.
    pub to: String,
}

/// How far it is: events copied, of how many.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Moves the work, or what an earlier run left of it. A second run after a whole one moves nothing, and tells the same.
///
/// # Errors
/// See [`MigrateError`]; another run goes on.
pub async fn migrate(
    engine: &Engine,
    clock: Arc<dyn Clock>,
    progress: Progress<'_>,
) -> Result<Migrated, MigrateError> {
    let Some(table) = &engine.settings.store.redis else { return Err(MigrateError::NoTarget) };
    let to = format!("Redis, prefix {}", table.prefix);
    let file = open(engine, &clock)?;
    let moved = async {
        let dir = &engine.data_dir;
        let process = opened::process(dir)
            .map_err(|source| OpenError::from(DirError::File { path: dir.join(PROCESS_FILE), source }))?;
        let options = opened::options(table, process, dedupe(engine), dir.join(EPOCH_FILE))?;
        let target = Target::reach(options, Arc::clone(&clock)).await?;
        let journey = Journey { file: &file, path: dir.join(FILE), to, progress };
        journey.go(target).await
    };
    let moved = moved.await;
    file.close();
    moved
}

/// Takes a migration back that has not ended: the service works from the file again.
///
/// # Errors
/// None was begun, or it has ended.
pub async fn abandon(engine: &Engine, clock: Arc<dyn Clock>) -> Result<(), MigrateError> {
    let file = open(engine, &clock)?;
    let stayed = async {
        match file.departure().await? {
            None => Err(MigrateError::NotBegun),
            Some(_) => Ok(file.stay().await?),
        }
    };
    let stayed = stayed.await;
    file.close();
    stayed
}

/// The file of a stopped service.
fn open(engine: &Engine, clock: &Arc<dyn Clock>) -> Result<SqliteStore, MigrateError> {
    let dir = engine.data_dir.clone();
    if !dir.join(FILE).is_file() {
        return Err(MigrateError::NoStore(dir));
    }
    let options = SqliteOptions { dir, dedupe: dedupe(engine), on_commit: Arc::new(|_, _| {}) };
    Ok(SqliteStore::open_to_leave(options, Arc::clone(clock))?)
}

fn dedupe(engine: &Engine) -> Duration {
    Duration::from_millis(engine.settings.store.dedupe_ms)
}

struct Journey<'a> {
    file: &'a SqliteStore,
    path: PathBuf,
    to: String,
    progress: Progress<'a>,
}

impl Journey<'_> {
    async fn go(&self, target: Target) -> Result<Migrated, MigrateError> {
        let departure = self.file.departure().await?;
        let standing = target.standing().await?;
        let step = next(leaving(departure.as_ref()), arriving(&standing));
        match (step, departure) {
            (Step::Refuse(Refusal::Gone), Some(Departure { to, .. })) => Err(MigrateError::Gone { to }),
            (Step::Open, Some(departure)) => {
                let import = target.of(&departure.id);
                self.arrive(&import, departure, serde_json::from_str(&standing.result.unwrap_or_default())?)
                    .await
            }
            (Step::GoOn, Some(departure)) => self.copy(target.of(&departure.id), departure).await,
            (Step::Begin, _) => {
                let departure = self.file.depart(host::unique_name(), self.to.clone()).await?;
                self.copy(target.of(&departure.id), departure).await
            }
            (Step::Refuse(_) | Step::Open | Step::GoOn, _) => {
                Err(MigrateError::Foreign { to: self.to.clone() })
            }
        }
    }

    async fn copy(&self, import: Import, departure: Departure) -> Result<Migrated, MigrateError> {
        import.begin().await.map_err(|error| match error {
            StoreError::Conflict(_) => MigrateError::Foreign { to: self.to.clone() },
            error => error.into(),
        })?;
        let mut export = self.file.export(&departure).await?;
        let extent = export.extent().await?;
        let (mut copied, all) = (0, extent.carried.events);
        (self.progress)(0, all);
        loop {
            let page = export.next().await?;
            if page.is_empty() {
                break;
            }
            together(page.iter().map(|carried| self.carry(&import, carried))).await?;
            copied += page.len() as u64;
            (self.progress)(copied, all);
        }
        import.furnish(&export.household().await?, departure.at).await?;
        let differences = extent.carried.differences(&import.inventory().await?);
        if !differences.is_empty() {
            return Err(MigrateError::Differs(differences));
        }
        let migrated = Migrated {
            moved: extent.carried,
            dedupe_keys: extent.keys,
            events_left: extent.left,
            file: self.path.clone(),
            to: self.to.clone(),
        };
        import.is_whole(&serde_json::to_string(&migrated)?).await?;
        self.arrive(&import, departure, migrated).await
    }

    async fn carry(&self, import: &Import, carried: &Carried) -> Result<(), StoreError> {
        let body = match &carried.event.body {
            Body::File(_) => self.file.body(&carried.event).await?,
            Body::Here(_) | Body::Gone => None,
        };
        import.put(carried, body.as_ref()).await
    }

    /// Everything is there: whoever comes first may work on it, there alone.
    async fn arrive(
        &self,
        import: &Import,
        departure: Departure,
        migrated: Migrated,
    ) -> Result<Migrated, MigrateError> {
        if !departure.done {
            self.file.departed(departure).await?;
        }
        import.open().await?;
        Ok(migrated)
    }
}

fn leaving(departure: Option<&Departure>) -> Leaving<'_> {
    match departure {
        None => Leaving::No,
        Some(Departure { id, done: false, .. }) => Leaving::Begun { id },
        Some(Departure { id, done: true, .. }) => Leaving::Done { id },
    }
}

fn arriving(standing: &Standing) -> Arriving<'_> {
    match &standing.migration {
        Some(id) => Arriving::Begun { id, whole: standing.result.is_some() },
        None if standing.events > 0 => Arriving::InUse,
        None => Arriving::Empty,
    }
}

/// Does all at the same time; ends with the first that fails.
async fn together<E>(all: impl Iterator<Item = impl Future<Output = Result<(), E>>>) -> Result<(), E> {
    let mut open: Vec<Pin<Box<_>>> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        let mut at = 0;
        while let Some(one) = open.get_mut(at) {
            match one.as_mut().poll(context) {
                Poll::Ready(Ok(())) => drop(open.swap_remove(at)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => at += 1,
            }
        }
        if open.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}
