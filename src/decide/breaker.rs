//! Whether a destination or judge is asked at all: a circuit breaker as data. Time and outcomes come in as arguments.

mod news;
mod shared;

pub use news::{Course, News, Told};
pub use shared::{Hold, Memory, Own, Shared, Word};

use std::time::Duration;

use serde::Serialize;

/// Parts of the window in which calls are counted.
const SLOTS: usize = 6;

/// So many times longer it stays open where the other side says that somebody has to act.
const BARRED_TIMES: u32 = 10;

/// How long others wait at least while one call finds out whether it works again.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before one call may find out.
    pub open: Duration,
    /// Time over which the share of failures is taken.
    pub window: Duration,
    /// Share of failures within the window, 0 to 1, that opens it.
    pub rate: f64,
    /// Calls within the window below which their share says nothing.
    pub calls_min: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Settings { failures: 5, open: minute, window: minute, rate: 0.5, calls_min: 20 }
    }
}

/// How a call went, as far as it tells whether the other side works. An answer that refuses (4xx, 429 too) is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// A 5xx, a time-out, no connection.
    Failed {
        reason: String,
    },
    /// It says that it will answer nothing until somebody acts, as where the money is spent: there is no need to see it
    /// happen again.
    Barred {
        reason: String,
        /// What may be spent there is spent, which may last for as long as a month.
        spent: bool,
    },
}

/// The right to make one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Which of the breaker's states it was given in: what is told of an earlier one is old news.
    generation: u64,
    /// The call carries an alarm of the service itself.
    alarm: bool,
    /// The call is to find out whether it works again.
    probe: bool,
}

impl Ticket {
    /// The same right, for a call that carries an alarm of the service itself; see [`Course::openings`].
    pub fn for_alarm(self) -> Self {
        Ticket { alarm: true, ..self }
    }

    /// Whether the call is to find out if it works again.
    pub fn is_probe(self) -> bool {
        self.probe
    }
}

/// It has opened or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Opened { reason: String },
    Closed,
}

