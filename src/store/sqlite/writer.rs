//! The one thread that writes. It takes whatever is waiting, carries all of it out in one transaction, and goes on while the disk is
//! asked to keep that: replies are sent then. Jobs alone are handed out before: whatever comes of them outside waits for a later
//! operation to be kept, and with that one everything before it is.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use crate::{
    domain::{Clock, Lease, Timestamp},
    store::{Load, StoreError, bodies::Bodies, dir::DirLock},
};

use super::{
    checkpoint::Checkpoint,
    flush::{Flush, Haste, Written, give_up},
    leases::Leases,
    moment::Moment,
    queue::{self, Queue, Waiting},
    retain,
    standing::{self, Standing},
    tally::Tally,
};

/// Told each time that changes are on disk: how long it took, and how many operations shared it.
pub type CommitObserver = Arc<dyn Fn(Duration, usize) + Send + Sync>;

/// What an operation works with. Everything in it is rolled back together if the commit fails.
pub(super) struct Desk<'a> {
    pub db: &'a Connection,
    pub leases: &'a mut Leases,
    pub tally: &'a mut Tally,
    /// The next event's `seq`.
    pub next_seq: &'a mut i64,
    /// Requests for work that wait for it.
    pub standing: &'a mut Vec<Standing>,
    pub bodies: &'a Bodies,
    /// Files of bodies that may be unwanted after the commit.
    pub unwanted: &'a mut Vec<String>,
    /// The time that the store goes by: for all that the store stamps.
    pub now: Timestamp,
    /// The wall clock, which may jump: for the age of what was stamped by it.
    pub wall: Timestamp,
    pub monotonic: Duration,
    /// Rows that were ever written, as the transaction began.
    rows_before: u64,
    /// There may be something new to claim.
    pub new_work: bool,
    /// What was removed must not stay in the write-ahead log either.
    pub erased: bool,
}

impl Desk<'_> {
    /// Whether the transaction has written anything so far.
    fn has_changed(&self) -> bool {
        self.db.total_changes() > self.rows_before
    }
}

/// How an operation fails.
pub(super) enum Failed {
    /// Only this one; it must not have changed anything.
    Refused(StoreError),
    /// SQLite failed: the whole batch is rolled back.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Failed::Broken(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed::Refused(error)
    }
}

pub(super) type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What waits for the writer.
pub(super) struct Operation {
    told: Told,
    carry_out: CarryOut,
}

/// Carried out at the desk; without one, because an earlier operation of the batch broke it, only replied to.
type CarryOut = Box<dyn FnOnce(Option<&mut Desk<'_>>) -> (Option<rusqlite::Error>, Reply) + Send>;

/// When whoever handed in an operation is told what came of it.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// Once it is written, which the end of the machine may undo.
    Written,
    /// Once it is on disk.
    Kept(Haste),
}

#[derive(Clone)]
pub(super) struct Writer {
    pub queue: Queue<Operation>,
    pub work: watch::Receiver<u64>,
    pub changes: watch::Receiver<u64>,
    pub load: Arc<SharedLoad>,
}

/// [`Load`] as of the last commit, to be read at any time.
#[derive(Debug, Default)]
pub(super) struct SharedLoad {
    open_jobs: AtomicU64,
    payload_bytes: AtomicU64,
}

impl SharedLoad {
    pub fn get(&self) -> Load {
        Load {
            open_jobs: self.open_jobs.load(Ordering::Relaxed),
            payload_bytes: self.payload_bytes.load(Ordering::Relaxed),
        }
    }

    fn set(&self, load: Load) {
        self.open_jobs.store(load.open_jobs, Ordering::Relaxed);
        self.payload_bytes.store(load.payload_bytes, Ordering::Relaxed);
    }
}

/// What the thread works with.
pub(super) struct Bench {
    /// Let go before the database.
    pub checkpoint: Checkpoint,
    pub db: Connection,
    pub clock: Arc<dyn Clock>,
    pub moment: Moment,
    /// Shared with the readers, who tell which jobs are under way.
    pub leases: Arc<Mutex<Leases>>,
    pub tally: Tally,
    pub next_seq: i64,
    pub standing: Vec<Standing>,
    pub bodies: Arc<Bodies>,
    /// The write-ahead log, as the disk is asked to keep it.
    pub log: File,
}

/// The thread's own side.
struct Thread {
    /// Let go before the database.
    flush: Flush,
    bench: Bench,
    work: watch::Sender<u64>,
    changes: watch::Sender<u64>,
    load: Arc<SharedLoad>,
    /// Held as long as the thread runs, and let go after the database.
    _directory: DirLock,
}

