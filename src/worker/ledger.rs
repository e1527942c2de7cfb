//! The classifier's ledger, kept in the store under the job's lease.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    classify::{Hearing, Ledger, LedgerError, TokensTaken},
    decide::{budget::Cost, tokens::Need},
    domain::{Answer, Bill, Flaw, Lease, Money, Name, Prior, PurchaseOrder},
    host::{self, FailPoint},
    store::{Claimed, StoreError},
};

use super::Worker;

pub(super) struct StoreLedger<'a> {
    pub worker: &'a Worker,
    pub claimed: &'a Claimed,
    /// How many questions were begun.
    begun: AtomicU32,
}

impl<'a> StoreLedger<'a> {
    pub fn new(worker: &'a Worker, claimed: &'a Claimed) -> Self {
        StoreLedger { worker, claimed, begun: AtomicU32::new(0) }
    }
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
        // The store's own ledger sells whatever is asked for.
        error @ (LedgerError::Unrecorded { .. } | LedgerError::Refused { .. }) => {
            StoreError::Unavailable(error.to_string())
        }
    }
}

#[async_trait]
impl Ledger for StoreLedger<'_> {
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError> {
        let (store, event) = (&self.worker.store, self.claimed.event.id);
        self.worker.insist(self.claimed, || store.bought(event, judge, digest)).await.map_err(lost)
    }

    async fn begin(&self, cost: &Cost<'_>, digest: &str) -> Result<Prior, LedgerError> {
        let (store, lease) = (&self.worker.store, self.claimed.lease);
        let (charges, entry) = cost.reserve();
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let order = PurchaseOrder {
            id: Some(format!("{}/{}/{number}", lease.job, lease.token)),
            most: cost.most,
            charges,
            entry: Some(entry),
            ..PurchaseOrder::new(cost.judge, digest)
        };
        let prior = self.worker.insist(self.claimed, || store.begin_purchase(lease, &order)).await;
        host::pass(FailPoint::JudgeBegun);
        if let Ok(Prior::Short(purse)) = prior {
            self.worker.metrics.short(cost.judge, purse.as_str());
        }
        prior.map_err(lost)
    }

    async fn answered(
        &self,
        cost: &Cost<'_>,
        digest: &str,
        answer: &Answer,
        paid: Money,
    ) -> Result<(), LedgerError> {
        let (charges, entry) = cost.answered(paid, answer.tokens);
        let bill =
            Bill { cost: paid, charges, entry: Some(entry), ..Bill::new(cost.judge, digest, Some(answer)) };
        let answered = self.end(&bill).await;
        host::pass(FailPoint::AnswerCommitted);
        answered
    }

    async fn not_billed(&self, cost: &Cost<'_>, digest: &str) -> Result<(), LedgerError> {
        let (charges, entry) = cost.not_billed();
        self.end(&Bill { charges, entry: Some(entry), ..Bill::new(cost.judge, digest, None) }).await
    }

    fn heard(&self, judge: &Name, _digest: &str, hearing: Hearing<'_>) {
        if hearing.is_new {
            self.worker.metrics.answer(judge, hearing.flaw.map_or("valid", Flaw::as_str), hearing.again);
        }
    }

    async fn may_find_out(&self, judge: &Name, every: Duration) -> bool {
        self.worker.may_find_out("judge", judge, every).await
    }

    async fn may_ask(&self, judge: &Name, per_min: Option<u32>) -> Result<(), Duration> {
        self.worker.may_ask("judge", judge, per_min).await
    }

    async fn take_tokens(&self, judge: &Name, needs: &[Need]) -> Result<Vec<TokensTaken>, Duration> {
        self.worker.take_tokens(judge, needs).await
    }

    async fn tokens_used(&self, judge: &Name, taken: &[TokensTaken], used: &[u32]) {
        self.worker.tokens_used(judge, taken, used).await;
    }
}

impl StoreLedger<'_> {
    async fn end(&self, bill: &Bill) -> Result<(), LedgerError> {
        let (store, lease) = (&self.worker.store, self.claimed.lease);
        self.worker.insist(self.claimed, || store.end_purchase(lease, bill)).await.map_err(lost)
    }
}
