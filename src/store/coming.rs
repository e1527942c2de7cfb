//! A claim that waits at the store for work.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Claim, Limits};

/// Tells the limits of the moment.
pub type LimitsNow = Arc<dyn Fn() -> Limits + Send + Sync>;

/// What comes of a request for work that was left with the store: see [`super::Store::claim_or_wait`]. Jobs that came may not be
/// dropped, as nobody would work on them until their leases run out: who waits no longer asks what came with
/// [`Coming::withdraw`].
#[derive(Debug)]
pub struct Coming(oneshot::Receiver<Claim>);

/// The store's end of it.
#[derive(Debug)]
pub struct Wanted(oneshot::Sender<Claim>);

impl Coming {
    /// Both ends.
    pub fn of_one() -> (Wanted, Coming) {
        let (wanted, coming) = oneshot::channel();
        (Wanted(wanted), Coming(coming))
    }

    /// Jobs, once there are some; `None` if the request is not known to the store any more.
    pub async fn arrived(&mut self) -> Option<Claim> {
        (&mut self.0).await.ok()
    }

    /// Takes the request back; jobs that came already.
    pub fn withdraw(mut self) -> Option<Claim> {
        self.0.close();
        self.0.try_recv().ok()
    }
}

impl Wanted {
    /// Nobody waits for it any more.
    pub fn is_withdrawn(&self) -> bool {
        self.0.is_closed()
    }

    /// Hands out the jobs.
    ///
    /// # Errors
    /// Nobody waits for them any more: here they are.
    pub fn hand_out(self, claim: Claim) -> Result<(), Claim> {
        self.0.send(claim)
    }
}
