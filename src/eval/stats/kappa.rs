//! Cohen's kappa: how far two who label the same things agree beyond chance.

use std::collections::BTreeMap;

/// 1 if they agree always, 0 if as often as chance would have it, below 0 if less. A pair holds what each of the two
/// said of one thing. `None` where nothing was said, or both always said the same one label: there is no chance to be
/// better than.
pub fn cohen(pairs: &[(usize, usize)]) -> Option<f64> {
    let all = pairs.len() as f64;
    let mut said: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (one, other) in pairs {
        said.entry(*one).or_default().0 += 1;
        said.entry(*other).or_default().1 += 1;
    }
    if said.len() < 2 {
        return None;
    }
    let agreed = pairs.iter().filter(|(one, other)| one == other).count() as f64 / all;
    let chance: f64 = said.values().map(|(one, other)| *one as f64 / all * (*other as f64 / all)).sum();
    Some((agreed - chance) / (1.0 - chance))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agreement_counts_beyond_chance_alone() {
        let pairs = [vec![(1, 1); 20], vec![(1, 0); 5], vec![(0, 1); 10], vec![(0, 0); 15]].concat();
        assert!((cohen(&pairs).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(cohen(&[(0, 1), (1, 0)]), Some(-1.0));
        assert_eq!((cohen(&[]), cohen(&[(2, 2), (2, 2)])), (None, None));
        assert_eq!(cohen(&[(0, 0), (0, 1)]), Some(0.0), "one who always says the same agrees by chance");
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_1_only_of_full_agreement(pairs in prop::collection::vec((0_usize..4, 0_usize..4), 2..40)) {
            let swapped: Vec<_> = pairs.iter().map(|(one, other)| (*other, *one)).collect();
            let (found, other) = (cohen(&pairs), cohen(&swapped));
            prop_assert_eq!(found.is_some(), other.is_some());
            if let (Some(found), Some(other)) = (found, other) {
                prop_assert!((found - other).abs() < 1e-12);
                prop_assert!((-1.0 - 1e-12..=1.0).contains(&found));
                prop_assert_eq!(found == 1.0, pairs.iter().all(|(one, other)| one == other));
            }
        }
    }
}
