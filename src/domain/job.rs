//! A unit of work with its own attempts, retry schedule and dead letter: one event on one route, or one action.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    ActionPlan, FrozenRequest, JobId, Name, Receipt, Replay, ReplayMode, Timestamp, Verdict, words::words,
};

/// The queue a job waits in. Lanes are served by weight; none starves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    Critical,
    Normal,
    Bulk,
}

words!(Lane { Critical = "critical", Normal = "normal", Bulk = "bulk" });

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Classify the event where the route has a classifier, and plan the route's actions.
    Route {
        route: Name,
        /// It runs a stored event again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replay: Option<Replay>,
    },
    /// Perform one planned action.
    Action(ActionPlan),
}

impl Work {
    pub fn route(&self) -> &Name {
        match self {
            Work::Route { route, .. } => route,
            Work::Action(plan) => &plan.route,
        }
    }

    /// Whether it only shows an event to a classifier's shadow: nothing follows from it.
    pub fn is_shadow(&self) -> bool {
        matches!(self, Work::Route { replay: Some(replay), .. } if replay.mode == ReplayMode::Shadow)
    }

    /// The plan of the action, if it is one.
    pub fn plan(&self) -> Option<&ActionPlan> {
        match self {
            Work::Action(plan) => Some(plan),
            Work::Route { .. } => None,
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
    /// Waits for the actions named in `after`, or for the head of its line.
    Blocked,
    /// Waits for a person.
    Waiting,
    Done,
    /// An action it was to follow ended otherwise than done, its condition no longer held, or a newer event took its
    /// place.
    Skipped,
    /// Attempts exhausted or permanently refused; kept until a person acts.
    Dead,
    /// A person decided to let it go.
    Discarded,
}

words!(JobState {
    Ready = "ready",
    Leased = "leased",
    Blocked = "blocked",
    Waiting = "waiting",
    Done = "done",
    Skipped = "skipped",
    Dead = "dead",
    Discarded = "discarded",
});

impl JobState {
    /// Nobody will touch it again, not even a person: what its event left behind may go.
    pub const fn is_final(self) -> bool {
        match self {
            JobState::Done | JobState::Skipped | JobState::Discarded => true,
            JobState::Ready | JobState::Leased | JobState::Blocked | JobState::Waiting | JobState::Dead => {
                false
            }
        }
    }

    /// No worker will touch it again unless a person acts.
    pub const fn is_settled(self) -> bool {
        match self {
            JobState::Ready | JobState::Leased | JobState::Blocked => false,
            JobState::Waiting | JobState::Done | JobState::Skipped | JobState::Dead | JobState::Discarded => {
                true
            }
        }
    }
}

/// Where an event stands, told from its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Some job is not settled yet.
    Open,
    /// Nothing is left to do, and some job is a dead letter.
    Dead,
    /// Nothing is left to do but for a person.
    Waiting,
    Done,
}

words!(EventState { Open = "open", Dead = "dead", Waiting = "waiting", Done = "done" });

impl EventState {
    pub fn of(jobs: impl Iterator<Item = JobState>) -> Self {
        let (mut dead, mut waiting, mut blocked) = (false, false, false);
        for state in jobs {
            match state {
                JobState::Ready | JobState::Leased => return EventState::Open,
                JobState::Dead => dead = true,
                JobState::Waiting => waiting = true,
                // Only as open as what it waits for.
                JobState::Blocked => blocked = true,
                JobState::Done | JobState::Skipped | JobState::Discarded => {}
            }
        }
        match (dead, waiting, blocked) {
            (true, _, _) => EventState::Dead,
            (false, true, _) => EventState::Waiting,
            (false, false, true) => EventState::Open,
            (false, false, false) => EventState::Done,
        }
    }
}

/// A job as the store tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub lane: Lane,
    #[serde(flatten)]
    pub work: Work,
    /// Where an action goes; what is paused, held or limited by destination goes by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Name>,
    pub state: JobState,
    /// When it may next be claimed; of a job at its end, when it came to it.
    pub due: Timestamp,
    /// When it began with fresh attempts: made, released, or redriven. Its age counts from here.
    pub fresh_at: Timestamp,
    /// Attempts that counted against the retry schedule.
    pub attempts: u32,
    /// How often a lease on it was lost; see [`crate::decide::lease`].
    pub lost_leases: u32,
    /// How many of those were lost because the process ended.
    pub crashes: u32,
    /// Its place in a line: jobs of one route with the same key finish in the order their events were accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_key: Option<Arc<str>>,
    /// Digest of the configuration that made it.
    pub config: Arc<str>,
    /// Why it stands where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// An action's frozen request, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<FrozenRequest>,
    /// When its first attempt began: idempotency keys live from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_begun_at: Option<Timestamp>,
    /// An earlier attempt may have arrived: its worker vanished after `begin`, or no answer came.
    pub in_doubt: bool,
    /// A person said yes.
    pub approved: bool,
    /// Why it died, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// A route job's verdict, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// An action's receipt, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

words!(Cause {
    Unreadable = "unreadable",
    Exhausted = "exhausted",
    Refused = "refused",
    Unrenderable = "unrenderable",
    Poison = "poison",
});

/// What becomes of a job after an attempt: decided by [`crate::decide`], carried out by the store. Waits are lengths of
/// time, not moments: only the store knows what time it goes by.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    Done,
    /// Again when `wait` has passed from the settlement on. Costs an attempt.
    Retry {
        wait: Duration,
        reason: String,
    },
    /// Again when `wait` has passed from the settlement on. Costs no attempt: nothing was tried, or the destination
    /// asked us to wait.
    Park {
        wait: Duration,
        reason: String,
    },
    /// A person decides.
    Review {
        reason: String,
    },
    Skip {
        reason: String,
    },
    Dead {
        cause: Cause,
        reason: String,
    },
}
