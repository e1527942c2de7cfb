//! What a lost lease means for its job.

use crate::domain::Cause;

/// Lost leases after which a job is dead: whoever works on it keeps vanishing.
pub const LOST_LEASES_MAX: u32 = 3;

/// How a job goes on after its lease was lost for the `lost`-th time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterLoss {
    /// Back to its lane.
    Ready,
    /// Back to its lane, to be worked on with nothing beside it.
    Alone,
    Dead {
        cause: Cause,
        reason: String,
    },
}

pub fn after_loss(lost: u32) -> AfterLoss {
    match lost {
        0 | 1 => AfterLoss::Ready,
        2 => AfterLoss::Alone,
        _ => AfterLoss::Dead {
            cause: Cause::Poison,
            reason: format!("its worker vanished {lost} times, the last time with nothing running beside it"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_lost_runs_alone_and_three_times_lost_is_poison() {
        assert_eq!(after_loss(1), AfterLoss::Ready);
        assert_eq!(after_loss(2), AfterLoss::Alone);
        assert!(matches!(after_loss(LOST_LEASES_MAX), AfterLoss::Dead { cause: Cause::Poison, .. }));
    }
}
