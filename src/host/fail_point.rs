//! Boundaries between steps, at which a test can have the process end as a kill would end it. Debug builds only: in a
//! release build passing one is nothing.

use crate::domain::words;

/// Names the boundary at which a debug build ends.
pub const VARIABLE: &str = "HOOKYARD_FAIL_AT";

/// A boundary, in the order an event passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailPoint {
    /// The delivery is verified and routed; nothing is stored.
    Accepting,
    /// The event is stored; the sender knows nothing of it yet.
    Accepted,
    /// A job is claimed; no work on it has begun.
    Claimed,
    /// What a judge is to be asked is known.
    Gathered,
    /// It is on record that a paid question is about to be asked.
    JudgeBegun,
    /// The answer is on record; what follows from it may be.
    AnswerCommitted,
    /// It is decided how the attempt ends; that is not on record.
    Settling,
    /// The end of the attempt is on record.
    Settled,
    /// It is on record that an effect is about to be attempted.
    ActBegun,
    /// The destination has answered; that is not on record.
    Sent,
}

words!(FailPoint {
    Accepting = "accepting",
    Accepted = "accepted",
    Claimed = "claimed",
    Gathered = "gathered",
    JudgeBegun = "judge_begun",
    AnswerCommitted = "answer_committed",
    Settling = "settling",
    Settled = "settled",
    ActBegun = "act_begun",
    Sent = "sent",
});

/// Ends the process if the environment asks for that here.
#[cfg(debug_assertions)]
pub fn pass(point: FailPoint) {
    use std::sync::LazyLock;

    static ASKED: LazyLock<Option<FailPoint>> = LazyLock::new(|| std::env::var(VARIABLE).ok()?.parse().ok());
    if *ASKED == Some(point) {
        // As kill -9: nothing is flushed, closed or dropped.
        std::process::abort();
    }
}

/// Nothing: boundaries are only for tests.
#[cfg(not(debug_assertions))]
pub const fn pass(_point: FailPoint) {}
