//! The store: where accepted events and their jobs live, and the one contract every backend keeps.

mod admission;
mod bodies;
mod carried;
mod coming;
mod contract;
pub mod dir;
mod keep;
mod migration;
mod query;
mod rates;
pub mod redis;
pub mod sqlite;
mod state;
mod work;

pub use admission::{Accepted, Admission, Coalesce, DedupeKey, NewJob, OnMatch, OnStuck, Order, Start};
pub use carried::{Carried, CarriedJob, CarriedPlace, Departure, Household, Inventory};
pub use coming::{Coming, LimitsNow, Wanted};
pub use contract::{Store, StoreError};
pub use keep::{
    Back, EraseStep, Erased, PURSE_KEPT, RateDraw, RateDrawn, RetainStep, Retained, Retention, SPENT_KEPT,
};
pub use migration::{MigrateError, Migrated, Progress, migrate};
pub use query::{
    DeadGroup, Depths, EventQuery, EventSummary, JobHistory, JobQuery, LaneDepth, Load, Pause, QueueDepth,
    ROWS_MAX, Redelivery, Timeline,
};
pub use rates::Rates;
pub use work::{
    Claim, ClaimRequest, Claimed, Limits, PARKS_KEPT, Replaced, Replayed, Resolution, Resolved, Settlement,
};
