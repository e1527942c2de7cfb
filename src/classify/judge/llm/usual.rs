//! How long a judge usually takes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What is expected of a judge that has not answered yet, in ms.
const EXPECTED_MS: u64 = 1_000;

/// So many events a judge that is too slow for them is passed over before it is taken for twice as quick.
const PASSED_OVER: u32 = 32;

/// About how long an answer takes.
#[derive(Debug, Default)]
pub(super) struct Usual(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Each new answer counts for an eighth.
    ms: u64,
    /// The next answer counts in full: none came yet, or none for long.
    is_guess: bool,
    /// Events that it was passed over for since it was last asked.
    passed_over: u32,
    /// What it took before it was taken for quicker, to be tried again by one event.
    slow_ms: Option<u64>,
}

impl Default for State {
    fn default() -> Self {
        State { ms: EXPECTED_MS, is_guess: true, passed_over: 0, slow_ms: None }
    }
}

impl State {
    /// An answer has taken so long.
    fn weigh(&mut self, took_ms: u64) {
        self.ms = if self.is_guess { took_ms } else { self.ms.saturating_mul(7).saturating_add(took_ms) / 8 };
        self.is_guess = false;
    }
}

impl Usual {
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.lock().ms)
    }

    /// A question leaves. If it is to find out whether a slow one has become quicker, others do not join in.
    pub fn asked(&self) {
        let mut state = self.lock();
        state.passed_over = 0;
        if let Some(slow_ms) = state.slow_ms.take() {
            (state.ms, state.is_guess) = (slow_ms, true);
        }
    }

    pub fn note(&self, took_ms: u64) {
        self.lock().weigh(took_ms);
    }

    /// No answer came in that time: it takes longer, nobody knows by how much, and is taken for a quarter slower.
    pub fn silent(&self, waited_ms: u64) {
        let mut state = self.lock();
        if waited_ms >= state.ms {
            state.weigh(waited_ms.saturating_add(waited_ms / 4));
        }
    }

    /// What was slow is tried again after some dozens of events, the later the slower it was.
    pub fn passed_over(&self) {
        let mut state = self.lock();
        state.passed_over = state.passed_over.saturating_add(1);
        if state.passed_over.is_multiple_of(PASSED_OVER) {
            let slow_ms = state.ms;
            state.slow_ms.get_or_insert(slow_ms);
            state.ms /= 2;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::objective::{Fit, fit};

    /// So many events, one after the other, with an objective of 1,200 ms: the first judge takes as long as `first` says of
    /// each, the second one a moment, which is known or not. How often the first was asked, and how many verdicts were late.
    fn events(count: u64, is_known: bool, first: impl Fn(u64) -> u64) -> (u64, u64) {
        const OBJECTIVE_MS: u64 = 1_200;
        let (one, other) = (Usual::default(), Usual::default());
        if is_known {
            other.note(1);
        }
        let (mut asked, mut late) = (0, 0);
        for event in 0..count {
            let took = first(event);
            let left = Some(Duration::from_millis(OBJECTIVE_MS));
            let spent = match fit(Some(one.time()), Some(other.time()), left) {
                Fit::PassOver => {
                    one.passed_over();
                    None
                }
                Fit::Ask { within } => {
                    asked += 1;
                    one.asked();
                    let within = within
                        .map_or(u64::MAX, |within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
                    if took <= within {
                        one.note(took)
                    } else {
                        one.silent(within)
                    }
                    Some((took <= within, took.min(within)))
                }
            };
            let (answered, spent) = spent.unwrap_or((false, 0));
            if !answered {
                other.asked();
                other.note(1);
            }
            late += u64::from(spent + u64::from(!answered) > OBJECTIVE_MS);
        }
        (asked, late)
    }

    #[test]
    fn one_that_is_always_too_slow_is_tried_again_after_dozens_of_events_and_makes_none_late() {
        assert_eq!(events(38, false, |_| 1_500), (2, 1), "only the first, when nobody knew");
        for is_known in [true, false] {
            let (asked, late) = events(1_000, is_known, |_| 60_000);
            assert!(asked <= 40 && late == u64::from(!is_known), "{asked} asked, {late} late");
        }
    }

    #[test]
    fn one_that_has_become_quicker_is_asked_again_and_one_slow_answer_is_forgiven() {
        let (asked, late) = events(100, false, |event| if event < 10 { 1_500 } else { 300 });
        assert!(asked > 60 && late == 1, "{asked} asked, {late} late");
        let once = |event: u64| if event == 20 { 5_000 } else { 300 };
        assert_eq!(events(50, true, once), (50, 0), "it was cut short, once");
    }

    #[test]
    fn while_one_event_finds_out_others_do_not_join_in() {
        let usual = Usual::default();
        usual.note(4_000);
        for _ in 0..PASSED_OVER {
            usual.passed_over();
        }
        assert_eq!(usual.time(), Duration::from_secs(2));
        usual.asked();
        assert_eq!(usual.time(), Duration::from_secs(4));
        usual.note(500);
        assert_eq!(usual.time(), Duration::from_millis(500), "it has become quick");
    }
}
