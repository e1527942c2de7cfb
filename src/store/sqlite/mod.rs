//! The embedded backend: one SQLite file, one writer thread with group commit, several readers.
//!
//! Every operation of a batch runs in one `BEGIN IMMEDIATE` transaction with `synchronous = FULL` in WAL mode, and
//! replies after its commit. Rows written per accepted event with one route: `event`, one `dedupe` per key, `job`,
//! and the job's entries in its primary key and in `job_ready`.

mod accept;
mod claim;
mod counts;
mod jobs;
mod leases;
mod operate;
mod read;
mod readers;
mod rows;
mod schema;
mod settle;
mod writer;

use std::{
    fs::{DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::domain::{Answer, Clock, EventId, FrozenRequest, Job, JobId, Lease, Name, Prior};

use super::{
    Accepted, Admission, Claim, ClaimRequest, DedupeKey, Depths, EventQuery, EventSummary, JobQuery, Pause,
    Resolution, Settlement, Store, StoreError, Timeline,
};
use counts::Counts;
use leases::Leases;
use readers::Readers;
use writer::Writer;

pub use writer::CommitObserver;

/// Name of the database within the data directory.
pub const FILE: &str = "hookyard.db";

/// Name of the file whose lock says that a process uses the directory.
pub const LOCK_FILE: &str = "hookyard.lock";

/// Bytes the write-ahead log is cut back to after a checkpoint.
const WAL_BYTES_MAX: i64 = 64 << 20;

/// Pages of the write-ahead log after which it is checkpointed: seldom enough to write a hot page once for many
/// commits.
const CHECKPOINT_PAGES: i64 = 4_096;

/// Page cache of the writer in KiB. It holds what one full batch dirties, so that no page is freed and fetched anew
/// around every commit.
const CACHE_KIB: i64 = 16_384;

/// Statements kept prepared.
const STATEMENTS_MAX: usize = 64;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another process uses {}: stop it, or talk to it through its admin listener", .0.display())]
    InUse(PathBuf),
    #[error("the store has layout {found}, this program knows up to {known}: use the newer program")]
    Version { found: i64, known: i64 },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// How to open a store.
pub struct SqliteOptions {
    /// Created if absent.
    pub dir: PathBuf,
    /// How long a dedupe key is remembered.
    pub dedupe: Duration,
    pub on_commit: CommitObserver,
}

/// See the module.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    dedupe: Duration,
    thread: std::thread::JoinHandle<()>,
}

impl SqliteStore {
    /// Opens or creates the store in `options.dir`. Jobs that an earlier process was working on are ready again.
    ///
    /// # Errors
    /// The directory is in use or cannot be written, or the file was written by a newer program.
    pub fn open(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let SqliteOptions { dir, dedupe, on_commit } = options;
        let file_error = |source| OpenError::File { path: dir.clone(), source };
        // What customers write is in it: nobody else's to read.
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(file_error)?;
        let lock = lock(&dir)?;
        let path = dir.join(FILE);
        let db = connect(&path)?;
        schema::prepare(&db)?;
        // Larger than any token an earlier process gave out, unless it gave out 2^40 of them.
        let mut leases = Leases::new(schema::count_opening(&db)? << 40);
        let mut counts = Counts::read(&db)?;
        recover(&db, clock.as_ref(), &mut leases, &mut counts)?;
        let started = Writer::start(db, Arc::clone(&clock), leases, counts, on_commit, lock);
        let (writer, thread) = started.map_err(file_error)?;
        Ok(SqliteStore { writer, readers: Readers::new(&path), dedupe, thread })
    }

    /// Carries out what is under way, and gives up the directory.
    pub fn close(self) {
        let SqliteStore { writer, thread, .. } = self;
        drop(writer);
        if thread.join().is_err() {
            tracing::error!("the store's writer had panicked");
        }
    }
}

/// The directory is this process's. Given up by name: while a child is being started it holds a copy of every handle,
/// so closing ours is not enough.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "the data directory could not be given up");
        }
    }
}

/// Takes the directory for this process.
fn lock(dir: &Path) -> Result<Lock, OpenError> {
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| OpenError::File { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path, source }),
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(db)
}

