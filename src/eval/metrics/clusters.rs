//! What is drawn together.

use std::collections::{BTreeMap, HashMap};

/// Items with the name of their cluster, brought together: the clusters in the order in which they first appear, so
/// that a seed draws the same ones every time.
pub fn by_cluster<'a, T>(items: impl IntoIterator<Item = (&'a str, T)>) -> Vec<Vec<T>> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut clusters: Vec<Vec<T>> = Vec::new();
    for (name, item) in items {
        let at = *known.entry(name).or_insert(clusters.len());
        match clusters.get_mut(at) {
            Some(cluster) => cluster.push(item),
            None => clusters.push(vec![item]),
        }
    }
    clusters
}

/// The same, with how often each item is there instead of equal ones.
pub fn counted<'a, T: Ord>(items: impl IntoIterator<Item = (&'a str, T)>) -> Vec<Vec<(T, usize)>> {
    let count = |cluster: Vec<T>| {
        let mut counts: BTreeMap<T, usize> = BTreeMap::new();
        for item in cluster {
            *counts.entry(item).or_default() += 1;
        }
        counts.into_iter().collect()
    };
    by_cluster(items).into_iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_one_name_come_together_in_order_of_appearance() {
        let items = [("z", 3), ("a", 1), ("z", 2), ("z", 3)];
        assert_eq!(by_cluster(items), [vec![3, 2, 3], vec![1]]);
        assert_eq!(counted(items), [vec![(2, 1), (3, 2)], vec![(1, 1)]]);
    }
}
