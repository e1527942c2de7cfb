//! When the write-ahead log is copied into the database: beside the commits, on a connection and a thread of its own, so
//! that nobody waits for it. What was committed meanwhile the writer copies itself, as only then the log begins anew.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
        mpsc::{self, Receiver, Sender, TryRecvError},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, DEFAULT_NAME, wal::CheckpointMode};

use super::{OpenError, connect};

/// Pages of the write-ahead log after which it is copied: a log that stays in the processor's caches.
const PAGES_MAX: i32 = 1_000;

/// Pages that may be left for the writer.
const REST_MAX: i32 = 64;

/// How often the log is copied before the writer gets the rest, however much that is: whoever commits faster than the log is
/// copied has to wait.
const PASSES_MAX: u32 = 4;

/// Longest wait for those who read, before the log is emptied.
const EMPTY_WITHIN: Duration = Duration::from_millis(500);

/// Watches how long the log of the writer's connection is.
pub(super) struct Checkpoint {
    pages: Arc<AtomicI32>,
    copier: Copier,
}

/// Copies the log while others write.
struct Copier {
    /// Gone once it is to end.
    ask: Option<Sender<()>>,
    done: Receiver<()>,
    is_asked: bool,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoint {
    /// Takes the place of SQLite's own, which is a part of the commit. `path` is the file that `db` writes to.
    pub fn of(db: &mut Connection, path: &Path) -> Result<Self, OpenError> {
        let pages = Arc::<AtomicI32>::default();
        let written = Arc::clone(&pages);
        db.wal_hook(Some(move |_: &mut _, n| {
            written.store(n, Ordering::Relaxed);
            Ok(())
        }))?;
        let copier = Copier::start(path, Arc::clone(&pages))?;
        Ok(Checkpoint { pages, copier })
    }

    /// Copies the log, and leaves nothing in it: what was erased must not stay there.
    pub fn empty(&mut self, db: &Connection) {
        // Of two that copy at one time the second is refused, however long it would wait.
        self.copier.wait();
        let emptied = db
            .busy_timeout(EMPTY_WITHIN)
            .and_then(|()| db.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::TRUNCATE));
        // Also where that was in vain: everything else waits as long as before.
        let restored = db.busy_timeout(super::BUSY);
        match emptied.and(restored) {
            Ok(()) => self.pages.store(0, Ordering::Relaxed),
            Err(error) => {
                tracing::error!(%error, "what was erased may stand in the write-ahead log: erase once more")
            }
        }
    }

    /// Has the log copied if it is long, and copies the rest once that is done. What cannot be copied stays in the log, which
    /// is as durable.
    pub fn when_due(&mut self, db: &Connection) {
        if self.copier.is_asked {
            if self.copier.is_done() {
                self.finish(db);
            }
        } else if self.pages.load(Ordering::Relaxed) >= PAGES_MAX && !self.copier.ask() {
            self.finish(db);
        }
    }

    fn finish(&self, db: &Connection) {
        match db.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE) {
            Ok(_) => self.pages.store(0, Ordering::Relaxed),
            Err(error) => not_copied(&error),
        }
    }
}

fn not_copied(error: &rusqlite::Error) {
    tracing::error!(%error, "the write-ahead log cannot be copied into the database, and grows");
}

impl Copier {
    fn start(path: &Path, pages: Arc<AtomicI32>) -> Result<Self, OpenError> {
        let db = connect(path)?;
        let (ask, asked) = mpsc::channel();
        let (tell, done) = mpsc::channel();
        let file_error = |source| OpenError::File { path: path.to_owned(), source };
        let thread = std::thread::Builder::new()
            .name("store-copier".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    copy(&db, &pages);
                    // Whoever asked may be gone.
                    let _ = tell.send(());
                }
            })
            .map_err(file_error)?;
        Ok(Copier { ask: Some(ask), done, is_asked: false, thread: Some(thread) })
    }

    /// Whether it will.
    fn ask(&mut self) -> bool {
        self.is_asked = self.ask.as_ref().is_some_and(|ask| ask.send(()).is_ok());
        self.is_asked
    }

    /// Whether it is done with what it was asked for, or is gone.
    fn is_done(&mut self) -> bool {
        self.is_asked = self.done.try_recv() == Err(TryRecvError::Empty);
        !self.is_asked
    }

    /// Waits until it is.
    fn wait(&mut self) {
        if self.is_asked {
            // A thread that is gone copies nothing either.
            let _ = self.done.recv();
            self.is_asked = false;
        }
    }
}

/// Its connection is closed before the writer's, which removes the log.
impl Drop for Copier {
    fn drop(&mut self) {
        drop(self.ask.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that copies the write-ahead log had panicked");
        }
    }
}

/// Copies the log until little of it is left; `pages` is how long it has become meanwhile.
fn copy(db: &Connection, pages: &AtomicI32) {
    for _ in 0..PASSES_MAX {
        match db.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE) {
            Ok((_, copied)) if pages.load(Ordering::Relaxed) - copied <= REST_MAX => return,
            Ok(_) => {}
            Err(error) => return not_copied(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{BUSY, connect};

    #[test]
    fn a_log_that_somebody_reads_is_waited_for_shortly_and_everything_else_as_long_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.db");
        let mut db = connect(&path).unwrap();
        let mut checkpoint = Checkpoint::of(&mut db, &path).unwrap();
        db.execute_batch("CREATE TABLE t(n); INSERT INTO t VALUES(1)").unwrap();
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        db.execute_batch("INSERT INTO t VALUES(2)").unwrap();
        let bytes = || std::fs::metadata(dir.path().join("log.db-wal")).unwrap().len();

        checkpoint.empty(&db);
        let waits_ms: u64 = db.pragma_query_value(None, "busy_timeout", |row| row.get(0)).unwrap();
        assert_eq!((bytes() > 0, u128::from(waits_ms)), (true, BUSY.as_millis()));
        reader.execute_batch("COMMIT").unwrap();
        checkpoint.empty(&db);
        assert_eq!(bytes(), 0);
    }

    #[test]
    fn a_long_log_is_copied_while_it_grows_and_then_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.db");
        let mut db = connect(&path).unwrap();
        let mut checkpoint = Checkpoint::of(&mut db, &path).unwrap();
        db.execute_batch("CREATE TABLE t(n)").unwrap();
        let pages = Arc::clone(&checkpoint.pages);
        let write = |db: &Connection| db.execute("INSERT INTO t VALUES(randomblob(40000))", []).unwrap();
        while pages.load(Ordering::Relaxed) < PAGES_MAX {
            checkpoint.when_due(&db);
            assert!(!checkpoint.copier.is_asked, "it is too short yet");
            write(&db);
        }
        checkpoint.when_due(&db);
        assert!(checkpoint.copier.is_asked);
        write(&db);
        let before = pages.load(Ordering::Relaxed);
        while checkpoint.copier.is_asked {
            checkpoint.when_due(&db);
            std::thread::yield_now();
        }
        write(&db);
        let after = pages.load(Ordering::Relaxed);
        assert!(before > PAGES_MAX && after < 20, "it was {before} pages long, and is {after}");
    }
}
