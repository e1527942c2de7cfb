//! SQLite in a directory of its own.

use std::{path::Path, sync::Arc};

use hookyard::{
    domain::{Clock, EventId},
    store::{
        Store,
        sqlite::{CommitObserver, OpenError, SqliteOptions, SqliteStore},
    },
};
use tempfile::TempDir;

use crate::{store::given::DEDUPE, support::clock::HandClock};

use super::Backend;

pub struct SqliteBackend {
    /// `None` only on the way from one store to the next.
    store: Option<Arc<SqliteStore>>,
    clock: Arc<HandClock>,
    on_commit: CommitObserver,
    dir: TempDir,
}

impl SqliteBackend {
    /// A fresh store whose commits are observed.
    pub fn observed(on_commit: CommitObserver) -> Self {
        let (clock, dir) = (Arc::default(), tempfile::tempdir().expect("a directory for the store"));
        let store = None;
        SqliteBackend { store, clock, on_commit, dir }.reopened()
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn shared_clock(&self) -> Arc<HandClock> {
        Arc::clone(&self.clock)
    }

    /// Gives up the directory.
    pub fn close(&mut self) {
        if let Some(store) = self.store.take() {
            Arc::into_inner(store).expect("every other handle on the store is gone").close();
        }
    }

    /// Opens what [`SqliteBackend::close`] closed.
    pub fn reopened(mut self) -> Self {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let opened = open_in(self.dir.path(), Arc::clone(&self.on_commit), clock);
        self.store = Some(Arc::new(opened.expect("the store opens")));
        self
    }
}

/// Opens a store as the suite wants it.
pub fn open_in(
    dir: &Path,
    on_commit: CommitObserver,
    clock: Arc<dyn Clock>,
) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(SqliteOptions { dir: dir.to_owned(), dedupe: DEDUPE, on_commit }, clock)
}

impl Backend for SqliteBackend {
    const RETAIN_REMOVES_KEYS: bool = true;
    const PARTS: u16 = 1;

    async fn open() -> Self {
        SqliteBackend::observed(Arc::new(|_, _| {}))
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().expect("an open store")) as Arc<dyn Store>
    }

    fn clock(&self) -> &HandClock {
        &self.clock
    }

    async fn part_of(&self, _: EventId) -> u16 {
        0
    }

    async fn crash_and_reopen(mut self) -> Self {
        // `close` settles nothing: whoever held a lease has lost it. The real kill -9 is another test's.
        self.close();
        self.reopened()
    }
}

impl Drop for SqliteBackend {
    /// The writer is gone before its directory is.
    fn drop(&mut self) {
        if let Some(store) = self.store.take().and_then(Arc::into_inner) {
            store.close();
        }
    }
}
