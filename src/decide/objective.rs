//! Which rung of a ladder fits into what is left of a latency objective, and whether a busy judge is worth the wait.

use std::time::Duration;

/// Time from an event's receipt in which a busy judge is waited for, where there is no objective: so that one that is
/// busy for a moment does not send everything to its fallback. A short `Retry-After` is one or two seconds.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Time that is left for a judge at least where another one is cut short for it, however quick it is: it has to be put the
/// question, and its answer to be kept.
pub const FALLBACK_MIN: Duration = Duration::from_millis(50);

/// Whether a rung is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is, and is left for the next one after so long, if it has not answered.
    Ask { within: Option<Duration> },
    /// It takes longer than there is time, and a later one does not.
    PassOver,
}

/// Whether a rung is asked with so much time `left`; `None` if nothing hangs on the time, or no more. `own` is about how
/// long it takes; none if it answers at once. `fallback` is how long the quickest of those after it takes that can answer
/// and do not at once.
pub fn fit(own: Option<Duration>, fallback: Option<Duration>, left: Option<Duration>) -> Fit {
    let (Some(left), Some(own)) = (left, own) else { return Fit::Ask { within: None } };
    match fallback {
        Some(fallback) if own > left && fallback <= left => Fit::PassOver,
        Some(fallback) if own.saturating_add(fallback) <= left => {
            Fit::Ask { within: Some(left.saturating_sub(fallback.max(FALLBACK_MIN))) }
        }
        // Nobody would be in time after it.
        Some(_) | None => Fit::Ask { within: None },
    }
}

/// Whether to wait for a judge that is busy for `wait` rather than to ask the next one, for an event that came so long ago: it
/// will be in time all the same. Where nothing hangs on the time, how long it takes to answer is nothing to go by: the next one takes
/// its time too.
pub fn is_worth_the_wait(
    wait: Duration,
    expected: Option<Duration>,
    age: Duration,
    objective: Option<Duration>,
) -> bool {
    let (takes, until) = match objective {
        Some(objective) => (expected.unwrap_or_default(), objective),
        None => (Duration::ZERO, PATIENCE),
    };
    age.saturating_add(wait).saturating_add(takes) <= until
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_rung_is_left_while_the_next_one_can_still_be_in_time() {
        let (own, fallback) = (Some(800 * MS), Some(500 * MS));
        let with = |left: u32| fit(own, fallback, Some(left * MS));
        let alone = Fit::Ask { within: None };
        assert_eq!(fit(None, fallback, Some(Duration::ZERO)), alone, "it answers at once");
        assert_eq!(with(3_000), Fit::Ask { within: Some(2_500 * MS) });
        assert_eq!(with(1_200), alone, "it is in time, and nobody would be after it");
        assert_eq!(with(700), Fit::PassOver);
        assert_eq!(with(400), alone, "nobody is in time");
        assert_eq!(fit(own, None, Some(100 * MS)), alone, "there is nobody else");
        assert_eq!(fit(own, fallback, None), alone, "once missed, all are asked");
    }

    #[test]
    fn a_short_wait_is_worth_it_also_where_nothing_hangs_on_the_time() {
        let (second, usual) = (1_000 * MS, Some(1_000 * MS));
        let worth = |wait, age: u32, objective| is_worth_the_wait(wait, usual, age * MS, objective);
        assert!(worth(second, 10, None) && worth(2 * second, 10, None) && worth(second, 3_990, None));
        assert!(!worth(60 * second, 10, None), "a long one");
        assert!(!worth(second, 4_010, None), "it is not waited for over and over");
        let objective = Some(3 * second);
        assert!(worth(second, 900, objective) && !worth(second, 1_010, objective), "with the time it takes");
    }

    proptest! {
        #[test]
        fn whoever_is_passed_over_leaves_one_that_fits_and_whoever_is_cut_leaves_it_its_time(
            own in prop::option::of(1_u64..5_000),
            fallback in prop::option::of(1_u64..5_000),
            left in 0_u64..6_000,
        ) {
            let [own, fallback] = [own, fallback].map(|ms| ms.map(Duration::from_millis));
            let left = Duration::from_millis(left);
            match fit(own, fallback, Some(left)) {
                Fit::PassOver => prop_assert!(fallback.is_some_and(|fallback| fallback <= left)),
                Fit::Ask { within: Some(within) } => {
                    prop_assert!(fallback.is_some_and(|fallback| within + fallback <= left));
                    let usual = own.is_some_and(|own| own <= within + FALLBACK_MIN);
                    prop_assert!(usual, "it has its usual time, or hardly less");
                }
                Fit::Ask { within: None } => {}
            }
        }
    }
}
