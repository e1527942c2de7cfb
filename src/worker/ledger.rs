//! The classifier's ledger, kept in the store under the job's lease.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    classify::{Ledger, LedgerError},
    domain::{Answer, Flaw, Lease, Name, Prior},
    host::{self, FailPoint},
    store::{Claimed, StoreError},
};

use super::Worker;

pub(super) struct StoreLedger<'a> {
    pub worker: &'a Worker,
    pub claimed: &'a Claimed,
}

fn lost(error: StoreError) -> LedgerError {
    match error {
        StoreError::StaleLease(_) => LedgerError::LeaseLost,
        StoreError::Conflict(reason) | StoreError::Unavailable(reason) => LedgerError::Unavailable { reason },
        error @ StoreError::Overtaken(_) => LedgerError::Unavailable { reason: error.to_string() },
    }
}

/// The same refusal on its way back through the classifier.
pub(super) fn found(error: LedgerError, lease: Lease) -> StoreError {
    match error {
        LedgerError::LeaseLost => StoreError::StaleLease(lease.job),
        LedgerError::Unavailable { reason } => StoreError::Unavailable(reason),
    }
}

#[async_trait]
impl Ledger for StoreLedger<'_> {
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError> {
        let (store, event) = (&self.worker.store, self.claimed.event.id);
        self.worker.insist(self.claimed, || store.bought(event, judge, digest)).await.map_err(lost)
    }

    async fn begin(&self, judge: &Name, digest: &str) -> Result<Prior, LedgerError> {
        let (store, lease) = (&self.worker.store, self.claimed.lease);
        let prior = self.worker.insist(self.claimed, || store.begin_purchase(lease, judge, digest)).await;
        host::pass(FailPoint::JudgeBegun);
        prior.map_err(lost)
    }

    async fn answered(&self, judge: &Name, digest: &str, answer: &Answer) -> Result<(), LedgerError> {
        let answered = self.end(judge, digest, Some(answer)).await;
        host::pass(FailPoint::AnswerCommitted);
        answered
    }

    async fn not_billed(&self, judge: &Name, digest: &str) -> Result<(), LedgerError> {
        self.end(judge, digest, None).await
    }

    fn heard(&self, judge: &Name, flaw: Option<Flaw>, again: bool) {
        self.worker.metrics.answer(judge, flaw.map_or("valid", Flaw::as_str), again);
    }

    async fn may_find_out(&self, judge: &Name, every: Duration) -> bool {
        self.worker.may_find_out("judge", judge, every).await
    }

    async fn may_ask(&self, judge: &Name, per_min: Option<u32>) -> Result<(), Duration> {
        self.worker.may_ask("judge", judge, per_min).await
    }
}

impl StoreLedger<'_> {
    async fn end(&self, judge: &Name, digest: &str, answer: Option<&Answer>) -> Result<(), LedgerError> {
        let (store, lease) = (&self.worker.store, self.claimed.lease);
        self.worker
            .insist(self.claimed, || store.end_purchase(lease, judge, digest, answer))
            .await
            .map_err(lost)
    }
}
