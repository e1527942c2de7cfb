//! Which of several prompts an event is asked by: the same one each time, whatever else is asked.

use sha2::{Digest, Sha256};

/// Where an event stands among all, from 0 up to but not including 1: evenly over all events, and always the same for one
/// event and one `of`, which says what it is placed for.
pub fn place(of: &str, event: &str) -> f64 {
    let digest = Sha256::digest(format!("{of}\0{event}"));
    let first = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    // As many digits as a float keeps: the last ones would round up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let place = (first >> 11) as f64 / (1_u64 << 53) as f64;
    place
}

/// The one among `weights` at `place`, as each has its share; none if all of them are 0.
pub fn choose(weights: impl Iterator<Item = f64> + Clone, place: f64) -> Option<usize> {
    let whole: f64 = weights.clone().sum();
    let mut before = 0.0;
    let mut last = None;
    for (at, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
        before += weight;
        if place * whole < before {
            return Some(at);
        }
        last = Some(at);
    }
    // Sums of floats may fall short by a hair.
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_an_event_stays_where_it_is() {
        let weights = [9.0, 0.0, 1.0];
        let of = |n: u32| choose(weights.into_iter(), place("triage", &format!("evt_{n}"))).expect("one");
        let mut counts = [0_u32; 3];
        for n in 0..10_000 {
            assert_eq!(of(n), of(n));
            counts[of(n)] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((850..1_150).contains(&counts[2]), "{counts:?}");
    }

    #[test]
    fn what_is_placed_for_one_thing_says_nothing_of_another() {
        let low = |of: &str, n: u32| place(of, &format!("evt_{n}")) < 0.5;
        let both = (0..10_000).filter(|n| low("triage", *n) && low("triage/shadow", *n)).count();
        assert!((2_300..2_700).contains(&both), "{both}");
    }

    #[test]
    fn without_any_weight_there_is_none_and_the_end_belongs_to_the_last() {
        assert_eq!(choose([].into_iter(), 0.5), None);
        assert_eq!(choose([0.0, 0.0].into_iter(), 0.5), None);
        assert_eq!(choose([0.1, 0.2, 0.0].into_iter(), 1.0), Some(1));
        assert_eq!(choose([1.0, 1.0].into_iter(), 0.0), Some(0));
    }
}
