//! Statistics on bare numbers: nothing in here knows of cases or labels.

pub mod bootstrap;
pub mod detectable;
pub mod holm;
pub mod kappa;
pub mod mcnemar;
pub mod normal;
pub mod spread;
pub mod wilson;

/// How often an interval misses the truth, and a test sees a difference where there is none.
pub const ALPHA: f64 = 0.05;
