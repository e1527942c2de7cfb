//! Which difference two runs on the same cases would have shown.
//!
//! Of `n` cases, a share ψ is right in one run only, and one run is better by δ, a share of all cases. What a case
//! adds to the difference is -1, 0 or 1; its variance is ψ if the runs are equally good, and ψ - δ² if they are not.
//! The test calls a difference with the wanted power where
//!
//! δ·√n = z(1 - α/2)·√ψ + z(power)·√(ψ - δ²)
//!
//! and the smallest such δ is sought. A difference of δ needs cases that make it, so ψ is never taken to be less than
//! δ: the result is above 0 even where no case differed. The formula is the normal approximation of what the exact
//! test does.

use super::{ALPHA, normal::quantile};

/// Probability with which the difference would have been called one.
pub const POWER: f64 = 0.8;

/// Fewer cases than this cannot show anything: with five that all differ to one side, the exact p-value is 0.0625.
const CASES_MIN: usize = 6;

/// The smallest difference between the shares right that `cases` pairs would have shown at α 0.05 with a power of
/// 0.8, where `discordant` (0 to 1) is the share of the pairs of which one alone is right. 1 if they are too few to
/// show any.
pub fn difference(cases: usize, discordant: f64) -> f64 {
    if cases < CASES_MIN {
        return 1.0;
    }
    let (doubt, power) = (quantile(1.0 - ALPHA / 2.0), quantile(POWER));
    let root = (cases as f64).sqrt();
    let shown = |delta: f64| {
        let psi = discordant.clamp(delta, 1.0);
        delta * root >= doubt * psi.sqrt() + power * (psi - delta * delta).max(0.0).sqrt()
    };
    let (mut low, mut high) = (0.0, 1.0);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        if shown(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eval::stats::mcnemar;

    #[test]
    fn the_formula_holds_at_what_it_finds() {
        let found = difference(400, 0.2);
        let other: f64 = 1.959_963_985 * 0.2_f64.sqrt() + 0.841_621_234 * (0.2 - found * found).sqrt();
        assert!((found * 20.0 - other).abs() < 1e-8, "{found}");
        assert!((found - 0.0623).abs() < 1e-3, "{found}");
    }

    /// Of 2,000 pairs of runs that differ by what was found, the exact test finds about four in five.
    #[test]
    fn so_large_a_difference_is_found_four_times_in_five() {
        let mut rng = fastrand::Rng::with_seed(11);
        for (cases, discordant) in [(200, 0.15), (1_000, 0.1), (300, 0.4)] {
            let only_b = (discordant + difference(cases, discordant)) / 2.0;
            let mut found = 0;
            for _ in 0..2_000 {
                let (mut a, mut b) = (0, 0);
                for _ in 0..cases {
                    let at = rng.f64();
                    b += usize::from(at < only_b);
                    a += usize::from(at >= only_b && at < discordant);
                }
                found += u32::from(b > a && mcnemar::p_value(a, b) <= ALPHA);
            }
            // The exact test is a little more careful than the formula.
            let power = f64::from(found) / 2_000.0;
            assert!((0.7..0.84).contains(&power), "{cases}, {discordant}: {power}");
        }
    }

    #[test]
    fn a_run_without_differences_still_could_have_missed_some() {
        let found = difference(100, 0.0);
        assert!((0.07..0.09).contains(&found), "{found}");
        assert_eq!((difference(5, 0.5), difference(0, 0.0)), (1.0, 1.0));
        assert!(difference(6, 0.5) < 1.0);
    }

    proptest! {
        #[test]
        fn more_cases_show_less_and_more_discord_hides_more(cases in 6_usize..5_000, share in 0.0..1.0, more in 0.0..1.0) {
            let found = difference(cases, share);
            prop_assert!(0.0 < found && found <= 1.0);
            prop_assert!(difference(cases + 1, share) <= found);
            let more = share + (1.0 - share) * more;
            prop_assert!(difference(cases, more) >= found - 1e-12);
        }
    }
}
