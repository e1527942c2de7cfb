//! McNemar's exact test: whether two runs on the same cases are right equally often.

/// The two-sided p-value from the numbers of cases that only one of the two has right: how likely it is that they
/// differ at least as much when each of these cases falls to either by the toss of a coin. 1 if there are none. The
/// cases are taken as independent of each other.
pub fn p_value(only_a: usize, only_b: usize) -> f64 {
    let (few, all) = (only_a.min(only_b), only_a + only_b);
    // Logarithms: 2^-n is no f64 for 1,075 cases and more.
    let mut term = -(all as f64) * std::f64::consts::LN_2;
    let mut sum = term.exp();
    for heads in 1..=few {
        term += ((all + 1 - heads) as f64 / heads as f64).ln();
        sum += term.exp();
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_counts_can_be_counted_by_hand() {
        assert_eq!(p_value(0, 0), 1.0);
        assert_eq!(p_value(4, 4), 1.0);
        assert!((p_value(0, 5) - 2.0 / 32.0).abs() < 1e-15);
        assert!((p_value(1, 5) - 2.0 * 7.0 / 64.0).abs() < 1e-15);
        assert!((p_value(10, 2) - 2.0 * (1.0 + 12.0 + 66.0) / 4_096.0).abs() < 1e-15);
    }

    #[test]
    fn many_cases_are_no_trouble() {
        assert!(p_value(50_000, 50_000) > 0.99);
        // The normal approximation with its correction for steps: z = (2,000 - 1) / sqrt(1,000,000) = 1.999.
        assert!((p_value(499_000, 501_000) - 0.0456).abs() < 1e-4, "{}", p_value(499_000, 501_000));
        assert_eq!(p_value(0, 5_000), 0.0);
    }

    proptest! {
        #[test]
        fn it_is_a_symmetric_probability_that_falls_with_the_difference(a in 0_usize..300, b in 0_usize..300) {
            let p = p_value(a, b);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, p_value(b, a));
            let (few, many) = (a.min(b), a.max(b));
            if few > 0 {
                prop_assert!(p_value(few - 1, many + 1) <= p);
            }
        }
    }
}
