//! Calls that begin, end and are given back in any order.

use std::time::Duration;

use proptest::{prelude::*, proptest};

use super::{Breaker, Change, Outcome, Settings, Ticket};

#[derive(Debug, Clone, Copy)]
enum Step {
    Advance(u64),
    Ask,
    /// The call at this place among those under way ends: did it work?
    End(usize, bool),
    GiveBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..40_000_u64).prop_map(Step::Advance),
        Just(Step::Ask),
        Just(Step::Ask),
        (0..8_usize, any::<bool>()).prop_map(|(at, works)| Step::End(at, works)),
        (0..8_usize).prop_map(|at| Step::End(at, false)),
        (0..8_usize).prop_map(Step::GiveBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// While it is open nothing goes, then one call at a time; only that call closes it or keeps it open; and it never
    /// stays shut for good, nor wakes anybody for nothing.
    #[test]
    fn it_lets_through_what_it_should_and_never_locks_up(steps in prop::collection::vec(step(), 1..200)) {
        let settings = Settings { failures: 3, calls_min: 6, ..Settings::default() };
        let mut breaker = Breaker::new(settings);
        let mut now = Duration::ZERO;
        // Calls under way: the ticket, whether it is to find out, and how often the breaker had moved when it began.
        let mut under_way: Vec<(Ticket, bool, u32)> = Vec::new();
        let (mut moves, mut open_until) = (0_u32, None);
        for step in steps {
            let probing = |calls: &[(Ticket, bool, u32)]| calls.iter().any(|(_, probe, at)| *probe && *at == moves);
            match step {
                Step::Advance(ms) => now += Duration::from_millis(ms),
                Step::Ask => match (breaker.admit(now), open_until) {
                    (Ok(ticket), None) => under_way.push((ticket, false, moves)),
                    (Ok(ticket), Some(until)) => {
                        prop_assert!(now >= until && !probing(&under_way));
                        under_way.push((ticket, true, moves));
                    }
                    (Err((wait, _)), Some(until)) if now < until => prop_assert_eq!(now + wait, until),
                    (Err(_), Some(_)) => prop_assert!(probing(&under_way)),
                    (Err(_), None) => prop_assert!(false, "closed, and refused"),
                },
                Step::End(at, works) if at < under_way.len() => {
                    let (ticket, probe, then) = under_way.remove(at);
                    let failed = Outcome::Failed { reason: "x".to_owned() };
                    let outcome = if works { Outcome::Answered } else { failed };
                    let change = breaker.record(ticket, &outcome, now);
                    match (change, then == moves) {
                        (change, false) => prop_assert_eq!(change, None, "what it says is old"),
                        (Some(Change::Opened { .. }), true) => {
                            prop_assert!(!probe && !works);
                            (moves, open_until) = (moves + 1, Some(now + settings.open));
                        }
                        (Some(Change::Closed), true) => {
                            prop_assert!(probe && works);
                            (moves, open_until) = (moves + 1, None);
                        }
                        (None, true) if probe => {
                            prop_assert!(!works);
                            (moves, open_until) = (moves + 1, Some(now + settings.open));
                        }
                        (None, true) => prop_assert_eq!(open_until, None),
                    }
                }
                Step::GiveBack(at) if at < under_way.len() => {
                    let (ticket, probe, then) = under_way.remove(at);
                    breaker.give_back(ticket, now);
                    if probe && then == moves {
                        (moves, open_until) = (moves + 1, Some(now));
                    }
                }
                Step::End(..) | Step::GiveBack(_) => {}
            }
            let left = open_until.filter(|until| *until > now).map(|until| until - now);
            prop_assert_eq!(breaker.left(now), left);
        }
        for (ticket, _, _) in under_way {
            breaker.give_back(ticket, now);
        }
        prop_assert!(breaker.admit(now + settings.open).is_ok(), "locked up: {breaker:?}");
    }
}
