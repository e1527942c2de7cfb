//! The store: where accepted events and their jobs live, and the one contract every backend keeps.

mod contract;
mod query;
pub mod sqlite;

pub use contract::{
    Accepted, Admission, Claim, ClaimRequest, Claimed, DedupeKey, NewJob, OnMatch, Resolution, Resolved,
    Settlement, Start, Store, StoreError,
};
pub use query::{Depths, EventQuery, EventSummary, JobHistory, JobQuery, LaneDepth, Pause, Timeline};
