//! The machine we run on: its clock, its randomness, and the one place that starts tasks.

mod clock;
mod tasks;

pub use clock::SystemClock;
pub use tasks::Tasks;

use uuid::Uuid;

use crate::domain::EventId;

/// A random number from 0 to 1, for jitter.
pub fn draw() -> f64 {
    fastrand::f64()
}

/// A fresh event id; ids of one process ascend.
pub fn event_id() -> EventId {
    EventId(Uuid::now_v7())
}
