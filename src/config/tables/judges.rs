//! `config/judges.toml`: the language models that may be asked.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{BreakerTable, Effort};

/// `config/judges.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JudgesFile {
    /// `[judge.NAME]`. The names `rules` and `local` are built in.
    pub judge: IndexMap<String, JudgeTable>,
}

/// The vendor's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgeKind {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's API, or any server that speaks it.
    Openai,
}

/// Which of OpenAI's APIs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Chat Completions, which every compatible server speaks.
    #[default]
    Chat,
    /// Responses.
    Responses,
}

/// One language model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgeTable {
    pub kind: JudgeKind,
    /// Which API, where `kind` is `openai`.
    pub api: Option<Api>,
    /// The model's id in the vendor's words. What it takes and costs stands in models.toml.
    pub model: String,
    /// How much it is to think, where the model lets that be said; the vendor's choice if left out.
    pub effort: Option<Effort>,
    /// `${ENV}` or `file:PATH`. While it is unset the judge is passed over. `none` for a server without keys.
    pub api_key: String,
    /// Where the API is; the vendor's own address if left out. May be `${ENV}`.
    pub base_url: Option<String>,
    /// Largest answer in tokens.
    #[serde(default = "output_tokens_max")]
    pub output_tokens_max: u32,
    /// Time in ms to wait for an answer.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Questions under way at one time. Beyond it, and beyond the limits below, a short wait is waited for; where it is long the
    /// next judge of the ladder is asked, and without one the job waits. Without a number there is no limit of ours.
    pub concurrency: Option<u32>,
    /// When it is left alone for a while; the next judge is asked meanwhile.
    #[serde(default)]
    pub breaker: BreakerTable,
    /// Questions per minute; beyond it as with `concurrency`. Without it there is no limit of ours.
    pub limit_per_min: Option<u32>,
    /// Input tokens per minute, without those that the vendor's cache gives: as Anthropic counts. Beyond it as with
    /// `concurrency`.
    pub input_tokens_per_min: Option<u32>,
    /// Output tokens per minute; what an answer may have is taken before it is asked, what it has not is given back.
    pub output_tokens_per_min: Option<u32>,
    /// Tokens per minute, of each question the larger one of its own and of what its answer may have: as OpenAI counts.
    pub tokens_per_min: Option<u32>,
    /// What it may cost. Beyond it the next judge of the ladder is asked; without one jobs wait until the next day or month, however long
    /// that is: the time does not count for `retry.age_max_ms`.
    #[serde(default)]
    pub budget: BudgetTable,
    /// Whether an answer that the schema does not admit is asked for once more, with what was wrong. It costs as much again.
    #[serde(default = "repair")]
    pub repair: bool,
    /// A folder of `evals/`: it answers as it once did, as far as that stands in the folder's `recordings/`, and nobody is
    /// asked.
    pub replay: Option<String>,
    /// Lets the base URL point into a private network or to this machine.
    #[serde(default)]
    pub allow_private: bool,
}

/// `budget`: what a judge may cost, in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetTable {
    /// In a day, by UTC.
    pub day_usd: Option<f64>,
    /// In a calendar month, by UTC.
    pub month_usd: Option<f64>,
}

const fn output_tokens_max() -> u32 {
    1_024
}

const fn repair() -> bool {
    true
}

const fn timeout_ms() -> u64 {
    20_000
}
