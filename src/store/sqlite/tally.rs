//! How many jobs are in each queue and how many bytes of each source are kept, in memory and beside the rows they
//! count, so that nobody has to count a million of them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use crate::{
    domain::{JobState, Lane, Name, Timestamp},
    store::{Load, Pause},
};

use super::rows;

/// Kinds of pauses in the file.
pub(super) const ROUTE: &str = "route";
pub(super) const DESTINATION: &str = "destination";
pub(super) const EVERYTHING: &str = "everything";

/// A queue's place in [`Tally`], and its id in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct QueueId(pub usize);

/// Jobs of one route, or of its actions to one destination, in one lane.
#[derive(Debug)]
pub(super) struct Queue {
    pub lane: Lane,
    pub route: Name,
    pub destination: Option<Name>,
    /// On disk, those under way included.
    pub ready: u64,
    pub blocked: u64,
    pub waiting: u64,
    pub dead: u64,
    /// Those under way.
    pub leased: u64,
    pub paused: bool,
    changed: bool,
}

#[derive(Debug)]
struct Source {
    heard_at: Timestamp,
    payload_bytes: u64,
    changed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    queues: Vec<Queue>,
    by_name: HashMap<(Lane, Name, Option<Name>), QueueId>,
    sources: BTreeMap<Name, Source>,
    pauses: Vec<Pause>,
}

