//! The file's layout. Readable with `sqlite3`: names and states are text, times are Unix milliseconds, and the view
//! `jobs` shows each job with its event.

use rusqlite::Connection;

use super::OpenError;

/// Counts up with every change of the layout; an older program refuses a newer file.
pub(super) const VERSION: i64 = 3;

/// A layout that is brought up to date when its file is opened: it knew no money.
pub(super) const WITHOUT_MONEY: i64 = 2;

/// The same of a file that was left.
const LEFT_WITHOUT_MONEY: i64 = WITHOUT_MONEY + 1_000;

/// The layout's number in a file that was left. A program that does not know the note of it takes the file for a newer
/// one's, and leaves it alone.
pub(super) const LEFT: i64 = VERSION + 1_000;

/// What is there for which question, beside the tables' own keys:
///
/// - `dedupe.key` is the sender's own word: many senders count theirs up, and then the pages at hand are the ones needed.
/// - `event.id`: ids come from outside, `seq` is the order of acceptance and the first half of a job's number.
/// - `job_ready`: the next due job of a queue. Queues keep routes and destinations apart, so that one that is paused,
///   held or at its limit costs those beside it nothing.
/// - `job_alone`: suspects that run with nothing beside them. `job_kept`: lists of what waits for people.
/// - `job_newest`: what a newer event may take the place of. `line_head`: who is first in a line.
/// - `event_file`: whether a body's file is still wanted.
///
/// A job that is worked on is `ready` here: who holds it is known to the process that gave it out, and `lease` only
/// tells the next process what this one was working on when it ended.
const LAYOUT: &str = "
CREATE TABLE event(
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    lane TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    test_mode INTEGER NOT NULL,
    headers TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    file TEXT,
    body BLOB
);
CREATE INDEX event_file ON event(file) WHERE file IS NOT NULL;
CREATE TABLE dedupe(
    key TEXT PRIMARY KEY,
    event INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE redelivery(
    event INTEGER NOT NULL,
    at_s INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY(event, at_s)
) WITHOUT ROWID;
CREATE TABLE source(
    name TEXT PRIMARY KEY,
    heard_at INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE queue(
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    route TEXT NOT NULL,
    destination TEXT,
    ready INTEGER NOT NULL DEFAULT 0,
    blocked INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE job(
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    state TEXT NOT NULL,
    due INTEGER NOT NULL,
    fresh_at INTEGER NOT NULL,
    config TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    history INTEGER NOT NULL DEFAULT 0,
    token INTEGER,
    begun INTEGER,
    first_begun INTEGER,
    in_doubt INTEGER NOT NULL DEFAULT 0,
    approved INTEGER NOT NULL DEFAULT 0,
    line INTEGER,
    newest TEXT,
    replay TEXT,
    cause TEXT,
    reason TEXT,
    plan TEXT,
    request TEXT,
    verdict TEXT,
    receipt TEXT
);
CREATE INDEX job_ready ON job(queue, due) WHERE state = 'ready';
CREATE INDEX job_alone ON job(due) WHERE state = 'ready' AND crashes >= 2;
CREATE INDEX job_kept ON job(state, id) WHERE state IN ('waiting', 'dead', 'blocked');
CREATE INDEX job_newest ON job(newest) WHERE newest IS NOT NULL AND state IN ('ready', 'blocked');
CREATE TABLE line(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    event INTEGER NOT NULL,
    skip INTEGER NOT NULL
);
CREATE INDEX line_head ON line(key, id);
CREATE TABLE attempt(
    job INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    detail TEXT,
    PRIMARY KEY(job, seq)
) WITHOUT ROWID;
CREATE TABLE purchase(
    event INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    job INTEGER NOT NULL,
    judge TEXT NOT NULL,
    digest TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    cost INTEGER NOT NULL DEFAULT 0,
    answer TEXT,
    PRIMARY KEY(event, seq)
) WITHOUT ROWID;
CREATE TABLE lease(
    token INTEGER PRIMARY KEY,
    jobs TEXT NOT NULL
);
CREATE TABLE paused(
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY(kind, name)
) WITHOUT ROWID;
CREATE TABLE cursor(
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE turn(
    job TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE meter(
    name TEXT PRIMARY KEY,
    period INTEGER NOT NULL,
    used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE spent(
    day TEXT NOT NULL,
    classifier TEXT NOT NULL,
    judge TEXT NOT NULL,
    answers INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    maybe INTEGER NOT NULL,
    maybe_cost INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    output INTEGER NOT NULL,
    PRIMARY KEY(day, classifier, judge)
) WITHOUT ROWID;
CREATE TABLE opened(
    times INTEGER NOT NULL
);
INSERT INTO opened VALUES(0);
CREATE VIEW jobs AS
    SELECT 'evt_' || lower(hex(e.id)) || '.' || (j.id & 65535) AS job, e.source, e.type, q.lane, q.route, q.destination,
           j.state, datetime(j.due / 1000, 'unixepoch') AS due, j.attempts, j.cause, j.reason
    FROM job j JOIN queue q ON q.id = j.queue JOIN event e ON e.seq = j.id >> 16;
";

/// The table that a layout without money lacks, as a new file has it.
fn spent_table() -> &'static str {
    let from = LAYOUT.find("CREATE TABLE spent(").unwrap_or(LAYOUT.len());
    let table = LAYOUT.get(from..).unwrap_or_default();
    table.find(';').and_then(|end| table.get(..=end)).unwrap_or_default()
}

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
        WITHOUT_MONEY | LEFT_WITHOUT_MONEY => {
            let version = if found == WITHOUT_MONEY { VERSION } else { LEFT };
            db.execute_batch(&format!(
                "BEGIN; ALTER TABLE purchase ADD COLUMN cost INTEGER NOT NULL DEFAULT 0; {} PRAGMA user_version = {version}; COMMIT;",
                spent_table()
            ))?;
            Ok(())
        }
        VERSION | LEFT => Ok(()),
        other => Err(OpenError::Version { found: other, known: VERSION }),
    }
}
