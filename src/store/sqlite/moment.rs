//! The time that the store goes by: the wall clock, but never backwards and never still.
//!
//! Due times and dedupe keys are stamped with it, and compared with nothing else. Were the wall clock followed back by an
//! hour, all that was due within it would wait for an hour. So time goes on from where it was, by the monotonic clock,
//! until the wall clock has caught up.
//!
//! A wall clock that jumps forward is followed: nobody knows whether it was wrong before or is wrong now. Waits that end
//! within the jump end at once, and what the jump makes old enough goes: keys are forgotten, payloads removed. A jump back
//! after that takes the store nowhere: it stays ahead, and what is stamped from then on waits its full time.
//!
//! Nothing of this is kept in the file: a store that is opened begins with the wall clock. If that was set back before,
//! what was stamped ahead of it waits, and is remembered, for longer: by as much as it was set back, and no more.

use std::time::Duration;

use crate::domain::{Clock, Timestamp};

#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub now: Timestamp,
    /// What the wall clock said.
    pub wall: Timestamp,
    pub monotonic: Duration,
}

impl Moment {
    pub fn of(clock: &dyn Clock) -> Self {
        let wall = clock.now();
        Moment { now: wall, wall, monotonic: clock.monotonic() }
    }

    /// The present, seen from this earlier moment.
    pub fn next(self, clock: &dyn Clock) -> Self {
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let at_least = self.now.plus(monotonic.saturating_sub(self.monotonic));
        Moment { now: wall.max(at_least), wall, monotonic }
    }
}
