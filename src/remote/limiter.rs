//! How often a remote may be asked.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

/// A bucket that holds one minute's worth of requests and is refilled evenly. After a quiet minute a whole minute's
/// worth may go at once; over time no more than the rate.
pub(super) struct Limiter {
    elapsed: Told,
    bucket: RateLimiter<NotKeyed, InMemoryState, Told, NoOpMiddleware<Nanos>>,
}

impl Limiter {
    pub(super) fn per_minute(requests: NonZeroU32) -> Self {
        let elapsed = Told::default();
        let bucket = RateLimiter::direct_with_clock(Quota::per_minute(requests), elapsed.clone());
        Limiter { elapsed, bucket }
    }

    /// Takes one request's worth, or tells how long to wait for it.
    pub(super) fn ready(&self, elapsed: Duration) -> Result<(), Duration> {
        self.elapsed.tell(elapsed);
        self.bucket.check().map_err(|not_until| not_until.wait_time_from(self.elapsed.now()))
    }
}

/// Time as it was last told: nanoseconds since some fixed start. Callers that race cannot turn it back.
#[derive(Clone, Default)]
struct Told(Arc<AtomicU64>);

impl Told {
    fn tell(&self, elapsed: Duration) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }
}

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_minutes_worth_at_once_then_evenly() {
        let limiter = Limiter::per_minute(NonZeroU32::new(6).unwrap());
        for _ in 0..6 {
            assert_eq!(limiter.ready(100 * S), Ok(()));
        }
        assert_eq!(limiter.ready(100 * S), Err(10 * S));
        assert_eq!(limiter.ready(104 * S), Err(6 * S), "asking does not push it back");
        assert_eq!(limiter.ready(110 * S), Ok(()));
        assert_eq!(limiter.ready(110 * S), Err(10 * S));
    }

    #[test]
    fn time_that_is_told_late_does_not_turn_it_back() {
        let limiter = Limiter::per_minute(NonZeroU32::MIN);
        assert_eq!(limiter.ready(100 * S), Ok(()));
        assert_eq!(limiter.ready(40 * S), Err(60 * S));
        assert_eq!(limiter.ready(160 * S), Ok(()));
    }
}
