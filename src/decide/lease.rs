//! What a lost lease means for its job.

use crate::domain::Cause;

/// Lost leases after which a job is dead: whoever works on it keeps vanishing.
pub const LOST_LEASES_MAX: u32 = 3;

/// Crashes after which a job is suspected of causing them, and runs alone.
pub const SUSPECT_CRASHES: u32 = 2;

/// Why a lease was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Its worker did not report back in time: it hangs, and takes nobody with it.
    Expired,
    /// The process ended, and with it every job under way: one of them may be why.
    Crashed,
}

impl Loss {
    /// In words, for the job's history.
    pub const fn why(self) -> &'static str {
        match self {
            Loss::Expired => "its worker did not report back in time",
            Loss::Crashed => "the process working on it ended",
        }
    }
}

/// How a job goes on after a lease was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterLoss {
    /// Back to its lane.
    Ready,
    /// Back to its lane, to be worked on with nothing beside it, so that the next crash tells who is to blame.
    Alone,
    Dead {
        cause: Cause,
        reason: String,
    },
}

/// `lost` counts all losses including this one, `crashes` those that were crashes.
pub fn after_loss(lost: u32, crashes: u32) -> AfterLoss {
    if lost >= LOST_LEASES_MAX {
        let alone =
            if crashes > SUSPECT_CRASHES { ", the last time with nothing running beside it" } else { "" };
        AfterLoss::Dead { cause: Cause::Poison, reason: format!("its worker vanished {lost} times{alone}") }
    } else if crashes >= SUSPECT_CRASHES {
        AfterLoss::Alone
    } else {
        AfterLoss::Ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_crashed_runs_alone_and_three_times_lost_is_poison() {
        assert_eq!(after_loss(1, 0), AfterLoss::Ready);
        assert_eq!(after_loss(1, 1), AfterLoss::Ready);
        assert_eq!(after_loss(2, 1), AfterLoss::Ready, "one crash alone makes no suspect");
        assert_eq!(after_loss(2, 0), AfterLoss::Ready, "who hangs takes nobody with it");
        assert_eq!(after_loss(2, 2), AfterLoss::Alone);
        for crashes in 0..=3 {
            let AfterLoss::Dead { cause: Cause::Poison, reason } = after_loss(LOST_LEASES_MAX, crashes)
            else {
                panic!("{crashes}")
            };
            assert_eq!(reason.contains("nothing running beside it"), crashes == 3);
        }
    }
}
