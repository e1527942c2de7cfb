//! Whether something that failed works again is found out by one process at a time.

use std::time::Duration;

use super::Worker;

/// Longest wait to hear what the other processes do. Without an answer this one goes by itself.
pub(super) const HEAR_WITHIN: Duration = Duration::from_millis(50);

impl Worker {
    /// Whether this process may find out now; of several one may in that time. `what` is guarded, and called `name`.
    pub(super) async fn may_find_out(&self, what: &str, name: &str, every: Duration) -> bool {
        if !self.store.is_shared() {
            return true;
        }
        let turn = format!("probe/{what}/{name}");
        tokio::select! {
            biased;
            mine = self.store.take_turn(&turn, every) => mine.unwrap_or(true),
            () = self.clock.sleep_until(self.clock.now().plus(HEAR_WITHIN)) => true,
        }
    }
}
