//! Running a stored event again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::words::words;

/// What a replay does about the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayMode {
    /// Plans from the verdict on record: no judge is asked.
    Reuse,
    /// Climbs the ladder anew. A question that was answered before is not paid for again.
    Reclassify,
    /// Climbs the ladder by the prompts of the classifier's shadow. What comes of it is recorded, and nothing is planned.
    Shadow,
}

words!(ReplayMode { Reuse = "reuse", Reclassify = "reclassify", Shadow = "shadow" });

/// A wish to run an event again: a person's, or the classifier's, which has a shadow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    pub mode: ReplayMode,
    /// Names the sweep it belongs to: an event is replayed once a sweep, however often the sweep is begun anew.
    pub sweep: Arc<str>,
}
