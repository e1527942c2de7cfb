//! What a person's decision has to say.

use crate::domain::{Attempt, AttemptOutcome, Job, JobState, Work};

/// Whether a yes alone would change nothing for `job`: its judges were asked, and none could tell. Asked once more, they
/// would say the same, and it would wait again; only a label takes it on. A suspected replay was never worked on: a yes
/// lets it in.
pub fn wants_label(job: &Job, history: &[Attempt]) -> bool {
    let undecided = || history.iter().any(|attempt| attempt.outcome == AttemptOutcome::Waiting);
    match job.work {
        Work::Route { .. } => job.state == JobState::Waiting && job.verdict.is_none() && undecided(),
        Work::Action(_) => false,
    }
}
