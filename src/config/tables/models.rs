//! `config/models.toml`: what language models take, and what they cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::words;

/// `config/models.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelsFile {
    pub model: Vec<ModelTable>,
}

/// `[[model]]`: one model. What is left out is as in the built-in row of the same id; where there is none, as said here.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelTable {
    /// The model's id in the vendor's words, as a judge's `model` gives it. A row also serves the dated ids that begin with
    /// its own: `gpt-4o` is that of `gpt-4o-2024-08-06`.
    pub id: String,
    /// Whether it can be held to a JSON Schema. Without that the schema is part of the instructions. If left out: yes.
    pub structured_output: Option<bool>,
    /// Whether it takes a temperature, where the API is OpenAI's; it is asked at 0 then. If left out: no.
    pub sampling: Option<bool>,
    /// The words for effort that it takes. If left out: none.
    pub efforts: Option<Vec<Effort>>,
    /// How the vendor keeps the fixed part of a prompt for later questions. If left out: not at all.
    pub cache: Option<CacheKind>,
    /// Shortest fixed part in tokens that is kept. If left out: 1024.
    pub cache_tokens_min: Option<u32>,
    /// Tokens of question and answer together. If left out: 128000.
    pub context_tokens: Option<u32>,
    /// Tokens of the longest answer that it gives. If left out: as many as `context_tokens` has room for.
    pub output_tokens_max: Option<u32>,
    /// The parameter that bounds an answer, where the API is OpenAI's Chat Completions. If left out: `max_completion_tokens`
    /// at OpenAI, `max_tokens` at other addresses.
    pub output_limit: Option<OutputLimit>,
    /// What it costs. If left out: 5 and 25, so that a budget counts too much rather than too little.
    pub price: Option<PriceTable>,
}

/// How much a model is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

words!(Effort {
    None = "none",
    Minimal = "minimal",
    Low = "low",
    Medium = "medium",
    High = "high",
    Xhigh = "xhigh",
    Max = "max",
});

/// How a vendor keeps the fixed part of a prompt for later questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheKind {
    None,
    /// By itself.
    Automatic,
    /// Where it is marked.
    Marked,
}

/// The parameter of Chat Completions that bounds an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputLimit {
    MaxCompletionTokens,
    MaxTokens,
}

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    pub input: f64,
    pub output: f64,
    /// Input that the vendor keeps for later questions; as `input` if left out.
    pub cache_write: Option<f64>,
    /// Input that it had kept; as `input` if left out.
    pub cache_read: Option<f64>,
    /// Prices of questions that are longer than usual.
    pub long: Option<LongPriceTable>,
}

/// Prices of a question that has more input tokens than `above_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPriceTable {
    pub above_tokens: u64,
    pub input: f64,
    pub output: f64,
}
