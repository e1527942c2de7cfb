//! What the suite needs of a backend.

mod moved;
mod redis;
mod sqlite;

use std::sync::Arc;

use hookyard::{domain::EventId, store::Store};

use crate::support::clock::HandClock;

pub use moved::{MovedToOne, MovedToParts};
pub use redis::{ClusterBackend, RedisBackend, ShardedBackend};
pub use sqlite::{SqliteBackend, open_in};

/// A store of one kind with a place of its own, gone when this is dropped.
pub trait Backend: Sized {
    /// Keys that are over are removed by steps of retention; else they go by themselves.
    const RETAIN_REMOVES_KEYS: bool;

    /// Parts that the store is in. Across several the order of claims is not told, and a lease that is over is taken back
    /// when its part is asked.
    const PARTS: u16;

    /// Opens an empty store that remembers dedupe keys for [`super::given::DEDUPE`].
    async fn open() -> Self;

    fn store(&self) -> Arc<dyn Store>;

    fn clock(&self) -> &HandClock;

    /// Which part of the store an event is in; 0 where there is one.
    async fn part_of(&self, event: EventId) -> u16;

    /// Lets go of the store without settling what is under way, and opens it again on the same data with the same
    /// clock. Every other handle on the store must be gone.
    async fn crash_and_reopen(self) -> Self;
}
