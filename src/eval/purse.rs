//! What a run may spend on language models, however many suites and sides it has.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::Money;

/// Money for all of a run. What a question may cost is taken out before it is put, and what is left comes back after.
#[derive(Debug, Default)]
pub struct Purse {
    max: Money,
    state: Mutex<State>,
    /// Something was settled.
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// For answers that came, and for questions that were perhaps billed.
    spent: Money,
    /// Taken out for questions under way.
    taken: Money,
    /// A question came that what is left cannot pay for: the run is at its end.
    is_short: bool,
}

impl Purse {
    pub fn new(max: Money) -> Self {
        Purse { max, ..Purse::default() }
    }

    /// Another run begins, which may ask for less than the one that came to its end.
    pub(super) fn open(&self) {
        self.lock().is_short = false;
    }

    /// Takes out `most`. What is taken out for questions under way may come back: it is waited for.
    ///
    /// # Errors
    /// What is not spent is less than that, in a sentence that says what was spent once all questions under way had ended.
    pub(super) async fn take(&self, most: Money) -> Result<(), String> {
        loop {
            // It hears of what is settled from here on.
            let mut settled = std::pin::pin!(self.settled.notified());
            settled.as_mut().enable();
            if let Some(taken) = self.try_take(most) {
                return taken;
            }
            settled.await;
        }
    }

    /// `None` while questions under way decide.
    fn try_take(&self, most: Money) -> Option<Result<(), String>> {
        let mut state = self.lock();
        let State { spent, taken, .. } = *state;
        if spent.and(most) > self.max {
            state.is_short = true;
        }
        if state.is_short {
            let max = self.max;
            let told =
                || format!("this run has spent {spent} of {max}, and the next question may cost {most}");
            return (taken == Money::default()).then(|| Err(told()));
        }
        let after = taken.and(most);
        (spent.and(after) <= self.max).then(|| {
            state.taken = after;
            Ok(())
        })
    }

    /// Of `most` that was taken out only `paid` was needed.
    pub(super) fn settle(&self, most: Money, paid: Money) {
        let mut state = self.lock();
        state.taken = Money(state.taken.0.saturating_sub(most.0));
        state.spent = state.spent.and(paid);
        drop(state);
        self.settled.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_may_be_spent_is_taken_before_and_what_was_not_needed_comes_back() {
        let purse = Purse::new(Money(10));
        assert_eq!(purse.take(Money(6)).now_or_never(), Some(Ok(())));
        let mut second = std::pin::pin!(purse.take(Money(5)));
        assert!(second.as_mut().now_or_never().is_none(), "what comes back may be enough");
        purse.settle(Money(6), Money(2));
        assert_eq!(second.await, Ok(()));
        assert_eq!(purse.take(Money(3)).now_or_never(), Some(Ok(())));
    }

    #[tokio::test]
    async fn it_is_short_once_what_is_not_spent_is_too_little_and_says_so_when_nothing_is_under_way() {
        let purse = Purse::new(Money(10));
        for most in [4, 2] {
            assert_eq!(purse.take(Money(most)).now_or_never(), Some(Ok(())));
        }
        purse.settle(Money(2), Money(2));
        let mut large = std::pin::pin!(purse.take(Money(9)));
        assert!(large.as_mut().now_or_never().is_none(), "one is under way");
        let mut small = std::pin::pin!(purse.take(Money(1)));
        assert!(small.as_mut().now_or_never().is_none(), "no other one is begun");
        purse.settle(Money(4), Money(1));
        let told = large.await.expect_err("short");
        assert_eq!(
            told,
            format!(
                "this run has spent {} of {}, and the next question may cost {}",
                Money(3),
                Money(10),
                Money(9)
            )
        );
        assert!(small.await.is_err());
    }
}
