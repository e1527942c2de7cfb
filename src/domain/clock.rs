//! The port through which time comes in.

use std::{future::Future, pin::Pin, time::Duration};

use super::Timestamp;

/// A wait that a [`Clock`] handed out.
pub type Wait<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tells the time and waits for it. The service runs on the machine's clock, tests on one they move by hand.
pub trait Clock: Send + Sync {
    /// The wall clock, which may jump; for what people and senders read.
    fn now(&self) -> Timestamp;

    /// Time since some fixed start that never jumps; for leases.
    fn monotonic(&self) -> Duration;

    /// Completes at or soon after `at`.
    fn sleep_until(&self, at: Timestamp) -> Wait<'_>;
}
