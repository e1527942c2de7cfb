//! Whether there is room for another event: asked before a body is read, so that a full house costs its senders and
//! itself as little as possible.

use crate::{config::tables::StoreTable, decide::room, engine::Source, host::Pressure, store::Store};

/// What there is too much of, or too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Jobs,
    /// Measured now and then.
    Room(room::Full),
    /// More comes than can be stored in good time.
    Queue,
}

impl Full {
    /// The fixed word it is counted under.
    pub const fn word(self) -> &'static str {
        match self {
            Full::Jobs => "full_jobs",
            Full::Room(room) => room.as_str(),
            Full::Queue => "full_queue",
        }
    }

    /// What the sender is told.
    pub const fn reason(self) -> &'static str {
        match self {
            Full::Jobs => room::JOBS_FULL,
            Full::Room(room) => room.reason(),
            Full::Queue => "more comes than can be stored in good time",
        }
    }
}

/// The first bound that is reached; `None` while there is room. A sender that does not come again rather waits its turn
/// than be turned away. Costs a few loads from memory.
pub(super) fn fullness(
    store: &dyn Store,
    bounds: &StoreTable,
    pressure: &Pressure,
    source: &Source,
) -> Option<Full> {
    let jobs = (store.load().open_jobs >= bounds.open_jobs_max).then_some(Full::Jobs);
    jobs.or_else(|| pressure.get().map(Full::Room))
        .or_else(|| (source.limits.sender_retries && store.congested()).then_some(Full::Queue))
}