impl Writer {
    /// Starts the thread. It ends when every `Writer` is gone; joining `JoinHandle` waits for that.
    pub fn start(
        bench: Bench,
        log: &Path,
        directory: DirLock,
        on_commit: CommitObserver,
    ) -> std::io::Result<(Writer, std::thread::JoinHandle<()>)> {
        let (queue, waiting) = queue::new();
        let (work, work_seen) = watch::channel(0);
        let (changes, changes_seen) = watch::channel(0);
        let load = Arc::<SharedLoad>::default();
        load.set(bench.tally.load());
        let seen = Arc::clone(&load);
        let open = || File::open(log).map(|log| move || log.sync_data());
        let flush = Flush::start(open, on_commit)?;
        let thread = Thread { flush, bench, work, changes, load, _directory: directory };
        let handle =
            std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| thread.run(waiting))?;
        Ok((Writer { queue, work: work_seen, changes: changes_seen, load: seen }, handle))
    }

    /// Carries out `operation` and waits until it is on disk.
    pub async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Desk<'_>) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_in(Told::Kept(Haste::Now), operation).await
    }

    /// As [`Writer::write`], for what nobody else waits for: it lets others share its way to the disk.
    pub async fn write_soon<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Desk<'_>) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_in(Told::Kept(Haste::Soon), operation).await
    }

    /// Carries out `operation`, which hands out work: what it tells may not be on disk, nor what it is about. Everything that is told
    /// or done outside because of it has to wait for something that is handed in later.
    pub async fn hand_out<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Desk<'_>) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_in(Told::Written, operation).await
    }

    async fn hand_in<T: Send + 'static>(
        &self,
        told: Told,
        operation: impl FnOnce(&mut Desk<'_>) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let carry_out: CarryOut = Box::new(move |desk| {
            let (broken, result) = match desk.map(operation) {
                Some(Ok(done)) => (None, Ok(done)),
                Some(Err(Failed::Refused(error))) => (None, Err(error)),
                Some(Err(Failed::Broken(error))) => {
                    let told = StoreError::Unavailable(error.to_string());
                    (Some(error), Err(told))
                }
                None => {
                    (None, Err(StoreError::Unavailable("another operation of its batch failed".to_owned())))
                }
            };
            let reply: Reply = Box::new(move |committed| {
                // A caller that gave up waiting does not want the answer.
                let _ = reply.send(committed.and(result));
            });
            (broken, reply)
        });
        let stopped = || StoreError::Unavailable("the writer has stopped".to_owned());
        self.queue.hand_in(Operation { told, carry_out }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// A service that lives on without its writer would refuse everything and recover nothing; one that ends is started
/// again and recovers all.
pub(super) struct EndWithTheStore;

impl Drop for EndWithTheStore {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                "a thread of the store panicked: ending the process, so that it is started again"
            );
            std::process::abort();
        }
    }
}

impl Thread {
    fn run(mut self, mut waiting: Waiting<Operation>) {
        let _end = EndWithTheStore;
        let mut batch = Vec::new();
        while waiting.take(&mut batch, || self.bench.clock.monotonic()) {
            let operations = batch.len();
            if let (Some(work), Some(flush)) = (self.carry_out(&mut batch), self.flush.took()) {
                waiting.written(operations, work, flush);
            }
            self.bench.checkpoint.when_due(&self.bench.db);
            self.flush.wait_for_room();
        }
    }

    /// How long that took, if it was written.
    fn carry_out(&mut self, batch: &mut Vec<Operation>) -> Option<Duration> {
        let operations = batch.len();
        let mut at_once = Vec::new();
        let mut replies = Vec::with_capacity(operations);
        let mut haste = Haste::Soon;
        let mut found = Vec::new();
        let done = self.bench.transact(|desk| {
            let mut broken = None;
            for Operation { told, carry_out } in batch.drain(..) {
                // SQLite may have rolled back by itself: what ran on would be committed alone, and told to have failed.
                let (failed, reply) = carry_out(broken.is_none().then_some(&mut *desk));
                match told {
                    Told::Written => at_once.push(reply),
                    Told::Kept(how_soon) => {
                        haste = haste.max(how_soon);
                        replies.push(reply);
                    }
                }
                broken = broken.or(failed);
            }
            if let Some(error) = broken {
                return Err(error);
            }
            if desk.has_changed() {
                found = standing::serve(desk)?;
            }
            Ok(())
        });
        match done {
            Ok((Changed { changed, new_work, erased }, work)) => {
                if erased {
                    self.bench.checkpoint.empty(&self.bench.db);
                }
                self.load.set(self.bench.tally.load());
                let missed = standing::hand_out(found);
                at_once.into_iter().for_each(|reply| reply(Ok(())));
                self.flush.push(Written { replies, haste, operations, changed, work });
                self.take_back(missed);
                if new_work {
                    self.work.send_modify(|n| *n += 1);
                }
                if changed {
                    self.changes.send_modify(|n| *n += 1);
                }
                Some(work)
            }
            Err(error) => {
                tracing::error!(%error, operations, "nothing of this batch was stored: the commit failed");
                // All of them, where the transaction did not even begin.
                replies.extend(at_once);
                replies.extend(batch.drain(..).map(|operation| (operation.carry_out)(None).1));
                // What the first operations made of a failed transaction is told to nobody.
                let told = StoreError::Unavailable(error.to_string());
                replies.into_iter().for_each(|reply| reply(Err(told.clone())));
                // Whoever waits for work asks anew.
                self.bench.standing.clear();
                None
            }
        }
    }

