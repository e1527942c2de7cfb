//! Whether a confidence means what it says: of answers with 0.9, nine in ten should be right.

use super::Marked;
use crate::eval::report::{Bin, Calibration};

/// Bins of a reliability plot.
pub const BINS: usize = 10;

/// Over the answers that have a confidence, with `bins` bins of equal width; `None` if there is none.
///
/// - ECE: how far the mean confidence of a bin lies from its share right, on average over the answers.
/// - Brier: the mean of (confidence - right)², where right is 1 or 0: whether *the label that was said* is right,
///   which is not the score of a whole distribution over labels.
/// - AUROC: how likely a right answer has a higher confidence than a wrong one, equal ones counting half. `None`
///   unless there are both.
/// - Bins that nothing fell into are left out. The last one holds 1 as well.
pub fn calibration(cases: &[Marked<'_>], bins: usize) -> Option<Calibration> {
    let answers: Vec<(f64, bool)> =
        cases.iter().filter_map(|case| Some((case.got.and(case.confidence)?, case.is_right()))).collect();
    if answers.is_empty() {
        return None;
    }
    let all = answers.len() as f64;
    let squares = answers.iter().map(|(confidence, right)| (confidence - f64::from(*right)).powi(2));
    let bins = binned(&answers, bins.max(1));
    let gap = |bin: &Bin| (bin.accuracy - bin.confidence).abs() * bin.count as f64;
    Some(Calibration {
        ece: bins.iter().map(gap).sum::<f64>() / all,
        brier: squares.sum::<f64>() / all,
        auroc: auroc(answers),
        bins,
    })
}

fn binned(answers: &[(f64, bool)], bins: usize) -> Vec<Bin> {
    let edge = |at: usize| at as f64 / bins as f64;
    let mut sums = vec![(0_usize, 0.0, 0_usize); bins];
    for (confidence, right) in answers {
        // Compared with the edges themselves: a product such as 0.29 * 100 may round to the wrong side.
        let at = (1..bins).take_while(|at| *confidence >= edge(*at)).count();
        sums[at].0 += 1;
        sums[at].1 += confidence;
        sums[at].2 += usize::from(*right);
    }
    let bin = |(at, (count, confidence, right)): (usize, (usize, f64, usize))| Bin {
        low: edge(at),
        high: edge(at + 1),
        count,
        confidence: confidence / count as f64,
        accuracy: right as f64 / count as f64,
    };
    sums.into_iter().enumerate().filter(|(_, (count, ..))| *count > 0).map(bin).collect()
}

fn auroc(mut answers: Vec<(f64, bool)>) -> Option<f64> {
    answers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rights, mut wrongs, mut ahead) = (0.0, 0.0, 0.0);
    for equal in answers.chunk_by(|a, b| a.0 == b.0) {
        let right = equal.iter().filter(|(_, right)| *right).count() as f64;
        let wrong = equal.len() as f64 - right;
        ahead += right * (wrongs + wrong / 2.0);
        rights += right;
        wrongs += wrong;
    }
    (rights > 0.0 && wrongs > 0.0).then(|| ahead / (rights * wrongs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::marked, *};

    #[test]
    fn figures_follow_from_the_bins() {
        let cases = marked(&[
            (0, Some(0), 0.9),
            (0, Some(1), 0.95),
            (1, Some(1), 0.5),
            (1, Some(1), 1.0),
            (1, None, 0.0),
        ]);
        let found = calibration(&cases, 2).unwrap();
        let [bin] = &found.bins[..] else { panic!("{found:?}") };
        assert_eq!((bin.low, bin.high, bin.count, bin.accuracy), (0.5, 1.0, 4, 0.75));
        assert!((bin.confidence - 0.8375).abs() < 1e-12 && (found.ece - 0.0875).abs() < 1e-12);
        assert!((found.brier - (0.01 + 0.9025 + 0.25) / 4.0).abs() < 1e-12);
        // One right answer is above the wrong one, two are below it.
        assert!((found.auroc.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn an_answer_at_an_edge_belongs_to_the_bin_above_it() {
        let cases = marked(&[(0, Some(0), 0.7), (0, Some(0), 0.3), (0, Some(0), 0.29), (0, Some(0), 1.0)]);
        let lows: Vec<_> =
            calibration(&cases, 10).unwrap().bins.iter().map(|bin| (bin.low, bin.count)).collect();
        assert_eq!(lows, [(0.2, 1), (0.3, 1), (0.7, 1), (0.9, 1)]);
    }

    #[test]
    fn equal_confidences_count_half() {
        let cases = marked(&[(0, Some(0), 0.8), (0, Some(1), 0.8), (0, Some(0), 0.8)]);
        assert_eq!(calibration(&cases, 10).unwrap().auroc, Some(0.5));
        assert_eq!(calibration(&cases[..1], 10).unwrap().auroc, None, "there is nothing wrong");
    }

    #[test]
    fn nothing_decided_has_no_calibration() {
        assert_eq!(calibration(&marked(&[(0, None, 0.0)]), 10), None);
        assert_eq!(calibration(&[], 10), None);
    }

    proptest! {
        #[test]
        fn every_figure_is_a_share(
            cases in prop::collection::vec((0_usize..2, prop::option::of(0_usize..2), 0.0..=1.0), 1..50),
            bins in 1_usize..20,
        ) {
            let cases = marked(&cases);
            if let Some(found) = calibration(&cases, bins) {
                for share in [found.ece, found.brier].into_iter().chain(found.auroc) {
                    prop_assert!((0.0..=1.0).contains(&share), "{:?}", found);
                }
                for bin in &found.bins {
                    prop_assert!(bin.low <= bin.confidence + 1e-12 && bin.confidence <= bin.high + 1e-12);
                }
                let decided = cases.iter().filter(|case| case.got.is_some()).count();
                prop_assert_eq!(found.bins.iter().map(|bin| bin.count).sum::<usize>(), decided);
            }
        }
    }
}
