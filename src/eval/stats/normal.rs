//! The standard normal distribution.

/// From here on the tail is found by a continued fraction, which is exact where the series loses digits.
const FAR: f64 = 3.0;

/// So many steps of the continued fraction settle every digit from [`FAR`] on.
const STEPS: u32 = 120;

/// No `f64` above 0 is a tail beyond it.
const FARTHEST: f64 = 40.0;

/// The number below which a share `p` of the distribution lies: 1.96 for 0.975. It is infinite at 0 and 1.
pub fn quantile(p: f64) -> f64 {
    if p.is_nan() {
        return p;
    } else if p > 0.5 {
        return -quantile(1.0 - p);
    } else if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    // Halving needs no good start, and ends: every step takes one bit.
    let (mut near, mut far) = (0.0, FARTHEST);
    loop {
        let middle = f64::midpoint(near, far);
        if middle <= near || middle >= far {
            return -middle;
        }
        if tail(middle) > p {
            near = middle;
        } else {
            far = middle;
        }
    }
}

/// Share of the distribution above `x`, for `x` not below 0.
fn tail(x: f64) -> f64 {
    let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if x >= FAR {
        let below = (1..=STEPS).rev().fold(x, |below, step| x + f64::from(step) / below);
        return density / below;
    }
    // x + x³/3 + x⁵/(3·5) + …
    let (mut term, mut sum, mut odd) = (x, 0.0, 1.0);
    while sum + term > sum {
        sum += term;
        odd += 2.0;
        term *= x * x / odd;
    }
    0.5 - density * sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_quantiles_come_out() {
        for (p, known) in [
            (0.5, 0.0),
            (0.8, 0.841_621_233_572_914_3),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
            (1e-12, -7.034_483_825_301_132),
        ] {
            assert!((quantile(p) - known).abs() < 1e-10, "{p}: {}", quantile(p));
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(quantile(f64::NAN).is_nan());
    }

    #[test]
    fn both_ways_to_the_tail_agree_where_they_meet() {
        let near = tail(FAR - 1e-9);
        assert!((near - tail(FAR)).abs() < 1e-11, "{near}");
    }

    proptest! {
        #[test]
        fn a_quantile_has_its_share_above_it(p in 1e-9..0.5) {
            let x = -quantile(p);
            prop_assert!((tail(x) / p - 1.0).abs() < 1e-9, "{x}");
            prop_assert!((quantile(1.0 - p) - x).abs() < 1e-5 * x.max(1.0), "symmetric");
        }
    }
}
