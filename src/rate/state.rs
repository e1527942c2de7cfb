//! What was taken, where it can also be given back.

use std::{convert::Infallible, hash::Hash, sync::Arc, time::Duration};

use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};

use super::told::nanos;

/// A limiter's state, kept at hand beside the limiter, which only takes.
pub(super) struct State<S>(Arc<S>);

impl<S> State<S> {
    pub fn new(store: S) -> Self {
        State(Arc::new(store))
    }

    pub fn store(&self) -> &S {
        &self.0
    }
}

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        State(Arc::clone(&self.0))
    }
}

impl<S: StateStore> State<S> {
    /// Undoes one take of `worth`, the time in which that much is refilled. The state is the moment at which the
    /// bucket is full again, so that moment comes earlier by as much.
    pub fn give_back(&self, key: &S::Key, worth: Duration) {
        let earlier = |full_at: Option<Nanos>| {
            Ok::<_, Infallible>(((), full_at.unwrap_or_default().saturating_sub(nanos(worth).into())))
        };
        match self.0.measure_and_replace(key, earlier) {
            Ok(()) => {}
        }
    }

    /// The bucket is full again at `moment` and no sooner. Whether that is later than it would have been.
    pub fn full_at_least(&self, key: &S::Key, moment: Nanos) -> bool {
        let later = |full_at: Option<Nanos>| {
            let before = full_at.unwrap_or_default();
            Ok::<_, Infallible>((moment > before, moment.max(before)))
        };
        match self.0.measure_and_replace(key, later) {
            Ok(is_later) => is_later,
        }
    }
}

impl<S: StateStore> StateStore for State<S> {
    type Key = S::Key;

    fn measure_and_replace<T, F, E>(&self, key: &Self::Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, f)
    }
}

impl<K: Hash + Eq + Clone, S: ShrinkableKeyedStateStore<K>> ShrinkableKeyedStateStore<K> for State<S> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
