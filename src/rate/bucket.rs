//! One bucket.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

use super::{state::State, told::Told};

/// A bucket of its own.
pub struct Bucket {
    elapsed: Told,
    state: State<InMemoryState>,
    limiter: RateLimiter<NotKeyed, State<InMemoryState>, Told, NoOpMiddleware<Nanos>>,
    takes: NonZeroU32,
    /// The time in which one take's worth is refilled.
    worth: Duration,
}

impl Bucket {
    pub fn per_minute(takes: NonZeroU32) -> Self {
        let (elapsed, state, quota) =
            (Told::default(), State::new(InMemoryState::default()), Quota::per_minute(takes));
        let limiter = RateLimiter::new(quota, state.clone(), elapsed.clone());
        Bucket { elapsed, state, limiter, takes, worth: quota.replenish_interval() }
    }

    /// Takes one's worth, or tells how long to wait for it. `elapsed` counts from any fixed start; one that comes late
    /// does not turn the time back.
    ///
    /// # Errors
    /// There is none now; the wait.
    pub fn take(&self, elapsed: Duration) -> Result<(), Duration> {
        self.elapsed.tell(elapsed);
        self.limiter.check().map_err(|not_until| not_until.wait_time_from(self.elapsed.now()))
    }

    /// Leaves `most` takes at most: somebody else knows that no more are left. Whether that is fewer than there were.
    pub fn leave(&self, most: u32, elapsed: Duration) -> bool {
        self.elapsed.tell(elapsed);
        let missing = self.takes.get().saturating_sub(most);
        self.state.full_at_least(&NotKeyed::NonKey, self.elapsed.now() + self.worth * missing)
    }

    /// Undoes a take.
    pub fn give_back(&self) {
        self.state.give_back(&NotKeyed::NonKey, self.worth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_minutes_worth_at_once_then_evenly() {
        let bucket = Bucket::per_minute(NonZeroU32::new(6).unwrap());
        for _ in 0..6 {
            assert_eq!(bucket.take(100 * S), Ok(()));
        }
        assert_eq!(bucket.take(100 * S), Err(10 * S));
        assert_eq!(bucket.take(104 * S), Err(6 * S), "asking does not push it back");
        assert_eq!(bucket.take(110 * S), Ok(()));
        assert_eq!(bucket.take(110 * S), Err(10 * S));
    }

    #[test]
    fn time_that_is_told_late_does_not_turn_it_back() {
        let bucket = Bucket::per_minute(NonZeroU32::MIN);
        assert_eq!(bucket.take(100 * S), Ok(()));
        assert_eq!(bucket.take(40 * S), Err(60 * S));
        assert_eq!(bucket.take(160 * S), Ok(()));
    }

    #[test]
    fn who_is_told_that_less_is_left_has_no_more() {
        let bucket = Bucket::per_minute(NonZeroU32::new(6).unwrap());
        assert_eq!(bucket.take(100 * S), Ok(()));
        assert!(!bucket.leave(5, 100 * S) && !bucket.leave(99, 100 * S), "it knows of no more itself");
        assert!(bucket.leave(2, 100 * S));
        assert_eq!((bucket.take(100 * S), bucket.take(100 * S)), (Ok(()), Ok(())));
        assert_eq!(bucket.take(100 * S), Err(10 * S));
        assert!(!bucket.leave(0, 100 * S));
        assert_eq!(bucket.take(110 * S), Ok(()));
    }

    #[test]
    fn what_is_given_back_is_as_if_it_had_not_been_taken() {
        let bucket = Bucket::per_minute(NonZeroU32::new(2).unwrap());
        for _ in 0..10 {
            assert_eq!(bucket.take(100 * S), Ok(()));
            bucket.give_back();
        }
        assert_eq!((bucket.take(100 * S), bucket.take(100 * S)), (Ok(()), Ok(())));
        assert_eq!(bucket.take(100 * S), Err(30 * S));
        bucket.give_back();
        assert_eq!((bucket.take(100 * S), bucket.take(100 * S)), (Ok(()), Err(30 * S)));
        // Long after, when it had been refilled anyway, no more than a minute's worth is there.
        bucket.give_back();
        assert_eq!((bucket.take(900 * S), bucket.take(900 * S)), (Ok(()), Ok(())));
        assert_eq!(bucket.take(900 * S), Err(30 * S));
    }
}