/// Whatever was leased belonged to a process that is gone.
fn recover(
    db: &Connection,
    clock: &dyn Clock,
    leases: &mut Leases,
    counts: &mut Counts,
) -> Result<(), OpenError> {
    let leased: Vec<JobId> = db
        .prepare("SELECT event, n FROM job WHERE state = 'leased'")?
        .query_map([], |row| Ok(JobId { event: row.get(0)?, n: row.get(1)? }))?
        .collect::<Result<_, _>>()?;
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut desk = writer::Desk {
        db,
        leases,
        counts,
        now: clock.now(),
        monotonic: clock.monotonic(),
        changed: false,
        new_work: false,
    };
    for id in leased {
        claim::lose(&mut desk, id, "the process working on it ended")?;
    }
    db.execute_batch("COMMIT")?;
    Ok(())
}

#[async_trait]
impl Store for SqliteStore {
    async fn accept(&self, admission: Admission) -> Result<Accepted, StoreError> {
        let dedupe = self.dedupe;
        self.writer.write(move |desk| accept::accept(desk, &admission, dedupe)).await
    }

    async fn knows(&self, keys: &[DedupeKey]) -> Result<bool, StoreError> {
        let (keys, dedupe) = (keys.to_vec(), self.dedupe);
        self.writer.write(move |desk| accept::knows(desk, &keys, dedupe)).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.writer.write(move |desk| claim::claim(desk, request)).await
    }

    async fn begin(&self, lease: Lease, request: Option<FrozenRequest>) -> Result<(), StoreError> {
        self.writer.write(move |desk| settle::begin(desk, lease, request.as_ref())).await
    }

    async fn begin_purchase(&self, lease: Lease, judge: &Name, digest: &str) -> Result<Prior, StoreError> {
        let (judge, digest) = (Name::clone(judge), digest.to_owned());
        self.writer.write(move |desk| settle::begin_purchase(desk, lease, &judge, &digest)).await
    }

    async fn end_purchase(
        &self,
        lease: Lease,
        judge: &Name,
        digest: &str,
        answer: Option<&Answer>,
    ) -> Result<(), StoreError> {
        let (judge, digest, answer) = (Name::clone(judge), digest.to_owned(), answer.cloned());
        self.writer
            .write(move |desk| settle::end_purchase(desk, lease, &judge, &digest, answer.as_ref()))
            .await
    }

    async fn extend(&self, lease: Lease, by: Duration) -> Result<(), StoreError> {
        self.writer.write(move |desk| settle::extend(desk, lease, by)).await
    }

    async fn settle(&self, lease: Lease, settlement: Settlement) -> Result<(), StoreError> {
        self.writer.write(move |desk| settle::settle(desk, lease, &settlement)).await
    }

    async fn timeline(&self, event: EventId) -> Result<Option<Timeline>, StoreError> {
        self.readers.read(move |db| read::timeline(db, event)).await
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<EventSummary>, StoreError> {
        self.readers.read(move |db| read::events(db, &query)).await
    }

    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError> {
        self.readers.read(move |db| read::jobs(db, &query)).await
    }

    async fn depths(&self) -> Result<Depths, StoreError> {
        // Asked of the writer, which keeps the counts.
        self.writer.write(|desk| Ok(read::depths(desk.db, desk.counts, desk.now)?)).await
    }

    fn open_jobs(&self) -> u64 {
        self.writer.open_jobs.load(std::sync::atomic::Ordering::Relaxed)
    }

    async fn resolve(&self, job: JobId, resolution: Resolution) -> Result<(), StoreError> {
        self.writer.write(move |desk| operate::resolve(desk, job, &resolution)).await
    }

    async fn redrive(&self, query: JobQuery) -> Result<u64, StoreError> {
        self.writer.write(move |desk| operate::redrive(desk, &query)).await
    }

    async fn discard(&self, query: JobQuery, note: &str) -> Result<u64, StoreError> {
        let note = note.to_owned();
        self.writer.write(move |desk| operate::discard(desk, &query, &note)).await
    }

    async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.writer.write(move |desk| operate::pause(desk, &pause)).await
    }

    async fn resume(&self, pause: Pause) -> Result<(), StoreError> {
        self.writer.write(move |desk| operate::resume(desk, &pause)).await
    }

    fn work(&self) -> watch::Receiver<u64> {
        self.writer.work.clone()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.writer.changes.clone()
    }
}
