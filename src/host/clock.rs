//! The machine's clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::{Clock, Timestamp, Wait};

/// The wall clock, and a monotonic one that starts when this is made.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    #[expect(clippy::new_without_default, reason = "each call starts another monotonic clock")]
    pub fn new() -> Self {
        SystemClock { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep_until(&self, at: Timestamp) -> Wait<'_> {
        Box::pin(tokio::time::sleep(at.since(self.now())))
    }
}
