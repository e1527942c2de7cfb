//! Who works on what. Kept in memory: leases end with their process, and their time is the monotonic clock's.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::domain::{JobId, Lease};

use super::{key::JobKey, tally::QueueId};

/// Jobs that were under way at one moment. The file does not tell them from ready ones.
pub(super) type UnderWay = HashSet<JobId>;

#[derive(Debug)]
pub(super) struct Leases {
    held: HashMap<JobId, Held>,
    /// How many of the jobs that one row of `lease` names are under way.
    batches: HashMap<u64, u32>,
    next_token: u64,
    /// How to take back what the present transaction did, should it fail.
    undo: Vec<Undo>,
}

/// A job under way, with what its end needs to know of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub key: JobKey,
    pub token: u64,
    /// The row of `lease` that names it.
    pub batch: u64,
    pub until: Duration,
    /// With nothing beside it.
    pub alone: bool,
    pub queue: QueueId,
    pub line: Option<i64>,
    /// Lines of its history so far.
    pub history: u32,
    pub is_action: bool,
}

#[derive(Debug)]
enum Undo {
    Granted(JobId),
    Changed(JobId, Held),
}

impl Leases {
    /// `first_token` must be larger than any that an earlier process gave out.
    pub fn new(first_token: u64) -> Self {
        Leases { held: HashMap::new(), batches: HashMap::new(), next_token: first_token, undo: Vec::new() }
    }

    pub fn next_token(&self) -> u64 {
        self.next_token
    }

    /// At least as large as every token given out so far, and smaller than every one to come.
    pub fn last_token(&self) -> u64 {
        self.next_token.saturating_sub(1)
    }

    /// Gives out a job under the next token.
    pub fn grant(&mut self, job: JobId, held: Held) -> Lease {
        let token = self.next_token;
        self.next_token += 1;
        self.undo.push(Undo::Granted(job));
        *self.batches.entry(held.batch).or_default() += 1;
        self.held.insert(job, Held { token, ..held });
        Lease { job, token }
    }

    /// What is held under `lease`, if it still is.
    pub fn get(&self, lease: Lease) -> Option<Held> {
        self.held.get(&lease.job).copied().filter(|held| held.token == lease.token)
    }

    pub fn holds(&self, job: JobId) -> bool {
        self.held.contains_key(&job)
    }

    pub fn extend(&mut self, job: JobId, until: Duration) {
        if let Some(held) = self.held.get_mut(&job) {
            self.undo.push(Undo::Changed(job, *held));
            held.until = until;
        }
    }

    pub fn release(&mut self, job: JobId) -> Option<Held> {
        let held = self.held.remove(&job)?;
        self.undo.push(Undo::Changed(job, held));
        if let Some(left) = self.batches.get_mut(&held.batch) {
            *left = left.saturating_sub(1);
        }
        Some(held)
    }

    /// Whether none of the jobs that one row of `lease` names is under way any more; asked once for each job's end.
    pub fn is_over(&mut self, batch: u64) -> bool {
        let over = self.batches.get(&batch).is_none_or(|left| *left == 0);
        if over {
            self.batches.remove(&batch);
        }
        over
    }

    pub fn expired(&self, now: Duration) -> Vec<JobId> {
        let mut late: Vec<JobId> =
            self.held.iter().filter(|(_, held)| held.until <= now).map(|(id, _)| *id).collect();
        late.sort_unstable();
        late
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The jobs under way, for whoever reads without holding anybody up.
    pub fn under_way(&self) -> UnderWay {
        self.held.keys().copied().collect()
    }

    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    /// A job that must run alone is being worked on.
    pub fn alone(&self) -> bool {
        self.held.values().any(|held| held.alone)
    }

    /// The transaction was committed.
    pub fn committed(&mut self) {
        self.undo.clear();
    }

    /// The transaction failed: everything is as it was before.
    pub fn rolled_back(&mut self) {
        while let Some(step) = self.undo.pop() {
            match step {
                Undo::Granted(job) => drop(self.held.remove(&job)),
                Undo::Changed(job, before) => drop(self.held.insert(job, before)),
            }
        }
        self.batches.clear();
        for held in self.held.values() {
            *self.batches.entry(held.batch).or_default() += 1;
        }
    }
}
