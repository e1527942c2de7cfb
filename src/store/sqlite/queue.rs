//! What waits for the writer, and whether it is too much.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;

use super::pace::{BURST_MAX, Pace};

/// Operations that may share one commit.
const BATCH_MAX: usize = 256;

/// Operations that may wait; beyond it callers wait to hand theirs in.
const WAITING_MAX: usize = 4_096;

/// The callers' end.
pub(super) struct Queue<Operation> {
    operations: mpsc::Sender<Operation>,
    /// Operations that may wait without being too many.
    room: Arc<AtomicUsize>,
}

/// The writer's end.
pub(super) struct Waiting<Operation> {
    operations: mpsc::Receiver<Operation>,
    room: Arc<AtomicUsize>,
    pace: Pace,
}

/// A queue with nothing in it.
pub(super) fn new<Operation>() -> (Queue<Operation>, Waiting<Operation>) {
    let (callers, writer) = mpsc::channel(WAITING_MAX);
    let room = Arc::new(AtomicUsize::new(BURST_MAX));
    let queue = Queue { operations: callers, room: Arc::clone(&room) };
    (queue, Waiting { operations: writer, room, pace: Pace::default() })
}

impl<Operation> Clone for Queue<Operation> {
    fn clone(&self) -> Self {
        Queue { operations: self.operations.clone(), room: Arc::clone(&self.room) }
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
        waiting >= self.room.load(Ordering::Relaxed)
    }
}

impl<Operation> Waiting<Operation> {
    /// Waits for an operation, and takes it with those behind it, as many as share a commit; `false` when every caller
    /// is gone. `now` tells the time once there is one.
    pub fn take(&mut self, batch: &mut Vec<Operation>, now: impl FnOnce() -> Duration) -> bool {
        let taken = self.operations.blocking_recv_many(batch, BATCH_MAX);
        let room = self.pace.taking(taken + self.operations.len(), now());
        self.room.store(room, Ordering::Relaxed);
        taken > 0
    }

    /// What was taken last is written, in `work`; the disk needed `flush` last.
    pub fn written(&mut self, operations: usize, work: Duration, flush: Duration) {
        self.pace.written(operations, work, flush);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const OPERATION: Duration = Duration::from_micros(20);
    /// Operations that are worked on while it is never too long.
    const ENOUGH: usize = 200;

    /// Hands in as many as are taken while nothing is too much; how many that were.
    async fn fill(queue: &Queue<usize>) -> usize {
        let mut n = 0;
        while !queue.congested() {
            assert!(n < WAITING_MAX, "whatever waits is not too much");
            assert!(queue.hand_in(n).await.is_ok());
            n += 1;
        }
        n
    }

    /// `Waiting::take` blocks, and so has a thread of its own.
    async fn take(mut waiting: Waiting<usize>, now: Duration) -> (Waiting<usize>, usize) {
        let taken = tokio::task::spawn_blocking(move || {
            let mut batch = Vec::new();
            assert!(waiting.take(&mut batch, || now));
            waiting.written(batch.len(), OPERATION * batch.len() as u32, MS);
            (waiting, batch.len())
        });
        taken.await.unwrap()
    }

    #[tokio::test]
    async fn after_a_burst_as_much_is_let_in_as_is_worked_on() {
        let (queue, waiting) = new();
        assert!(queue.hand_in(0).await.is_ok());
        let (mut waiting, mut taken) = take(waiting, MS).await;
        assert_eq!((taken, fill(&queue).await), (1, BURST_MAX));
        for left in [768, 512, 256, 0] {
            (waiting, taken) = take(waiting, MS).await;
            assert_eq!((taken, queue.congested()), (BATCH_MAX, left > 0), "{left} are left");
        }
        for _ in 0..3 {
            assert_eq!(fill(&queue).await, ENOUGH, "it goes on");
            (waiting, taken) = take(waiting, 2 * MS).await;
            assert_eq!(taken, ENOUGH);
        }
        assert!(queue.hand_in(0).await.is_ok());
        let (_waiting, _) = take(waiting, Duration::from_mins(1)).await;
        assert_eq!(fill(&queue).await, BURST_MAX, "it is over");
    }

    #[tokio::test]
    async fn a_writer_whose_callers_are_gone_ends() {
        let (queue, waiting) = new();
        assert!(queue.hand_in(1).await.is_ok());
        drop(queue);
        let (mut waiting, _) = take(waiting, MS).await;
        let ended = tokio::task::spawn_blocking(move || waiting.take(&mut Vec::new(), || MS));
        assert!(!ended.await.unwrap());
    }
}
