//! The limits that a vendor tells of: where the configuration names none, or a wider one, they are kept to as if they were ours.
//! And what it says is left of them: who needs more than that waits for it, while others that need less are asked.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::super::allowance::{Allowance, Limited};
use crate::decide::tokens::{Counted, TokenLimits};

/// What may pass in a minute; 0 while nothing was said.
#[derive(Debug, Default)]
pub(super) struct Learned {
    requests: AtomicU32,
    input: AtomicU32,
    output: AtomicU32,
    both: AtomicU32,
    /// What was left of each, as it was told last, and when.
    left: Mutex<Vec<(Allowance, Duration)>>,
}

impl Learned {
    fn left(&self) -> MutexGuard<'_, Vec<(Allowance, Duration)>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long until a question of `need` tokens, and room for its answer, fits into what is left as the vendor said; `None`
    /// if it does now. `elapsed` is the monotonic clock's.
    pub fn wait(&self, need: (u64, u64), elapsed: Duration) -> Option<Duration> {
        let rest = |(told, at): &(Allowance, Duration)| {
            told.rest(need)?.checked_sub(elapsed.saturating_sub(*at)).filter(|rest| !rest.is_zero())
        };
        self.left().iter().filter_map(rest).max()
    }

    pub fn hear(&self, allowances: &[Allowance], elapsed: Duration) {
        if !allowances.is_empty() {
            let mut left = self.left();
            left.retain(|(told, _)| allowances.iter().all(|one| one.limited != told.limited));
            left.extend(allowances.iter().map(|one| (*one, elapsed)));
        }
        for allowance in allowances {
            if let Some(per_min) = allowance.per_min() {
                self.of(allowance.limited).store(per_min, Ordering::Relaxed);
            }
        }
    }

    /// Requests in a minute, if the vendor has said so.
    pub fn requests(&self) -> Option<u32> {
        self.told(Limited::Requests)
    }

    /// The tighter ones of `own` and what the vendor said.
    pub fn tighten(&self, own: TokenLimits) -> TokenLimits {
        let tighter =
            |own: Option<u32>, counted| own.into_iter().chain(self.told(Limited::Tokens(counted))).min();
        TokenLimits {
            input: tighter(own.input, Counted::Input),
            output: tighter(own.output, Counted::Output),
            both: tighter(own.both, Counted::Both),
        }
    }

    fn told(&self, limited: Limited) -> Option<u32> {
        Some(self.of(limited).load(Ordering::Relaxed)).filter(|per_min| *per_min > 0)
    }

    fn of(&self, limited: Limited) -> &AtomicU32 {
        match limited {
            Limited::Requests => &self.requests,
            Limited::Tokens(Counted::Input) => &self.input,
            Limited::Tokens(Counted::Output) => &self.output,
            Limited::Tokens(Counted::Both) => &self.both,
        }
    }
}
