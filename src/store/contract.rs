//! The contract. Each operation is atomic and durable when it returns `Ok`, unless it says otherwise.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    domain::{
        Answer, Attempt, Cause, Event, EventId, EventState, FrozenRequest, Job, JobId, Lane, Lease, Name,
        Next, Prior, Receipt, Timestamp, Verdict, Work,
    },
    source::Verified,
};

use super::query::{Depths, EventQuery, EventSummary, JobQuery, Pause, Timeline};

/// Why the store could not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The lease is no longer held: what its holder wanted to say counts for nothing.
    #[error("the lease on {0} is no longer held")]
    StaleLease(JobId),
    /// It is not there, or not in the state the request supposed.
    #[error("{0}")]
    Conflict(String),
    /// Nothing was changed; trying again later may work.
    #[error("the store cannot answer: {0}")]
    Unavailable(String),
}

/// An event to be accepted with its jobs. Only a verified delivery becomes one.
#[derive(Debug)]
pub struct Admission {
    pub(in crate::store) event: Event,
    pub(in crate::store) keys: Vec<DedupeKey>,
    pub(in crate::store) jobs: Vec<NewJob>,
}

impl Admission {
    /// `_proof` is the state of the verified delivery that `event` was made from.
    pub fn new(_proof: &Verified, event: Event, keys: Vec<DedupeKey>, jobs: Vec<NewJob>) -> Self {
        Admission { event, keys, jobs }
    }
}

/// What makes two deliveries the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupeKey {
    /// Unique across sources.
    pub text: String,
    pub on_match: OnMatch,
}

/// What a known key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMatch {
    /// The same event: no second one.
    Duplicate,
    /// A suspected replay: accepted, and its jobs wait for a person.
    Review,
}

/// A job to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub lane: Lane,
    pub work: Work,
    /// Digest of the configuration that makes it.
    pub config: Arc<str>,
    pub request: Option<FrozenRequest>,
    pub start: Start,
}

/// The state a job begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Ready,
    /// Until the actions named in its plan's `after` are done.
    Blocked,
    Waiting {
        reason: String,
    },
    Dead {
        cause: Cause,
        reason: String,
    },
}

/// What became of an admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    Queued {
        /// The earlier event of which this may be a replay; its jobs wait for a person.
        suspected_replay_of: Option<EventId>,
    },
    /// The event was there already. Its dead jobs, if any, were revived.
    Duplicate { of: EventId, state: EventState, revived: u32 },
}

/// A request for work.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    /// Where to look, in this order.
    pub lanes: [Lane; 3],
    pub max: u32,
    /// How long the leases last.
    pub lease: Duration,
}

/// Jobs handed out, and when to ask again.
#[derive(Debug)]
pub struct Claim {
    pub jobs: Vec<Claimed>,
    /// When the next job now waiting for its time will be due, where nothing was handed out.
    pub next_due: Option<Timestamp>,
}

/// A job with the right to work on it.
#[derive(Debug)]
pub struct Claimed {
    pub lease: Lease,
    pub job: Job,
    pub event: Arc<Event>,
}

/// The end of an attempt: the record of it, and everything that follows, in one step.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub attempt: Attempt,
    pub next: Next,
    /// The request, if this attempt fixed it without beginning an effect.
    pub request: Option<FrozenRequest>,
    /// Whether it is unknown if this attempt had its effect.
    pub in_doubt: bool,
    pub verdict: Option<Verdict>,
    pub receipt: Option<Receipt>,
    pub follow_up: Vec<NewJob>,
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

/// A backend. Every answer to a sender and every effect outside rests on these promises.
///
/// Order: within a lane, jobs are claimed by due time. Leases: a claim's token is larger than that of every earlier
/// claim of the job, and what an older token says is refused with [`StoreError::StaleLease`]. A lease is lost when
/// its process ends, or when work is asked for after it has expired (until then a late report still counts: what was
/// done is worth knowing); the job is then ready again, `lost_leases` counts up, and it is `in_doubt` if an
/// effect had been begun. A job that lost two leases is handed out only while no other is.
#[async_trait]
pub trait Store: Send + Sync {
    /// Takes in an event with its jobs, or reports the event that has one of its keys. Keys are compared in order.
    /// A duplicate's dead jobs are made ready again with fresh attempts, and the redelivery is put on record.
    async fn accept(&self, admission: Admission) -> Result<Accepted, StoreError>;

    /// Whether one of `keys` is known: such a delivery is let past inbound limits.
    async fn knows(&self, keys: &[DedupeKey]) -> Result<bool, StoreError>;

    /// Hands out up to `max` due jobs that are not paused. Does not wait for work: see [`Store::work`].
    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError>;

    /// Puts on record that an effect is about to be attempted, with the request if it was not frozen before. After
    /// this, a lost lease leaves the job in doubt.
    async fn begin(&self, lease: Lease, request: Option<FrozenRequest>) -> Result<(), StoreError>;

    /// Puts on record that a paid question is about to be asked, unless the record already answers it or forbids
    /// asking again; see [`crate::decide::purchase`]. `digest` names the question.
    async fn begin_purchase(&self, lease: Lease, judge: &Name, digest: &str) -> Result<Prior, StoreError>;

    /// Puts the answer on record, before anyone reads it; `None` if it certainly was not billed.
    async fn end_purchase(
        &self,
        lease: Lease,
        judge: &Name,
        digest: &str,
        answer: Option<&Answer>,
    ) -> Result<(), StoreError>;

    /// Holds the lease for another `by` from now.
    async fn extend(&self, lease: Lease, by: Duration) -> Result<(), StoreError>;

    /// Ends an attempt: its record, the job's next state, its verdict or receipt, its follow-up jobs, and the
    /// release or skipping of actions that follow it. Gives up the lease.
    async fn settle(&self, lease: Lease, settlement: Settlement) -> Result<(), StoreError>;

    /// Everything on record about an event.
    async fn timeline(&self, event: EventId) -> Result<Option<Timeline>, StoreError>;

    /// Newest first.
    async fn events(&self, query: EventQuery) -> Result<Vec<EventSummary>, StoreError>;

    /// Oldest first: dead letters, jobs waiting for a person, and so on.
    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError>;

    async fn depths(&self) -> Result<Depths, StoreError>;

    /// Jobs that workers still have to do, as of the last commit. Costs nothing: asked for every delivery.
    fn open_jobs(&self) -> u64;

    /// Carries out a person's decision, if the job still waits; else [`StoreError::Conflict`].
    async fn resolve(&self, job: JobId, resolution: Resolution) -> Result<(), StoreError>;

    /// Puts dead letters back to their lanes with fresh attempts and the same frozen requests; returns how many.
    /// Actions skipped because of them wait for them again.
    async fn redrive(&self, query: JobQuery) -> Result<u64, StoreError>;

    /// Lets dead letters go for good; returns how many.
    async fn discard(&self, query: JobQuery, note: &str) -> Result<u64, StoreError>;

    /// Stops handing out jobs of a route, or all jobs; accepting goes on and nothing is lost. Idempotent.
    async fn pause(&self, pause: Pause) -> Result<(), StoreError>;

    /// Ends a pause. Idempotent.
    async fn resume(&self, pause: Pause) -> Result<(), StoreError>;

    /// Changes whenever there may be something new to claim.
    fn work(&self) -> watch::Receiver<u64>;

    /// Changes after every commit that changed anything.
    fn changes(&self) -> watch::Receiver<u64>;
}
