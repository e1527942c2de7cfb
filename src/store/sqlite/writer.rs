//! The one thread that writes. It takes whatever is waiting, carries all of it out in one transaction, and replies
//! after the commit: under load many operations share one fsync.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::{Clock, Timestamp};
use crate::store::StoreError;

use super::{Lock, counts::Counts, leases::Leases};

/// Operations that may share one commit.
const BATCH_MAX: usize = 512;

/// Operations that may wait for the writer; beyond it callers wait to hand theirs in.
const QUEUE_MAX: usize = 4_096;

/// Told after each commit that changed something: how long it took, and how many operations shared it.
pub type CommitObserver = Arc<dyn Fn(Duration, usize) + Send + Sync>;

/// What an operation works with. Everything in it is rolled back together if the commit fails.
pub(super) struct Desk<'a> {
    pub db: &'a Connection,
    pub leases: &'a mut Leases,
    pub counts: &'a mut Counts,
    pub now: Timestamp,
    pub monotonic: Duration,
    /// Something was changed.
    pub changed: bool,
    /// There may be something new to claim.
    pub new_work: bool,
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

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Carried out at the desk; without one, because an earlier operation of the batch broke it, only replied to.
type Operation = Box<dyn FnOnce(Option<&mut Desk<'_>>) -> (Option<rusqlite::Error>, Reply) + Send>;

#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Operation>,
    pub work: watch::Receiver<u64>,
    pub changes: watch::Receiver<u64>,
    /// Jobs that workers still have to do, as of the last commit.
    pub open_jobs: Arc<AtomicU64>,
}

/// The thread's own side.
struct Thread {
    db: Connection,
    clock: Arc<dyn Clock>,
    leases: Leases,
    counts: Counts,
    on_commit: CommitObserver,
    work: watch::Sender<u64>,
    changes: watch::Sender<u64>,
    open_jobs: Arc<AtomicU64>,
    /// Held as long as the thread runs, and let go after the database.
    _directory: Lock,
}

impl Writer {
    /// Starts the thread. It ends when every `Writer` is gone; joining `JoinHandle` waits for that.
    pub fn start(
        db: Connection,
        clock: Arc<dyn Clock>,
        leases: Leases,
        counts: Counts,
        on_commit: CommitObserver,
        directory: Lock,
    ) -> std::io::Result<(Writer, std::thread::JoinHandle<()>)> {
        let (queue, operations) = mpsc::channel(QUEUE_MAX);
        let (work, work_seen) = watch::channel(0);
        let (changes, changes_seen) = watch::channel(0);
        let open_jobs = Arc::new(AtomicU64::new(counts.open()));
        let open_seen = Arc::clone(&open_jobs);
        let thread =
            Thread { db, clock, leases, counts, on_commit, work, changes, open_jobs, _directory: directory };
        let handle =
            std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| thread.run(operations))?;
        let writer = Writer { queue, work: work_seen, changes: changes_seen, open_jobs: open_seen };
        Ok((writer, handle))
    }

    /// Carries out `operation` and waits until it is on disk.
    pub async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Desk<'_>) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let boxed: Operation = Box::new(move |desk| {
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
        self.queue.send(boxed).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// A service that lives on without its writer would refuse everything and recover nothing; one that ends is started
/// again and recovers all.
struct EndWithTheWriter;

impl Drop for EndWithTheWriter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the store's writer panicked: ending the process, so that it is started again");
            std::process::abort();
        }
    }
}

impl Thread {
    fn run(mut self, mut operations: mpsc::Receiver<Operation>) {
        let _end = EndWithTheWriter;
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while let Some(first) = operations.blocking_recv() {
            batch.push(first);
            while batch.len() < BATCH_MAX
                && let Ok(next) = operations.try_recv()
            {
                batch.push(next);
            }
            self.commit(&mut batch);
        }
    }

    fn commit(&mut self, batch: &mut Vec<Operation>) {
        let begun = Instant::now();
        let operations = batch.len();
        let before = (self.leases.clone(), self.counts.clone());
        let mut replies = Vec::with_capacity(operations);
        let mut desk = Desk {
            db: &self.db,
            leases: &mut self.leases,
            counts: &mut self.counts,
            now: self.clock.now(),
            monotonic: self.clock.monotonic(),
            changed: false,
            new_work: false,
        };
        let mut broken = desk.db.execute_batch("BEGIN IMMEDIATE").err();
        for operation in batch.drain(..) {
            // SQLite may have rolled back by itself: what ran on would be committed alone, and told to have failed.
            let (failed, reply) = operation(broken.is_none().then_some(&mut desk));
            replies.push(reply);
            broken = broken.or(failed);
        }
        let (changed, new_work) = (desk.changed, desk.new_work);
        let outcome = match broken {
            None => self.db.execute_batch("COMMIT"),
            Some(error) => Err(error),
        };
        match outcome {
            Ok(()) => {
                self.open_jobs.store(self.counts.open(), Ordering::Relaxed);
                if changed {
                    (self.on_commit)(begun.elapsed(), operations);
                }
                replies.into_iter().for_each(|reply| reply(Ok(())));
                if new_work {
                    self.work.send_modify(|n| *n += 1);
                }
                if changed {
                    self.changes.send_modify(|n| *n += 1);
                }
            }
            Err(error) => {
                tracing::error!(%error, operations, "nothing of this batch was stored: the commit failed");
                if !self.db.is_autocommit()
                    && let Err(error) = self.db.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "rolling back failed");
                }
                (self.leases, self.counts) = before;
                let told = StoreError::Unavailable(error.to_string());
                replies.into_iter().for_each(|reply| reply(Err(told.clone())));
            }
        }
    }
}
