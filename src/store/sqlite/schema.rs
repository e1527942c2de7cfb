//! The file's layout. Readable with `sqlite3`: names and states are text, times are Unix milliseconds.

use rusqlite::Connection;

use super::OpenError;

/// Counts up with every change of the layout; an older program refuses a newer file.
const VERSION: i64 = 1;

const LAYOUT: &str = "
CREATE TABLE event(
    id BLOB PRIMARY KEY,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    lane TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    test_mode INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE dedupe(
    key TEXT PRIMARY KEY,
    event BLOB NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE redelivery(
    event BLOB NOT NULL,
    at_s INTEGER NOT NULL,
    PRIMARY KEY(event, at_s)
) WITHOUT ROWID;
CREATE TABLE job(
    event BLOB NOT NULL,
    n INTEGER NOT NULL,
    lane TEXT NOT NULL,
    state TEXT NOT NULL,
    due INTEGER NOT NULL,
    route TEXT NOT NULL,
    plan TEXT,
    config TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    begun INTEGER,
    first_begun INTEGER,
    in_doubt INTEGER NOT NULL DEFAULT 0,
    approved INTEGER NOT NULL DEFAULT 0,
    cause TEXT,
    reason TEXT,
    request TEXT,
    verdict TEXT,
    receipt TEXT,
    PRIMARY KEY(event, n)
) WITHOUT ROWID;
CREATE INDEX job_ready ON job(lane, due) WHERE state = 'ready';
CREATE INDEX job_alone ON job(due) WHERE state = 'ready' AND lost >= 2;
CREATE INDEX job_kept ON job(state, event, n) WHERE state IN ('waiting', 'dead', 'leased', 'blocked');
CREATE TABLE attempt(
    event BLOB NOT NULL,
    n INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    detail TEXT,
    PRIMARY KEY(event, n, seq)
) WITHOUT ROWID;
CREATE TABLE purchase(
    event BLOB NOT NULL,
    n INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    judge TEXT NOT NULL,
    digest TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    answer TEXT,
    PRIMARY KEY(event, n, seq)
) WITHOUT ROWID;
CREATE TABLE opened(
    times INTEGER NOT NULL
);
INSERT INTO opened VALUES(0);
CREATE TABLE paused(
    route TEXT PRIMARY KEY
) WITHOUT ROWID;
";

/// Counts up at every opening, so that what one process gives out can be told from what an earlier one did.
pub(super) fn count_opening(db: &Connection) -> rusqlite::Result<u64> {
    let times: i64 =
        db.query_row("UPDATE opened SET times = times + 1 RETURNING times", [], |row| row.get(0))?;
    Ok(times.unsigned_abs())
}

/// Makes the tables of a new file, or checks that this program knows the layout of an old one.
pub(super) fn prepare(db: &Connection) -> Result<(), OpenError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        0 => {
            db.execute_batch(&format!("BEGIN; {LAYOUT} PRAGMA user_version = {VERSION}; COMMIT;"))?;
            Ok(())
        }
        VERSION => Ok(()),
        other => Err(OpenError::Version { found: other, known: VERSION }),
    }
}
