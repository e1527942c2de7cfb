//! One try at a job, kept as long as its event's record.

use serde::{Deserialize, Serialize};

use super::{Timestamp, words::words};

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    Done,
    /// It will be tried again.
    Retry,
    /// Handed back without costing an attempt.
    Parked,
    /// A person must decide.
    Waiting,
    Skipped,
    Dead,
    /// Its worker vanished; whether anything left is unknown if `begin` had been committed.
    LeaseLost,
    /// A person acted: approved, rejected, redrove or discarded.
    Person,
}

words!(AttemptOutcome {
    Done = "done",
    Retry = "retry",
    Parked = "parked",
    Waiting = "waiting",
    Skipped = "skipped",
    Dead = "dead",
    LeaseLost = "lease_lost",
    Person = "person",
});

/// A line of a job's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub outcome: AttemptOutcome,
    /// What went wrong or what came back, bounded and free of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// HTTP status of the destination's answer, where it took the request; a refusal's is part of `detail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
