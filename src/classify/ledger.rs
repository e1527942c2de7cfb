//! The port through which paid questions are recorded, so that no answer is bought twice.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::Hindrance;
use crate::{
    decide::{budget::Cost, tokens::Need},
    domain::{Answer, Clock, Flaw, Money, Name, Prior, Timestamp},
};

/// A call that nobody waits for, by a clock of its own.
pub type Unwatched = Box<dyn FnOnce(Arc<dyn Clock>) -> BoxFuture<'static, ()> + Send>;

/// The record of one job's purchases. The worker implements it over the store.
///
/// A paid judge looks whether it was [`bought`](Ledger::bought) before anything else, as a recorded answer costs neither
/// money nor room within a limit. Then it calls [`begin`](Ledger::begin), asks, and calls exactly one of [`answered`](Ledger::answered) and
/// [`not_billed`](Ledger::not_billed), or neither: then the purchase stays begun, that is, perhaps billed.
/// What [`begin`](Ledger::begin) says is durable once it returns. An answer may be on its way then: it is durable before anything that follows
/// from it, another question or the end of the job. A question is named by the judge and the digest of the request
/// body, SHA-256 in hex; what it may cost is the same in each call.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The answer on record to a question, if there is one. Changes nothing.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError>;

    /// Before the request leaves: what is known of the question, which is on record as begun, and the most that it may cost
    /// taken, if that is [`Prior::Begun`].
    ///
    /// # Errors
    /// As [`LedgerError`] says; the request must not leave.
    async fn begin(&self, cost: &Cost<'_>, digest: &str) -> Result<Prior, LedgerError>;

    /// On arrival, before anything acts on the answer, for which `paid` is due.
    ///
    /// # Errors
    /// As [`LedgerError`] says; the answer must not be used.
    async fn answered(
        &self,
        cost: &Cost<'_>,
        digest: &str,
        answer: &Answer,
        paid: Money,
    ) -> Result<(), LedgerError>;

    /// The vendor certainly did not bill the question begun last.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    async fn not_billed(&self, cost: &Cost<'_>, digest: &str) -> Result<(), LedgerError>;

    /// What the vendor said in place of an answer, if that is kept. It is asked for first.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    async fn refusal(&self, _judge: &Name, _digest: &str) -> Result<Option<Refusal>, LedgerError> {
        Ok(None)
    }

    /// The vendor will never answer the question begun last, while it answers others; it has not billed it, either, which
    /// [`not_billed`](Ledger::not_billed) has said. To be kept by whoever wants to hear the same once more without asking.
    ///
    /// # Errors
    /// As [`LedgerError`] says.
    async fn refused(&self, _cost: &Cost<'_>, _digest: &str, _refusal: &Refusal) -> Result<(), LedgerError> {
        Ok(())
    }

    /// The answer to a question, or the refusal of one, has been read. For counting and for the record.
    fn heard(&self, _judge: &Name, _digest: &str, _hearing: Hearing<'_>) {}

    /// Lets a call go on that nobody waits for any more, beside everything else; it is dropped where it would serve nobody.
    fn go_on(&self, _call: Unwatched) {}

    /// A judge's turn ended without an answer. For counting.
    fn unavailable(&self, _judge: &Name, _hindrance: Hindrance) {}

    /// Whether a judge that failed may be asked now to find out if it works again: of several processes one may in that
    /// time.
    async fn may_find_out(&self, _judge: &Name, _every: Duration) -> bool {
        true
    }

    /// Takes one of the requests that a judge may get in a minute, where that is shared or not counted yet; what was taken, if
    /// that is so.
    ///
    /// # Errors
    /// There is none left; the wait.
    async fn may_ask(
        &self,
        _judge: &Name,
        _per_min: Option<PerMinute>,
    ) -> Result<Option<RequestTaken>, Duration> {
        Ok(None)
    }

    /// Gives back a request that was taken and not made.
    async fn not_asked(&self, _judge: &Name, _taken: RequestTaken) {}

    /// Takes tokens of what a judge may get in a minute: all that is needed, or nothing.
    ///
    /// # Errors
    /// There are not enough; the wait.
    async fn take_tokens(&self, _judge: &Name, _needs: &[Need]) -> Result<Vec<TokensTaken>, Duration> {
        Ok(Vec::new())
    }

    /// Says what became of tokens that were taken: those not used are given back, and what was used beyond is taken now. No
    /// more are left afterwards than the vendor said.
    async fn tokens_used(&self, _judge: &Name, _used: &[TokensUsed]) {}

    /// The vendor said how many requests are left within this minute: no more are.
    async fn requests_left(&self, _judge: &Name, _per_min: Option<PerMinute>, _left: u32) {}
}

/// What was found when an answer was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Hearing<'a> {
    /// What was wrong with it, if anything.
    pub flaw: Option<Flaw>,
    /// The judge had been told what was wrong with an answer before.
    pub again: bool,
    /// It was bought now, and not earlier.
    pub is_new: bool,
    /// Why the model stopped, in its vendor's words.
    pub finish: Option<&'a str>,
    /// How many places of the event were redacted before it was asked, by kind.
    pub redacted: BTreeMap<String, u32>,
}

/// How many requests may be sent in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMinute {
    pub requests: u32,
    /// This process has counted its own already: only what others send is to be counted besides.
    pub counted_here: bool,
}

/// A request that was taken before a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestTaken {
    pub per_min: PerMinute,
    pub at: Timestamp,
    /// Other processes do not know of it: this one counted it by itself.
    pub alone: bool,
}

/// What a vendor said in place of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Of the HTTP response.
    pub status: u16,
    /// Its body, the model that was asked, and the time; there are no tokens.
    pub said: Answer,
}

/// Tokens that were taken before a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokensTaken {
    pub need: Need,
    pub at: Timestamp,
    /// As [`RequestTaken::alone`].
    pub alone: bool,
}

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokensUsed {
    pub taken: TokensTaken,
    /// How many were really used.
    pub used: u32,
    /// How many are left by the vendor's own count, if it said so.
    pub left: Option<u32>,
}

impl TokensTaken {
    /// The question did not count.
    pub fn unused(self) -> TokensUsed {
        TokensUsed { taken: self, used: 0, left: None }
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
    /// Only what is on record may be answered, and this is not.
    #[error("no answer of {judge} to this question is recorded ({request})")]
    Unrecorded { judge: Name, request: String },
    /// Nothing more is bought.
    #[error("{reason}")]
    Refused { reason: String },
}

/// Remembers nothing: every question may be asked. For `eval` and `check`, which have no job.
#[derive(Debug, Clone, Copy, Default)]
pub struct FreeLedger;

#[async_trait]
impl Ledger for FreeLedger {
    async fn bought(&self, _judge: &Name, _digest: &str) -> Result<Option<Answer>, LedgerError> {
        Ok(None)
    }

    async fn begin(&self, _cost: &Cost<'_>, _digest: &str) -> Result<Prior, LedgerError> {
        Ok(Prior::Begun)
    }

    async fn answered(&self, _: &Cost<'_>, _: &str, _: &Answer, _: Money) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn not_billed(&self, _cost: &Cost<'_>, _digest: &str) -> Result<(), LedgerError> {
        Ok(())
    }
}
