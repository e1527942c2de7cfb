//! A paid question to a judge: recorded before it is asked, its answer before anything follows from it.

use serde::{Deserialize, Serialize};

use super::{Money, Name, Purse, Timestamp, Tokens, words::words};

/// How far a purchase got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchaseState {
    /// Begun, no answer on record: perhaps billed.
    MaybeBilled,
    /// It certainly was not billed: refused, or it never left.
    NotBilled,
    Answered,
}

words!(PurchaseState { MaybeBilled = "maybe_billed", NotBilled = "not_billed", Answered = "answered" });

/// One call to a paid judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Purchase {
    pub judge: Name,
    /// SHA-256 (hex) of the request body: the same question has the same digest.
    pub digest: String,
    pub begun_at: Timestamp,
    pub state: PurchaseState,
    /// What the answer cost; while it may have been billed, what it may have cost at most.
    #[serde(default)]
    pub cost: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What a paid judge sent back, kept raw: it was paid for, whether or not it turns out valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The response body as received.
    pub raw: String,
    /// The model that answered, in the vendor's words.
    pub model: String,
    pub tokens: Tokens,
    pub latency_ms: u64,
}

/// What the record says about a question before it is asked (again).
#[derive(Debug, Clone, PartialEq)]
pub enum Prior {
    /// The purchase is now on record as begun: ask.
    Begun,
    /// Bought before: read this answer, do not ask.
    Answered(Answer),
    /// Perhaps paid for already, as often as may be: do not ask.
    Spent,
    /// Another job of the event has asked it and waits for the answer: do not ask, look again later.
    UnderWay,
    /// There is not enough money left in this purse: do not ask. Nothing is on record.
    Short(Purse),
}
