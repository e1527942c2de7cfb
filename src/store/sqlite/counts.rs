//! How many jobs are in each state, kept beside the table so that nobody has to count a million rows.

use rusqlite::Connection;

use crate::domain::{JobState, Lane};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    ready: [u64; 3],
    leased: u64,
    blocked: u64,
    waiting: u64,
    dead: u64,
}

impl Counts {
    pub fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut counts = Counts::default();
        let mut select = db.prepare(
            "SELECT lane, 'ready', count(*) FROM job WHERE state = 'ready' GROUP BY lane
             UNION ALL SELECT lane, state, count(*) FROM job
             WHERE state IN ('waiting', 'dead', 'leased', 'blocked') GROUP BY lane, state",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (lane, state, count): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if let (Ok(lane), Ok(state)) = (lane.parse(), state.parse())
                && let Some(slot) = counts.slot(state, lane)
            {
                *slot += count.unsigned_abs();
            }
        }
        Ok(counts)
    }

    /// A job went from one state to another; `None` for one that is new.
    pub fn shift(&mut self, from: Option<JobState>, to: JobState, lane: Lane) {
        if let Some(slot) = from.and_then(|from| self.slot(from, lane)) {
            *slot = slot.saturating_sub(1);
        }
        if let Some(slot) = self.slot(to, lane) {
            *slot += 1;
        }
    }

    pub fn get(&self, state: JobState, lane: Lane) -> u64 {
        match state {
            JobState::Ready => self.ready[lane_at(lane)],
            JobState::Leased => self.leased,
            JobState::Blocked => self.blocked,
            JobState::Waiting => self.waiting,
            JobState::Dead => self.dead,
            JobState::Done | JobState::Skipped | JobState::Discarded => 0,
        }
    }

    /// Jobs that workers still have to do.
    pub fn open(&self) -> u64 {
        self.ready.iter().sum::<u64>() + self.leased + self.blocked
    }

    fn slot(&mut self, state: JobState, lane: Lane) -> Option<&mut u64> {
        match state {
            JobState::Ready => Some(&mut self.ready[lane_at(lane)]),
            JobState::Leased => Some(&mut self.leased),
            JobState::Blocked => Some(&mut self.blocked),
            JobState::Waiting => Some(&mut self.waiting),
            JobState::Dead => Some(&mut self.dead),
            JobState::Done | JobState::Skipped | JobState::Discarded => None,
        }
    }
}

const fn lane_at(lane: Lane) -> usize {
    match lane {
        Lane::Critical => 0,
        Lane::Normal => 1,
        Lane::Bulk => 2,
    }
}
