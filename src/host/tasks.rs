//! The one place that starts tasks: every task is counted, named, told to stop, and waited for.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::watch;

/// A group of tasks that stop together. Clones belong to the same group.
#[derive(Debug, Clone)]
pub struct Tasks {
    stop: Arc<watch::Sender<bool>>,
    running: Arc<watch::Sender<usize>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Tasks { stop: Arc::new(watch::Sender::new(false)), running: Arc::new(watch::Sender::new(0)) }
    }
}

/// Counts its task out, also when the task panics.
struct Running {
    name: &'static str,
    count: Arc<watch::Sender<usize>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                task = self.name,
                "a task panicked; its work will be taken up again when its lease ends"
            );
        }
        self.count.send_modify(|n| *n -= 1);
    }
}

impl Tasks {
    /// Runs `work` beside everything else.
    #[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.running.send_modify(|n| *n += 1);
        let running = Running { name, count: Arc::clone(&self.running) };
        // A future that is awaited inside another one takes its place there twice.
        let work = Box::pin(work);
        tokio::spawn(async move {
            let _running = running;
            work.await;
        });
    }

    /// Tells every task of the group to come to an end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Completes when the group was told to stop.
    pub async fn stopping(&self) {
        // An error would mean that the sender is gone; we hold it.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until no task runs; `false` if some still do after `within`.
    pub async fn drained(&self, within: Duration) -> bool {
        let mut running = self.running.subscribe();
        tokio::time::timeout(within, running.wait_for(|n| *n == 0)).await.is_ok()
    }
}
