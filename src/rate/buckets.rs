//! A bucket for each of many, within a bound.

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock as _,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::keyed::{HashMapStateStore, ShrinkableKeyedStateStore as _},
};

use super::{
    state::State,
    told::{Told, nanos},
};

/// How often full buckets are looked for once there is no room for another: looking takes time in proportion to their
/// number, and strangers must not be able to ask for it at will.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

type Table<K> = State<HashMapStateStore<Slot<K>>>;

/// Whose bucket was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot<K> {
    Own(K),
    /// The one that those share for whom there was no room.
    Shared,
}

/// Buckets of one size, one for each key, made when the key first takes.
///
/// At most about `keys_max` are held (by as many more as threads take at the same instant). When there are so many,
/// those that are full again are dropped, which loses nothing, as a new one is full too. If none is, further keys share
/// one bucket among them until there is room: known keys are served as before, and a flood of made-up keys gets one
/// key's worth.
pub struct Buckets<K: Hash + Eq + Clone> {
    elapsed: Told,
    table: Table<K>,
    limiter: RateLimiter<Slot<K>, Table<K>, Told, NoOpMiddleware<Nanos>>,
    /// The time in which one take's worth is refilled.
    worth: Duration,
    keys_max: usize,
    /// When full buckets were last looked for, in nanoseconds of `elapsed`.
    swept: AtomicU64,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub fn per_minute(takes: NonZeroU32, keys_max: usize) -> Self {
        let (elapsed, quota) = (Told::default(), Quota::per_minute(takes));
        let table = State::new(HashMapStateStore::new(std::collections::HashMap::new()));
        let limiter = RateLimiter::new(quota, table.clone(), elapsed.clone());
        let (worth, swept) = (quota.replenish_interval(), AtomicU64::new(0));
        Buckets { elapsed, table, limiter, worth, keys_max, swept }
    }

    /// Takes one's worth from the bucket of `key`, and says from which it was; or tells how long to wait for it.
    ///
    /// # Errors
    /// There is none now; the wait.
    pub fn take(&self, key: K, elapsed: Duration) -> Result<Slot<K>, Duration> {
        self.elapsed.tell(elapsed);
        let slot = self.slot(key, elapsed);
        match self.limiter.check_key(&slot) {
            Ok(()) => Ok(slot),
            Err(not_until) => Err(not_until.wait_time_from(self.elapsed.now())),
        }
    }

    /// Undoes a take from `slot`.
    pub fn give_back(&self, slot: &Slot<K>) {
        self.table.give_back(slot, self.worth);
    }

    fn slot(&self, key: K, elapsed: Duration) -> Slot<K> {
        let own = Slot::Own(key);
        if self.has_room(&own) || (self.sweep(elapsed) && self.has_room(&own)) { own } else { Slot::Shared }
    }

    fn has_room(&self, slot: &Slot<K>) -> bool {
        let states = self.table.store().lock();
        states.contains_key(slot) || states.len() < self.keys_max
    }

    /// Drops the buckets that are full again, unless that was done just now.
    fn sweep(&self, elapsed: Duration) -> bool {
        let (last, now) = (self.swept.load(Ordering::Relaxed), nanos(elapsed));
        let is_due = now >= last.saturating_add(nanos(SWEEP_EVERY));
        let mine =
            is_due && self.swept.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            self.limiter.retain_recent();
        }
        mine
    }

    /// Buckets held now.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn buckets(per_min: u32, keys_max: usize) -> Buckets<u32> {
        Buckets::per_minute(NonZeroU32::new(per_min).unwrap(), keys_max)
    }

    #[test]
    fn each_key_has_its_own() {
        let buckets = buckets(2, 10);
        for key in [1, 2] {
            assert_eq!(buckets.take(key, 100 * S), Ok(Slot::Own(key)));
            assert_eq!(buckets.take(key, 100 * S), Ok(Slot::Own(key)));
            assert_eq!(buckets.take(key, 100 * S), Err(30 * S));
        }
        assert_eq!(buckets.take(1, 130 * S), Ok(Slot::Own(1)));
        buckets.give_back(&Slot::Own(2));
        assert_eq!(buckets.take(2, 100 * S), Ok(Slot::Own(2)));
    }

    #[test]
    fn beyond_the_bound_further_keys_share_one() {
        let buckets = buckets(1, 3);
        for key in 0..3 {
            assert_eq!(buckets.take(key, 100 * S), Ok(Slot::Own(key)));
        }
        assert_eq!(buckets.take(3, 110 * S), Ok(Slot::Shared));
        for key in 4..1_000 {
            assert_eq!(buckets.take(key, 110 * S), Err(60 * S), "{key}");
        }
        assert_eq!(buckets.take(2, 110 * S), Err(50 * S), "a known key keeps its own");
        assert_eq!(buckets.len(), 4, "three and the shared one");
    }

    #[test]
    fn full_buckets_make_room() {
        let buckets = buckets(1, 3);
        for key in 0..3 {
            assert_eq!(buckets.take(key, 100 * S), Ok(Slot::Own(key)));
        }
        // Refilled at 160 s, and told from a new one no more once that much time again has passed.
        assert_eq!(buckets.take(3, 219 * S), Ok(Slot::Shared));
        assert_eq!(buckets.take(3, 220 * S), Ok(Slot::Own(3)));
        assert_eq!(buckets.take(4, 220 * S), Ok(Slot::Own(4)));
        assert_eq!(buckets.len(), 3, "two and the shared one");
    }

    #[test]
    fn full_buckets_are_looked_for_once_a_second() {
        let buckets = buckets(60, 1);
        assert_eq!(buckets.take(0, 10 * S), Ok(Slot::Own(0)));
        assert_eq!(buckets.take(1, 11 * S), Ok(Slot::Shared), "looked for and found none");
        let soon = 11 * S + Duration::from_millis(999);
        assert_eq!(buckets.take(1, soon), Ok(Slot::Shared));
        assert!(!buckets.sweep(soon) && buckets.sweep(13 * S));
    }
}
