//! What a new plan of an event means for an action that was planned before.

use crate::domain::{Job, JobState, Sent};

/// What is known of the earlier versions of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// It was never planned, or every attempt certainly had no effect.
    NoEffect,
    /// It had its effect, or a person says so.
    Effect,
    /// It is under way, or nobody knows whether it arrived.
    Unknown,
}

/// What an action's job tells of its past; a route job's tells whether it made a plan.
pub fn past(job: &Job) -> Past {
    let dry = job.receipt.as_ref().is_some_and(|receipt| receipt.sent == Sent::DryRun);
    match job.state {
        JobState::Done if dry => Past::NoEffect,
        JobState::Done => Past::Effect,
        JobState::Leased => Past::Unknown,
        JobState::Ready
        | JobState::Blocked
        | JobState::Waiting
        | JobState::Skipped
        | JobState::Dead
        | JobState::Discarded => {
            if job.in_doubt {
                Past::Unknown
            } else {
                Past::NoEffect
            }
        }
    }
}

/// Why an event cannot be run again yet, for the state of one of its route jobs: two runs at the same time would each
/// plan as if they were alone. `attempted` says whether it was ever worked on.
pub const fn hinders(state: JobState, attempted: bool) -> Option<&'static str> {
    match (state, attempted) {
        (JobState::Ready | JobState::Leased | JobState::Blocked, _) => {
            Some("has not ended yet: wait, or decide about what holds it up")
        }
        // A suspected replay, for instance: running it again must not let it in by the back door.
        (JobState::Waiting, false) => Some("has never begun, and waits for a person: decide that first"),
        (JobState::Waiting, true)
        | (JobState::Done | JobState::Skipped | JobState::Dead | JobState::Discarded, _) => None,
    }
}

/// Why a run that a person was asked about is over.
pub const RUN_AGAIN: &str = "it was run again before anybody decided";

/// What becomes of a newly planned action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replan {
    /// It goes, with a new key, in the place of what was planned before.
    Go,
    /// The same bytes had their effect already.
    Keep,
    /// A person decides.
    Ask { why: &'static str },
}

/// `past` are the action's earlier versions; `same` says whether the new request is the one that had its effect.
pub fn replan(past: impl IntoIterator<Item = Past>, same: bool) -> Replan {
    let mut effect = false;
    for version in past {
        match version {
            Past::NoEffect => {}
            Past::Effect => effect = true,
            Past::Unknown => return Replan::Ask { why: "it is unknown whether an earlier request arrived" },
        }
    }
    match (effect, same) {
        (false, _) => Replan::Go,
        (true, true) => Replan::Keep,
        (true, false) => Replan::Ask { why: "an earlier request had its effect, and this one differs" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_or_was_never_let_in_is_not_run_again() {
        use JobState::{Blocked, Dead, Discarded, Done, Leased, Ready, Skipped, Waiting};
        for state in [Ready, Leased, Blocked] {
            assert!(hinders(state, true).is_some() && hinders(state, false).is_some(), "{state}");
        }
        assert!(hinders(Waiting, false).is_some());
        assert_eq!(hinders(Waiting, true), None);
        for state in [Done, Skipped, Dead, Discarded] {
            assert_eq!((hinders(state, true), hinders(state, false)), (None, None), "{state}");
        }
    }

    #[test]
    fn only_what_certainly_had_no_effect_is_done_anew() {
        assert_eq!(replan([], false), Replan::Go);
        assert_eq!(replan([Past::NoEffect, Past::NoEffect], false), Replan::Go);
        assert_eq!(replan([Past::NoEffect, Past::Effect], true), Replan::Keep);
        assert!(matches!(replan([Past::Effect, Past::NoEffect], false), Replan::Ask { .. }));
        for same in [true, false] {
            assert!(matches!(replan([Past::Effect, Past::Unknown], same), Replan::Ask { .. }));
        }
    }
}
