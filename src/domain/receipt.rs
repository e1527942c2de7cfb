//! What a destination answered to an action.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether the request left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    Sent,
    /// Rendered and kept, not sent.
    DryRun,
    /// Our marker was already there: an earlier attempt had arrived.
    AlreadyThere,
}

/// The proof of an action, seen by later actions as `receipts.ID`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub sent: Sent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer: JSON where it was JSON, else text, cut at a bound.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}
