//! One shard with what this process writes there.

use std::sync::Arc;

use super::{News, batch::Batch, voice::Voice};

/// See the module.
pub(super) struct Part {
    pub voice: Arc<Voice>,
    /// Events that are taken in.
    pub arrivals: Batch,
    /// Changes of events.
    pub changes: Batch,
}

impl Part {
    /// Of arrivals those who wait for `news` hear, whoever handed them in.
    pub fn new(voice: Voice, news: &Arc<News>) -> Self {
        let voice = Arc::new(voice);
        let arrived = Arc::clone(news);
        Part {
            arrivals: Batch::new(
                |scripts| &scripts.accept,
                Arc::clone(&voice),
                move || arrived.announce(true),
            ),
            changes: Batch::new(|scripts| &scripts.commit, Arc::clone(&voice), || {}),
            voice,
        }
    }
}
