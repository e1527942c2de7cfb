//! The arithmetic of a rate that several processes draw on: the generic cell rate algorithm (GCRA), in whole numbers.
//!
//! GCRA keeps the moment at which all is there again. Here that is a moment and what is owed since, in cells times
//! microseconds, so that nothing is rounded. `scripts/rate.lua` of the Redis backend does the same, and is held against this.

use std::time::Duration;

use crate::domain::Timestamp;

/// A Lua number counts exactly up to twice this.
const EXACT_MAX: u64 = 1 << 52;

/// So many cells evenly within a time, and so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    cells: u64,
    per_us: u64,
    burst: u64,
}

impl Pace {
    /// At least one cell, and at least one at once. What is more than can be counted exactly (75 million a minute) is as
    /// much as can be.
    pub fn new(cells: u32, per: Duration, burst: u32) -> Self {
        let per_us = u64::try_from(per.as_micros()).unwrap_or(u64::MAX).clamp(1, EXACT_MAX);
        let within = |cells: u32| u64::from(cells).clamp(1, EXACT_MAX / per_us);
        Pace { cells: within(cells), per_us, burst: within(burst) }
    }

    pub const fn cells(self) -> u64 {
        self.cells
    }

    pub const fn per_us(self) -> u64 {
        self.per_us
    }

    pub const fn burst(self) -> u64 {
        self.burst
    }
}

/// How much of a rate is drawn. Full to begin with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    at_us: i64,
    /// What was owed then, in cells times µs: each cell costs the pace's time, and each µs pays for its cells.
    owed: u64,
    /// When it was last seen full: what was drawn before is paid for.
    was_full_us: i64,
}

impl Level {
    /// Goes on to `now`. A little earlier than the last time, as clocks of several processes may be, counts as then; much
    /// earlier, and the clock was set.
    fn go_on(&mut self, pace: Pace, now: i64) {
        let passed = now.saturating_sub(self.at_us);
        if passed > 0 || passed.unsigned_abs() > pace.per_us {
            self.at_us = now;
        }
        let paid = u64::try_from(passed).unwrap_or(0).saturating_mul(pace.cells);
        self.owed = self.owed.min(pace.burst.saturating_mul(pace.per_us)).saturating_sub(paid);
        if self.owed == 0 {
            self.was_full_us = self.at_us;
        }
    }

    /// Draws up to `wanted` cells: how many there were, and, if those were not all, how long until there is one more.
    pub fn draw(&mut self, pace: Pace, now: Timestamp, wanted: u32) -> (u32, Duration) {
        self.go_on(pace, micros(now));
        let room = (pace.burst * pace.per_us).saturating_sub(self.owed);
        let cells = (room / pace.per_us).min(u64::from(wanted));
        self.owed += cells * pace.per_us;
        let beyond = self.owed.saturating_sub((pace.burst - 1) * pace.per_us);
        let ahead = u64::try_from(self.at_us - micros(now)).unwrap_or(0);
        let wait = if cells < u64::from(wanted) { beyond.div_ceil(pace.cells) + ahead } else { 0 };
        (u32::try_from(cells).unwrap_or(wanted), Duration::from_micros(wait))
    }

    /// Gives back what was drawn at that time and not used, as if it had not been drawn: nothing, if it has been full
    /// since, as nothing was missing then.
    pub fn give_back(&mut self, pace: Pace, now: Timestamp, cells: u32, drawn_at: Timestamp) {
        let was_full = self.was_full_us;
        self.go_on(pace, micros(now));
        if micros(drawn_at) >= was_full {
            self.owed = self.owed.saturating_sub(u64::from(cells) * pace.per_us);
        }
    }

    /// Leaves `most` cells at most: somebody else knows that no more are left.
    pub fn leave(&mut self, pace: Pace, now: Timestamp, most: u32) {
        self.go_on(pace, micros(now));
        self.owed = self.owed.max(pace.burst.saturating_sub(u64::from(most)) * pace.per_us);
    }

    /// When all is there again, if nothing more is drawn.
    pub fn full_at(&self, pace: Pace) -> Timestamp {
        let left = i64::try_from(self.owed.div_ceil(pace.cells)).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.at_us.saturating_add(left).saturating_add(999) / 1_000)
    }
}

fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, proptest};

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000 + ms)
    }

    #[test]
    fn a_burst_at_once_then_evenly() {
        // 60 s / 7 is no whole number of µs.
        let (pace, mut level) = (Pace::new(7, MINUTE, 7), Level::default());
        let drawn: Vec<u32> = (0..8).map(|_| level.draw(pace, at(0), 1).0).collect();
        assert_eq!(drawn, [1, 1, 1, 1, 1, 1, 1, 0]);
        assert_eq!(level.draw(pace, at(0), 3), (0, Duration::from_micros(8_571_429)));
        assert_eq!(level.draw(pace, at(8_571), 1), (0, Duration::from_micros(429)));
        assert_eq!(level.draw(pace, at(8_572), 1), (1, Duration::ZERO));
        assert_eq!(level.draw(pace, at(68_571), 99).0, 6, "no more than what came since");
    }

    #[test]
    fn a_part_of_what_is_wanted_is_better_than_nothing() {
        let (pace, mut level) = (Pace::new(60, MINUTE, 10), Level::default());
        assert_eq!(level.draw(pace, at(0), 15), (10, Duration::from_secs(1)));
        assert_eq!(level.draw(pace, at(2_500), 15), (2, Duration::from_millis(500)));
    }

    #[test]
    fn what_is_given_back_is_as_if_it_had_not_been_drawn() {
        let (pace, mut level) = (Pace::new(10, MINUTE, 10), Level::default());
        assert_eq!(level.draw(pace, at(0), 4).0, 4);
        assert_eq!(level.draw(pace, at(1_000), 6).0, 6);
        level.give_back(pace, at(1_000), 3, at(0));
        assert_eq!(level.draw(pace, at(1_000), 10).0, 3);
        // By then all of it had come back by itself.
        assert_eq!(level.draw(pace, at(200_000), 10).0, 10);
        level.give_back(pace, at(200_000), 6, at(1_000));
        assert_eq!(level.draw(pace, at(200_000), 1).0, 0);
    }

    #[test]
    fn who_is_told_that_less_is_left_has_no_more_and_who_is_told_that_more_is_no_more_either() {
        let (pace, mut level) = (Pace::new(10, MINUTE, 10), Level::default());
        assert_eq!(level.draw(pace, at(0), 2).0, 2);
        level.leave(pace, at(0), 9);
        assert_eq!(level.draw(pace, at(0), 3).0, 3);
        level.leave(pace, at(0), 1);
        assert_eq!(level.draw(pace, at(0), 9), (1, Duration::from_secs(6)));
        level.leave(pace, at(0), u32::MAX);
        assert_eq!(level.draw(pace, at(6_000), 9).0, 1);
        // What is known to be under way still comes back.
        level.leave(pace, at(6_000), 0);
        level.give_back(pace, at(6_000), 3, at(0));
        assert_eq!(level.draw(pace, at(6_000), 9).0, 3);
    }

    #[test]
    fn a_clock_that_went_back_silences_nobody() {
        let (pace, mut level) = (Pace::new(2, MINUTE, 2), Level::default());
        assert_eq!(level.draw(pace, at(0), 2).0, 2);
        assert_eq!(level.draw(pace, at(-5), 1), (0, Duration::from_millis(30_005)));
        assert_eq!(level.draw(pace, at(-90_000), 1).0, 0);
        assert_eq!(level.draw(pace, at(-60_000), 1).0, 1);
    }

    #[test]
    fn so_much_is_no_limit() {
        let (pace, mut level) = (Pace::new(u32::MAX, MINUTE, u32::MAX), Level::default());
        assert_eq!(level.draw(pace, at(0), 50_000_000).0, 50_000_000);
        assert_eq!(level.full_at(pace), at(39_969));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        /// Over any time no more than the rate times that time and the burst; who waits as long as was said gets one, and
        /// who waits less gets none.
        #[test]
        fn never_more_than_the_rate_and_waits_are_exact(
            cells in 1..5_000_u32,
            per in 1..100_000_u64,
            burst in 1..500_u32,
            steps in prop::collection::vec((0..3_000_i64, 1..100_u32), 1..60),
        ) {
            let (pace, mut level) = (Pace::new(cells, Duration::from_millis(per), burst), Level::default());
            let (mut now, mut drawn) = (0, Vec::new());
            for (passed, wanted) in steps {
                now += passed;
                let (got, wait) = level.draw(pace, at(now), wanted);
                prop_assert!(got <= wanted && (got == wanted) == wait.is_zero());
                drawn.push((now, got));
                let mut total = 0_u64;
                for (since, got) in drawn.iter().rev() {
                    total += u64::from(*got);
                    let passed = u64::try_from(now - since).unwrap();
                    prop_assert!(total * per <= passed * u64::from(cells) + u64::from(burst) * per);
                }
                if got < wanted {
                    let ms = i64::try_from(wait.as_micros().div_ceil(1_000)).unwrap();
                    let after = |ms| Level::draw(&mut level.clone(), pace, at(now + ms), 1).0;
                    prop_assert_eq!((after(ms - 1), after(ms)), (0, 1));
                }
            }
        }
    }
}
