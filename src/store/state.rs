//! What becomes of a job, whatever the store keeps it in.

use crate::{
    domain::{Cause, EventId, JobState, Next, Timestamp},
    store::{Start, StoreError},
};

/// Jobs of one event: its routes, their actions, and those of replays.
pub(super) const JOBS_MAX: u32 = 1 << 16;

/// Refuses more jobs than an event can have. To be asked before anything is changed: a refusal must leave no trace.
pub(super) fn has_room(event: EventId, jobs: usize, new: usize) -> Result<(), StoreError> {
    if jobs + new <= JOBS_MAX as usize {
        return Ok(());
    }
    let told = format!("{event} has {jobs} jobs: it cannot get {new} more, since {JOBS_MAX} is the most");
    Err(StoreError::Conflict(told))
}

/// A state with its reason.
pub(super) struct State<'a> {
    pub state: JobState,
    pub cause: Option<Cause>,
    pub reason: Option<&'a str>,
}

impl<'a> State<'a> {
    pub const fn plain(state: JobState) -> Self {
        State { state, cause: None, reason: None }
    }

    pub const fn with(state: JobState, reason: &'a str) -> Self {
        State { state, cause: None, reason: Some(reason) }
    }

    const fn dead(cause: Cause, reason: &'a str) -> Self {
        State { state: JobState::Dead, cause: Some(cause), reason: Some(reason) }
    }

    /// The state a new job begins in, and when it is due.
    pub fn at_start(start: &'a Start, now: Timestamp) -> (Self, Timestamp) {
        match start {
            Start::Ready => (State::plain(JobState::Ready), now),
            Start::After { wait } => (State::plain(JobState::Ready), now.plus(*wait)),
            Start::Blocked => (State::plain(JobState::Blocked), now),
            Start::Waiting { reason } => (State::with(JobState::Waiting, reason), now),
            Start::Dead { cause, reason } => (State::dead(*cause, reason), now),
        }
    }

    /// The state that the end of an attempt leads to, when it is due, and whether the attempt counted.
    pub fn after(next: &'a Next, now: Timestamp) -> (Self, Timestamp, u32) {
        match next {
            Next::Done => (State::plain(JobState::Done), now, 1),
            Next::Retry { wait, reason } => (State::with(JobState::Ready, reason), now.plus(*wait), 1),
            Next::Park { wait, reason } => (State::with(JobState::Ready, reason), now.plus(*wait), 0),
            Next::Review { reason } => (State::with(JobState::Waiting, reason), now, 0),
            Next::Skip { reason } => (State::with(JobState::Skipped, reason), now, 0),
            Next::Dead { cause, reason } => (State::dead(*cause, reason), now, 1),
        }
    }
}
