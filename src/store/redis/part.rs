//! One shard with what this process writes there.

use std::sync::Arc;

use super::{batch::Batch, voice::Voice};

/// See the module.
pub(super) struct Part {
    pub voice: Arc<Voice>,
    /// Events that are taken in.
    pub arrivals: Batch,
    /// Changes of events.
    pub changes: Batch,
}

impl Part {
    pub fn new(voice: Voice) -> Self {
        let voice = Arc::new(voice);
        Part {
            arrivals: Batch::new(|scripts| &scripts.accept, Arc::clone(&voice)),
            changes: Batch::new(|scripts| &scripts.commit, Arc::clone(&voice)),
            voice,
        }
    }
}
