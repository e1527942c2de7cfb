//! What is told of a breaker: each outage once, its end once, and of one that flaps only so often.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{Timestamp, UnknownWord};

/// What became of a breaker since the service started, or since there is a record of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// How often it opened. Not counted while only alarms of the service itself met the failure: to tell of that would
    /// be another alarm that meets it.
    pub openings: u64,
    /// Why, the last time.
    pub reason: String,
    /// The last call was answered. Not so before the first one.
    pub works: bool,
}

/// What was told of it last. Written down as `open/MS/OPENINGS` or `closed/MS/OPENINGS`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub open: bool,
    /// When an opening was told of last; the Unix epoch if never.
    pub alerted: Timestamp,
    /// [`Course::openings`] that are told of.
    pub openings: u64,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It opened so many times since that was told last; it need not be open any more.
    Opened { openings: u64 },
    /// It works again.
    Closed,
}

impl Course {
    /// What is to be told now, and what will have been told then. Openings of an outage that stands as told are part of
    /// it; the next outage is told of `every` after the last one at the earliest, with all that were between. `started`
    /// is when the service did: what it counts begins there.
    pub fn news(
        &self,
        told: Told,
        started: Timestamp,
        now: Timestamp,
        every: Duration,
    ) -> Option<(News, Told)> {
        if told.open {
            let closed = Told { open: false, openings: self.openings, ..told };
            return self.works.then_some((News::Closed, closed));
        }
        let counts = told.alerted >= started && told.openings <= self.openings;
        let openings = self.openings - if counts { told.openings } else { 0 };
        // A clock that went back must not silence it.
        let too_soon = told.alerted <= now && now.since(told.alerted) < every;
        let open = Told { open: true, alerted: now, openings: self.openings };
        (openings > 0 && !too_soon).then_some((News::Opened { openings }, open))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.open { "open" } else { "closed" };
        write!(f, "{word}/{}/{}", self.alerted.as_millis(), self.openings)
    }
}

impl FromStr for Told {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord(text.to_owned());
        let mut parts = text.split('/');
        let (Some(word), Some(ms), Some(openings), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unknown());
        };
        let open = match word {
            "open" => true,
            "closed" => false,
            _ => return Err(unknown()),
        };
        let alerted = ms.parse().map(Timestamp::from_millis).map_err(|_| unknown())?;
        Ok(Told { open, alerted, openings: openings.parse().map_err(|_| unknown())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::breaker::{Breaker, Outcome, Settings, Ticket};

    const QUARTER: Duration = Duration::from_mins(15);
    const S: Duration = Duration::from_secs(1);

    fn at(minutes: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_mins(minutes))
    }

    fn told(open: bool, minutes: u64, openings: u64) -> Told {
        Told { open, alerted: at(minutes), openings }
    }

    #[test]
    fn each_outage_is_told_once_and_its_end_once_and_flapping_is_gathered() {
        let started = at(100);
        let opened = |openings| Some(News::Opened { openings });
        for (openings, works, before, now, want) in [
            (0, true, Told::default(), 100, None),
            (1, false, Told::default(), 100, opened(1)),
            (1, false, told(true, 100, 1), 200, None),
            (2, false, told(true, 100, 1), 200, None),
            (2, true, told(true, 100, 1), 101, Some(News::Closed)),
            (2, true, told(false, 100, 2), 200, None),
            (5, true, told(false, 100, 2), 114, None),
            (5, true, told(false, 100, 2), 115, opened(3)),
            // Told by an earlier run: its count is not ours.
            (1, false, told(false, 99, 7), 200, opened(1)),
            (9, false, told(false, 99, 7), 200, opened(9)),
            (0, false, told(true, 99, 7), 200, None),
            (0, true, told(true, 99, 7), 200, Some(News::Closed)),
            // A clock that went back, breakers made anew.
            (3, false, told(false, 300, 2), 200, opened(1)),
            (1, false, told(false, 101, 2), 200, opened(1)),
        ] {
            let course = Course { openings, reason: String::new(), works };
            let news = course.news(before, started, at(now), QUARTER);
            assert_eq!(
                news.map(|(news, _)| news),
                want,
                "{openings} openings, works: {works}, {before:?}, at {now}"
            );
            if let Some((_, after)) = news {
                assert_eq!(course.news(after, started, at(now), QUARTER).is_some(), works && after.open);
            }
        }
    }

    #[test]
    fn what_was_told_survives_its_text() {
        for one in [Told::default(), told(true, 7, 3)] {
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        for text in ["", "open", "open/1", "open/x/1", "ajar/1/1", "open/1/1/1"] {
            assert!(text.parse::<Told>().is_err(), "{text}");
        }
    }

    /// Makes a ticket that of an alarm, or not.
    type Whose = fn(Ticket) -> Ticket;

    /// A breaker that opens at the second failure, and what it says after these calls, a second apart.
    fn after(calls: &[(bool, Whose)]) -> (u64, bool) {
        let mut breaker = Breaker::new(Settings { failures: 2, open: S, ..Settings::default() });
        for (n, (answered, whose)) in (1_u32..).zip(calls) {
            let failed = || Outcome::Failed { reason: "503".to_owned() };
            let outcome = if *answered { Outcome::Answered } else { failed() };
            let ticket = whose(breaker.admit(n * S).unwrap());
            breaker.record(ticket, &outcome, n * S);
        }
        (breaker.course().openings, breaker.course().works)
    }

    #[test]
    fn an_outage_that_only_alarms_have_met_does_not_count() {
        let alarm: Whose = Ticket::for_alarm;
        let other: Whose = |ticket| ticket;
        assert_eq!(after(&[]), (0, false));
        assert_eq!(after(&[(false, other), (false, other), (false, other)]), (1, false));
        assert_eq!(after(&[(false, alarm), (false, alarm), (false, alarm)]), (0, false));
        assert_eq!(after(&[(false, other), (false, alarm)]), (1, false), "one of each");
        assert_eq!(after(&[(false, alarm), (false, alarm), (false, other)]), (1, false), "the probe met it");
        let again = [(false, alarm), (false, alarm), (false, other), (false, other), (true, alarm)];
        assert_eq!(after(&again), (1, true), "once is enough");
        let two = [(false, other), (false, other), (true, other), (false, alarm), (false, alarm)];
        assert_eq!(after(&two), (1, false), "what was before it closed is over");
    }
}
