//! What processes tell each other of their breakers, as data: one record of each breaker, which every process holds
//! against what it knows itself.
//!
//! Whoever sees a breaker open, stay open or close says so on the record; the others take it for their own. An outage
//! that several of them meet is one opening. Only what a process saw itself goes on record, never what it heard.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

use super::Course;

/// What all processes know of a breaker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// How often something was said.
    n: u64,
    /// Who said the last of it.
    by: String,
    /// Nobody calls until then, by the store's time.
    until: Option<Timestamp>,
    /// Why.
    why: String,
    /// Only alarms of the service itself have met it; see [`Course::openings`].
    by_alarms: bool,
    /// It is open as what may be spent there is spent.
    #[serde(default)]
    spent: bool,
    course: Course,
}

/// That a breaker is open, as the process that saw it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// By the process's monotonic clock.
    pub until: Duration,
    pub why: String,
    pub by_alarms: bool,
    /// What may be spent there is spent.
    pub spent: bool,
}

/// A breaker as one process knows it by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    pub course: Course,
    pub hold: Option<Hold>,
}

/// What of it a process has said, and how much it has heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    n: u64,
    openings: u64,
    held: Option<Duration>,
}

/// What a process hears of a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It failed elsewhere: nobody calls for so long.
    Open { left: Duration, why: String, by_alarms: bool, spent: bool },
    /// A call was answered elsewhere.
    Works,
}