impl Tally {
    /// As of the last commit.
    pub fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut tally = Tally::default();
        let mut select = db.prepare_cached(
            "SELECT id, lane, route, destination, ready, blocked, waiting, dead FROM queue ORDER BY id",
        )?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            tally.add(Queue {
                lane: rows::word(row, 1)?,
                route: row.get(2)?,
                destination: row.get(3)?,
                ready: count(4)?,
                blocked: count(5)?,
                waiting: count(6)?,
                dead: count(7)?,
                leased: 0,
                paused: false,
                changed: false,
            });
        }
        let mut select = db.prepare_cached("SELECT name, heard_at, payload_bytes FROM source")?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let payload_bytes = row.get::<_, i64>(2)?.unsigned_abs();
            let source = Source { heard_at: row.get(1)?, payload_bytes, changed: false };
            tally.sources.insert(row.get(0)?, source);
        }
        tally.pauses = pauses(db)?;
        tally.apply_pauses();
        Ok(tally)
    }

    fn add(&mut self, queue: Queue) -> QueueId {
        let id = QueueId(self.queues.len());
        let name = (queue.lane, Name::clone(&queue.route), queue.destination.clone());
        self.by_name.insert(name, id);
        self.queues.push(queue);
        id
    }

    /// The queue of these names, made if there is none.
    pub fn queue(
        &mut self,
        db: &Connection,
        lane: Lane,
        route: &Name,
        destination: Option<&Name>,
    ) -> rusqlite::Result<QueueId> {
        let name = (lane, Name::clone(route), destination.cloned());
        if let Some(id) = self.by_name.get(&name) {
            return Ok(*id);
        }
        let (lane, route, destination) = name;
        let id = self.add(Queue {
            lane,
            route,
            destination,
            ready: 0,
            blocked: 0,
            waiting: 0,
            dead: 0,
            leased: 0,
            paused: false,
            changed: false,
        });
        let queue = &self.queues[id.0];
        db.prepare_cached("INSERT INTO queue(id, lane, route, destination) VALUES(?1, ?2, ?3, ?4)")?
            .execute(params![id, queue.lane, queue.route, queue.destination])?;
        self.apply_pauses();
        Ok(id)
    }

    pub fn get(&self, id: QueueId) -> &Queue {
        &self.queues[id.0]
    }

    pub fn queues(&self) -> impl Iterator<Item = (QueueId, &Queue)> {
        self.queues.iter().enumerate().map(|(at, queue)| (QueueId(at), queue))
    }

    /// A job went from one state to another; `None` for one that is new, or gone for good. Jobs under way are `ready`.
    pub fn shift(&mut self, id: QueueId, from: Option<JobState>, to: Option<JobState>) {
        let queue = &mut self.queues[id.0];
        queue.changed = true;
        if let Some(count) = from.and_then(|state| queue.count(state)) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = to.and_then(|state| queue.count(state)) {
            *count += 1;
        }
    }

    /// Jobs given out, or taken back.
    pub fn lease(&mut self, id: QueueId, by: i64) {
        let leased = &mut self.queues[id.0].leased;
        *leased = leased.saturating_add_signed(by);
    }

    /// A source was heard of, and so many bytes of it are kept more.
    pub fn heard(&mut self, source: &Name, at: Timestamp, bytes: u64) {
        let fresh = Source { heard_at: at, payload_bytes: 0, changed: true };
        let known = self.sources.entry(Name::clone(source)).or_insert(fresh);
        // The latest word, even if the clock was ahead at an earlier one.
        known.heard_at = at;
        known.payload_bytes += bytes;
        known.changed = true;
    }

    /// Bytes of a source were removed.
    pub fn removed(&mut self, source: &str, bytes: u64) {
        if let Some(known) = self.sources.get_mut(source) {
            known.payload_bytes = known.payload_bytes.saturating_sub(bytes);
            known.changed = true;
        }
    }

    pub fn payload_bytes(&self, source: &str) -> u64 {
        self.sources.get(source).map_or(0, |source| source.payload_bytes)
    }

    pub fn sources(&self) -> impl Iterator<Item = (&Name, Timestamp, u64)> {
        self.sources.iter().map(|(name, source)| (name, source.heard_at, source.payload_bytes))
    }

    pub fn load(&self) -> Load {
        Load {
            open_jobs: self.queues.iter().map(|queue| queue.ready + queue.blocked).sum(),
            payload_bytes: self.sources.values().map(|source| source.payload_bytes).sum(),
        }
    }

    pub fn everything_paused(&self) -> bool {
        self.pauses.contains(&Pause::Everything)
    }

    /// The pauses were changed in the file.
    pub fn pauses_changed(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.pauses = pauses(db)?;
        self.apply_pauses();
        Ok(())
    }

    fn apply_pauses(&mut self) {
        for queue in &mut self.queues {
            queue.paused = self.pauses.iter().any(|pause| match pause {
                Pause::Route(route) => queue.route == *route,
                Pause::Destination(destination) => queue.destination.as_ref() == Some(destination),
                Pause::Everything => true,
            });
        }
    }

    /// Writes what changed, within the transaction that changed it.
    pub fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for (at, queue) in self.queues.iter_mut().enumerate().filter(|(_, queue)| queue.changed) {
            db.prepare_cached(
                "UPDATE queue SET ready = ?2, blocked = ?3, waiting = ?4, dead = ?5 WHERE id = ?1",
            )?
            .execute(params![
                QueueId(at),
                queue.ready,
                queue.blocked,
                queue.waiting,
                queue.dead
            ])?;
            queue.changed = false;
        }
        for (name, source) in self.sources.iter_mut().filter(|(_, source)| source.changed) {
            db.prepare_cached(
                "INSERT INTO source(name, heard_at, payload_bytes) VALUES(?1, ?2, ?3)
                 ON CONFLICT(name) DO UPDATE SET heard_at = ?2, payload_bytes = ?3",
            )?
            .execute(params![name, source.heard_at, source.payload_bytes])?;
            source.changed = false;
        }
        Ok(())
    }
}

impl Queue {
    fn count(&mut self, state: JobState) -> Option<&mut u64> {
        match state {
            JobState::Ready | JobState::Leased => Some(&mut self.ready),
            JobState::Blocked => Some(&mut self.blocked),
            JobState::Waiting => Some(&mut self.waiting),
            JobState::Dead => Some(&mut self.dead),
            JobState::Done | JobState::Skipped | JobState::Discarded => None,
        }
    }
}

/// What is paused, by the file.
pub(super) fn pauses(db: &Connection) -> rusqlite::Result<Vec<Pause>> {
    let mut select = db.prepare_cached("SELECT kind, name FROM paused ORDER BY kind, name")?;
    let mut rows = select.query([])?;
    let mut pauses = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get(1)?;
        pauses.push(match row.get_ref(0)?.as_str()? {
            ROUTE => Pause::Route(name),
            DESTINATION => Pause::Destination(name),
            _ => Pause::Everything,
        });
    }
    Ok(pauses)
}
