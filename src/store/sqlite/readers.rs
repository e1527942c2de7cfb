//! Connections that only read. They see what was committed and never wait for the writer.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::store::StoreError;

use super::leases::{Leases, UnderWay};

/// Reads under way at one time; further ones wait.
const READERS_MAX: usize = 4;

/// Page cache of a reader in KiB: reads are rare, and the system has the pages too.
const CACHE_KIB: i64 = 512;

#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    leases: Arc<Mutex<Leases>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// `leases` tell which of the file's ready jobs are under way.
    pub fn new(path: &Path, leases: Arc<Mutex<Leases>>) -> Self {
        Readers {
            path: Arc::new(path.to_owned()),
            leases,
            idle: Arc::default(),
            turns: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    /// Runs `query` on a thread that may block.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection, &UnderWay) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|e| unavailable(&e))?;
        let readers = self.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let db = match idle {
                Some(db) => db,
                None => readers.connect()?,
            };
            // One transaction, so that a read of several tables sees one moment.
            db.execute_batch("BEGIN")?;
            let under_way = readers.leases.lock().unwrap_or_else(PoisonError::into_inner).under_way();
            let result = query(&db, &under_way);
            db.execute_batch("COMMIT")?;
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
            result
        })
        .await
        .map_err(|e| unavailable(&e))?
        .map_err(|e: rusqlite::Error| unavailable(&e))
    }

    /// A connection of one's own.
    pub fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(self.path.as_path(), flags)?;
        db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        super::plan_once(&db)?;
        Ok(db)
    }
}
