//! Which rows are written.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::ValueEnum;
use hookyard::{
    host::{self, SystemClock},
    store::sqlite::{FILE, SqliteOptions, SqliteStore},
};
use rusqlite::{Connection, Transaction, params};

use crate::writer::Received;

#[derive(Clone, Copy, ValueEnum)]
pub enum Rows {
    /// The body and its unique id.
    Id,
    /// Everything Hookyard writes for an event with one route.
    All,
}

/// Where they are written.
pub struct Table {
    db: Connection,
    rows: Rows,
    next: i64,
}

impl Rows {
    /// Makes the file in `folder`.
    pub fn open(self, folder: &Path) -> Table {
        let path = folder.join(FILE);
        if matches!(self, Rows::All) {
            let options = SqliteOptions {
                dir: folder.to_owned(),
                dedupe: Duration::from_secs(864_000),
                on_commit: Arc::new(|_, _| {}),
            };
            SqliteStore::open(options, Arc::new(SystemClock::new())).expect("the store opens").close();
        }
        let db = Connection::open(path).expect("the file opens");
        db.pragma_update(None, "journal_mode", "WAL").expect("a pragma");
        db.pragma_update(None, "synchronous", "FULL").expect("a pragma");
        match self {
            Rows::Id => db.execute_batch(
                "CREATE TABLE event(seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
                 CREATE TABLE seen(id TEXT PRIMARY KEY) WITHOUT ROWID;",
            ),
            Rows::All => db.execute_batch(
                "INSERT INTO queue(id, lane, route) VALUES(1, 'normal', 'noop');
                 INSERT INTO source(name, heard_at, payload_bytes) VALUES('forms', 0, 0);",
            ),
        }
        .expect("the tables are there");
        Table { db, rows: self, next: 1 }
    }
}

impl Table {
    /// Writes all of them in one transaction; tells which were new.
    pub fn commit<'a>(&mut self, batch: impl Iterator<Item = &'a Received>) -> Vec<bool> {
        let transaction = self.db.transaction().expect("begins");
        let new = match self.rows {
            Rows::Id => batch.map(|received| id(&transaction, received)).collect(),
            Rows::All => all(&transaction, &mut self.next, batch),
        };
        let new = new.expect("is written");
        transaction.commit().expect("commits");
        new
    }
}

fn id(db: &Transaction<'_>, received: &Received) -> rusqlite::Result<bool> {
    let new = db.prepare_cached("INSERT OR IGNORE INTO seen VALUES(?1)")?.execute([&received.id])? == 1;
    if new {
        db.prepare_cached("INSERT INTO event(body) VALUES(?1)")?.execute([&received.body[..]])?;
    }
    Ok(new)
}

fn all<'a>(
    db: &Transaction<'_>,
    next: &mut i64,
    batch: impl Iterator<Item = &'a Received>,
) -> rusqlite::Result<Vec<bool>> {
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis() as i64;
    let (mut bytes, mut jobs) = (0, 0);
    let mut new = Vec::new();
    for received in batch {
        let seq = *next;
        let fresh = db
            .prepare_cached("INSERT INTO dedupe(key, event, at) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![format!("forms/{}", received.id), seq, now])?
            == 1;
        new.push(fresh);
        if !fresh {
            continue;
        }
        *next += 1;
        jobs += 1;
        bytes += received.body.len();
        db.prepare_cached(
            "INSERT INTO event(seq, id, source, type, lane, received_at, test_mode, headers, bytes, body)
             VALUES(?1, ?2, 'forms', ?3, 'normal', ?4, 0, '[]', ?5, ?6)",
        )?
        .execute(params![
            seq,
            host::event_id(),
            received.kind,
            now,
            received.body.len(),
            &received.body[..]
        ])?;
        db.prepare_cached(
            "INSERT INTO job(id, queue, state, due, fresh_at, config) VALUES(?1, 1, 'ready', ?2, ?2, 'cfg_0123456789ab')",
        )?
        .execute(params![seq << 16, now])?;
    }
    db.prepare_cached("UPDATE queue SET ready = ready + ?1")?.execute([jobs])?;
    db.prepare_cached("UPDATE source SET heard_at = ?1, payload_bytes = payload_bytes + ?2")?
        .execute(params![now, bytes])?;
    Ok(new)
}
