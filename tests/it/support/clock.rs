//! A clock that tests move by hand.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use hookyard::domain::{Clock, Timestamp, Wait};
use tokio::sync::watch;

/// Starts at 2026-01-01T00:00:00Z and stands still until it is told to advance.
#[derive(Debug)]
pub struct HandClock {
    elapsed: watch::Sender<Duration>,
    /// Milliseconds by which the wall clock was set.
    set_ms: AtomicI64,
}

const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl Default for HandClock {
    fn default() -> Self {
        HandClock { elapsed: watch::Sender::new(Duration::ZERO), set_ms: AtomicI64::new(0) }
    }
}

impl HandClock {
    /// Moves both clocks on; whoever slept until then wakes up.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }

    /// Waits until somebody sleeps.
    pub async fn slept(&self) {
        while self.elapsed.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// How many sleep now.
    pub fn sleepers(&self) -> usize {
        self.elapsed.receiver_count()
    }

    /// Waits until so many sleep.
    pub async fn all_slept(&self, sleepers: usize) {
        while self.elapsed.receiver_count() < sleepers {
            tokio::task::yield_now().await;
        }
    }

    /// Sets the wall clock alone, forward or back; whoever sleeps does so for as long as before.
    pub fn set_by(&self, ms: i64) {
        self.set_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        let wall = START.plus(*self.elapsed.borrow());
        Timestamp::from_millis(wall.as_millis() + self.set_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        *self.elapsed.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Wait<'_> {
        let wake = self.monotonic() + at.since(self.now());
        let mut elapsed = self.elapsed.subscribe();
        Box::pin(async move {
            // The sender is ours and lives as long as the borrow.
            let _ = elapsed.wait_for(|elapsed| *elapsed >= wake).await;
        })
    }
}
