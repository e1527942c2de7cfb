//! Whether something that failed works again is found out by one process at a time.

use std::time::Duration;

use crate::store::StoreError;

use super::Worker;

/// Longest wait to hear what the other processes do.
const HEAR_WITHIN: Duration = Duration::from_millis(50);

impl Worker {
    /// Whether this process may find out now; of several one may in that time. `what` is guarded, and called `name`.
    pub(super) async fn may_find_out(&self, what: &str, name: &str, every: Duration) -> bool {
        if !self.store.is_shared() {
            return true;
        }
        let turn = format!("probe/{what}/{name}");
        self.hear(self.store.take_turn(&turn, every)).await.unwrap_or(true)
    }

    /// What the store says of the other processes; nothing if it does not in time, and then this one goes by itself.
    pub(super) async fn hear<T>(&self, asked: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        tokio::select! {
            biased;
            told = asked => told.ok(),
            () = self.clock.sleep_until(self.clock.now().plus(HEAR_WITHIN)) => None,
        }
    }
}
