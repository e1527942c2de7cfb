//! How often something may happen: buckets that hold one minute's worth and are refilled evenly.
//!
//! After a quiet minute a whole minute's worth may go at once; over time no more than the rate. Nothing here reads a
//! clock: whoever takes says what time it is, so that tests can move it by hand.
//!
//! A [`Bucket`] is this process's own. Of a rate that several processes share ([`Pace`], [`Level`]) each draws a [`Slice`]
//! of cells in advance and spends it by itself.

mod bucket;
mod buckets;
mod gcra;
mod slice;
mod state;
mod told;

pub use bucket::Bucket;
pub use buckets::{Buckets, Slot};
pub use gcra::{Level, Pace};
pub use slice::{Cell, Drawing, Slice, Stand};
