//! Who works on what. Kept in memory: leases end with their process, and their time is the monotonic clock's.

use std::{collections::HashMap, time::Duration};

use crate::domain::{JobId, Lease};

#[derive(Debug, Clone)]
pub(super) struct Leases {
    held: HashMap<JobId, Held>,
    next_token: u64,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    token: u64,
    until: Duration,
    alone: bool,
}

impl Leases {
    /// `first_token` must be larger than any that an earlier process gave out.
    pub fn new(first_token: u64) -> Self {
        Leases { held: HashMap::new(), next_token: first_token }
    }

    pub fn grant(&mut self, job: JobId, until: Duration, alone: bool) -> Lease {
        let token = self.next_token;
        self.next_token += 1;
        self.held.insert(job, Held { token, until, alone });
        Lease { job, token }
    }

    pub fn holds(&self, lease: Lease) -> bool {
        self.held.get(&lease.job).is_some_and(|held| held.token == lease.token)
    }

    pub fn extend(&mut self, lease: Lease, until: Duration) {
        if let Some(held) = self.held.get_mut(&lease.job)
            && held.token == lease.token
        {
            held.until = until;
        }
    }

    pub fn release(&mut self, job: JobId) {
        self.held.remove(&job);
    }

    pub fn expired(&self, now: Duration) -> Vec<JobId> {
        let mut late: Vec<JobId> =
            self.held.iter().filter(|(_, h)| h.until <= now).map(|(id, _)| *id).collect();
        late.sort();
        late
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// A job that must run alone is being worked on.
    pub fn alone(&self) -> bool {
        self.held.values().any(|held| held.alone)
    }
}
