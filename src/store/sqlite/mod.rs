//! The embedded backend: one SQLite file, one writer thread with group commit, several readers.
//!
//! Every operation of a batch runs in one `BEGIN IMMEDIATE` transaction in WAL mode, and replies once the log is on disk:
//! as with `synchronous = FULL`, but by threads of our own, beside the next transactions.
//!
//! Rows written per accepted event with one route: `event` and its id, one `dedupe` per key, `job` and its entry in
//! `job_ready`; the counts in `queue` and `source` once a batch. For the work on it: one `lease` a claim, the job's row
//! again without its entry in `job_ready`, and `attempt`.

mod accept;
mod checkpoint;
mod claim;
mod departure;
mod erase;
mod export;
mod flush;
mod follow;
mod jobs;
mod keep;
mod key;
mod leases;
mod line;
mod moment;
mod newest;
mod operate;
mod pace;
mod purchases;
mod queue;
mod read;
mod readers;
mod retain;
mod rows;
mod schema;
mod settle;
mod spend;
mod standing;
mod tally;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, config::DbConfig};
use tokio::sync::watch;

use crate::domain::{
    Answer, Bill, Body, BodyFile, Clock, Day, Event, EventId, FrozenRequest, Job, JobId, Lease, Name, Prior,
    PurchaseOrder, Spent, Timestamp,
};

use super::{
    Accepted, Admission, Claim, ClaimRequest, Coming, DeadGroup, DedupeKey, Depths, EraseStep, Erased,
    EventQuery, EventSummary, JobQuery, LimitsNow, Load, NewJob, Pause, RateDraw, RateDrawn, Rates, Replayed,
    Resolution, RetainStep, Retained, Settlement, Store, StoreError, Timeline,
    bodies::{Bodies, INLINE_BYTES_MAX},
    dir::{self, DirError},
};
use checkpoint::Checkpoint;
use leases::Leases;
use moment::Moment;
use readers::Readers;
use tally::Tally;
use writer::{Bench, Writer};

pub use departure::is_left_behind;
pub use export::Export;
pub use writer::CommitObserver;

/// Name of the database within the data directory.
pub const FILE: &str = "hookyard.db";

/// Folder of the data directory with the bodies that are too large for the database.
const BODIES: &str = "bodies";

/// Bytes the write-ahead log is cut back to after a checkpoint.
const WAL_BYTES_MAX: i64 = 64 << 20;

/// Longest wait for another program that writes to the file.
const BUSY: Duration = Duration::from_secs(5);

/// Page cache of the writer in KiB. It holds what one full batch dirties, so that no page is freed and fetched anew
/// around every commit.
const CACHE_KIB: i64 = 8_192;

/// Statements kept prepared.
const STATEMENTS_MAX: usize = 64;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Dir(#[from] DirError),
    #[error("the store has layout {found}, this program knows up to {known}: use the newer program")]
    Version { found: i64, known: i64 },
    #[error(
        "its work was moved to {to}, where it is done: two stores with the same jobs would do effects twice. Start it with \
         [store.redis] as it was set then, or choose another data directory for a new store"
    )]
    Left { to: String },
    #[error(
        "moving its work to {to} has not ended: run `hookyard migrate --from sqlite --to redis` again, or with --abandon to \
         stay with what is here"
    )]
    Leaving { to: String },
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
    bodies: Arc<Bodies>,
    dedupe: Duration,
    rates: Rates,
    clock: Arc<dyn Clock>,
    thread: std::thread::JoinHandle<()>,
}

impl SqliteStore {
    /// Opens or creates the store in `options.dir`. Jobs that an earlier process was working on are ready again.
    ///
    /// # Errors
    /// The directory is in use or cannot be written, the file was written by a newer program, or its work was moved to
    /// another store.
    pub fn open(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::start(options, clock, departure::refuse)
    }

    /// As [`SqliteStore::open`], also where a departure is noted: only for moving the work to another store.
    ///
    /// # Errors
    /// The directory is in use or cannot be written, or the file was written by a newer program.
    pub fn open_to_leave(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::start(options, clock, |_| Ok(()))
    }

