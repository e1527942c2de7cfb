//! The configured store, opened: the embedded one, or Redis.

use std::{fs, path::Path, sync::Arc, time::Duration};

use crate::{
    config::{ProcessEnvironment, Resolved, setting, tables::RedisTable},
    domain::Clock,
    engine::Engine,
    host,
    store::{
        Store,
        dir::{self, DirError, DirLock},
        redis::{self, RedisOptions, RedisStore, StoreTime},
        sqlite::{self, CommitObserver, SqliteOptions, SqliteStore},
    },
};

/// The file of the data directory with what this process is known by among those that share a Redis.
pub(super) const PROCESS_FILE: &str = "process";

/// The file of the data directory with what the Redis is known by that was used with it last.
const EPOCH_FILE: &str = "epoch";

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Sqlite(#[from] sqlite::OpenError),
    #[error(transparent)]
    Redis(#[from] redis::OpenError),
    #[error(transparent)]
    Dir(#[from] DirError),
    #[error("store.redis.urls: {0}")]
    Url(String),
}

impl OpenError {
    /// Whether another process has the data directory.
    pub fn is_in_use(&self) -> bool {
        matches!(
            self,
            OpenError::Dir(DirError::InUse(_))
                | OpenError::Sqlite(sqlite::OpenError::Dir(DirError::InUse(_)))
        )
    }
}

/// An open store of either kind.
#[derive(Clone)]
pub enum Opened {
    Sqlite(Arc<SqliteStore>),
    /// With the lock on the data directory: whoever has it is known by the name in it.
    Redis(Arc<RedisStore>, Arc<DirLock>),
}

impl Opened {
    /// Opens what the engine's settings name.
    ///
    /// # Errors
    /// It is in use, cannot be reached, or is not fit.
    pub async fn open(
        engine: &Engine,
        clock: Arc<dyn Clock>,
        on_commit: CommitObserver,
    ) -> Result<Self, OpenError> {
        let dir = engine.data_dir.clone();
        let Some(table) = &engine.settings.store.redis else {
            let options = SqliteOptions { dir, dedupe: dedupe(engine), on_commit };
            return Ok(Opened::Sqlite(Arc::new(SqliteStore::open(options, clock)?)));
        };
        let lock = dir::take(&dir)?;
        let process =
            process(&dir).map_err(|source| DirError::File { path: dir.join(PROCESS_FILE), source })?;
        match sqlite::is_left_behind(&dir) {
            Ok(false) => {}
            Ok(true) => tracing::warn!(
                dir = %dir.display(),
                "there is unfinished work in the SQLite file, and nobody works on it: stop the service and run `hookyard \
                 migrate --from sqlite --to redis`, before events are taken in on Redis"
            ),
            Err(error) => {
                tracing::warn!(%error, "whether there is unfinished work in the SQLite file could not be seen")
            }
        }
        let options = options(engine, table, process)?;
        Ok(Opened::Redis(Arc::new(RedisStore::open(options, clock).await?), Arc::new(lock)))
    }

    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Opened::Sqlite(sqlite) => Arc::clone(sqlite) as Arc<dyn Store>,
            Opened::Redis(redis, _) => Arc::clone(redis) as Arc<dyn Store>,
        }
    }

    /// What a process does for the store beside everything else, for as long as it works on a job. Goes on until it is
    /// dropped.
    pub async fn upkeep(&self) {
        match self {
            Opened::Sqlite(_) => std::future::pending().await,
            Opened::Redis(redis, _) => redis.upkeep().await,
        }
    }

    /// Gives up the data directory. Every other handle on the store must be gone.
    pub fn close(self) {
        match self {
            Opened::Sqlite(sqlite) => match Arc::try_unwrap(sqlite) {
                Ok(sqlite) => sqlite.close(),
                Err(_) => tracing::debug!("the store is still in use; it closes with its last user"),
            },
            Opened::Redis(redis, lock) => drop((redis, lock)),
        }
    }
}

pub(super) fn dedupe(engine: &Engine) -> Duration {
    Duration::from_millis(engine.settings.store.dedupe_ms)
}

pub(super) fn options(
    engine: &Engine,
    table: &RedisTable,
    process: String,
) -> Result<RedisOptions, OpenError> {
    let mut urls = Vec::with_capacity(table.urls.len());
    for url in &table.urls {
        match setting(url, &ProcessEnvironment) {
            Ok(Resolved::Set(url)) => urls.push(url),
            Ok(Resolved::Unset { name }) => {
                return Err(OpenError::Url(format!("the variable {name} is not set")));
            }
            Err(error) => return Err(OpenError::Url(error.to_string())),
        }
    }
    Ok(RedisOptions {
        urls,
        cluster: table.cluster,
        ca: table.ca_file.as_ref().map(|path| engine.project_dir.join(path)),
        prefix: table.prefix.clone(),
        shards: table.shards,
        connections: table.connections,
        process,
        dedupe: dedupe(engine),
        time: StoreTime::Server,
        memory: Some(engine.data_dir.join(EPOCH_FILE)),
    })
}

/// The name in the data directory; made when there is none. After a crash the next process there takes back at once what
/// this one was working on.
pub(super) fn process(dir: &Path) -> std::io::Result<String> {
    let path = dir.join(PROCESS_FILE);
    match fs::read_to_string(&path) {
        Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let name = host::unique_name();
    fs::write(&path, &name)?;
    Ok(name)
}
