//! Holm's correction: of many comparisons made at once, some look like differences by chance alone.

/// The corrected p-values, in the order given. Whoever calls those up to 0.05 differences is wrong about one or more
/// of them with a probability of at most 0.05, however the comparisons hang together.
pub fn corrected(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (mut corrected, mut least) = (vec![1.0; p_values.len()], 0.0_f64);
    for (rank, at) in order.into_iter().enumerate() {
        let others = (p_values.len() - rank) as f64;
        // None is below that of a smaller p-value: a test that was not passed ends the row.
        least = least.max(p_values[at] * others).min(1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_is_corrected_by_those_still_to_come() {
        let found = corrected(&[0.04, 0.01, 0.03, 0.5]);
        for (found, known) in found.iter().zip([0.09, 0.04, 0.09, 0.5]) {
            assert!((found - known).abs() < 1e-15, "{found}");
        }
        assert_eq!(corrected(&[]), Vec::<f64>::new());
        assert_eq!(corrected(&[0.2]), [0.2], "one alone needs no correction");
    }

    proptest! {
        #[test]
        fn it_keeps_the_order_and_never_makes_a_p_value_smaller(p_values in prop::collection::vec(0.0..=1.0, 0..12)) {
            let found = corrected(&p_values);
            for (p, q) in p_values.iter().zip(&found) {
                prop_assert!(p <= q && *q <= 1.0);
                prop_assert!(*q <= p * p_values.len() as f64 + 1e-12, "never sterner than Bonferroni");
                for (other_p, other_q) in p_values.iter().zip(&found) {
                    prop_assert!(p > other_p || q <= other_q);
                }
            }
        }
    }
}
