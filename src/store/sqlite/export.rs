//! The work as it leaves for another store: every event with a job that is not at its end, and those whose dedupe keys
//! still count, in the order of acceptance.
//!
//! Which these are is written to a temporary table once, on disk where there are many: the walk goes by pages of it, and
//! what stands in the file's own tables is only read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    domain::{Name, Timestamp, Work},
    store::{
        Carried, CarriedJob, CarriedPlace, Departure, Household, Inventory, JobHistory, StoreError, Timeline,
    },
};

use super::{
    SqliteStore, jobs,
    key::JobKey,
    leases::UnderWay,
    read, retain,
    rows::{self, Row},
    spend, tally,
};

/// Events of one page: with bodies of the largest size that the database holds itself, 16 MiB.
const PAGE: u32 = 64;

/// What is chosen, from the indexes on what is open and on what waits for people.
const CHOOSE: &str = "
CREATE TEMP TABLE chosen(seq INTEGER PRIMARY KEY);
CREATE TEMP TABLE chosen_key(event INTEGER, key TEXT, at INTEGER, PRIMARY KEY(event, key)) WITHOUT ROWID;
INSERT OR IGNORE INTO chosen SELECT id >> 16 FROM job WHERE state = 'ready';
INSERT OR IGNORE INTO chosen SELECT id >> 16 FROM job WHERE state IN ('waiting', 'dead', 'blocked');
";

/// See the module.
pub struct Export {
    db: Arc<Mutex<Connection>>,
    after: i64,
}

/// How much is carried, and how much of it there is beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    pub carried: Inventory,
    pub keys: u64,
    /// Events at their end whose keys do not count any more.
    pub left: u64,
}

impl SqliteStore {
    /// Begins to read what goes, as it stands now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn export(&self, departure: &Departure) -> Result<Export, StoreError> {
        let (readers, keys_since) = (self.readers.clone(), departure.keys_since);
        let db = blocking(move || {
            let db = readers.connect()?;
            db.execute_batch(CHOOSE)?;
            db.execute(
                "INSERT INTO chosen_key SELECT event, key, at FROM dedupe
                 WHERE at > ?1 AND EXISTS(SELECT 1 FROM event WHERE seq = dedupe.event)",
                [keys_since],
            )?;
            db.execute("INSERT OR IGNORE INTO chosen SELECT DISTINCT event FROM chosen_key", [])?;
            Ok(db)
        });
        Ok(Export { db: Arc::new(Mutex::new(db.await?)), after: 0 })
    }
}

impl Export {
    /// The next page; nothing after the last one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn next(&mut self) -> Result<Vec<Carried>, StoreError> {
        let after = self.after;
        let (page, last) = self.read(move |db| page(db, after)).await?;
        self.after = last;
        Ok(page)
    }

    /// What is no event's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn household(&self) -> Result<Household, StoreError> {
        self.read(household).await
    }

    /// How much it is in all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn extent(&self) -> Result<Extent, StoreError> {
        self.read(extent).await
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = Arc::clone(&self.db);
        blocking(move || query(&db.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string());
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| unavailable(&error))?.map_err(|error| unavailable(&error))
}