/// What is shown of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Shown {
    Closed {
        failures_in_a_row: u32,
    },
    Open {
        left_ms: u64,
        reason: String,
    },
    /// One call is to find out, or is finding out.
    HalfOpen {
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Which part of time it counts.
    at: u64,
    calls: u32,
    failed: u32,
    /// Those of the failed that carried no alarm.
    failed_others: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Closed,
    Open {
        until: Duration,
        reason: String,
        /// Another process said so.
        heard: bool,
    },
    Probing {
        reason: String,
        since: Duration,
    },
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Breaker {
    settings: Settings,
    state: State,
    generation: u64,
    in_a_row: u32,
    /// Those of `in_a_row` that carried no alarm.
    in_a_row_others: u32,
    slots: [Slot; SLOTS],
    course: Course,
    /// Alarms alone have opened it.
    by_alarms: bool,
    /// It is open as what may be spent on the other side is spent.
    spent: bool,
}

impl Breaker {
    pub fn new(settings: Settings) -> Self {
        Breaker {
            settings,
            state: State::Closed,
            generation: 0,
            in_a_row: 0,
            in_a_row_others: 0,
            slots: [Slot::default(); SLOTS],
            course: Course::default(),
            by_alarms: false,
            spent: false,
        }
    }

    /// The same, by other settings from now on: what is known goes on.
    #[must_use]
    pub fn with(self, settings: Settings) -> Self {
        Breaker { settings, ..self }
    }

    /// The same, for those who will not hear how the calls under way went: a call that was to find out is none.
    #[must_use]
    pub fn without_calls(mut self, now: Duration) -> Self {
        if let State::Probing { reason, .. } = &self.state {
            self.state = State::Open { until: now, reason: reason.clone(), heard: true };
        }
        self
    }

    /// Lets a call go, or tells how long to wait and why. The call's outcome is told to [`Breaker::record`]; a call
    /// that was not made after all is given back to [`Breaker::give_back`].
    ///
    /// # Errors
    /// It is open, or one call is finding out already.
    pub fn admit(&mut self, now: Duration) -> Result<Ticket, (Duration, String)> {
        let probe = match &self.state {
            State::Closed => false,
            State::Open { until, reason, .. } if now < *until => {
                return Err((until.saturating_sub(now), reason.clone()));
            }
            State::Open { reason, .. } => {
                self.state = State::Probing { reason: reason.clone(), since: now };
                self.generation += 1;
                true
            }
            // About as long as it was waited for already: what fails slowly is not looked at again and again.
            State::Probing { reason, since } => {
                let wait = now.saturating_sub(*since).min(self.settings.open).max(PROBE_WAIT);
                return Err((wait, reason.clone()));
            }
        };
        Ok(Ticket { generation: self.generation, alarm: false, probe })
    }

    /// Takes note of how a call went; what has changed by it.
    pub fn record(&mut self, ticket: Ticket, outcome: &Outcome, now: Duration) -> Option<Change> {
        if ticket.generation != self.generation {
            return None;
        }
        self.course.works = *outcome == Outcome::Answered;
        match (&self.state, outcome) {
            (State::Open { .. }, _) => None,
            (State::Probing { .. }, Outcome::Answered) => {
                self.close();
                Some(Change::Closed)
            }
            (State::Probing { .. }, Outcome::Failed { reason }) => {
                // Still as broken as it was: no news, unless only alarms have met it so far.
                if self.by_alarms && !ticket.alarm {
                    self.opened(reason, false);
                }
                self.open(format!("it still fails: {reason}"), now);
                None
            }
            (State::Probing { .. }, Outcome::Barred { reason, spent }) => {
                if self.by_alarms && !ticket.alarm {
                    self.opened(reason, false);
                }
                self.open_for(format!("it still refuses: {reason}"), self.settings.open * BARRED_TIMES, now);
                self.spent = *spent;
                None
            }
            (State::Closed, Outcome::Barred { reason, spent }) => {
                self.opened(reason, ticket.alarm);
                self.open_for(reason.clone(), self.settings.open * BARRED_TIMES, now);
                self.spent = *spent;
                Some(Change::Opened { reason: reason.clone() })
            }
            (State::Closed, Outcome::Answered) => {
                self.count(now, None);
                (self.in_a_row, self.in_a_row_others) = (0, 0);
                None
            }
            (State::Closed, Outcome::Failed { reason }) => {
                self.count(now, Some(ticket));
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.in_a_row_others = self.in_a_row_others.saturating_add(u32::from(!ticket.alarm));
                let why = self.why(now)?;
                let reason = format!("{why}; the last one: {reason}");
                self.opened(&reason, self.in_a_row_others == 0 && self.failed_others(now) == 0);
                self.open(reason.clone(), now);
                Some(Change::Opened { reason })
            }
        }
    }

    /// A call was not made, or nothing came of it that tells anything.
    pub fn give_back(&mut self, ticket: Ticket, now: Duration) {
        // The next one may find out at once.
        self.put_off(ticket, Duration::ZERO, now);
    }

    /// A call was not made, and none is to find out for a while: another process does.
    pub fn put_off(&mut self, ticket: Ticket, wait: Duration, now: Duration) {
        if ticket.generation == self.generation
            && let State::Probing { reason, .. } = &self.state
        {
            self.state = State::Open { until: now + wait, reason: reason.clone(), heard: true };
            self.generation += 1;
        }
    }

    /// Takes the word of another process for its own. It holds no longer than if it had opened by itself, and a call that
    /// is finding out goes on.
    pub fn hear(&mut self, word: &Word, now: Duration) {
        match (word, &self.state) {
            (_, State::Probing { .. }) | (Word::Works, State::Closed) => {}
            (Word::Works, State::Open { .. }) => self.close(),
            (Word::Open { left, why, by_alarms, spent }, state @ (State::Closed | State::Open { .. })) => {
                let until = now + (*left).min(self.settings.open);
                match state {
                    State::Open { until: known, .. } if *known >= until => return,
                    State::Closed => self.by_alarms = *by_alarms,
                    State::Open { .. } | State::Probing { .. } => {}
                }
                self.generation += 1;
                self.state = State::Open { until, reason: why.clone(), heard: true };
                self.spent = *spent;
                self.course.works = false;
            }
        }
    }

    /// What is known of it here, and not only heard.
    pub fn own(&self) -> Own {
        let hold = match &self.state {
            State::Open { until, reason, heard: false } => {
                let (until, why) = (*until, reason.clone());
                Some(Hold { until, why, by_alarms: self.by_alarms, spent: self.spent })
            }
            State::Open { .. } | State::Closed | State::Probing { .. } => None,
        };
        Own { course: self.course.clone(), hold }
    }

    fn close(&mut self) {
        self.generation += 1;
        self.state = State::Closed;
        self.spent = false;
        (self.in_a_row, self.in_a_row_others) = (0, 0);
        self.slots = [Slot::default(); SLOTS];
    }

    /// How many calls may be under way: `None` for any number.
    pub fn room(&self, now: Duration) -> Option<u32> {
        match &self.state {
            State::Closed => None,
            State::Open { until, .. } => Some(u32::from(now >= *until)),
            State::Probing { .. } => Some(1),
        }
    }

    /// Whether it is not closed as what may be spent on the other side is spent.
    pub fn is_spent(&self) -> bool {
        self.spent
    }

    /// How long until a call may find out, if it is open. `None` from then on: nobody need wait for it any more, though
    /// it may be long until there is a call to find out with.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        match &self.state {
            State::Open { until, .. } => until.checked_sub(now).filter(|left| !left.is_zero()),
            State::Closed | State::Probing { .. } => None,
        }
    }

    pub fn shown(&self, now: Duration) -> Shown {
        match &self.state {
            State::Closed => Shown::Closed { failures_in_a_row: self.in_a_row },
            State::Open { until, reason, .. } if now < *until => {
                let left_ms = u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
                Shown::Open { left_ms, reason: reason.clone() }
            }
            State::Open { reason, .. } | State::Probing { reason, .. } => {
                Shown::HalfOpen { reason: reason.clone() }
            }
        }
    }

    /// What became of it so far.
    pub fn course(&self) -> &Course {
        &self.course
    }

    fn opened(&mut self, reason: &str, by_alarms: bool) {
        self.by_alarms = by_alarms;
        if !by_alarms {
            self.course.openings = self.course.openings.saturating_add(1);
            reason.clone_into(&mut self.course.reason);
        }
    }

    fn open(&mut self, reason: String, now: Duration) {
        self.open_for(reason, self.settings.open, now);
    }

    fn open_for(&mut self, reason: String, time: Duration, now: Duration) {
        self.generation += 1;
        self.spent = false;
        self.state = State::Open { until: now + time, reason, heard: false };
    }

    /// The part of time that `now` is in.
    fn part(&self, now: Duration) -> u64 {
        let part = (self.settings.window / SLOTS as u32).max(Duration::from_millis(1));
        u64::try_from(now.as_millis() / part.as_millis()).unwrap_or(u64::MAX)
    }

    fn count(&mut self, now: Duration, failed: Option<Ticket>) {
        let at = self.part(now);
        let slot = &mut self.slots[usize::try_from(at % SLOTS as u64).unwrap_or_default()];
        if slot.at != at {
            *slot = Slot { at, ..Slot::default() };
        }
        slot.calls = slot.calls.saturating_add(1);
        slot.failed = slot.failed.saturating_add(u32::from(failed.is_some()));
        let other = failed.is_some_and(|ticket| !ticket.alarm);
        slot.failed_others = slot.failed_others.saturating_add(u32::from(other));
    }

    /// Parts of the window that are not over.
    fn recent(&self, now: Duration) -> impl Iterator<Item = &Slot> {
        let at = self.part(now);
        self.slots.iter().filter(move |slot| slot.at + SLOTS as u64 > at)
    }

    fn failed_others(&self, now: Duration) -> u32 {
        self.recent(now).fold(0, |sum, slot| sum.saturating_add(slot.failed_others))
    }

    /// Why it opens now, if it does.
    fn why(&self, now: Duration) -> Option<String> {
        if self.in_a_row >= self.settings.failures {
            return Some(format!("{} failures in a row", self.in_a_row));
        }
        let (calls, failed) = self.recent(now).fold((0_u32, 0_u32), |(c, f), slot| {
            (c.saturating_add(slot.calls), f.saturating_add(slot.failed))
        });
        let share = f64::from(failed) / f64::from(calls.max(1));
        (calls >= self.settings.calls_min && share >= self.settings.rate)
            .then(|| format!("{failed} of {calls} calls within {} s failed", self.settings.window.as_secs()))
    }
}

