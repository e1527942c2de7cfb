//! The port through which paid questions are recorded, so that no answer is bought twice.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{Answer, Flaw, Name, Prior};

/// The record of one job's purchases. The worker implements it over the store.
///
/// A paid judge looks whether it was [`bought`](Ledger::bought) before anything else, as a recorded answer costs neither
/// money nor room within a limit. Then it calls [`begin`](Ledger::begin), asks, and calls exactly one of [`answered`](Ledger::answered) and
/// [`not_billed`](Ledger::not_billed), or neither: then the purchase stays begun, that is, perhaps billed.
/// Each call returns only once what it says is durable. A question is named by the judge and the digest of the request
/// body, SHA-256 in hex.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The answer on record to a question, if there is one. Changes nothing.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError>;

    /// Before the request leaves: what is known of the question, which is on record as begun if that is
    /// [`Prior::Begun`].
    ///
    /// # Errors
    /// As [`LedgerError`] says; the request must not leave.
    async fn begin(&self, judge: &Name, digest: &str) -> Result<Prior, LedgerError>;

    /// On arrival, before anything reads the answer.
    ///
    /// # Errors
    /// As [`LedgerError`] says; the answer must not be used.
    async fn answered(&self, judge: &Name, digest: &str, answer: &Answer) -> Result<(), LedgerError>;

    /// The vendor certainly did not bill the question begun last.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    async fn not_billed(&self, judge: &Name, digest: &str) -> Result<(), LedgerError>;

    /// An answer that was bought now has been read; what was wrong with it, if anything. `again` says that the judge was told of
    /// an answer before. For counting.
    fn heard(&self, _judge: &Name, _flaw: Option<Flaw>, _again: bool) {}

    /// Whether a judge that failed may be asked now to find out if it works again: of several processes one may in that
    /// time.
    async fn may_find_out(&self, _judge: &Name, _every: Duration) -> bool {
        true
    }

    /// Takes one of the requests that a judge may get in a minute, where several processes share that.
    ///
    /// # Errors
    /// There is none left; the wait.
    async fn may_ask(&self, _judge: &Name, _per_min: Option<u32>) -> Result<(), Duration> {
        Ok(())
    }
}

/// Why a purchase could not be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another worker has the job by now: drop everything.
    #[error("the job's lease is gone")]
    LeaseLost,
    /// Hand the job back and try later.
    #[error("the store cannot record the purchase: {reason}")]
    Unavailable { reason: String },
}

/// Remembers nothing: every question may be asked. For `eval` and `check`, which have no job.
#[derive(Debug, Clone, Copy, Default)]
pub struct FreeLedger;

#[async_trait]
impl Ledger for FreeLedger {
    async fn bought(&self, _judge: &Name, _digest: &str) -> Result<Option<Answer>, LedgerError> {
        Ok(None)
    }

    async fn begin(&self, _judge: &Name, _digest: &str) -> Result<Prior, LedgerError> {
        Ok(Prior::Begun)
    }

    async fn answered(&self, _judge: &Name, _digest: &str, _answer: &Answer) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn not_billed(&self, _judge: &Name, _digest: &str) -> Result<(), LedgerError> {
        Ok(())
    }
}
