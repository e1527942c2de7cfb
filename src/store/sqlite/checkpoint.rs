//! When the write-ahead log is copied into the database: after the replies to the batch that made it long, so that
//! nobody waits for it whose commit is done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use rusqlite::{Connection, DEFAULT_NAME, wal::CheckpointMode};

/// Pages of the write-ahead log after which it is copied: often enough that senders hardly feel it (of 4,096 pages
/// the p99 was twice as long, and the CPU for each event the same).
const PAGES_MAX: i32 = 1_000;

/// Longest wait for those who read, before the log is emptied.
const EMPTY_WITHIN: Duration = Duration::from_millis(500);

/// Watches how long the log of one connection is.
pub(super) struct Checkpoint {
    pages: Arc<AtomicI32>,
}

impl Checkpoint {
    /// Takes the place of SQLite's own, which is a part of the commit.
    pub fn of(db: &mut Connection) -> rusqlite::Result<Self> {
        let pages = Arc::<AtomicI32>::default();
        let written = Arc::clone(&pages);
        db.wal_hook(Some(move |_: &mut _, n| {
            written.store(n, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Checkpoint { pages })
    }

    /// Copies the log, and leaves nothing in it: what was erased must not stay there.
    pub fn empty(&self, db: &Connection) {
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

    /// Copies the log if it is long. What cannot be copied stays in the log, which is as durable.
    pub fn when_due(&self, db: &Connection) {
        if self.pages.load(Ordering::Relaxed) < PAGES_MAX {
            return;
        }
        match db.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE) {
            Ok(_) => self.pages.store(0, Ordering::Relaxed),
            Err(error) => {
                tracing::error!(%error, "the write-ahead log cannot be copied into the database, and grows")
            }
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
        let checkpoint = Checkpoint::of(&mut db).unwrap();
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
}
