//! Risk and coverage: how many answers are wrong, and how many are left, if only the surer ones are taken.

use super::Marked;
use crate::eval::report::RiskPoint;

/// Points that a report shows at most.
pub const POINTS_MAX: usize = 200;

/// What comes of one threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub threshold: f64,
    /// Answers of at least this confidence.
    pub taken: usize,
    pub wrong: usize,
    /// What those taken cost together.
    pub cost: f64,
}

/// One step per confidence that occurs, the lowest first, where each answer costs `cost`. An answer without a
/// confidence is not touched by any threshold, and is taken at each.
pub(super) fn steps(cases: &[Marked<'_>], cost: impl Fn(&Marked<'_>) -> f64) -> Vec<Step> {
    let (mut sure, always): (Vec<_>, Vec<_>) =
        cases.iter().filter(|case| case.got.is_some()).partition(|case| case.confidence.is_some());
    let sureness = |case: &&Marked<'_>| case.confidence.unwrap_or(f64::INFINITY);
    sure.sort_by(|a, b| sureness(b).total_cmp(&sureness(a)));
    let mut sum = Step { threshold: f64::INFINITY, taken: 0, wrong: 0, cost: 0.0 };
    let mut take = |case: &Marked<'_>| {
        sum.taken += 1;
        sum.wrong += usize::from(!case.is_right());
        sum.cost += cost(case);
        sum
    };
    for case in always {
        take(case);
    }
    let mut steps = Vec::new();
    for equal in sure.chunk_by(|a, b| a.confidence == b.confidence) {
        if let Some(last) = equal.iter().map(|case| take(case)).last() {
            steps.push(Step { threshold: equal.first().map_or(f64::INFINITY, sureness), ..last });
        }
    }
    steps.reverse();
    steps
}

/// One point per confidence that occurs, the lowest first. Coverage is the share of *all* cases that were decided
/// with at least this confidence, so that it begins below 1 where cases were left to a person anyway; risk is the
/// share wrong among those. An answer without a confidence is taken at every threshold.
pub fn curve(cases: &[Marked<'_>]) -> Vec<RiskPoint> {
    let all = cases.len() as f64;
    let point = |step: Step| RiskPoint {
        threshold: step.threshold,
        coverage: step.taken as f64 / all,
        risk: step.wrong as f64 / step.taken as f64,
    };
    steps(cases, |_| 0.0).into_iter().map(point).collect()
}

/// At most `most` of a curve's points (2 at least), its ends among them and the rest evenly between.
pub fn thinned(points: &[RiskPoint], most: usize) -> Vec<RiskPoint> {
    let (count, most) = (points.len(), most.max(2));
    if count <= most {
        return points.to_vec();
    }
    (0..most).map(|at| points[at * (count - 1) / (most - 1)].clone()).collect()
}

/// The area under a whole curve as a share of the coverage it reaches: the mean risk over all coverages, lower being
/// better and 0 if no answer is wrong. Answers of equal confidence have the risk of them all taken together. `None` of
/// no points.
pub fn area(curve: &[RiskPoint]) -> Option<f64> {
    let reached = curve.first()?.coverage;
    let after = curve.iter().skip(1).map(|point| point.coverage).chain([0.0]);
    let parts = curve.iter().zip(after).map(|(point, after)| (point.coverage - after) * point.risk);
    Some(parts.sum::<f64>() / reached)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::marked, *};

    fn four() -> Vec<Marked<'static>> {
        marked(&[(0, Some(0), 0.9), (0, Some(1), 0.6), (1, Some(1), 0.6), (1, None, 0.0)])
    }

    #[test]
    fn a_point_tells_what_a_threshold_would_leave() {
        let curve = curve(&four());
        let points: Vec<_> = curve.iter().map(|p| (p.threshold, p.coverage, p.risk)).collect();
        assert_eq!(points, [(0.6, 0.75, 1.0 / 3.0), (0.9, 0.25, 0.0)]);
        // Two thirds of the coverage at a risk of a third, one third at none.
        assert!((area(&curve).unwrap() - 2.0 / 9.0).abs() < 1e-12);
    }

    #[test]
    fn an_answer_without_a_confidence_is_always_taken() {
        let mut cases = four();
        cases[1].confidence = None;
        let curve = curve(&cases);
        let points: Vec<_> = curve.iter().map(|p| (p.threshold, p.coverage, p.risk)).collect();
        assert_eq!(points, [(0.6, 0.75, 1.0 / 3.0), (0.9, 0.5, 0.5)]);
        assert!((area(&curve).unwrap() - (0.25 / 3.0 + 0.5 * 0.5) / 0.75).abs() < 1e-12);
    }

    #[test]
    fn nothing_decided_has_no_curve() {
        let curve = curve(&marked(&[(0, None, 0.0)]));
        assert_eq!((curve.len(), area(&curve)), (0, None));
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends() {
        let point = |at: usize| RiskPoint { threshold: at as f64, coverage: 1.0, risk: 0.0 };
        let points: Vec<_> = (0..1_000).map(point).collect();
        for most in [2, 3, 200, 999] {
            let few = thinned(&points, most);
            assert_eq!((few.len(), few.first(), few.last()), (most, points.first(), points.last()));
            assert!(few.windows(2).all(|two| two[0].threshold < two[1].threshold));
        }
        assert_eq!(thinned(&points, 1_000), points);
        assert_eq!(thinned(&points[..1], 0), points[..1]);
    }

    proptest! {
        #[test]
        fn a_higher_threshold_covers_less(
            cases in prop::collection::vec((0_usize..2, prop::option::of(0_usize..2), (0..8).prop_map(|n| f64::from(n) / 8.0)), 1..60)
        ) {
            let cases = marked(&cases);
            let curve = curve(&cases);
            for two in curve.windows(2) {
                prop_assert!(two[0].threshold < two[1].threshold && two[0].coverage > two[1].coverage);
            }
            for point in &curve {
                let taken = cases.iter().filter(|case| case.confidence >= Some(point.threshold));
                let wrong = taken.clone().filter(|case| !case.is_right()).count() as f64;
                let taken = taken.count() as f64;
                prop_assert_eq!((point.coverage, point.risk), (taken / cases.len() as f64, wrong / taken));
            }
            if let Some(area) = area(&curve) {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&area));
            }
        }
    }
}
