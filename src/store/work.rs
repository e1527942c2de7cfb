//! What workers and people hand to the store, and what they get.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    decide::replan::{Past, past},
    domain::{
        Attempt, Bill, Event, FrozenRequest, Job, JobId, JobState, Lane, Lease, Name, Next, Receipt,
        Timestamp, Verdict, Work,
    },
};

use super::admission::NewJob;

/// A request for work.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// How many jobs each lane may give at first, in the order to look. What a lane leaves of its share goes to the
    /// others in that order: no worker is idle while any lane has work.
    pub shares: [(Lane, u32); 3],
    /// How long the leases last.
    pub lease: Duration,
    pub limits: Limits,
}

impl ClaimRequest {
    /// Jobs asked for in all.
    pub fn max(&self) -> u32 {
        self.shares.iter().map(|(_, share)| *share).fold(0, u32::saturating_add)
    }
}

/// How many jobs may be under way at one time; without an entry there is no limit. 0 holds the jobs where they are. A
/// store in several parts counts those that were handed out under a limit of that name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Route jobs, by route. An action without a destination counts as one of its route.
    pub routes: BTreeMap<Name, u32>,
    /// Actions, by destination.
    pub destinations: BTreeMap<Name, u32>,
}

/// Jobs handed out, and when to ask again.
#[derive(Debug)]
pub struct Claim {
    pub jobs: Vec<Claimed>,
    /// After how long the next job now waiting for its time will be due, where nothing was handed out. Jobs that are
    /// paused or held by a limit do not count, but for a limit that a store in several parts has to ask about then.
    pub next_in: Option<Duration>,
}

/// A job with the right to work on it.
#[derive(Debug)]
pub struct Claimed {
    pub lease: Lease,
    /// The present, by the time that the store goes by: what the job's own times are to be compared with.
    pub at: Timestamp,
    pub job: Job,
    /// A body in a file is not read yet: see [`super::Store::body`].
    pub event: Arc<Event>,
    /// A job of the event had begun to buy an answer before: see [`super::Store::bought`].
    pub has_bought: bool,
}

/// Lines kept of those that say, one after the other, that a job was handed back without an attempt: what it waits for may
/// take days, and it looks now and then.
pub const PARKS_KEPT: usize = 20;

/// The end of an attempt: the record of it, and everything that follows, in one step.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub attempt: Attempt,
    pub next: Next,
    /// The job's age counts from the time on at which it is due again: what it waits for is nobody's failure.
    pub afresh: bool,
    /// The request, if this attempt fixed it without beginning an effect.
    pub request: Option<FrozenRequest>,
    /// Whether it is unknown if this attempt had its effect.
    pub in_doubt: bool,
    pub verdict: Option<Verdict>,
    pub receipt: Option<Receipt>,
    pub follow_up: Vec<NewJob>,
    /// Jobs of the event that the follow-up replaces: those that have not come to their end are discarded. If one of
    /// them is not what the follow-up was planned for, the settlement is refused; see [`Replaced`].
    pub replaces: Vec<Replaced>,
    /// The answer that it follows from, where that may not be on record yet. Only a store that keeps the order puts it on record
    /// with the rest (see [`super::Store::keeps_order`]); any other one ignores it, and is to be handed none: its answers are
    /// waited for before anything is settled.
    pub bill: Option<Bill>,
}

/// A job whose place is taken by newer ones, and what those who planned them knew of it. A plan takes time, in which the
/// job may be handed out, retried or revived: what was planned for a job without effect would then be a second effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    pub job: JobId,
    /// What [`past`] told of the job. It has to tell the same, with nobody working on the job, when its place is taken.
    pub supposed: Past,
}

impl Replaced {
    /// `job` as it is planned for.
    pub fn of(job: &Job) -> Self {
        Replaced { job: job.id, supposed: past(job) }
    }

    /// Whether the job has gone on since: it is under way, or something else is known of its effect. `job` is as the
    /// store has it now.
    pub fn has_gone_on(&self, job: &Job) -> bool {
        job.state == JobState::Leased || past(job) != self.supposed
    }
}

/// Whether `job` waits for a person to place what `new` runs again: then its question is put anew, and one run is to be
/// decided about, not two.
pub(super) fn undecided(job: &Job, new: &[NewJob]) -> bool {
    let again =
        |new: &NewJob| matches!(&new.work, Work::Route { .. }) && new.work.route() == job.work.route();
    job.state == JobState::Waiting && matches!(job.work, Work::Route { .. }) && new.iter().any(again)
}

/// A person's decision about a waiting job.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    pub resolved: Resolved,
    /// For the record, such as who and why.
    pub note: String,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// Go ahead; a route job with this verdict, where one is given.
    Approve { verdict: Option<Box<Verdict>> },
    /// It has happened already.
    Done,
    /// It is not to happen.
    Discard,
}

/// What became of a wish to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    Queued,
    /// The sweep has been here before.
    Already,
}
