//! How often something is tried, and when it is left alone: tables that several files use.

use schemars::JsonSchema;
use serde::Deserialize;

/// When to try again, and when to stop. What is left out is as for the workers in general, `[worker] retry`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryTable {
    /// Waits in ms between attempts; beyond the last one it repeats. None at all: one attempt.
    pub schedule_ms: Option<Vec<u64>>,
    /// Each wait is made longer or shorter by up to this share, 0 to 1.
    pub jitter: Option<f64>,
    /// Attempts in all; one more than there are waits if left out.
    pub attempts_max: Option<u32>,
    /// Time in ms from the beginning after which it is given up, however often it was put off. It begins anew after a wait for
    /// money that a judge may not cost yet.
    pub age_max_ms: Option<u64>,
}

/// When a destination or judge that fails is left alone for a while.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerTable {
    /// Failures in a row that open it. A refusal (4xx, 429 too) is none.
    pub failures: u32,
    /// Time in ms it stays open before one request may find out whether it works again.
    pub open_ms: u64,
    /// Share of failures, above 0 up to 1, among the calls of `window_ms` that opens it too.
    pub rate: f64,
    /// Time in ms over which that share is taken.
    pub window_ms: u64,
    /// Calls within the window below which their share says nothing.
    pub calls_min: u32,
}

impl Default for BreakerTable {
    fn default() -> Self {
        BreakerTable { failures: 5, open_ms: 60_000, rate: 0.5, window_ms: 60_000, calls_min: 20 }
    }
}
