//! Picking the least confidence with which an answer is taken.
//!
//! Whoever picks a threshold on the same cases that tell its risk has looked at many and kept a good one: the risk,
//! and its bound too, is a little better than it will be on new cases. Pick on one split and look at the figures of
//! another.

use super::{
    Marked,
    costs::Costs,
    risk::{Step, steps},
};
use crate::eval::{report::Estimate, stats::wilson};

/// A threshold and what it would have done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pick {
    /// Answers of at least this confidence are taken.
    pub threshold: f64,
    /// Share of all cases that are then decided.
    pub coverage: f64,
    /// Share of those that are wrong (Wilson).
    pub risk: Estimate,
}

/// Which risk must not be above the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// What was counted.
    Counted,
    /// The upper bound of its interval: what it may be as far as so few cases tell.
    Bound,
}

/// A confidence in whole thousandths, as a threshold is written, rounded down. An answer is taken at a threshold in
/// thousandths exactly if this is: so what is measured of answers so rounded is what such a threshold does.
pub fn in_thousandths(confidence: f64) -> f64 {
    // Compared with the threshold itself: 0.57 × 1,000 is below 570 in binary.
    let nearest = (confidence * 1_000.0).round();
    let nearest = if nearest / 1_000.0 <= confidence { nearest } else { nearest - 1.0 };
    nearest / 1_000.0
}

/// The lowest threshold, and so the greatest coverage, whose risk is at most `risk_max`; `None` if no threshold has
/// that. A higher threshold may have a greater risk again.
pub fn within(cases: &[Marked<'_>], risk_max: f64, measure: Measure) -> Option<Pick> {
    let mut picks = steps(cases, |_| 0.0).into_iter().filter_map(|step| pick(step, cases.len()));
    picks.find(|pick| match measure {
        Measure::Counted => pick.risk.value <= risk_max,
        Measure::Bound => pick.risk.high <= risk_max,
    })
}

/// The threshold with the lowest mean cost per case, and that cost, where every case whose answer is not taken costs
/// as much as leaving it to a person; the lowest of several. `None` if it costs no more to leave all of them to a
/// person.
pub fn cheapest(cases: &[Marked<'_>], costs: &Costs) -> Option<(Pick, f64)> {
    let all = cases.len() as f64;
    let mean = |step: &Step| (step.cost + costs.person() * (cases.len() - step.taken) as f64) / all;
    let steps = steps(cases, |case| costs.of(case.expected, case.got));
    let best = steps.into_iter().map(|step| (mean(&step), step)).min_by(|a, b| a.0.total_cmp(&b.0));
    let (cost, step) = best.filter(|(cost, _)| *cost < costs.person())?;
    Some((pick(step, cases.len())?, cost))
}

fn pick(step: Step, all: usize) -> Option<Pick> {
    let risk = wilson::share(step.wrong, step.taken)?;
    Some(Pick { threshold: step.threshold, coverage: step.taken as f64 / all as f64, risk })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::marked, *};

    fn costs(person: f64) -> Costs {
        Costs::new(vec![vec![0.0, 10.0], vec![1.0, 0.0]], person).unwrap()
    }

    fn cases() -> Vec<Marked<'static>> {
        marked(&[
            (0, Some(0), 0.95),
            (1, Some(1), 0.9),
            (1, Some(0), 0.8),
            (1, Some(1), 0.7),
            (0, Some(1), 0.6),
            (0, None, 0.0),
        ])
    }

    #[test]
    fn the_lowest_threshold_within_the_risk_is_picked() {
        let at = |risk_max| within(&cases(), risk_max, Measure::Counted).map(|pick| pick.threshold);
        assert_eq!((at(0.0), at(0.25), at(0.3), at(0.4)), (Some(0.9), Some(0.7), Some(0.7), Some(0.6)));
        let pick = within(&cases(), 0.25, Measure::Counted).unwrap();
        assert_eq!((pick.coverage, Some(pick.risk)), (4.0 / 6.0, wilson::share(1, 4)));
    }

    #[test]
    fn a_bound_asks_for_more_cases_than_a_count() {
        assert_eq!(within(&cases(), 0.25, Measure::Bound), None);
        let many: Vec<_> = cases().into_iter().cycle().take(6 * 200).collect();
        let bound = within(&many, 0.3, Measure::Bound).unwrap();
        assert_eq!(bound.threshold, 0.7);
        assert!(bound.risk.high <= 0.3 && bound.risk.value == 0.25);
    }

    #[test]
    fn the_cheapest_threshold_weighs_errors_against_a_person() {
        let at = |person| cheapest(&cases(), &costs(person)).map(|(pick, cost)| (pick.threshold, cost));
        // At 0.7: one error of 1, and two for a person.
        assert_eq!(at(2.0), Some((0.7, (1.0 + 2.0 * 2.0) / 6.0)));
        // A person is cheap: only the first two, which are right.
        assert_eq!(at(0.25), Some((0.9, 1.0 / 6.0)));
        // A person is dearer than the worst error.
        assert_eq!(at(20.0), Some((0.6, (11.0 + 20.0) / 6.0)));
        assert_eq!(at(0.0), None, "nothing is cheaper than nothing");
    }

    #[test]
    fn where_nothing_was_decided_nothing_is_picked() {
        let none = marked(&[(0, None, 0.0)]);
        assert_eq!(within(&none, 1.0, Measure::Counted), None);
        assert_eq!(cheapest(&none, &costs(1.0)), None);
    }

    proptest! {
        #[test]
        fn an_answer_is_taken_at_a_threshold_in_thousandths_as_it_is_without_its_other_digits(
            confidence in 0.0..=1.0, at in 0_u32..=1_000,
        ) {
            let at = f64::from(at) / 1_000.0;
            for confidence in [confidence, at] {
                prop_assert_eq!(confidence >= at, in_thousandths(confidence) >= at);
                prop_assert!((0.0..0.001).contains(&(confidence - in_thousandths(confidence))));
            }
        }

        #[test]
        fn no_other_threshold_is_cheaper_or_covers_more_within_the_risk(
            cases in prop::collection::vec((0_usize..2, prop::option::of(0_usize..2), (0..8).prop_map(|n| f64::from(n) / 8.0)), 1..40),
            person in 0.0..5.0,
            risk_max in 0.0..0.6,
        ) {
            let (cases, costs) = (marked(&cases), costs(person));
            let mean = |threshold: f64| {
                let taken = |case: &&Marked<'_>| case.confidence >= Some(threshold);
                let cost = |case: &Marked<'_>| costs.of(case.expected, case.got.filter(|_| taken(&case)));
                cases.iter().map(cost).sum::<f64>() / cases.len() as f64
            };
            let least = cheapest(&cases, &costs).map_or(person, |(_, cost)| cost);
            let within = within(&cases, risk_max, Measure::Counted);
            for threshold in (0..9).map(|n| f64::from(n) / 8.0) {
                prop_assert!(mean(threshold) >= least - 1e-9);
                let taken: Vec<_> = cases.iter().filter(|case| case.confidence >= Some(threshold)).collect();
                let wrong = taken.iter().filter(|case| !case.is_right()).count() as f64;
                if !taken.is_empty() && wrong / taken.len() as f64 <= risk_max {
                    prop_assert!(within.is_some_and(|pick| pick.coverage * cases.len() as f64 >= taken.len() as f64 - 1e-9));
                }
            }
        }
    }
}
