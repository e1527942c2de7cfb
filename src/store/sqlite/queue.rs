//! What waits for the writer, and whether it is too much.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc;

/// Operations that may share one commit.
pub(super) const BATCH_MAX: usize = 256;

/// Operations that may wait; beyond it callers wait to hand theirs in.
const WAITING_MAX: usize = 4_096;

/// Operations that wait after a burst at the most, a tenth of a second's work; more is congestion, and lasts until the
/// writer has room in a batch again. Meanwhile what would not be in the next commit is too much.
const BURST_MAX: usize = 1_024;

/// The callers' end.
pub(super) struct Queue<Operation> {
    operations: mpsc::Sender<Operation>,
    congested: Arc<AtomicBool>,
}

/// The writer's end.
pub(super) struct Waiting<Operation> {
    operations: mpsc::Receiver<Operation>,
    congested: Arc<AtomicBool>,
}

/// A queue with nothing in it.
pub(super) fn new<Operation>() -> (Queue<Operation>, Waiting<Operation>) {
    let (callers, writer) = mpsc::channel(WAITING_MAX);
    let congested = Arc::<AtomicBool>::default();
    let seen = Arc::clone(&congested);
    (Queue { operations: callers, congested }, Waiting { operations: writer, congested: seen })
}

impl<Operation> Clone for Queue<Operation> {
    fn clone(&self) -> Self {
        Queue { operations: self.operations.clone(), congested: Arc::clone(&self.congested) }
    }
}

/// The writer is gone.
pub(super) struct Gone;

impl<Operation> Queue<Operation> {
    pub async fn hand_in(&self, operation: Operation) -> Result<(), Gone> {
        self.operations.send(operation).await.map_err(|_| Gone)
    }

    /// Whether what is handed in now would wait too long.
    pub fn congested(&self) -> bool {
        let waiting = self.operations.max_capacity() - self.operations.capacity();
        let bound = if self.congested.load(Ordering::Relaxed) { BATCH_MAX } else { BURST_MAX };
        waiting >= bound
    }
}

impl<Operation> Waiting<Operation> {
    /// Waits for an operation, and takes it with those behind it, as many as share a commit; `false` when every caller
    /// is gone.
    pub fn take(&mut self, batch: &mut Vec<Operation>) -> bool {
        let waited = self.operations.len();
        let taken = self.operations.blocking_recv_many(batch, BATCH_MAX);
        if taken < BATCH_MAX {
            self.congested.store(false, Ordering::Relaxed);
        } else if waited >= BURST_MAX {
            self.congested.store(true, Ordering::Relaxed);
        }
        taken > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands in as many as are taken while nothing is too much; how many that were.
    async fn fill(queue: &Queue<usize>) -> usize {
        let mut n = 0;
        while !queue.congested() {
            assert!(queue.hand_in(n).await.is_ok());
            n += 1;
        }
        n
    }

    /// `Waiting::take` blocks, and so has a thread of its own.
    async fn take(mut waiting: Waiting<usize>) -> (Waiting<usize>, usize) {
        let taken = tokio::task::spawn_blocking(move || {
            let mut batch = Vec::new();
            assert!(waiting.take(&mut batch));
            (waiting, batch.len())
        });
        taken.await.unwrap()
    }

    #[tokio::test]
    async fn after_a_burst_no_more_than_one_batch_waits_until_the_writer_has_caught_up() {
        let (queue, mut waiting) = new();
        let (mut taken, _waiting);
        assert_eq!(fill(&queue).await, BURST_MAX);
        for left in [3, 2, 1] {
            (waiting, taken) = take(waiting).await;
            assert_eq!((taken, queue.congested()), (BATCH_MAX, true), "{left} batches are left");
        }
        for _ in 0..3 {
            (waiting, taken) = take(waiting).await;
            assert_eq!((taken, fill(&queue).await), (BATCH_MAX, BATCH_MAX), "it goes on");
        }
        (waiting, _) = take(waiting).await;
        assert!(queue.hand_in(0).await.is_ok());
        (_waiting, taken) = take(waiting).await;
        assert_eq!((taken, fill(&queue).await), (1, BURST_MAX), "it is over");
    }

    #[tokio::test]
    async fn a_writer_whose_callers_are_gone_ends() {
        let (queue, mut waiting) = new();
        assert!(queue.hand_in(1).await.is_ok());
        drop(queue);
        (waiting, _) = take(waiting).await;
        let ended = tokio::task::spawn_blocking(move || waiting.take(&mut Vec::new()));
        assert!(!ended.await.unwrap());
    }
}
