//! What a case is used for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What a case is used for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// `local` learns from it.
    Train,
    /// Looked at while prompts and rules are worked on.
    Dev,
    /// Only measured.
    Test,
}

impl Split {
    pub const ALL: [Split; 3] = [Split::Train, Split::Dev, Split::Test];

    pub const fn as_str(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Dev => "dev",
            Split::Test => "test",
        }
    }

    /// Of a cluster's name where there is one, so that relatives stay together; else of the event's body alone. So it never
    /// moves, and equal bodies stay together: six tenths train, two dev, two test.
    pub(super) fn of(cluster: Option<&str>, body: &Value) -> Self {
        let digest: [u8; 32] = match cluster {
            Some(cluster) => Sha256::digest(cluster),
            None => Sha256::digest(body.to_string()),
        }
        .into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        match u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 10 {
            0..=5 => Split::Train,
            6..=7 => Split::Dev,
            _ => Split::Test,
        }
    }
}