    fn start(
        options: SqliteOptions,
        clock: Arc<dyn Clock>,
        admit: impl FnOnce(&Connection) -> Result<(), OpenError>,
    ) -> Result<Self, OpenError> {
        let SqliteOptions { dir, dedupe, on_commit } = options;
        let file_error = |source| OpenError::File { path: dir.clone(), source };
        let lock = dir::take(&dir)?;
        let path = dir.join(FILE);
        let mut db = connect(&path)?;
        schema::prepare(&db)?;
        admit(&db)?;
        // Larger than any token an earlier process gave out, unless it gave out 2^40 of them.
        let leases = Arc::new(Mutex::new(Leases::new(schema::count_opening(&db)? << 40)));
        let bodies = Arc::new(Bodies::new(dir.join(BODIES)));
        let readers = Readers::new(&path, Arc::clone(&leases));
        let tally = Tally::read(&db)?;
        let next_seq = db.query_row("SELECT coalesce(max(seq), 0) + 1 FROM event", [], |row| row.get(0))?;
        let moment = Moment::of(clock.as_ref());
        let checkpoint = Checkpoint::of(&mut db, &path)?;
        // Made by what was written just now, and removed by nobody as long as the database is open.
        let log_path = log_of(&db, &path);
        let log = std::fs::File::open(&log_path).map_err(file_error)?;
        let mut bench = Bench {
            checkpoint,
            db,
            moment,
            clock: Arc::clone(&clock),
            leases,
            tally,
            next_seq,
            standing: Vec::new(),
            bodies: Arc::clone(&bodies),
            log,
        };
        bench.transact(claim::recover)?;
        // Files are removed because of it, and questions answered: also what a process wrote that was killed is kept first.
        bench.log.sync_data().map_err(file_error)?;
        retain::sweep(&bench.db, &bench.bodies).map_err(file_error)?;
        let (writer, thread) = Writer::start(bench, &log_path, lock, on_commit).map_err(file_error)?;
        Ok(SqliteStore { writer, readers, bodies, dedupe, rates: Rates::default(), clock, thread })
    }

    /// Carries out what is under way, and gives up the directory.
    pub fn close(self) {
        let SqliteStore { writer, readers, thread, .. } = self;
        // The writer's connection must be the last: only it copies the log into the database, and removes it.
        drop(readers);
        drop(writer);
        if thread.join().is_err() {
            tracing::error!("the store's writer had panicked");
        }
    }
}

/// The write-ahead log, which SQLite has beside the file that a link leads to.
fn log_of(db: &Connection, path: &Path) -> PathBuf {
    let mut log = db.path().map_or_else(|| path.as_os_str().to_owned(), Into::into);
    log.push("-wal");
    log.into()
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // The log is flushed by `flush`; SQLite itself does so before it copies from it, or begins it anew.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    plan_once(&db)?;
    Ok(db)
}