#[cfg(test)]
mod any_order;
#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn breaker() -> Breaker {
        Breaker::new(Settings::default())
    }

    fn failed() -> Outcome {
        Outcome::Failed { reason: "503".to_owned() }
    }

    fn call(breaker: &mut Breaker, outcome: &Outcome, now: Duration) -> Option<Change> {
        let ticket = breaker.admit(now).expect("let through");
        breaker.record(ticket, outcome, now)
    }

    /// Open since `now`.
    fn open(now: Duration) -> Breaker {
        let mut breaker = breaker();
        let changes: Vec<_> = (0..5).filter_map(|_| call(&mut breaker, &failed(), now)).collect();
        let reason = "5 failures in a row; the last one: 503".to_owned();
        assert_eq!(changes, [Change::Opened { reason }]);
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_for_a_minute() {
        let mut breaker = open(100 * S);
        assert_eq!(breaker.admit(100 * S).map_err(|(wait, _)| wait), Err(60 * S));
        assert_eq!(breaker.admit(159 * S).map_err(|(wait, _)| wait), Err(S));
        assert_eq!((breaker.room(159 * S), breaker.room(160 * S)), (Some(0), Some(1)));
        let left = [159, 160, 161].map(|s| breaker.left(s * S));
        assert_eq!(left, [Some(S), None, None], "whoever sleeps until then must not wake for ever");
        assert!(matches!(breaker.shown(130 * S), Shown::Open { left_ms: 30_000, .. }));
        assert!(matches!(breaker.shown(160 * S), Shown::HalfOpen { .. }));
    }

    #[test]
    fn an_answer_between_them_keeps_it_closed() {
        let mut breaker = breaker();
        for round in 0..3 {
            for _ in 0..4 {
                assert_eq!(call(&mut breaker, &failed(), round * 20 * S), None);
            }
            assert_eq!(call(&mut breaker, &Outcome::Answered, round * 20 * S), None);
        }
        assert_eq!(breaker.shown(60 * S), Shown::Closed { failures_in_a_row: 0 });
    }

    #[test]
    fn one_call_finds_out() {
        let mut breaker = open(Duration::ZERO);
        let probe = breaker.admit(60 * S).expect("one may");
        assert_eq!(breaker.admit(60 * S).map_err(|(wait, _)| wait), Err(S), "and no other");
        let waits = [61, 64, 70, 300].map(|s| breaker.admit(s * S).map_err(|(wait, _)| wait.as_secs()));
        assert_eq!(
            waits,
            [Err(1), Err(4), Err(10), Err(60)],
            "the longer it takes, the less often they look"
        );
        assert_eq!(breaker.record(probe, &Outcome::Answered, 61 * S), Some(Change::Closed));
        assert_eq!(breaker.room(61 * S), None);

        let mut breaker = open(Duration::ZERO);
        let probe = breaker.admit(60 * S).expect("one may");
        assert_eq!(breaker.record(probe, &failed(), 61 * S), None, "it was open before");
        assert_eq!(
            breaker.admit(62 * S).map_err(|(wait, _)| wait),
            Err(59 * S),
            "a minute from the failure on"
        );
    }

    #[test]
    fn who_is_told_that_the_money_is_spent_knows_until_it_is_told_otherwise() {
        let barred = |spent| Outcome::Barred { reason: "402".to_owned(), spent };
        let mut breaker = breaker();
        call(&mut breaker, &barred(true), Duration::ZERO);
        assert_eq!((breaker.left(Duration::ZERO), breaker.is_spent()), (Some(600 * S), true));
        let hold = breaker.own().hold.expect("it is open");
        let word = Word::Open { left: hold.until, why: hold.why, by_alarms: false, spent: hold.spent };
        let mut other = Breaker::new(Settings::default());
        other.hear(&word, Duration::ZERO);
        assert!(other.is_spent());
        let probe = breaker.admit(600 * S).expect("one may");
        assert!(breaker.is_spent(), "while it is found out");
        breaker.record(probe, &failed(), 600 * S);
        assert!(!breaker.is_spent(), "now it is something else");
        call(&mut breaker, &barred(true), 660 * S);
        assert!(breaker.is_spent());
        call(&mut breaker, &barred(false), 1_260 * S);
        assert!(!breaker.is_spent());
        call(&mut breaker, &barred(true), 1_860 * S);
        call(&mut breaker, &Outcome::Answered, 2_460 * S);
        assert!(!breaker.is_spent());
        other.hear(&Word::Works, S);
        assert!(!other.is_spent());
    }

    #[test]
    fn a_call_that_finds_out_nothing_lets_another_try() {
        let mut breaker = open(Duration::ZERO);
        let probe = breaker.admit(60 * S).expect("one may");
        breaker.give_back(probe, 60 * S);
        assert!(breaker.admit(60 * S).is_ok());
    }

    #[test]
    fn what_is_known_goes_on_under_other_settings() {
        let breaker = open(Duration::ZERO).with(Settings { failures: 1, open: 5 * S, ..Settings::default() });
        assert_eq!(breaker.left(50 * S), Some(10 * S), "it opened under the earlier ones");
        let mut breaker = breaker;
        call(&mut breaker, &Outcome::Answered, 60 * S);
        assert!(call(&mut breaker, &failed(), 60 * S).is_some(), "one failure is enough now");
        assert_eq!(breaker.left(60 * S), Some(5 * S));
    }

    #[test]
    fn late_news_counts_for_nothing() {
        let mut breaker = breaker();
        let late: Vec<Ticket> = (0..3).map(|_| breaker.admit(Duration::ZERO).expect("closed")).collect();
        for _ in 0..5 {
            call(&mut breaker, &failed(), Duration::ZERO);
        }
        assert_eq!(breaker.record(late[0], &Outcome::Answered, 30 * S), None, "from before it opened");
        assert!(breaker.admit(59 * S).is_err());
        let probe = breaker.admit(60 * S).expect("one may");
        assert_eq!(breaker.record(late[1], &failed(), 60 * S), None);
        breaker.give_back(late[2], 60 * S);
        assert_eq!(breaker.record(probe, &Outcome::Answered, 60 * S), Some(Change::Closed));
    }

    #[test]
    fn half_of_twenty_calls_within_a_minute_open_it() {
        let run = |gap: Duration| {
            let mut breaker = breaker();
            (0..20).find_map(|n| {
                let outcome = if n % 2 == 1 { failed() } else { Outcome::Answered };
                call(&mut breaker, &outcome, gap * n)
            })
        };
        assert_eq!(
            run(2 * S),
            Some(Change::Opened {
                reason: "10 of 20 calls within 60 s failed; the last one: 503".to_owned()
            })
        );
        assert_eq!(run(10 * S), None, "too few within the minute");
    }
}