impl Shared {
    /// What became of it, over all processes.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// How long nobody calls, at `now` by the store's time.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        self.until.map(|until| until.since(now)).filter(|left| !left.is_zero())
    }

    /// Holds the record against what a process knows: puts on it what is new here, and tells what is new there. Whether
    /// something was put on it. `now` is the store's time, `elapsed` the process's.
    pub fn meet(
        &mut self,
        memory: &mut Memory,
        me: &str,
        own: &Own,
        now: Timestamp,
        elapsed: Duration,
    ) -> (bool, Option<Word>) {
        // Not only more: a database that was emptied begins anew.
        let is_new = self.n != memory.n && self.by != me;
        // Of a new configuration the count begins anew.
        let before = if own.course.openings < memory.openings { 0 } else { memory.openings };
        let opened = own.course.openings - before;
        let hold = own.hold.as_ref().filter(|hold| hold.until > elapsed && memory.held != Some(hold.until));
        let failed = opened > 0 || hold.is_some();
        let works = !failed && !is_new && self.n > 0 && own.course.works && !self.course.works;
        if failed {
            self.failed(own, opened, hold, now, elapsed);
        } else if works {
            (self.course.works, self.until) = (true, None);
        }
        if failed || works {
            self.n += 1;
            me.clone_into(&mut self.by);
        }
        let word = (is_new && !failed).then(|| self.word(now)).flatten();
        (memory.n, memory.openings) = (self.n, own.course.openings);
        memory.held = own.hold.as_ref().map(|hold| hold.until);
        (failed || works, word)
    }

    fn failed(&mut self, own: &Own, opened: u64, hold: Option<&Hold>, now: Timestamp, elapsed: Duration) {
        if opened > 0 {
            // The outage that is on record may be what this process met, too.
            let met = u64::from(self.left(now).is_some() && !self.by_alarms);
            self.course.openings = self.course.openings.saturating_add(opened - met);
            if self.course.reason.is_empty() || opened > met {
                own.course.reason.clone_into(&mut self.course.reason);
            }
        }
        let is_open = self.left(now).is_some();
        self.course.works = own.course.works && own.hold.is_none();
        match hold {
            Some(hold) => {
                let until = now.plus(hold.until.saturating_sub(elapsed));
                self.until = Some(self.until.map_or(until, |before| before.max(until)));
                self.by_alarms = hold.by_alarms && (self.by_alarms || !is_open);
                hold.why.clone_into(&mut self.why);
                self.spent = hold.spent;
            }
            None => self.until = None,
        }
    }

    fn word(&self, now: Timestamp) -> Option<Word> {
        if self.course.works {
            return Some(Word::Works);
        }
        let left = self.left(now)?;
        Some(Word::Open { left, why: self.why.clone(), by_alarms: self.by_alarms, spent: self.spent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::breaker::{Breaker, Outcome, Settings, Ticket};

    const S: Duration = Duration::from_secs(1);
    const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    /// A process with its breaker. Their monotonic clocks differ.
    struct Process {
        name: &'static str,
        behind: Duration,
        breaker: Breaker,
        memory: Memory,
    }

    impl Process {
        fn new(name: &'static str, behind: u32) -> Self {
            let settings = Settings { failures: 2, ..Settings::default() };
            Process { name, behind: behind * S, breaker: Breaker::new(settings), memory: Memory::default() }
        }

        fn call(&mut self, at: u32, works: bool, whose: fn(Ticket) -> Ticket) {
            let now = at * S + self.behind;
            let ticket = whose(self.breaker.admit(now).expect("let through"));
            let failed = Outcome::Failed { reason: "503".to_owned() };
            self.breaker.record(ticket, if works { &Outcome::Answered } else { &failed }, now);
        }

        fn meet(&mut self, shared: &mut Shared, at: u32) -> bool {
            let (now, elapsed) = (START.plus(at * S), at * S + self.behind);
            let own = self.breaker.own();
            let (said, word) = shared.meet(&mut self.memory, self.name, &own, now, elapsed);
            if let Some(word) = word {
                self.breaker.hear(&word, elapsed);
            }
            said
        }

        fn waits(&self, at: u32) -> Option<u64> {
            self.breaker.left(at * S + self.behind).map(|left| left.as_secs())
        }
    }

    fn other(ticket: Ticket) -> Ticket {
        ticket
    }

    #[test]
    fn what_one_met_the_others_take_for_their_own() {
        let (mut shared, mut one, mut two) =
            (Shared::default(), Process::new("one", 0), Process::new("two", 500));
        assert!(!one.meet(&mut shared, 0) && !two.meet(&mut shared, 0));
        two.call(0, true, other);
        one.call(1, false, other);
        one.call(1, false, other);
        assert!(one.meet(&mut shared, 2) && !one.meet(&mut shared, 2), "it is said once");
        assert!(!two.meet(&mut shared, 3), "what was heard is not said again");
        assert_eq!((one.waits(3), two.waits(3)), (Some(58), Some(58)));
        assert_eq!((shared.course().openings, shared.course().works), (1, false));
        assert_eq!(two.breaker.course().openings, 0, "it did not open there");

        // One finds out that it still fails, then the other that it works.
        one.call(61, false, other);
        assert!(one.meet(&mut shared, 61) && !two.meet(&mut shared, 62));
        assert_eq!((two.waits(62), shared.course().openings), (Some(59), 1));
        two.call(122, true, other);
        assert!(two.meet(&mut shared, 122) && !one.meet(&mut shared, 123));
        assert_eq!((one.breaker.room(123 * S), shared.course().works), (None, true));
        assert!(!two.meet(&mut shared, 124) && !one.meet(&mut shared, 124));
    }

    #[test]
    fn an_outage_that_several_meet_is_one_opening() {
        let (mut shared, mut one, mut two) =
            (Shared::default(), Process::new("one", 0), Process::new("two", 9));
        for process in [&mut one, &mut two] {
            process.call(1, false, other);
            process.call(1, false, other);
            assert!(process.meet(&mut shared, 1));
        }
        assert_eq!(shared.course().openings, 1);
        assert_eq!(shared.course().reason, "2 failures in a row; the last one: 503");
        for process in [&mut one, &mut two] {
            process.call(61, true, other);
            process.meet(&mut shared, 61);
            process.call(70, false, other);
            process.call(70, false, other);
        }
        assert!(one.meet(&mut shared, 71) && two.meet(&mut shared, 71));
        assert_eq!(shared.course().openings, 2, "the next one is another");
    }

    #[test]
    fn what_only_alarms_met_is_heard_and_not_counted_until_others_meet_it() {
        let (mut shared, mut one, mut two) =
            (Shared::default(), Process::new("one", 0), Process::new("two", 9));
        one.call(1, false, Ticket::for_alarm);
        one.call(1, false, Ticket::for_alarm);
        assert!(one.meet(&mut shared, 1) && !two.meet(&mut shared, 1));
        assert_eq!((two.waits(1), shared.course().openings), (Some(60), 0));
        two.call(61, false, other);
        assert!(two.meet(&mut shared, 61));
        assert_eq!(shared.course().openings, 1);
    }

    #[test]
    fn what_is_heard_holds_no_longer_than_an_opening_of_its_own() {
        let mut two = Process::new("two", 0);
        let far = Word::Open { left: 9_999 * S, why: "far".to_owned(), by_alarms: false, spent: false };
        two.breaker.hear(&far, 5 * S);
        assert_eq!(two.waits(5), Some(60));
        let near = Word::Open { left: S, why: "near".to_owned(), by_alarms: false, spent: false };
        two.breaker.hear(&near, 5 * S);
        assert_eq!(two.waits(5), Some(60), "nor shorter than what is known already");
        two.breaker.hear(&Word::Works, 6 * S);
        assert_eq!((two.waits(6), two.breaker.room(6 * S)), (None, None));
    }

    #[test]
    fn who_comes_later_hears_what_still_holds() {
        let (mut shared, mut one) = (Shared::default(), Process::new("one", 0));
        one.call(1, false, other);
        one.call(1, false, other);
        one.meet(&mut shared, 1);
        let text = serde_json::to_string(&shared).unwrap();
        let mut shared: Shared = serde_json::from_str(&text).unwrap();
        let (mut late, mut later) = (Process::new("late", 3), Process::new("later", 3));
        assert!(!late.meet(&mut shared, 31) && !later.meet(&mut shared, 62));
        assert_eq!((late.waits(31), later.waits(62)), (Some(30), None));
    }
}
