//! Whether there is room for another event: asked before a body is read, so that a full house costs its senders and
//! itself as little as possible.

use crate::{config::tables::StoreTable, store::Store};

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Jobs,
    /// Bytes of payload kept.
    Bytes,
}

impl Full {
    /// The fixed word it is counted under.
    pub const fn word(self) -> &'static str {
        match self {
            Full::Jobs => "full_jobs",
            Full::Bytes => "full_bytes",
        }
    }

    /// What the sender is told.
    pub const fn reason(self) -> &'static str {
        match self {
            Full::Jobs => "too many jobs are waiting",
            Full::Bytes => "too many bytes are kept",
        }
    }
}

/// The first bound that is reached; `None` while there is room. Costs a few loads from memory.
pub(super) fn fullness(store: &dyn Store, bounds: &StoreTable) -> Option<Full> {
    let load = store.load();
    if load.open_jobs >= bounds.open_jobs_max {
        Some(Full::Jobs)
    } else if load.payload_bytes >= bounds.payload_bytes_max {
        Some(Full::Bytes)
    } else {
        None
    }
}
