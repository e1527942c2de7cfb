//! Percentiles.

use crate::eval::report::Spread;

/// Percentiles, greatest and sum of numbers in any order; `None` of nothing. Units are those of the numbers.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Spread {
        p50: percentile(&sorted, 0.5)?,
        p95: percentile(&sorted, 0.95)?,
        p99: percentile(&sorted, 0.99)?,
        max: *sorted.last()?,
        total: values.iter().sum(),
    })
}

/// The number below which a share (0 to 1) of the sorted numbers lies: on the line between the two at whose ranks it
/// falls, the first having rank 0 and the last rank n - 1. `None` of nothing.
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let rank = share.clamp(0.0, 1.0) * last as f64;
    let below = (rank as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(low + (high - low) * (rank - below as f64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_percentile_lies_on_the_line_between_two_numbers() {
        let found = spread(&[40.0, 10.0, 30.0, 20.0]).unwrap();
        assert_eq!((found.p50, found.max, found.total), (25.0, 40.0, 100.0));
        assert!((found.p95 - 38.5).abs() < 1e-12 && (found.p99 - 39.7).abs() < 1e-12, "{found:?}");
        let one = spread(&[7.0]).unwrap();
        assert_eq!((one.p50, one.p95, one.p99, one.max), (7.0, 7.0, 7.0, 7.0));
        assert_eq!(spread(&[]), None);
    }

    proptest! {
        #[test]
        fn percentiles_rise_and_stay_among_the_numbers(values in prop::collection::vec(-1e6..1e6, 1..60)) {
            let found = spread(&values).unwrap();
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert!(least <= found.p50 && found.p50 <= found.p95);
            prop_assert!(found.p95 <= found.p99 && found.p99 <= found.max);
        }
    }
}
