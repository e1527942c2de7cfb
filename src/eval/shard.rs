//! One of several parts of a suite, so that several machines can record it at one time.

use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::config::Case;

/// Most parts.
const PARTS_MAX: u64 = 1_000;

/// Part `k` of `n`, counted from 1. Which part a case is in follows from its cluster, or its id: a case that is added moves no
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    k: u64,
    n: u64,
}

impl Shard {
    pub fn holds(&self, case: &Case) -> bool {
        let whole = Sha256::digest(case.cluster());
        let number = whole.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        number % self.n == self.k - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((k, n)) if (1..=n).contains(&k) && n <= PARTS_MAX => Ok(Shard { k, n }),
            _ => Err(format!("write it as K/N, such as 1/4: part K of N, which is {PARTS_MAX} at the most")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::CaseEvent;

    fn case_of(id: &str) -> Case {
        Case::unlabelled(id.to_owned(), CaseEvent::default())
    }

    proptest! {
        #[test]
        fn each_case_is_in_one_part_and_a_cluster_in_the_same(
            ids in prop::collection::hash_set("[a-z0-9-]{1,12}", 1..60),
            n in 1..20_u64,
        ) {
            let shards: Vec<Shard> = (1..=n).map(|k| format!("{k}/{n}").parse().expect("a shard")).collect();
            for id in ids {
                let mut case = case_of(&id);
                prop_assert_eq!(shards.iter().filter(|shard| shard.holds(&case)).count(), 1);
                case.cluster = Some("one thread".to_owned());
                let mut other = case_of("other");
                other.cluster.clone_from(&case.cluster);
                prop_assert!(shards.iter().all(|shard| shard.holds(&case) == shard.holds(&other)));
            }
        }
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/2", "1/1001"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("4/4".parse(), Ok(Shard { k: 4, n: 4 }));
    }
}
