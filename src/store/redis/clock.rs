//! The time that the store goes by: the server's, so that processes whose clocks differ agree.
//!
//! Each answer tells it. In between it goes on by this process's monotonic clock, and it goes back only where the
//! server's was set back.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::domain::{Clock, Timestamp};

/// A server's clock that goes back by more than this was set, or another server answers.
pub(super) const SET_BACK_MS: i64 = 1_000;

/// See the module.
pub(super) struct StoreClock {
    clock: Arc<dyn Clock>,
    /// The server's time when the monotonic clock stood at zero, in ms; `None` where the clock itself is gone by.
    zero: Option<Mutex<i64>>,
    latest: AtomicI64,
}

impl StoreClock {
    /// Goes by the server's time.
    pub fn of_the_server(clock: Arc<dyn Clock>) -> Self {
        StoreClock { clock, zero: Some(Mutex::new(i64::MIN)), latest: AtomicI64::new(i64::MIN) }
    }

    /// Goes by `clock` itself.
    pub fn by_hand(clock: Arc<dyn Clock>) -> Self {
        StoreClock { clock, zero: None, latest: AtomicI64::new(i64::MIN) }
    }

    /// The server said what time it is.
    pub fn told(&self, seconds: i64, micros: i64) {
        let Some(zero) = &self.zero else { return };
        let server = seconds.saturating_mul(1_000).saturating_add(micros / 1_000);
        *zero.lock().unwrap_or_else(PoisonError::into_inner) = server.saturating_sub(self.monotonic());
    }

    fn monotonic(&self) -> i64 {
        i64::try_from(self.clock.monotonic().as_millis()).unwrap_or(i64::MAX)
    }

    pub fn now(&self) -> Timestamp {
        let now = match &self.zero {
            Some(zero) => {
                zero.lock().unwrap_or_else(PoisonError::into_inner).saturating_add(self.monotonic())
            }
            None => self.clock.now().as_millis(),
        };
        if self.zero.is_some() && now < self.latest.load(Ordering::Relaxed).saturating_sub(SET_BACK_MS) {
            self.latest.store(now, Ordering::Relaxed);
        }
        Timestamp::from_millis(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Rests for a while.
    pub async fn rest(&self, wait: Duration) {
        self.clock.sleep_until(self.clock.now().plus(wait)).await;
    }

    /// The wall clock's, for what is told by when it was received.
    pub fn wall(&self) -> Timestamp {
        self.clock.now()
    }
}
