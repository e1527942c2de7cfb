//! Whose turn it is at a judge that has no room for now: those told to come back later do so one after the other, and
//! not all at the moment at which there is room for the first.
//!
//! Each that waits has as long to itself as one question usually takes of what a minute holds. Nobody waits longer than
//! that would take; who comes meanwhile and finds room is served, so some find none when they are back and wait once more.

use std::time::Duration;

/// What waiting for others adds at the most. Beyond so many they are spread over this time from its start again.
const SPREAD_MAX: Duration = Duration::from_hours(1);

/// Before a question was answered nobody knows what one takes; of what it may take at the most, this part.
const GUESS: u32 = 4;

/// The line of those that wait. Times are of the monotonic clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turns {
    /// When whoever comes next has a turn: after all who wait.
    free: Duration,
    /// How long one had the room to itself, as it turned out.
    usual: Option<Duration>,
    /// How long the next one will.
    each: Duration,
}

impl Turns {
    /// How long until there is room for a question that was refused, for which there would be some in `wait` if nobody
    /// waited before it. It is in the line once it is told to [`Turns::join`]. At the most it takes `most` of the time in which room
    /// comes back, and never less than `least`.
    pub fn foresee(&mut self, wait: Duration, most: Duration, least: Duration, now: Duration) -> Duration {
        self.each = self.usual.unwrap_or(most / GUESS).max(least);
        let behind = self.free.saturating_sub(now).saturating_sub(wait);
        let round = SPREAD_MAX.as_nanos();
        let behind = u64::try_from(behind.as_nanos() % round).unwrap_or_default();
        wait.saturating_add(Duration::from_nanos(behind))
    }

    /// It waits, for as long as was foreseen.
    pub fn join(&mut self, wait: Duration, now: Duration) {
        // A line that goes round again grows too.
        let last = if self.free.saturating_sub(now) > SPREAD_MAX { self.free } else { Duration::ZERO };
        let turn = now.saturating_add(wait).max(last);
        self.free = self.free.max(turn.saturating_add(self.each));
    }

    /// One was answered, and took so much of the time in which room comes back. Each counts for an eighth.
    pub fn took(&mut self, time: Duration) {
        self.usual = Some(self.usual.map_or(time, |usual| (usual * 7 + time) / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn they_come_back_one_after_the_other_and_none_before_there_is_room() {
        let mut turns = Turns::default();
        let waits: Vec<u64> = (0..4)
            .map(|_| {
                let wait = turns.foresee(10 * S, 24 * S, S, 100 * S);
                turns.join(wait, 100 * S);
                wait.as_secs()
            })
            .collect();
        assert_eq!(waits, [10, 16, 22, 28], "a quarter of what one may take lies between them");
        assert_eq!(turns.foresee(10 * S, 24 * S, S, 100 * S), 34 * S, "who only asks is in nobody's way");
        assert_eq!(turns.foresee(10 * S, 24 * S, S, 100 * S), 34 * S);
        assert_eq!(turns.foresee(10 * S, 24 * S, S, 200 * S), 10 * S, "all have had their turn");
        turns.took(2 * S);
        turns.join(S, 300 * S);
        assert_eq!(turns.foresee(S, 24 * S, S, 300 * S), 7 * S);
        turns.join(7 * S, 300 * S);
        assert_eq!(turns.foresee(S, 24 * S, S, 300 * S), 9 * S, "it is known by now what one takes");
    }

    #[test]
    fn a_long_line_is_spread_over_an_hour_again_and_again() {
        let mut turns = Turns::default();
        let mut waits: Vec<u64> = Vec::new();
        for _ in 0..200 {
            let wait = turns.foresee(S, 60 * S, 60 * S, Duration::ZERO);
            turns.join(wait, Duration::ZERO);
            waits.push(wait.as_secs());
        }
        assert!(waits.iter().all(|wait| *wait <= 3_601), "{waits:?}");
        let at_once = waits.iter().map(|wait| waits.iter().filter(|other| *other == wait).count()).max();
        assert!(at_once <= Some(4), "{waits:?}");
    }
}
