//! The time that the store goes by: the wall clock, but never backwards and never still.
//!
//! What is due was written down as a time of the wall clock. Were that followed back by an hour, all that was due within
//! it would wait for an hour. So time goes on from where it was, by the monotonic clock, until the wall clock has caught
//! up. A wall clock that jumps forward is followed: at worst something is tried early.

use std::time::Duration;

use crate::domain::{Clock, Timestamp};

#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub now: Timestamp,
    pub monotonic: Duration,
}

impl Moment {
    pub fn of(clock: &dyn Clock) -> Self {
        Moment { now: clock.now(), monotonic: clock.monotonic() }
    }

    /// The present, seen from this earlier moment.
    pub fn next(self, clock: &dyn Clock) -> Self {
        let monotonic = clock.monotonic();
        let at_least = self.now.plus(monotonic.saturating_sub(self.monotonic));
        Moment { now: clock.now().max(at_least), monotonic }
    }
}