    /// Takes back jobs that nobody waited for any more, for those who do.
    fn take_back(&mut self, mut missed: Vec<Lease>) {
        while !missed.is_empty() {
            let mut found = Vec::new();
            let done = self.bench.transact(|desk| {
                standing::take_back(desk, &missed)?;
                found = standing::serve(desk)?;
                Ok(())
            });
            match done {
                Ok((Changed { changed, .. }, work)) => {
                    let written =
                        Written { replies: Vec::new(), haste: Haste::Soon, operations: 1, changed, work };
                    self.flush.push(written);
                }
                Err(error) => {
                    tracing::error!(%error, "jobs that nobody waited for any more come back when their leases run out");
                    return;
                }
            }
            self.work.send_modify(|n| *n += 1);
            missed = standing::hand_out(found);
        }
    }
}

/// What a transaction did.
pub(super) struct Changed {
    changed: bool,
    new_work: bool,
    erased: bool,
}

impl Bench {
    /// Runs `work` in one transaction; how long that took. If it or the commit fails, everything in memory is as it was before.
    pub fn transact(
        &mut self,
        work: impl FnOnce(&mut Desk<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<(Changed, Duration)> {
        let begun = Instant::now();
        let next_seq = self.next_seq;
        let mut unwanted = Vec::new();
        let done = self.operate(work, &mut unwanted).and_then(|changed| {
            self.db.prepare_cached("COMMIT")?.execute([])?;
            Ok((changed, begun.elapsed()))
        });
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        match &done {
            Ok(_) => {
                leases.committed();
                drop(leases);
                self.remove(&unwanted);
            }
            Err(_) => {
                if !self.db.is_autocommit()
                    && let Err(error) = self.db.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "rolling back failed");
                }
                leases.rolled_back();
                self.next_seq = next_seq;
                // Counts anew from the file, and from what is under way.
                match Tally::read(&self.db) {
                    Ok(mut tally) => {
                        leases.held().for_each(|held| tally.lease(held.queue, 1));
                        self.tally = tally;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the counts could not be read again; they may be off")
                    }
                }
            }
        }
        done
    }

    /// Removes files of bodies, once it is on disk that nothing names them.
    fn remove(&self, unwanted: &[String]) {
        if unwanted.is_empty() {
            return;
        }
        match self.log.sync_data() {
            Ok(()) => retain::remove_files(&self.db, &self.bodies, unwanted),
            Err(error) => give_up(&error),
        }
    }

    /// Everything but the commit. The leases are locked meanwhile, but not while the disk is waited for.
    fn operate(
        &mut self,
        work: impl FnOnce(&mut Desk<'_>) -> rusqlite::Result<()>,
        unwanted: &mut Vec<String>,
    ) -> rusqlite::Result<Changed> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.moment = self.moment.next(self.clock.as_ref());
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let rows_before = self.db.total_changes();
        let mut desk = Desk {
            db: &self.db,
            leases: &mut leases,
            tally: &mut self.tally,
            next_seq: &mut self.next_seq,
            standing: &mut self.standing,
            bodies: &self.bodies,
            unwanted,
            now: self.moment.now,
            wall: self.moment.wall,
            monotonic: self.moment.monotonic,
            rows_before,
            new_work: false,
            erased: false,
        };
        work(&mut desk)?;
        let Desk { new_work, erased, .. } = desk;
        self.tally.write(&self.db)?;
        Ok(Changed { changed: self.db.total_changes() > rows_before, new_work, erased })
    }
}
