//! What a run may spend on language models, however many suites and sides it has.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::Money;

/// Money for all of a run. What a question may cost is taken out before it is put, and what is left comes back after.
#[derive(Debug, Default)]
pub struct Purse {
    max: Money,
    spent: Mutex<Money>,
}

impl Purse {
    pub fn new(max: Money) -> Self {
        Purse { max, spent: Mutex::default() }
    }

    /// Takes out `most`, unless that is more than there is.
    ///
    /// # Errors
    /// It is, in a sentence.
    pub(super) fn take(&self, most: Money) -> Result<(), String> {
        let mut spent = self.lock();
        let after = spent.0.saturating_add(most.0);
        if after > self.max.0 {
            let max = self.max;
            return Err(format!(
                "this run has spent {spent} of {max}, and the next question may cost {most}"
            ));
        }
        *spent = Money(after);
        Ok(())
    }

    /// Of `most` that was taken out only `paid` was needed.
    pub(super) fn settle(&self, most: Money, paid: Money) {
        let mut spent = self.lock();
        *spent = Money(spent.0.saturating_sub(most.0).saturating_add(paid.0));
    }

    fn lock(&self) -> MutexGuard<'_, Money> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_spent_is_taken_before_and_what_was_not_needed_comes_back() {
        let purse = Purse::new(Money(10));
        assert_eq!((purse.take(Money(6)), purse.take(Money(5)).is_err()), (Ok(()), true));
        purse.settle(Money(6), Money(2));
        assert_eq!((purse.take(Money(8)), purse.take(Money(1)).is_err()), (Ok(()), true));
    }
}
