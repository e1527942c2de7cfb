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
        Duration::from_millis(self.usual_ms())
    }

    fn usual_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn note(&self, took_ms: u64) {
        // Of two answers at one time one may be left out.
        let usual = self.usual_ms();
        self.0.store(usual.saturating_mul(7).saturating_add(took_ms) / 8, Ordering::Relaxed);
    }

    /// An answer was waited for so long in vain. It takes longer than that: so much is known, and no more.
    pub fn takes_longer(&self, than_ms: u64) {
        if than_ms > self.usual_ms() {
            self.note(than_ms);
        }
    }

    /// What was slow once is tried again after some dozens of events.
    pub fn forget(&self) {
        let usual = self.usual_ms();
        self.0.store(usual - usual / 32, Ordering::Relaxed);
    }
}

impl Default for Usual {
    fn default() -> Self {
        Usual(AtomicU64::new(EXPECTED_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_waited_for_to_the_end_is_not_taken_for_quick() {
        let usual = Usual::default();
        usual.takes_longer(40);
        assert_eq!(usual.time(), Duration::from_millis(EXPECTED_MS));
        usual.takes_longer(9_000);
        assert_eq!(usual.time(), Duration::from_millis(2_000), "an eighth of the way");
        usual.note(40);
        assert!(usual.time() < Duration::from_millis(2_000), "an answer says more");
    }
}
