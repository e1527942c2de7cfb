//! A unit of work with its own attempts, retry schedule and dead letter: one event on one route, or one action.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{ActionPlan, FrozenRequest, JobId, Name, Receipt, Timestamp, Verdict};

/// The queue a job waits in. Lanes are served by weight; none starves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    Critical,
    Normal,
    Bulk,
}

impl Lane {
    pub const ALL: [Lane; 3] = [Lane::Critical, Lane::Normal, Lane::Bulk];

    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Critical => "critical",
            Lane::Normal => "normal",
            Lane::Bulk => "bulk",
        }
    }
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Classify the event where the route has a classifier, and plan the route's actions.
    Route { route: Name },
    /// Perform one planned action.
    Action(ActionPlan),
}

impl Work {
    pub fn route(&self) -> &Name {
        match self {
            Work::Route { route } => route,
            Work::Action(plan) => &plan.route,
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a worker, now or from its due time on (a retry, or parked).
    Ready,
    /// A worker holds its lease.
    Leased,
    /// Waits for the actions named in `after`.
    Blocked,
    /// Waits for a person.
    Waiting,
    Done,
    /// An action it was to follow ended otherwise than done, or its condition no longer held.
    Skipped,
    /// Attempts exhausted or permanently refused; kept until a person acts.
    Dead,
    /// A person decided to let it go.
    Discarded,
}

impl JobState {
    pub const ALL: [JobState; 8] = [
        JobState::Ready,
        JobState::Leased,
        JobState::Blocked,
        JobState::Waiting,
        JobState::Done,
        JobState::Skipped,
        JobState::Dead,
        JobState::Discarded,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            JobState::Ready => "ready",
            JobState::Leased => "leased",
            JobState::Blocked => "blocked",
            JobState::Waiting => "waiting",
            JobState::Done => "done",
            JobState::Skipped => "skipped",
            JobState::Dead => "dead",
            JobState::Discarded => "discarded",
        }
    }

    /// No worker will touch it again unless a person acts.
    pub const fn is_settled(self) -> bool {
        match self {
            JobState::Ready | JobState::Leased | JobState::Blocked => false,
            JobState::Waiting | JobState::Done | JobState::Skipped | JobState::Dead | JobState::Discarded => true,
        }
    }
}

/// Enums stored and shown by their `as_str`.
macro_rules! by_name {
    ($kind:ty) => {
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $kind {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or(())
            }
        }
    };
}

by_name!(Lane);
by_name!(JobState);

/// A job as the store tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    pub id: JobId,
    pub lane: Lane,
    #[serde(flatten)]
    pub work: Work,
    pub state: JobState,
    /// When it may next be claimed.
    pub due: Timestamp,
    /// Attempts that counted against the retry schedule.
    pub attempts: u32,
    /// How often a lease on it was lost; see [`crate::decide::lease`].
    pub lost_leases: u32,
    /// Digest of the configuration that made it.
    pub config: Arc<str>,
    /// Why it stands where it stands.
    pub reason: Option<String>,
    /// An action's frozen request, once there is one.
    pub request: Option<FrozenRequest>,
    /// When `begin` was last committed without a settlement since: an effect may be under way.
    pub begun_at: Option<Timestamp>,
    /// A route job's verdict, once there is one.
    pub verdict: Option<Verdict>,
    /// An action's receipt, once there is one.
    pub receipt: Option<Receipt>,
}

/// The right to work on a job until it expires. The token fences: each claim gets a larger one, and whatever a
/// holder of an older one still sends is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    pub job: JobId,
    pub token: u64,
}

/// Why a job died, as a stable word for grouping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The signed body could not be read.
    Unreadable,
    /// Retries did not help.
    Exhausted,
    /// The destination refused for good.
    Refused,
    /// Configuration and event do not fit: a template or condition failed.
    Unrenderable,
    /// Whoever worked on it vanished, three times.
    Poison,
}

impl Cause {
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Unreadable => "unreadable",
            Cause::Exhausted => "exhausted",
            Cause::Refused => "refused",
            Cause::Unrenderable => "unrenderable",
            Cause::Poison => "poison",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What becomes of a job after an attempt: decided by [`crate::decide`], carried out by the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    Done,
    /// Costs an attempt.
    RetryAt { due: Timestamp, reason: String },
    /// Costs no attempt: nothing was tried, or the destination asked us to wait.
    Park { due: Timestamp, reason: String },
    /// A person decides.
    Review { reason: String },
    Skip { reason: String },
    Dead { cause: Cause, reason: String },
}
