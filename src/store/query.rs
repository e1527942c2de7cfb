//! What can be asked of a store, and what it answers.

use serde::Serialize;

use crate::{
    decide::pattern::TypePattern,
    domain::{
        Attempt, Cause, Event, EventId, EventState, Job, JobId, JobState, Lane, Name, Purchase, Timestamp,
    },
};

/// Rows one read returns, and jobs one operation moves, at the most.
pub const ROWS_MAX: u32 = 1_000;

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    pub source: Option<String>,
    pub event_type: Option<TypePattern>,
    /// Accepted at or after this time.
    pub since: Option<Timestamp>,
    /// Accepted before this time.
    pub until: Option<Timestamp>,
    /// Only those accepted before this one: for paging.
    pub before: Option<EventId>,
    /// 0 stands for [`ROWS_MAX`].
    pub limit: u32,
}

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    pub state: Option<JobState>,
    pub ids: Vec<JobId>,
    pub route: Option<String>,
    pub destination: Option<String>,
    pub cause: Option<Cause>,
    /// Due at or after this time; of dead letters: dead since then.
    pub since: Option<Timestamp>,
    /// Due before this time; of dead letters: dead before then.
    pub until: Option<Timestamp>,
    /// Only those after this one: for paging.
    pub after: Option<JobId>,
    /// 0 stands for [`ROWS_MAX`].
    pub limit: u32,
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventSummary {
    #[serde(flatten)]
    pub event: Event,
    pub state: EventState,
    pub jobs: usize,
}

/// Everything on record about an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    pub event: Event,
    pub state: EventState,
    /// Route jobs and their actions in the order they were made.
    pub jobs: Vec<JobHistory>,
    /// When the sender sent it again.
    pub redeliveries: Vec<Redelivery>,
}

/// Deliveries of a known event within one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Redelivery {
    pub at: Timestamp,
    pub times: u32,
}

/// A job with its past.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobHistory {
    #[serde(flatten)]
    pub job: Job,
    pub history: Vec<Attempt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub purchases: Vec<Purchase>,
}

/// Dead letters with the same cause, route and destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadGroup {
    pub cause: Cause,
    pub route: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Name>,
    pub jobs: u64,
    /// When the first and the last of them died.
    pub oldest: Timestamp,
    pub newest: Timestamp,
    /// The last one's reason.
    pub reason: String,
}

/// How much is here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that workers still have to do.
    pub open_jobs: u64,
    /// Bytes of payload on disk.
    pub payload_bytes: u64,
}

/// How much is where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Depths {
    pub lanes: Vec<LaneDepth>,
    pub leased: u64,
    pub blocked: u64,
    pub waiting: u64,
    pub dead: u64,
    /// Ready jobs by route and destination, where there are any.
    pub queues: Vec<QueueDepth>,
    /// Bytes of payload by source.
    pub payload_bytes: Vec<(Name, u64)>,
}

/// A lane's depth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneDepth {
    pub lane: Lane,
    pub ready: u64,
    /// When the job at its head became due; `None` if it is empty or its head is yet to come.
    pub oldest_due: Option<Timestamp>,
}

/// The ready jobs of a route, or of one destination of its actions, in one lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    pub lane: Lane,
    pub route: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Name>,
    pub ready: u64,
}

/// What is not handed out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// A route's own jobs and its actions.
    Route(Name),
    /// The actions that go to a destination.
    Destination(Name),
    /// The kill switch: accept, but do not act.
    Everything,
}