fn page(db: &Connection, after: i64) -> rusqlite::Result<(Vec<Carried>, i64)> {
    let mut select = db.prepare_cached(
        "SELECT e.seq, e.id FROM chosen JOIN event e USING(seq) WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let found: Vec<(i64, _)> = select
        .query_map(params![after, PAGE], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let (mut page, mut last) = (Vec::with_capacity(found.len()), after);
    for (seq, id) in found {
        last = seq;
        if let Some(timeline) = read::timeline(db, &UnderWay::new(), id)? {
            page.push(carried(db, seq, timeline)?);
        }
    }
    Ok((page, last))
}

fn carried(db: &Connection, seq: i64, timeline: Timeline) -> rusqlite::Result<Carried> {
    let Timeline { event, jobs: told, redeliveries, .. } = timeline;
    let mut places = places(db, &jobs::rows_of(db, seq)?)?;
    let mut newest = newest(db, seq)?;
    let told = told.into_iter().map(|JobHistory { job, history, .. }| {
        let n = job.id.n;
        CarriedJob { job, history, place: places.remove(&n), newest: newest.remove(&n) }
    });
    let jobs = told.collect();
    let purchases = db
        .prepare_cached(
            "SELECT judge, digest, begun_at, state, cost, answer, job FROM purchase WHERE event = ?1 ORDER BY seq",
        )?
        .query_map([seq], |row| Ok((row.get::<_, JobKey>(6)?.n(), rows::purchase(row)?)))?
        .collect::<Result<_, _>>()?;
    let keys = db
        .prepare_cached("SELECT key, at FROM chosen_key WHERE event = ?1 ORDER BY key")?
        .query_map([seq], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(Carried { event, jobs, purchases, redeliveries, keys })
}

/// The places in lines that jobs of one event have, by their numbers. Who has left its line has none.
fn places(db: &Connection, all: &[Row]) -> rusqlite::Result<BTreeMap<u32, CarriedPlace>> {
    let mut places = BTreeMap::new();
    for row in all {
        let Some(line) = row.line else { continue };
        let stands = |other: &&Row| other.line == Some(line) && matches!(other.job.work, Work::Route { .. });
        let route = all.iter().find(stands).map_or(row.key.n(), |route| route.key.n());
        let place: Option<CarriedPlace> = db
            .prepare_cached("SELECT key, skip FROM line WHERE id = ?1")?
            .query_row([line], |of| Ok(CarriedPlace { key: of.get(0)?, at: line, route, skip: of.get(1)? }))
            .optional()?;
        places.extend(place.map(|place| (row.key.n(), place)));
    }
    Ok(places)
}

/// Under what jobs of one event may give way to a newer one, by their numbers, and whether each is the one that waits.
fn newest(db: &Connection, seq: i64) -> rusqlite::Result<BTreeMap<u32, (String, bool)>> {
    let (first, last) = JobKey::all_of(seq);
    let mut select = db.prepare_cached(
        "SELECT id, newest, state IN ('ready', 'blocked') AND NOT EXISTS(
             SELECT 1 FROM job later WHERE later.newest = job.newest AND later.state IN ('ready', 'blocked')
             AND later.id > job.id)
         FROM job WHERE id BETWEEN ?1 AND ?2 AND newest IS NOT NULL",
    )?;
    let found = select
        .query_map([first, last], |row| Ok((row.get::<_, JobKey>(0)?.n(), (row.get(1)?, row.get(2)?))))?;
    found.collect()
}

fn household(db: &Connection) -> rusqlite::Result<Household> {
    let cursors = db
        .prepare("SELECT name, value FROM cursor WHERE name != ?1 ORDER BY name")?
        .query_map([retain::KEYS_CURSOR], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let turns = db
        .prepare("SELECT job, at FROM turn ORDER BY job")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let meters = db
        .prepare("SELECT name, period, used FROM meter ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let heard = db
        .prepare("SELECT name, heard_at FROM source ORDER BY name")?
        .query_map([], |row| Ok((row.get::<_, Name>(0)?, row.get::<_, Timestamp>(1)?)))?
        .collect::<Result<_, _>>()?;
    let spent = spend::all(db)?;
    let last_place = db
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'line'", [], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    Ok(Household { pauses: tally::pauses(db)?, cursors, turns, meters, spent, heard, last_place })
}

fn extent(db: &Connection) -> rusqlite::Result<Extent> {
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u64>(0));
    let events = count("SELECT count(*) FROM chosen JOIN event USING(seq)")?;
    let jobs = db
        .prepare(
            "SELECT j.state, count(*) FROM chosen c CROSS JOIN job j ON j.id BETWEEN c.seq << 16 AND (c.seq << 16 | 65535)
             GROUP BY j.state",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let attempts = count(
        "SELECT count(*) FROM chosen c CROSS JOIN attempt a ON a.job BETWEEN c.seq << 16 AND (c.seq << 16 | 65535)",
    )?;
    let purchases = count("SELECT count(*) FROM chosen c CROSS JOIN purchase p ON p.event = c.seq")?;
    let carried = Inventory { events, jobs, attempts, purchases };
    let keys = count("SELECT count(*) FROM chosen_key")?;
    Ok(Extent { carried, keys, left: count("SELECT count(*) FROM event")? - events })
}
