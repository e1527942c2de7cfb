//! Wilson's interval of a share: it stays within 0 to 1, and says something even where all or none were hits.

use crate::eval::report::Estimate;

/// The normal quantile of 1 - α/2: an interval between it and its opposite holds 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// The share of `hits` among `of` with its 95 % interval; `None` of nothing. Hits are taken as independent of each
/// other.
pub fn share(hits: usize, of: usize) -> Option<Estimate> {
    if of == 0 {
        return None;
    }
    let (n, value) = (of as f64, hits as f64 / of as f64);
    let shrink = 1.0 + Z * Z / n;
    let middle = (value + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (value * (1.0 - value) / n + Z * Z / (4.0 * n * n)).sqrt();
    // Rounding may put a bound that is 0 or 1 a hair beside it.
    Some(Estimate { value, low: (middle - half).clamp(0.0, value), high: (middle + half).clamp(value, 1.0) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eval::stats::{ALPHA, normal};

    #[test]
    fn the_interval_is_the_known_one() {
        assert_eq!(share(0, 0), None);
        let nine = share(9, 10).unwrap();
        assert!((nine.low - 0.595_849_973_204_761).abs() < 1e-12, "{nine:?}");
        assert!((nine.high - 0.982_123_786_904_927).abs() < 1e-12, "{nine:?}");
        let none = share(0, 10).unwrap();
        assert_eq!((none.value, none.low), (0.0, 0.0));
        assert!((none.high - 0.277_532_799_862_889).abs() < 1e-12, "{none:?}");
    }

    #[test]
    fn none_and_all_are_at_the_very_end() {
        for of in 1..3_000 {
            let (none, all) = (share(0, of).unwrap(), share(of, of).unwrap());
            assert_eq!((none.low, all.high), (0.0, 1.0), "{of}");
        }
    }

    #[test]
    fn the_constant_is_the_quantile_it_says() {
        assert!((normal::quantile(1.0 - ALPHA / 2.0) - Z).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn it_holds_its_value_within_0_and_1_and_is_symmetric((hits, of) in (1_usize..5_000).prop_flat_map(|of| (0..=of, Just(of)))) {
            let (one, other) = (share(hits, of).unwrap(), share(of - hits, of).unwrap());
            prop_assert!(0.0 <= one.low && one.low <= one.value && one.value <= one.high && one.high <= 1.0);
            prop_assert!(one.low < one.high);
            prop_assert!((one.low - (1.0 - other.high)).abs() < 1e-12);
        }

        #[test]
        fn more_of_the_same_makes_it_narrower((hits, of) in (1_usize..500).prop_flat_map(|of| (0..=of, Just(of)))) {
            let (few, many) = (share(hits, of).unwrap(), share(hits * 4, of * 4).unwrap());
            prop_assert!(many.high - many.low < few.high - few.low);
        }
    }
}
