//! How long a judge usually takes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// What is expected of a judge that has not answered yet, in ms.
const EXPECTED_MS: u64 = 1_000;

/// About how long an answer takes in ms: each new one counts for an eighth.
#[derive(Debug)]
pub(super) struct Usual(AtomicU64);

impl Usual {
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    pub fn note(&self, took_ms: u64) {
        // Of two answers at one time one may be left out.
        let usual = self.0.load(Ordering::Relaxed);
        self.0.store(usual.saturating_mul(7).saturating_add(took_ms) / 8, Ordering::Relaxed);
    }

    /// What was slow once is tried again after some dozens of events.
    pub fn forget(&self) {
        let usual = self.0.load(Ordering::Relaxed);
        self.0.store(usual - usual / 32, Ordering::Relaxed);
    }
}

impl Default for Usual {
    fn default() -> Self {
        Usual(AtomicU64::new(EXPECTED_MS))
    }
}
