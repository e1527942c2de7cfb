//! Pairing two rows one to one.

/// The pairs of a left and a right index, by the left one: as many as there can be, and of all such ways to pair one
/// with the least cost in sum. `cost` is `None` for two that cannot be paired; costs must sum up to less than 2^63.
///
/// Pair after pair is added along the cheapest way to free a place for it, by moving others: so the pairs are at
/// every step the cheapest of their number.
pub(super) fn cheapest(
    left: usize,
    right: usize,
    cost: impl Fn(usize, usize) -> Option<u64>,
) -> Vec<(usize, usize)> {
    let cost = |one, other| cost(one, other).and_then(|cost| i64::try_from(cost).ok());
    let costs: Vec<Vec<Option<i64>>> =
        (0..left).map(|one| (0..right).map(|other| cost(one, other)).collect()).collect();
    let mut of_right: Vec<Option<usize>> = vec![None; right];
    while add_one(&costs, &mut of_right).is_some() {}
    let taken = of_right.iter().enumerate().filter_map(|(other, one)| Some(((*one)?, other)));
    let mut pairs: Vec<(usize, usize)> = taken.collect();
    pairs.sort_unstable();
    pairs
}

/// How a right index is reached the cheapest way.
#[derive(Clone, Copy)]
struct Way {
    cost: i64,
    /// The left index that would be paired with it.
    from: usize,
}

/// Adds one pair to those that each right index is in, moving others where that is needed; `None` if none can be
/// added.
fn add_one(costs: &[Vec<Option<i64>>], of_right: &mut [Option<usize>]) -> Option<()> {
    let ways = ways(costs, of_right);
    let ends = ways.iter().enumerate().filter(|(at, _)| of_right[*at].is_none());
    let (_, mut at) = ends.filter_map(|(at, way)| Some(((*way)?.cost, at))).min()?;
    loop {
        let from = ways[at]?.from;
        let before = of_right.iter().position(|of| *of == Some(from));
        of_right[at] = Some(from);
        match before {
            None => return Some(()),
            Some(before) => at = before,
        }
    }
}

/// The cheapest way to every right index, beginning at left ones that are in no pair. A way goes on over a right
/// index that is taken: its left one gives that pair up, with its cost, and looks for another.
fn ways(costs: &[Vec<Option<i64>>], of_right: &[Option<usize>]) -> Vec<Option<Way>> {
    let mut ways: Vec<Option<Way>> = vec![None; of_right.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for (from, row) in costs.iter().enumerate() {
            let spent = match of_right.iter().position(|of| *of == Some(from)) {
                None => Some(0),
                Some(mine) => ways[mine].zip(row[mine]).map(|(way, cost)| way.cost - cost),
            };
            let Some(spent) = spent else { continue };
            for (other, cost) in row.iter().enumerate().filter(|(other, _)| of_right[*other] != Some(from)) {
                let Some(cost) = cost.map(|cost| spent + cost) else { continue };
                if ways[other].is_none_or(|way| cost < way.cost) {
                    ways[other] = Some(Way { cost, from });
                    changed = true;
                }
            }
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Table = Vec<Vec<Option<u64>>>;

    /// Pairs and cost of the best way to pair what is left, found by trying them all.
    fn best(costs: &Table, one: usize, taken: &mut Vec<usize>) -> (usize, i64) {
        let Some(row) = costs.get(one) else { return (0, 0) };
        let mut found = best(costs, one + 1, taken);
        for (other, cost) in row.iter().enumerate() {
            if let Some(cost) = cost.filter(|_| !taken.contains(&other)) {
                taken.push(other);
                let (pairs, less) = best(costs, one + 1, taken);
                found = found.max((pairs + 1, less - i64::try_from(cost).unwrap()));
                taken.pop();
            }
        }
        found
    }

    #[test]
    fn others_move_to_make_room() {
        let costs = [[Some(0), Some(5)], [Some(1), None]];
        assert_eq!(cheapest(2, 2, |one, other| costs[one][other]), [(0, 1), (1, 0)]);
        // The second one left is cheaper in the place of the first one, which then goes elsewhere: 4 + 5, not 4 + 6.
        let costs = [[Some(4), Some(5), None], [Some(4), None, Some(6)]];
        assert_eq!(cheapest(2, 3, |one, other| costs[one][other]), [(0, 1), (1, 0)]);
        assert_eq!(cheapest(0, 2, |_, _| Some(0)), []);
        assert_eq!(cheapest(2, 2, |_, _| None), []);
    }

    proptest! {
        #[test]
        fn no_other_way_has_more_pairs_or_costs_less(
            costs in (1_usize..5).prop_flat_map(|right| {
                prop::collection::vec(prop::collection::vec(prop::option::weighted(0.8, 0_u64..9), right), 1..6)
            })
        ) {
            let pairs = cheapest(costs.len(), costs[0].len(), |one, other| costs[one][other]);
            let cost: u64 = pairs.iter().map(|(one, other)| costs[*one][*other].unwrap()).sum();
            prop_assert_eq!((pairs.len(), -i64::try_from(cost).unwrap()), best(&costs, 0, &mut Vec::new()));
            let mut rights: Vec<_> = pairs.iter().map(|(_, other)| other).collect();
            rights.sort();
            rights.dedup();
            prop_assert_eq!(rights.len(), pairs.len());
            prop_assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0));
        }
    }
}
