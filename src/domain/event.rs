//! An accepted delivery.

use std::sync::Arc;

use serde::Serialize;

use super::{Body, EventId, Lane, Name, Timestamp};

/// The source of events that the service itself gives: its alarms. No sender can have it.
pub const OWN_SOURCE: &str = "hookyard";

/// A verified delivery as it was accepted. Never changed afterwards; what became of it is told by its jobs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    pub id: EventId,
    pub source: Name,
    /// In the sender's words, such as `invoice.payment_failed` or `pull_request.opened`.
    #[serde(rename = "type")]
    pub event_type: Arc<str>,
    pub lane: Lane,
    pub received_at: Timestamp,
    /// The sender marked it as made in a test environment; it never reaches a live action.
    pub test_mode: bool,
    /// Allow-listed headers only, in the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw signed bytes.
    #[serde(skip)]
    pub body: Body,
}
