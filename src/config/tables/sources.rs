//! `config/sources.toml`: who may send.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

/// `config/sources.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourcesFile {
    /// `[source.NAME]`: deliveries arrive at `/webhooks/NAME`.
    pub source: IndexMap<String, SourceTable>,
}

/// One sender.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    /// How it signs: `github`, `stripe`, `standard_webhooks` or `generic`.
    pub scheme: String,
    /// Signing secrets, each as `${ENV}` or `file:PATH`; several while one is being rotated out.
    pub secrets: Vec<String>,
    /// What to do when a secret's variable is not set.
    #[serde(default)]
    pub when_unset: WhenUnset,
    /// How far in seconds a signed timestamp may be from now, in both directions.
    #[serde(default = "tolerance_s")]
    pub tolerance_s: u64,
    /// What a body means that was seen before under another id. Only for schemes that do not sign the id.
    #[serde(default)]
    pub same_body: SameBody,
    /// Events accepted per minute.
    #[serde(default)]
    pub limit: LimitTable,
    /// Time in ms without any event or redelivery from it after which the service gives the event
    /// `hookyard.source_silent`. Never, if left out.
    pub silence_ms: Option<u64>,
    /// The `authserv-id` of the server that receives the mails this source passes on, as its header
    /// `Authentication-Results` begins: what it says of them is `trust.spf`, `trust.dkim` and `trust.dmarc` in conditions.
    /// All three are `none` if left out, since whoever sends a mail can write such a header too. Only `dmarc` is about the
    /// domain in From: `spf` and `dkim` pass for any domain that sends or signs.
    pub authserv_id: Option<String>,
    /// Where its events are kept for another time than `[retention]` in `config/hookyard.toml` says.
    #[serde(default)]
    pub retention: SourceRetention,
}

const fn tolerance_s() -> u64 {
    300
}

/// What an unset secret means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnset {
    /// The service does not start.
    #[default]
    Refuse,
    /// The source is off: its deliveries get 404.
    Off,
}

/// What to do with the same body under a new, unsigned id: a suspected replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameBody {
    #[default]
    Accept,
    /// Answer with the first event's id and state.
    Duplicate,
    /// Accept it, and let a person decide before anything is done.
    Review,
}

/// Inbound limits of a source. Senders that retry get 429 and `Retry-After`; GitHub's excess goes to the bulk lane. Known
/// redeliveries pass, and take nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitTable {
    /// Events per minute in the critical lane.
    pub critical_per_min: u32,
    /// Events per minute in the other lanes.
    pub other_per_min: u32,
    /// Of these, events per minute in the critical lane of one account that the signed delivery names, else of one client
    /// address. As many as the source's if left out.
    pub account_critical_per_min: Option<u32>,
    /// The same in the other lanes.
    pub account_other_per_min: Option<u32>,
}

impl Default for LimitTable {
    fn default() -> Self {
        LimitTable {
            critical_per_min: 1_000,
            other_per_min: 200,
            account_critical_per_min: None,
            account_other_per_min: None,
        }
    }
}

/// What is kept of a source, where it differs from `[retention]`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceRetention {
    /// Time in ms for which bodies, requests, verdicts and receipts are kept.
    pub payload_age_ms: Option<u64>,
    /// Time in ms for which the record is kept that an event came and what became of it.
    pub record_age_ms: Option<u64>,
    /// Bytes of bodies kept; beyond it the oldest go first.
    pub payload_bytes_max: Option<u64>,
}
