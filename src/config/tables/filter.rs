//! `config/filter.toml`: which events are worth a job, and in which lane.

use schemars::JsonSchema;
use serde::Deserialize;

/// `config/filter.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterFile {
    /// `[[rule]]`: the first one that fits decides.
    pub rule: Vec<FilterRule>,
    /// What happens to an event that no rule fits.
    pub otherwise: Otherwise,
}

/// One rule of the filter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterRule {
    /// Event types; `*` at the end stands for anything.
    pub types: Vec<String>,
    /// Only from these sources; from all if left out.
    #[serde(default)]
    pub sources: Vec<String>,
    /// A further condition on the event.
    pub when: Option<String>,
    /// `critical`, `normal` or `bulk`, or `ignore` to answer 200 and drop the event.
    pub lane: String,
    /// Why; told to the sender and counted when the event is ignored.
    pub reason: Option<String>,
}

/// The fate of an event that no rule fits: a lane's name, or `ignore`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otherwise {
    pub lane: String,
}

impl Default for Otherwise {
    fn default() -> Self {
        Otherwise { lane: "ignore".to_owned() }
    }
}
