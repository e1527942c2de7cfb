//! An action: what was planned, and the request that is frozen before its first attempt.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Name, Timestamp, words::words};

/// What protects a destination from the same action twice, and so what an unknown outcome means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Repeating is harmless.
    Natural,
    /// The destination honours an idempotency key for `life_ms` after the first attempt.
    Keyed { life_ms: u64 },
    /// We leave a marker and look for it before trying again.
    Marked,
    /// Nothing protects us: after an unknown outcome a person decides.
    Bare,
}

/// Whether an action acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Live,
    /// Rendered, stored and shown, not sent.
    DryRun,
    /// Rendered, then waits for a person's yes.
    Review,
}

words!(Mode { Live = "live", DryRun = "dry_run", Review = "review" });

/// One action of a route, as planned for one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionPlan {
    pub route: Name,
    /// Its id within the route; what `after` and `receipts.ID` name. Written `action`: its job has an `id` of its own.
    #[serde(rename = "action")]
    pub id: Name,
    /// The `[action.NAME]` it performs.
    pub uses: Name,
    /// Ids of the actions of the same plan that must be done first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Name>,
    /// The action to perform if this one dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_dead: Option<Name>,
    /// Wait in ms between becoming ready and the first attempt.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// 1 for the first plan; a new plan for the same event counts up and so has another key.
    pub version: u32,
    /// The death this action tells of, where it is another's `on_dead`; templates see it as `dead`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
const fn is_zero(ms: &u64) -> bool {
    *ms == 0
}

/// The bytes that leave, fixed before the first attempt: retries and redrives send the same ones. Credentials,
/// times and signatures are not in it; they are filled in for each attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrozenRequest {
    /// The kind of action: `http`, `slack.webhook`, `pagerduty.event`, `store.append`.
    pub kind: Name,
    /// The destination's name in the configuration; also names the credentials.
    pub destination: Name,
    /// The same for every attempt of this action on this event.
    pub idempotency_key: String,
    pub class: EffectClass,
    /// After an unknown outcome, send again even where nothing protects from a second effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retry_unknown: bool,
    pub mode: Mode,
    /// Why it will not be sent, where the mode is not what the configuration asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_reason: Option<String>,
    pub frozen_at: Timestamp,
    pub call: Call,
}

/// What to do at the destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    Http {
        method: String,
        target: Target,
        headers: Vec<(String, HeaderValue)>,
        body: String,
    },
    /// A JSON object by POST, with places that each attempt fills in.
    Post {
        target: Target,
        /// Fields of the object that come before those of `body`, and what each of them is filled with.
        fill: Vec<(String, Fill)>,
        /// The object without them, as JSON; it has at least one field.
        body: String,
    },
    /// One line to the end of a log in the data directory.
    Append {
        log: String,
        line: String,
    },
}

/// Where an HTTP call goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Url(String),
    /// The destination's URL is itself a credential and is read from the configuration at each attempt.
    SecretUrl,
}

/// What a place in a body is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The destination's credential.
    Credential,
    /// [`FrozenRequest::idempotency_key`].
    IdempotencyKey,
}

/// A header as frozen: plain text, or a place for a credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    Plain(String),
    /// `prefix` followed by the destination's credential.
    Credential {
        prefix: String,
    },
}
