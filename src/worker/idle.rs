//! How a worker without work waits for some.

use std::sync::Arc;

use tokio::sync::watch;

use super::Worker;
use crate::{
    domain::Timestamp,
    engine::Engine,
    store::{Claim, Coming, Limits},
};

/// What tells that there may be work, or that it is to be asked for otherwise.
pub(super) struct Signals {
    work: watch::Receiver<u64>,
    engine: watch::Receiver<Arc<Engine>>,
}

impl Signals {
    pub fn of(worker: &Worker) -> Self {
        Signals { work: worker.store.work(), engine: worker.engine.watch() }
    }

    /// What was told so far is known: work is asked for now.
    pub fn clear(&mut self) {
        self.work.mark_unchanged();
        self.engine.mark_unchanged();
    }
}

/// What a request for work that found none leaves to wait for.
pub(super) struct Idle<'a> {
    /// Only if the store has the request, and hands out jobs for it.
    pub coming: Option<Coming>,
    /// The limits that it was made by.
    pub limits: &'a Limits,
    /// When it is to be made again.
    pub until: Timestamp,
}

impl Worker {
    /// Waits until work is to be asked for again; what came of the request by then.
    pub(super) async fn idle(&self, idle: Idle<'_>, signals: &mut Signals) -> Option<Claim> {
        let Idle { mut coming, limits, until } = idle;
        let stands = coming.is_some();
        let Signals { work, engine } = signals;
        let arrives = async {
            match &mut coming {
                Some(coming) => coming.arrived().await,
                None => work.changed().await.ok().and(None),
            }
        };
        let freed = async {
            loop {
                self.freed.notified().await;
                // That a job has ended the store sees too; but a breaker may have opened, whose end is to be waited for.
                if !stands || self.engine().limits(self.clock.monotonic()) != *limits {
                    return;
                }
            }
        };
        let came = tokio::select! {
            came = arrives => came,
            () = freed => None,
            _ = engine.changed() => None,
            () = self.clock.sleep_until(until) => None,
            () = self.tasks.stopping() => None,
        };
        came.or_else(|| coming?.withdraw())
    }
}
