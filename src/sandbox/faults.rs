//! Bad moments on demand: failures, lost answers, and requests that wait.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use tokio::sync::watch;

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub status: u16,
    /// The answer asks to be left alone for so many seconds.
    pub retry_after_s: Option<u64>,
    /// The effect takes place all the same, and only the answer is lost.
    pub after_effect: bool,
}

impl Default for Fault {
    fn default() -> Self {
        Fault { status: 503, retry_after_s: None, after_effect: false }
    }
}

impl Fault {
    pub(super) fn answer(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, "a fault, as the sandbox was told").into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Where a held request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    BeforeEffect,
    BeforeAnswer,
}

/// Holds requests until it is released or dropped.
pub struct Gate(Arc<Latch>);

struct Latch {
    path: String,
    moment: Moment,
    arrived: watch::Sender<u64>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Completes when `n` requests have come to the gate since it was made, whether or not they still wait.
    pub async fn arrived(&self, n: u64) {
        let mut arrived = self.0.arrived.subscribe();
        let _ = arrived.wait_for(|count| *count >= n).await; // the sender is here, in `self`
    }

    /// Lets the waiting requests go on, and all later ones pass.
    pub fn release(&self) {
        self.0.open.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("path", &self.0.path)
            .field("moment", &self.0.moment)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
pub(super) struct Faults(Mutex<Plans>);

#[derive(Default)]
struct Plans {
    faults: VecDeque<(String, u32, Fault)>,
    gates: Vec<Arc<Latch>>,
}

impl Faults {
    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, path: &str, n: u32, fault: Fault) {
        self.plans().faults.push_back((path.to_owned(), n, fault));
    }

    /// The fault that the present request to `path` is to meet, if any.
    pub(super) fn take(&self, path: &str) -> Option<Fault> {
        let mut plans = self.plans();
        plans.faults.retain(|(_, left, _)| *left > 0);
        let (_, left, fault) = plans.faults.iter_mut().find(|(at, _, _)| at == path)?;
        *left -= 1;
        Some(*fault)
    }

    pub(super) fn hold(&self, path: &str, moment: Moment) -> Gate {
        let path = path.to_owned();
        let latch = Latch { path, moment, arrived: watch::Sender::new(0), open: watch::Sender::new(false) };
        let latch = Arc::new(latch);
        self.plans().gates.push(Arc::clone(&latch));
        Gate(latch)
    }

    /// Waits at every closed gate of `path`.
    pub(super) async fn pass(&self, path: &str, moment: Moment) {
        let gates: Vec<Arc<Latch>> = {
            let mut plans = self.plans();
            plans.gates.retain(|gate| !*gate.open.borrow());
            plans
                .gates
                .iter()
                .filter(|gate| gate.path == path && gate.moment == moment)
                .map(Arc::clone)
                .collect()
        };
        for gate in gates {
            gate.arrived.send_modify(|count| *count += 1);
            let _ = gate.open.subscribe().wait_for(|open| *open).await; // the sender is here, in `gate`
        }
    }

    pub(super) fn release_all(&self) {
        for gate in self.plans().gates.drain(..) {
            gate.open.send_replace(true);
        }
    }
}
