//! The machine we run on: its clock, its randomness, and the one place that starts tasks.

mod clock;
mod disk;
mod fail_point;
pub mod http;
mod pressure;
mod tasks;

pub use clock::SystemClock;
pub use disk::free_bytes;
pub use fail_point::{FailPoint, VARIABLE as FAIL_AT, pass};
pub use pressure::Pressure;
pub use tasks::Tasks;

use uuid::Uuid;

use crate::domain::EventId;

/// A random number from 0 to 1, for jitter.
#[expect(clippy::disallowed_methods, reason = "the one place that draws")]
pub fn draw() -> f64 {
    fastrand::f64()
}

/// A fresh event id; ids of one process ascend.
#[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
pub fn event_id() -> EventId {
    EventId(Uuid::now_v7())
}

/// A name that nothing else has: for delivery ids and temporary folders.
#[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
pub fn unique_name() -> String {
    Uuid::now_v7().simple().to_string()
}
