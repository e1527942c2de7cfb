//! Which rung of a ladder fits into what is left of a latency objective, and whether a busy judge is worth the wait.

use std::time::Duration;

/// Time from an event's receipt in which a busy judge is waited for, where there is no objective: so that one that is
/// busy for a moment does not send everything to its fallback.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a rung is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is, and is left for the next one after so long, if it has not answered.
    Ask { within: Option<Duration> },
    /// It takes longer than there is time, and a later one does not.
    PassOver,
}

/// Whether the rung number `at` is asked with so much time `left`; `None` if nothing hangs on the time, or no more.
/// `expected` says about how long each rung takes; none for those that answer at once.
pub fn fit(expected: &[Option<Duration>], at: usize, left: Option<Duration>) -> Fit {
    let own = expected.get(at).copied().flatten();
    let (Some(left), Some(own)) = (left, own) else { return Fit::Ask { within: None } };
    match expected.iter().skip(at + 1).flatten().min() {
        Some(fallback) if own > left && *fallback <= left => Fit::PassOver,
        Some(fallback) if own + *fallback <= left => Fit::Ask { within: Some(left - *fallback) },
        // Nobody would be in time after it.
        Some(_) | None => Fit::Ask { within: None },
    }
}

/// Whether to wait for a judge that is busy for `wait` rather than to ask the next one: it will be in time all the same.
pub fn is_worth_the_wait(wait: Duration, expected: Option<Duration>, left: Duration) -> bool {
    wait.saturating_add(expected.unwrap_or_default()) <= left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_rung_is_left_while_the_next_one_can_still_be_in_time() {
        let expected = [None, Some(800 * MS), Some(500 * MS)];
        let at = |at, left: u32| fit(&expected, at, Some(left * MS));
        assert_eq!(at(0, 0), Fit::Ask { within: None }, "it answers at once");
        assert_eq!(at(1, 3_000), Fit::Ask { within: Some(2_500 * MS) });
        assert_eq!(at(1, 1_200), Fit::Ask { within: None }, "it is in time, and nobody would be after it");
        assert_eq!(at(1, 700), Fit::PassOver);
        assert_eq!(at(1, 400), Fit::Ask { within: None }, "nobody is in time");
        assert_eq!(at(2, 100), Fit::Ask { within: None }, "it is the last one");
        assert_eq!(fit(&expected, 1, None), Fit::Ask { within: None }, "once missed, all are asked");
    }

    proptest! {
        #[test]
        fn whoever_is_passed_over_leaves_one_that_fits_and_whoever_is_cut_leaves_it_its_time(
            expected in prop::collection::vec(prop::option::of(1_u64..5_000), 1..5),
            at in 0_usize..4,
            left in 0_u64..6_000,
        ) {
            let expected: Vec<_> = expected.into_iter().map(|ms| ms.map(Duration::from_millis)).collect();
            let left = Duration::from_millis(left);
            let later = expected.iter().skip(at + 1).flatten().min();
            match fit(&expected, at, Some(left)) {
                Fit::PassOver => prop_assert!(later.is_some_and(|later| *later <= left)),
                Fit::Ask { within: Some(within) } => {
                    prop_assert!(later.is_some_and(|later| within + *later <= left));
                    prop_assert!(expected[at].is_some_and(|own| own <= within));
                }
                Fit::Ask { within: None } => {}
            }
        }
    }
}
