//! The classifier's ledger, kept in the store under the job's lease.

use async_trait::async_trait;

use crate::{
    classify::{Ledger, LedgerError},
    domain::{Answer, Lease, Name, Prior},
    store::{Store, StoreError},
};

pub(super) struct StoreLedger<'a> {
    pub store: &'a dyn Store,
    pub lease: Lease,
}

fn lost(error: StoreError) -> LedgerError {
    match error {
        StoreError::StaleLease(_) => LedgerError::LeaseLost,
        StoreError::Conflict(reason) | StoreError::Unavailable(reason) => LedgerError::Unavailable { reason },
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
    async fn begin(&self, judge: &Name, digest: &str) -> Result<Prior, LedgerError> {
        self.store.begin_purchase(self.lease, judge, digest).await.map_err(lost)
    }

    async fn answered(&self, judge: &Name, digest: &str, answer: &Answer) -> Result<(), LedgerError> {
        self.store.end_purchase(self.lease, judge, digest, Some(answer)).await.map_err(lost)
    }

    async fn not_billed(&self, judge: &Name, digest: &str) -> Result<(), LedgerError> {
        self.store.end_purchase(self.lease, judge, digest, None).await.map_err(lost)
    }
}
