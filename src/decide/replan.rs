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

/// What an action's job tells of its past.
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
