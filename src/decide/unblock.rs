//! Whether an action that follows others may go.

use crate::domain::{JobState, Name};

/// What becomes of a blocked action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unblock {
    /// All it follows are done.
    Release,
    /// One it follows ended otherwise.
    Skip {
        reason: String,
    },
    Stay,
}

/// Decides from the states of the actions it follows.
pub fn unblock<'a>(predecessors: impl Iterator<Item = (&'a Name, JobState)>) -> Unblock {
    let mut all_done = true;
    for (id, state) in predecessors {
        match state {
            JobState::Done => {}
            // Should a person redrive a dead one, the store takes back what was skipped because of it.
            JobState::Skipped | JobState::Discarded | JobState::Dead => {
                return Unblock::Skip { reason: format!("`{id}`, which it follows, is {state}") };
            }
            JobState::Ready | JobState::Leased | JobState::Blocked | JobState::Waiting => all_done = false,
        }
    }
    if all_done { Unblock::Release } else { Unblock::Stay }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_when_all_are_done_and_is_skipped_when_one_ends_otherwise() {
        let decide = |states: &[JobState]| {
            let id: Name = "a".into();
            unblock(states.iter().map(|s| (&id, *s)))
        };
        assert_eq!(decide(&[]), Unblock::Release);
        assert_eq!(decide(&[JobState::Done, JobState::Done]), Unblock::Release);
        assert_eq!(decide(&[JobState::Done, JobState::Leased]), Unblock::Stay);
        for ended in [JobState::Skipped, JobState::Discarded, JobState::Dead] {
            assert!(matches!(decide(&[JobState::Leased, ended]), Unblock::Skip { .. }), "{ended}");
        }
        assert_eq!(decide(&[JobState::Waiting]), Unblock::Stay);
    }
}
