//! Whether there is room for another event: asked before a body is read, so that a full house costs its senders and
//! itself as little as possible.

use crate::{config::tables::StoreTable, decide::room, host::Pressure, store::Store};

/// What there is too much of, or too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Jobs,
    /// Measured now and then.
    Room(room::Full),
}

impl Full {
    /// The fixed word it is counted under.
    pub const fn word(self) -> &'static str {
        match self {
            Full::Jobs => "full_jobs",
            Full::Room(room) => room.as_str(),
        }
    }

    /// What the sender is told.
    pub const fn reason(self) -> &'static str {
        match self {
            Full::Jobs => "too many jobs are waiting",
            Full::Room(room) => room.reason(),
        }
    }
}

/// The first bound that is reached; `None` while there is room. Costs a few loads from memory.
pub(super) fn fullness(store: &dyn Store, bounds: &StoreTable, pressure: &Pressure) -> Option<Full> {
    let jobs = (store.load().open_jobs >= bounds.open_jobs_max).then_some(Full::Jobs);
    jobs.or_else(|| pressure.get().map(Full::Room))
}
