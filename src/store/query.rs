//! What can be asked of a store, and what it answers.

use serde::Serialize;

use crate::domain::{
    Attempt, Cause, Event, EventId, EventState, Job, JobId, JobState, Lane, Name, Purchase, Timestamp,
};

/// Rows one read returns at the most.
pub const ROWS_MAX: u32 = 1_000;

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    pub source: Option<String>,
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
    pub cause: Option<Cause>,
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
    pub redeliveries: Vec<Timestamp>,
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

/// How much is where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Depths {
    pub lanes: Vec<LaneDepth>,
    pub leased: u64,
    pub blocked: u64,
    pub waiting: u64,
    pub dead: u64,
}

/// A lane's queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneDepth {
    pub lane: Lane,
    pub ready: u64,
    /// When the job at its head became due; `None` if it is empty or its head is yet to come.
    pub oldest_due: Option<Timestamp>,
}

/// What is not handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    Route(Name),
    /// The kill switch: accept, but do not act.
    Everything,
}
