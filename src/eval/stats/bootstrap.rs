//! Intervals by drawing again from what was measured: the percentile bootstrap, by clusters.
//!
//! What belongs together (mails of one thread, versions of one case) is drawn together, else an interval is narrower
//! than what is known. A statistic is told which clusters were drawn and adds up what it counted of each beforehand,
//! so that a draw costs one addition per cluster, not a look at every case.

use fastrand::Rng;

use super::{ALPHA, spread::percentile};
use crate::eval::report::Estimate;

/// Draws from which an interval is taken: its ends then move by about a fiftieth of its width from seed to seed.
pub const RESAMPLES: usize = 2_000;

/// How an interval is drawn. The same plan on the same data gives the same interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub resamples: usize,
}

impl Plan {
    /// As many draws as [`RESAMPLES`].
    pub fn seeded(seed: u64) -> Self {
        Plan { seed, resamples: RESAMPLES }
    }
}

/// The 95 % intervals of `N` statistics over the same draws from `clusters` clusters. `statistic` gets the indices of
/// those drawn, as many as there are and some of them several times, and `None` from it says that it does not exist
/// for these.
///
/// A statistic's value is that of every cluster once; where it does not exist, nor does its estimate. Draws for which
/// it does not exist are left out. An interval that its own value is not in, as a skewed statistic's may be, is
/// widened to reach it. Of one cluster nothing can be drawn but itself: its interval has no width, and says nothing.
pub fn estimates<const N: usize>(
    plan: Plan,
    clusters: usize,
    mut statistic: impl FnMut(&[usize]) -> [Option<f64>; N],
) -> [Option<Estimate>; N] {
    let mut drawn: Vec<usize> = (0..clusters).collect();
    let values = statistic(&drawn);
    let mut found: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(plan.resamples));
    let mut rng = Rng::with_seed(plan.seed);
    for _ in 0..plan.resamples {
        drawn.fill_with(|| rng.usize(..clusters));
        for (found, value) in found.iter_mut().zip(statistic(&drawn)) {
            found.extend(value);
        }
    }
    let mut found = found.into_iter();
    values.map(|value| Some(interval(value?, found.next().unwrap_or_default())))
}

/// The same for the change of `N` statistics from one run to another, `b` less `a`, each draw being the same for
/// both.
pub fn changes<const N: usize>(
    plan: Plan,
    clusters: usize,
    mut a: impl FnMut(&[usize]) -> [Option<f64>; N],
    mut b: impl FnMut(&[usize]) -> [Option<f64>; N],
) -> [Option<Estimate>; N] {
    estimates(plan, clusters, |drawn| {
        let mut before = a(drawn).into_iter();
        b(drawn).map(|after| Some(after? - before.next()??))
    })
}

fn interval(value: f64, mut found: Vec<f64>) -> Estimate {
    found.sort_by(f64::total_cmp);
    let at = |share| percentile(&found, share).unwrap_or(value);
    Estimate { value, low: at(ALPHA / 2.0).min(value), high: at(1.0 - ALPHA / 2.0).max(value) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mean(values: &[f64]) -> impl FnMut(&[usize]) -> [Option<f64>; 1] {
        |drawn| {
            let sum: f64 = drawn.iter().map(|at| values[*at]).sum();
            [(!drawn.is_empty()).then(|| sum / drawn.len() as f64)]
        }
    }

    #[test]
    fn a_means_interval_is_about_two_standard_errors_to_each_side() {
        let values: Vec<f64> = (0..400).map(|n| f64::from(n % 2)).collect();
        let [Some(found)] = estimates(Plan::seeded(1), values.len(), mean(&values)) else { panic!() };
        // The standard error is 0.5 / 20.
        assert_eq!(found.value, 0.5);
        assert!((found.low - 0.451).abs() < 0.006 && (found.high - 0.549).abs() < 0.006, "{found:?}");
    }

    #[test]
    fn the_seed_decides() {
        let values: Vec<f64> = (0..50).map(|n| f64::from(n * n)).collect();
        let with = |seed| estimates(Plan::seeded(seed), values.len(), mean(&values));
        assert_eq!(with(7), with(7));
        assert_ne!(with(7), with(8));
    }

    #[test]
    fn draws_without_the_statistic_are_left_out() {
        // It exists only where cluster 0 was drawn, and is then 1.
        let first = |drawn: &[usize]| [drawn.contains(&0).then_some(1.0)];
        assert_eq!(
            estimates(Plan::seeded(3), 5, first),
            [Some(Estimate { value: 1.0, low: 1.0, high: 1.0 })]
        );
        let never = |_: &[usize]| [None, Some(2.0)];
        let [none, two] = estimates(Plan::seeded(3), 5, never);
        assert_eq!((none, two.map(|two| two.value)), (None, Some(2.0)));
    }

    #[test]
    fn an_interval_is_widened_to_reach_its_value() {
        // Never are all twenty drawn.
        let different = |drawn: &[usize]| {
            let mut drawn = drawn.to_vec();
            drawn.sort_unstable();
            drawn.dedup();
            [Some(drawn.len() as f64), Some(-(drawn.len() as f64))]
        };
        let [Some(up), Some(down)] = estimates(Plan::seeded(3), 20, different) else { panic!() };
        assert!(up.low < 15.0 && down.high > -15.0);
        assert_eq!((up.high, down.low), (20.0, -20.0));
    }

    #[test]
    fn of_no_clusters_nothing_is_drawn() {
        assert_eq!(estimates(Plan::seeded(3), 0, mean(&[])), [None]);
    }

    #[test]
    fn a_change_is_taken_from_the_same_draw_on_both_sides() {
        let a: Vec<f64> = (0..60).map(|n| f64::from(n % 7)).collect();
        let b: Vec<f64> = a.iter().map(|a| a + 1.0).collect();
        let [Some(found)] = changes(Plan::seeded(5), a.len(), mean(&a), mean(&b)) else { panic!() };
        assert!((found.low - 1.0).abs() < 1e-12 && (found.high - 1.0).abs() < 1e-12, "{found:?}");
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_value(values in prop::collection::vec(0.0..1.0, 1..30), seed: u64) {
            let greatest = |drawn: &[usize]| [drawn.iter().map(|at| values[*at]).reduce(f64::max)];
            let plan = Plan { seed, resamples: 50 };
            let [Some(found)] = estimates(plan, values.len(), greatest) else { panic!() };
            prop_assert!(0.0 <= found.low && found.low <= found.value);
            prop_assert!(found.value <= found.high && found.high <= 1.0);
        }
    }
}
