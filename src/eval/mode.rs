//! Where the answers of language models come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a suite gets the answers of language models. Rules and the local model are always asked themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From recordings only: one that is missing is an error which names the case. Nothing is bought.
    #[default]
    Replay,
    /// From recordings; what is missing is bought and recorded.
    RecordMissing,
    /// Everything is bought anew and recorded, in the place of what was there.
    Record,
    /// Everything is bought anew, and nothing recorded.
    Live,
}

impl Mode {
    /// What stands in the place of a mode where nobody is asked who needs one.
    pub const OFFLINE: &str = "offline";

    /// Whether a recorded answer is taken.
    pub const fn reads(self) -> bool {
        matches!(self, Mode::Replay | Mode::RecordMissing)
    }

    /// Whether a vendor may be asked.
    pub const fn buys(self) -> bool {
        !matches!(self, Mode::Replay)
    }

    /// Whether an answer that was bought is written down.
    pub const fn writes(self) -> bool {
        matches!(self, Mode::RecordMissing | Mode::Record)
    }

    /// As it is written on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Replay => "replay",
            Mode::RecordMissing => "record-missing",
            Mode::Record => "record",
            Mode::Live => "live",
        }
    }
}
