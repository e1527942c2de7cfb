//! The note in a file that its work goes to another store. As long as it stands there, nobody works from this one.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::store::{Departure, StoreError};

use super::{FILE, OpenError, SqliteStore, schema};

/// Refuses a file whose work goes, or went, to another store.
pub(super) fn refuse(db: &Connection) -> Result<(), OpenError> {
    match read(db)? {
        None => Ok(()),
        Some(Departure { to, done: true, .. }) => Err(OpenError::Left { to }),
        Some(Departure { to, done: false, .. }) => Err(OpenError::Leaving { to }),
    }
}

/// Whether there is a file in `dir` with jobs to be done that nobody moved to another store. Nothing is made or changed by
/// asking.
///
/// # Errors
/// It cannot be told.
pub fn is_left_behind(dir: &Path) -> Result<bool, OpenError> {
    let path = dir.join(FILE);
    if !path.is_file() {
        return Ok(false);
    }
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let layout: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if ![schema::VERSION, schema::WITHOUT_MONEY].contains(&layout) {
        return Ok(false);
    }
    let open = "SELECT 1 FROM job WHERE state = 'ready' UNION ALL
                SELECT 1 FROM job WHERE state IN ('waiting', 'dead', 'blocked')";
    Ok(db.prepare(open)?.exists([])?)
}

fn read(db: &Connection) -> rusqlite::Result<Option<Departure>> {
    let layout: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if layout != schema::LEFT {
        return Ok(None);
    }
    let mut select = db.prepare("SELECT id, destination, at, keys_since, done FROM departure")?;
    let noted = select.query_row([], |row| {
        Ok(Departure {
            id: row.get(0)?,
            to: row.get(1)?,
            at: row.get(2)?,
            keys_since: row.get(3)?,
            done: row.get(4)?,
        })
    });
    noted.optional()
}

/// The note and the layout's number change together with all else of one transaction.
fn write(db: &Connection, departure: Option<&Departure>) -> rusqlite::Result<()> {
    db.execute_batch("DROP TABLE IF EXISTS departure")?;
    let Some(Departure { id, to, at, keys_since, done }) = departure else {
        return db.pragma_update(None, "user_version", schema::VERSION);
    };
    db.execute_batch(
        "CREATE TABLE departure(id TEXT NOT NULL, destination TEXT NOT NULL, at INTEGER NOT NULL,
         keys_since INTEGER NOT NULL, done INTEGER NOT NULL)",
    )?;
    db.execute("INSERT INTO departure VALUES(?1, ?2, ?3, ?4, ?5)", params![id, to, at, keys_since, done])?;
    db.pragma_update(None, "user_version", schema::LEFT)
}

impl SqliteStore {
    /// What is noted of the work's going to another store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn departure(&self) -> Result<Option<Departure>, StoreError> {
        self.readers.read(|db, _| read(db)).await
    }

    /// Notes that the work goes to `to`, in a migration of a new name: from now on nobody but a migration opens the
    /// file.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then nothing is noted.
    pub async fn depart(&self, id: String, to: String) -> Result<Departure, StoreError> {
        let memory = i64::try_from(self.dedupe.as_millis()).unwrap_or(i64::MAX);
        self.writer
            .write(move |desk| {
                let keys_since = desk.now.as_millis().saturating_sub(memory);
                let keys_since = crate::domain::Timestamp::from_millis(keys_since);
                let departure = Departure { id, to, at: desk.now, keys_since, done: false };
                write(desk.db, Some(&departure))?;
                Ok(departure)
            })
            .await
    }

    /// Notes that all of it has arrived: from now on it may be worked on there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn departed(&self, departure: Departure) -> Result<(), StoreError> {
        self.writer.write(move |desk| Ok(write(desk.db, Some(&Departure { done: true, ..departure }))?)).await
    }

    /// Takes the note of a migration back that has not ended: the work stays here.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if all of it has arrived, and may be worked on there.
    pub async fn stay(&self) -> Result<(), StoreError> {
        self.writer
            .write(move |desk| {
                if let Some(Departure { to, done: true, .. }) = read(desk.db)? {
                    let told = format!("its work was moved to {to}, and is done there");
                    return Err(StoreError::Conflict(told).into());
                }
                Ok(write(desk.db, None)?)
            })
            .await
    }
}
