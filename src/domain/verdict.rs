//! A classifier's decision, with everything needed to explain it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Name;

/// A schema-valid, sufficiently confident answer, and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub classifier: Name,
    pub label: String,
    /// 0 to 1. Only comparable between events if `calibrated`.
    pub confidence: f64,
    pub calibrated: bool,
    /// All fields of the output, valid against the classifier's schema.
    pub output: Value,
    pub judge: Name,
    /// What kind of judge decided, in plain words: `local model, not an LLM`.
    pub judged_by: String,
    /// Model name, or a digest of the local model.
    pub model: String,
    /// Why, in the judge's words: the rule that held, the words that decided, the model's stated reason.
    pub why: Vec<String>,
    /// Which of the classifier's prompts were asked by, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Name>,
    /// SHA-256 (hex) of the prompt templates.
    pub prompt_digest: String,
    /// SHA-256 (hex) of the schema file.
    pub schema_digest: String,
    pub tokens: Tokens,
    pub latency_ms: u64,
    /// It came after the time that its classifier has from an event's receipt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// How many places of the event were redacted before a language model read it, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<String, u32>,
    /// Every rung that was tried, in order, the deciding one last.
    pub rungs: Vec<Rung>,
}

/// The judge of a verdict that a person gave.
pub const PERSON: &str = "person";

/// One judge's turn on the ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    pub judge: Name,
    pub outcome: RungOutcome,
    /// What it said or why it did not.
    pub said: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    pub latency_ms: u64,
}

/// How a judge's turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungOutcome {
    Decided,
    /// It answered, but below the rung's confidence.
    Unsure,
    /// It had nothing to say.
    Abstained,
    /// Its answer failed the schema.
    Invalid,
    /// It could not be asked: no key, an error, no answer in time.
    Unavailable,
}

/// Tokens bought, the vendors' counts brought to one form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub input_uncached: u64,
    pub cache_write: u64,
    pub cache_read: u64,
    pub output: u64,
}

/// More tokens than any question or answer has; a count beyond it is no count.
const TOKENS_MAX: u64 = 1_000_000_000;

impl Tokens {
    /// As a server counted them, if they can be: what others reckon with must add up.
    pub fn believable(self) -> Option<Tokens> {
        let Tokens { input_uncached, cache_write, cache_read, output } = self;
        let counts = [input_uncached, cache_write, cache_read, output];
        counts.iter().all(|count| *count <= TOKENS_MAX).then_some(self)
    }

    /// The sum of two answers'.
    #[must_use]
    pub fn and(self, other: Tokens) -> Tokens {
        Tokens {
            input_uncached: self.input_uncached.saturating_add(other.input_uncached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            output: self.output.saturating_add(other.output),
        }
    }
}
