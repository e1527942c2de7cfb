//! A clock that tests move by hand.

use std::time::Duration;

use hookyard::domain::{Clock, Timestamp, Wait};
use tokio::sync::watch;

/// Starts at 2026-01-01T00:00:00Z and stands still until it is told to advance.
#[derive(Debug)]
pub struct HandClock {
    elapsed: watch::Sender<Duration>,
}

const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl Default for HandClock {
    fn default() -> Self {
        HandClock { elapsed: watch::Sender::new(Duration::ZERO) }
    }
}

impl HandClock {
    /// Moves both clocks on; whoever slept until then wakes up.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        START.plus(*self.elapsed.borrow())
    }

    fn monotonic(&self) -> Duration {
        *self.elapsed.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Wait<'_> {
        let mut elapsed = self.elapsed.subscribe();
        Box::pin(async move {
            // The sender is ours and lives as long as the borrow.
            let _ = elapsed.wait_for(|elapsed| START.plus(*elapsed) >= at).await;
        })
    }
}
