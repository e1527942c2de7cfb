//! `config/actions.toml`: what can be done, and where.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{BreakerTable, RetryTable};

/// `config/actions.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ActionsFile {
    pub destination: IndexMap<String, DestinationTable>,
    pub action: IndexMap<String, ActionTable>,
}

/// A place that actions go to, with its credentials.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DestinationTable {
    /// Base URL, plain or as `${ENV}`. While it is unset, actions to it are `dry_run`.
    pub url: Option<String>,
    /// Sent as a bearer token (to PagerDuty as its routing key), as `${ENV}` or `file:PATH`. While it is unset, actions to it are `dry_run`.
    pub credential: Option<String>,
    /// Signs each request by Standard Webhooks, as `${ENV}` or `file:PATH` of a `whsec_…` key.
    pub signing_secret: Option<String>,
    /// Time in ms to wait for an answer.
    pub timeout_ms: Option<u64>,
    /// Requests per minute; beyond it jobs wait. Without it there is no limit of ours.
    pub limit_per_min: Option<u32>,
    /// Requests under way at one time; beyond it jobs wait. Without it there is no limit of ours.
    pub concurrency: Option<u32>,
    /// When it is left alone for a while.
    pub breaker: BreakerTable,
    /// How attempts at it are repeated, where that is not as for the workers in general.
    pub retry: RetryTable,
    /// Time in ms for which it honours an idempotency key; left out if it honours none.
    pub idempotency_ms: Option<u64>,
    /// Lets the URL point into a private network or to this machine.
    pub allow_private: bool,
}

/// Whether an action acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskedMode {
    #[default]
    Live,
    /// Rendered, stored and shown, not sent.
    DryRun,
    /// Rendered, then waits for a person's yes.
    Review,
}

/// What to do when it is unknown whether an unprotected action arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// A person decides.
    #[default]
    Ask,
    /// Send again, at the risk of a second effect.
    Retry,
}

/// One thing that can be done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionTable {
    /// `http`, `slack.webhook`, `pagerduty.event` or `store.append`.
    pub kind: String,
    /// The `[destination.NAME]` it goes to; `store.append` needs none.
    pub to: Option<String>,
    #[serde(default)]
    pub mode: AskedMode,
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// How its attempts are repeated, where that is not as for its destination.
    #[serde(default)]
    pub retry: RetryTable,
    /// The kind's own parameters; strings may hold templates over `event`, `verdict` and `receipts`.
    #[serde(default)]
    pub with: Value,
}
