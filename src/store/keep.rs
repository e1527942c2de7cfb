//! What the keeper asks of a store.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    domain::{EventId, Name, Timestamp},
    rate::Pace,
};

/// How long purses are kept: longer than the longest month.
pub const PURSE_KEPT: Duration = Duration::from_hours(24 * 62);

/// How long it is kept what was spent on a day.
pub const SPENT_KEPT: Duration = Duration::from_hours(24 * 400);

/// A draw on a rate that all processes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateDraw {
    /// What is limited, such as `in/stripe/critical`.
    pub rate: String,
    pub pace: Pace,
    /// How many are wanted; none only to give back.
    pub cells: u32,
    /// What is given back before.
    pub back: Option<Back>,
    /// How many are left afterwards at most: whose rate it is has said so.
    pub leave: Option<u32>,
}

/// Cells of a rate that were drawn and not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Back {
    pub cells: u32,
    /// [`RateDrawn::at`]; of several draws, that of the first.
    pub drawn_at: Timestamp,
}

/// What became of a draw on a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateDrawn {
    /// How many of those wanted there were.
    pub cells: u32,
    pub at: Timestamp,
    /// How long until there is one more; nothing if all were there.
    pub wait: Duration,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bodies, headers, requests, verdicts' outputs, receipts and bought answers.
    pub payload_age: Duration,
    /// The record that an event came and what became of it.
    pub record_age: Duration,
    /// Bytes of payload kept of a source; beyond it the oldest goes first.
    pub payload_bytes_max: u64,
}

/// One bounded step of retention.
#[derive(Debug, Clone)]
pub struct RetainStep {
    /// By source; of a source that is not named nothing is removed.
    pub sources: BTreeMap<Name, Retention>,
    /// Where the last step ended; the event there may be gone by now.
    pub after: Option<EventId>,
    /// Events looked at in this step, at the most. With none, only dedupe keys are looked at.
    pub events_max: u32,
}

/// What a step of retention did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Retained {
    pub payloads: u64,
    pub records: u64,
    /// Dedupe keys forgotten because their window is over.
    pub keys: u64,
    /// The walk over the dedupe keys, on which each step goes some way, did not come to its end with this one.
    pub keys_left: bool,
    /// Payload bytes removed.
    pub bytes: u64,
    /// Where to go on; `None` if this step came to the end.
    pub next: Option<EventId>,
}

/// One bounded step of erasing a person's data.
#[derive(Debug, Clone)]
pub struct EraseStep {
    /// What identifies the person; see [`crate::decide::erase::Key`].
    pub key: String,
    /// Where the last step ended; the event there may be gone by now.
    pub after: Option<EventId>,
    /// Only count.
    pub dry_run: bool,
}

/// What a step of erasing did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    pub events: u64,
    /// Open jobs that were discarded.
    pub discarded: u64,
    /// Where to go on; `None` if this step came to the end.
    pub next: Option<EventId>,
}