/// Has a statement planned when it is prepared, and never again for the values that are bound to it: SQLite would look
/// into a `LIMIT ?` and plan anew at every execution, which was a third of all the work of claiming.
fn plan_once(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

#[async_trait]
impl Store for SqliteStore {
    async fn accept(&self, admission: Admission) -> Result<Accepted, StoreError> {
        let dedupe = self.dedupe;
        let large = match &admission.event.body {
            Body::Here(bytes) if bytes.len() > INLINE_BYTES_MAX => Some(Bytes::clone(bytes)),
            Body::Here(_) | Body::File(_) | Body::Gone => None,
        };
        let Some(body) = large else {
            return self.writer.write(move |desk| accept::accept(desk, &admission, None, dedupe)).await;
        };
        let bytes = body.len() as u64;
        let bodies = Arc::clone(&self.bodies);
        // On disk before the commit that names it, and not removed before that is done.
        let pin = blocking(move || bodies.keep(&body)).await?;
        let file = BodyFile { sha256: pin.sha256().to_owned(), bytes };
        let accepted =
            self.writer.write(move |desk| accept::accept(desk, &admission, Some(&file), dedupe)).await;
        drop(pin);
        accepted
    }

    async fn knows(&self, keys: &[DedupeKey]) -> Result<bool, StoreError> {
        let (keys, dedupe) = (keys.to_vec(), self.dedupe);
        self.writer.write(move |desk| accept::knows(desk, &keys, dedupe)).await
    }

    fn load(&self) -> Load {
        self.writer.load.get()
    }

    fn congested(&self) -> bool {
        self.writer.queue.congested()
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.writer.hand_out(move |desk| Ok(claim::claim(desk, &request)?)).await
    }

    async fn claim_or_wait(
        &self,
        request: ClaimRequest,
        limits: LimitsNow,
    ) -> Result<(Claim, Option<Coming>), StoreError> {
        self.writer.hand_out(move |desk| Ok(standing::claim_or_stand(desk, request, limits)?)).await
    }

    async fn body(&self, event: &Event) -> Result<Option<Bytes>, StoreError> {
        match &event.body {
            Body::Here(bytes) => Ok(Some(Bytes::clone(bytes))),
            Body::Gone => Ok(None),
            Body::File(file) => {
                let (bodies, sha256) = (Arc::clone(&self.bodies), file.sha256.clone());
                blocking(move || match bodies.read(&sha256) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    read => read.map(Some),
                })
                .await
            }
        }
    }

    async fn begin(&self, lease: Lease, request: Option<FrozenRequest>) -> Result<(), StoreError> {
        self.writer.write(move |desk| settle::begin(desk, lease, request.as_ref())).await
    }

    /// One thread carries out all that is handed in, as it comes.
    fn keeps_order(&self) -> bool {
        true
    }

    async fn bought(&self, event: EventId, judge: &Name, digest: &str) -> Result<Option<Answer>, StoreError> {
        let (judge, digest) = (Name::clone(judge), digest.to_owned());
        self.readers.read(move |db, _| purchases::bought(db, event, &judge, &digest)).await
    }

    async fn begin_purchase(&self, lease: Lease, order: &PurchaseOrder) -> Result<Prior, StoreError> {
        let order = order.clone();
        self.writer.write(move |desk| purchases::begin(desk, lease, &order)).await
    }

    async fn end_purchase(&self, lease: Lease, bill: &Bill) -> Result<(), StoreError> {
        let bill = bill.clone();
        self.writer.write_soon(move |desk| purchases::end(desk, lease, &bill)).await
    }

    async fn extend(&self, lease: Lease, by: Duration) -> Result<(), StoreError> {
        self.writer.write(move |desk| settle::extend(desk, lease, by)).await
    }

    async fn settle(&self, lease: Lease, settlement: Settlement) -> Result<(), StoreError> {
        self.writer.write_soon(move |desk| settle::settle(desk, lease, &settlement)).await
    }

    async fn timeline(&self, event: EventId) -> Result<Option<Timeline>, StoreError> {
        self.readers.read(move |db, under_way| read::timeline(db, under_way, event)).await
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<EventSummary>, StoreError> {
        self.readers.read(move |db, under_way| read::events(db, under_way, &query)).await
    }

    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError> {
        self.readers.read(move |db, under_way| read::jobs(db, under_way, &query)).await
    }

    async fn count(&self, query: JobQuery) -> Result<u64, StoreError> {
        self.readers.read(move |db, under_way| read::count(db, under_way, &query)).await
    }

    async fn dead_groups(&self) -> Result<Vec<DeadGroup>, StoreError> {
        self.readers.read(|db, _| read::dead_groups(db)).await
    }

    async fn depths(&self) -> Result<Depths, StoreError> {
        // Asked of the writer, which keeps the counts.
        self.writer.write(|desk| Ok(read::depths(desk)?)).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.writer.write(|desk| Ok(desk.now)).await
    }

    async fn last_heard(&self) -> Result<Vec<(Name, Timestamp)>, StoreError> {
        self.writer
            .write(|desk| Ok(desk.tally.sources().map(|(name, at, _)| (Name::clone(name), at)).collect()))
            .await
    }

    async fn spent(&self, day: &Day) -> Result<Vec<Spent>, StoreError> {
        let day = day.clone();
        self.readers.read(move |db, _| spend::of_day(db, &day)).await
    }

    async fn resolve(&self, job: JobId, resolution: Resolution) -> Result<(), StoreError> {
        self.writer.write(move |desk| operate::resolve(desk, job, &resolution)).await
    }

    async fn redrive(&self, query: JobQuery) -> Result<u64, StoreError> {
        self.writer.write(move |desk| operate::redrive(desk, &query)).await
    }

    async fn unpark(&self, jobs: &[JobId]) -> Result<u64, StoreError> {
        let jobs = jobs.to_vec();
        self.writer.write(move |desk| Ok(operate::unpark(desk, &jobs)?)).await
    }

    async fn discard(&self, query: JobQuery, note: &str) -> Result<u64, StoreError> {
        let note = note.to_owned();
        self.writer.write(move |desk| operate::discard(desk, &query, &note)).await
    }

    async fn replay(&self, event: EventId, jobs: Vec<NewJob>) -> Result<Replayed, StoreError> {
        self.writer.write(move |desk| operate::replay(desk, event, &jobs)).await
    }

    async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.writer.write(move |desk| operate::pause(desk, &pause)).await
    }

    async fn resume(&self, pause: Pause) -> Result<(), StoreError> {
        self.writer.write(move |desk| operate::resume(desk, &pause)).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.readers.read(|db, _| tally::pauses(db)).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        self.writer.write(move |desk| Ok(keep::cursor(desk, &name)?)).await
    }

    async fn move_cursor(&self, name: &str, from: Option<&str>, to: &str) -> Result<(), StoreError> {
        let (name, from, to) = (name.to_owned(), from.map(str::to_owned), to.to_owned());
        self.writer.write(move |desk| keep::move_cursor(desk, &name, from.as_deref(), &to)).await
    }

    async fn take_turn(&self, job: &str, every: Duration) -> Result<bool, StoreError> {
        let job = job.to_owned();
        self.writer.write(move |desk| Ok(keep::take_turn(desk, &job, every)?)).await
    }

    async fn draw_rate(&self, draw: RateDraw) -> Result<RateDrawn, StoreError> {
        Ok(self.rates.draw(self.clock.now(), &draw))
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn retain(&self, step: RetainStep) -> Result<Retained, StoreError> {
        let dedupe = self.dedupe;
        self.writer.write(move |desk| retain::retain(desk, &step, dedupe)).await
    }

    async fn erase(&self, step: EraseStep) -> Result<Erased, StoreError> {
        self.writer.write(move |desk| erase::erase(desk, &step)).await
    }

    fn work(&self) -> watch::Receiver<u64> {
        self.writer.work.clone()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.writer.changes.clone()
    }
}

/// Work with files, on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(error.to_string()))?
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}
