//! A ledger that answers from the record and sells nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Ledger, LedgerError};
use crate::{
    decide::{
        budget::Cost,
        purchase::{Buy, alone, answer, buy},
    },
    domain::{Answer, Money, Name, Prior, Purchase},
};

/// Reads the answers that were bought for an event, and has every judge passed over whose answer is not among them:
/// for previews, which cost nothing.
#[derive(Debug)]
pub struct RecordedLedger {
    record: Vec<Purchase>,
    /// Judges that were passed over, in the order of their turns.
    unanswered: Mutex<Vec<Name>>,
}

impl RecordedLedger {
    pub fn new(record: Vec<Purchase>) -> Self {
        RecordedLedger { record, unanswered: Mutex::default() }
    }

    /// The judges that would be asked if this were not a preview, since it was last asked.
    pub fn take_unanswered(&self) -> Vec<Name> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Name>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for RecordedLedger {
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError> {
        Ok(answer(&self.record, judge, digest).cloned())
    }

    async fn begin(&self, cost: &Cost<'_>, digest: &str) -> Result<Prior, LedgerError> {
        let judge = cost.judge;
        Ok(match buy(alone(&self.record), judge, digest) {
            Buy::Reuse(Purchase { answer: Some(answer), .. }) => Prior::Answered(answer.clone()),
            Buy::Reuse(_) | Buy::Wait | Buy::Refuse => Prior::Spent,
            Buy::Ask => {
                self.lock().push(Name::clone(judge));
                Prior::Spent
            }
        })
    }

    async fn answered(&self, _: &Cost<'_>, _: &str, _: &Answer, _: Money) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn not_billed(&self, _cost: &Cost<'_>, _digest: &str) -> Result<(), LedgerError> {
        Ok(())
    }
}
