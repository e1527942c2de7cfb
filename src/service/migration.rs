//! Moving a stopped service's work from its SQLite file to the Redis that is configured.

use std::{path::PathBuf, sync::Arc};

use crate::{
    domain::Clock,
    engine::Engine,
    host,
    store::{
        self, Migrated, Progress, StoreError,
        dir::DirError,
        redis::{self, Target},
        sqlite::{self, FILE, SqliteOptions, SqliteStore},
    },
};

use super::opened::{self, OpenError, PROCESS_FILE};

/// Why nothing was moved, or not all.
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
    #[error("no migration was begun: there is none to abandon")]
    NotBegun,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Migrate(#[from] store::MigrateError),
}

impl From<sqlite::OpenError> for MigrateError {
    fn from(error: sqlite::OpenError) -> Self {
        match error {
            sqlite::OpenError::Dir(DirError::InUse(dir)) => MigrateError::InUse(dir),
            error => MigrateError::Open(error.into()),
        }
    }
}

impl From<redis::OpenError> for MigrateError {
    fn from(error: redis::OpenError) -> Self {
        MigrateError::Open(error.into())
    }
}

/// Moves the work, as [`store::migrate`] does.
///
/// # Errors
/// See [`MigrateError`]; another run goes on.
pub async fn migrate(
    engine: &Engine,
    clock: Arc<dyn Clock>,
    progress: Progress<'_>,
) -> Result<Migrated, MigrateError> {
    let Some(table) = &engine.settings.store.redis else { return Err(MigrateError::NoTarget) };
    // Also the lock on the directory, under whose name Redis is used.
    let file = open(engine, &clock)?;
    let moved = async {
        let dir = &engine.data_dir;
        let process = opened::process(dir)
            .map_err(|source| OpenError::from(DirError::File { path: dir.join(PROCESS_FILE), source }))?;
        let options = opened::options(engine, table, process)?;
        let target = Target::reach(options, Arc::clone(&clock)).await?;
        let to = format!("Redis (prefix {})", table.prefix);
        Ok(store::migrate(&file, target, host::unique_name(), to, progress).await?)
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
    let options = SqliteOptions { dir, dedupe: opened::dedupe(engine), on_commit: Arc::new(|_, _| {}) };
    Ok(SqliteStore::open_to_leave(options, Arc::clone(clock))?)
}
