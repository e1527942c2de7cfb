//! Anthropic's `POST /v1/messages` (platform.claude.com, "Messages", "Structured outputs", "Prompt caching", "Errors",
//! "Rate limits"): `x-api-key`, `anthropic-version`, structured output by `output_config.format` without name or `strict`.

mod blocks;
pub(super) mod check;

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{
    api::Spoken,
    limits::{Kind, Short, Stand},
    refused::{Refused, invalid},
    reply::Reply,
    speech::Said,
};
use crate::domain::Timestamp;

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3_600);

/// What remains of tokens is told in thousands.
const ROUNDED_TO: u64 = 1_000;

pub(super) fn answer(spoken: &Spoken<'_>) -> Value {
    let Spoken { number, model, said, cache, .. } = spoken;
    let (stop_reason, stop_details) = match said {
        Said::Whole(_) => ("end_turn", Value::Null),
        // It has none that ends so: see `trouble`.
        Said::Truncated(_) | Said::Filtered(_) => ("max_tokens", Value::Null),
        Said::Refusal => ("refusal", json!({"type": "refusal", "category": null})),
    };
    let content = match said.text() {
        "" => json!([]),
        text => json!([{"type": "text", "text": text}]),
    };
    json!({
        "id": format!("msg_sandbox_{number}"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "stop_details": stop_details,
        "usage": {
            "input_tokens": spoken.input_tokens.saturating_sub(cache.read + cache.written()),
            "cache_creation_input_tokens": cache.written(),
            "cache_read_input_tokens": cache.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": cache.written_for(FIVE_MINUTES),
                "ephemeral_1h_input_tokens": cache.written_for(HOUR),
            },
            "output_tokens": spoken.output_tokens,
            "service_tier": "standard",
        },
    })
}

pub(super) fn error(number: u64, refused: &Refused) -> Value {
    let details = refused.code.map(|code| json!({"error_code": code}));
    json!({
        "type": "error",
        "error": {"type": refused.kind, "message": refused.message, "details": details},
        "request_id": request_id(number),
    })
}

fn request_id(number: u64) -> String {
    format!("req_sandbox_{number}")
}

/// The error that a reply is. A content filter answers 400 (as users report it: anthropics/claude-code#58367).
pub(super) fn trouble(reply: &Reply) -> Option<Refused> {
    Some(match reply {
        Reply::RateLimited { retry_after_s } => {
            let problem = "This request would exceed your organization's rate limit.";
            Refused::new(429, "rate_limit_error", problem).until(*retry_after_s)
        }
        Reply::SpendLimit => {
            let problem = "Your organization has reached its monthly spend limit.";
            Refused::new(429, "rate_limit_error", problem).with_code("enforced_spend_limit_reached")
        }
        Reply::OwnLimit => invalid("You have reached your specified API usage limits."),
        Reply::Overloaded => Refused::new(529, "overloaded_error", "Overloaded"),
        Reply::Failed => Refused::new(500, "api_error", "Internal server error"),
        Reply::Filtered => invalid("Output blocked by content filtering policy"),
        Reply::Usual
        | Reply::Output(_)
        | Reply::Text(_)
        | Reply::Empty
        | Reply::NotJson
        | Reply::WrongLabel
        | Reply::OtherCase
        | Reply::MissingField
        | Reply::ExtraField
        | Reply::Truncated
        | Reply::Refusal
        | Reply::WithoutUsage
        | Reply::Slow { .. }
        | Reply::Reset => return None,
    })
}

/// A limit is reached.
pub(super) fn too_much(short: &Short) -> Refused {
    let what = match short.stand.kind {
        Kind::Requests => "requests",
        Kind::InputTokens => "input tokens",
        Kind::OutputTokens => "output tokens",
        Kind::Tokens => "tokens",
    };
    let limit = short.stand.limit;
    let problem =
        format!("This request would exceed your organization's rate limit of {limit} {what} per minute.");
    let wait = short.wait.map(|wait| wait.as_millis().div_ceil(1_000));
    Refused::new(429, "rate_limit_error", problem).until(wait.and_then(|s| u64::try_from(s).ok()))
}

/// `request-id` and `anthropic-ratelimit-…`: `tokens` are those of both sides, `reset` is when there will be as many as can.
pub(super) fn head(number: u64, stands: &[Stand], now: Timestamp) -> Vec<(String, String)> {
    let mut head = vec![("request-id".to_owned(), request_id(number))];
    let mut told = |name: &str, limit: u64, remaining: u64, full_in: Duration| {
        let reset = now.plus(full_in).as_millis();
        let reset = Duration::from_secs(u64::try_from(reset).unwrap_or(0).div_ceil(1_000));
        for (what, value) in [
            ("limit", limit.to_string()),
            ("remaining", remaining.to_string()),
            ("reset", humantime::format_rfc3339_seconds(UNIX_EPOCH + reset).to_string()),
        ] {
            head.push((format!("anthropic-ratelimit-{name}-{what}"), value));
        }
    };
    let rounded = |tokens: u64| tokens.saturating_add(ROUNDED_TO / 2) / ROUNDED_TO * ROUNDED_TO;
    let mut both: Option<Stand> = None;
    for stand in stands {
        let name = match stand.kind {
            Kind::Requests => {
                told("requests", stand.limit, stand.remaining, stand.full_in);
                continue;
            }
            Kind::InputTokens => "input-tokens",
            Kind::OutputTokens => "output-tokens",
            Kind::Tokens => "tokens",
        };
        told(name, stand.limit, rounded(stand.remaining), stand.full_in);
        let (limit, remaining, full_in) =
            both.map_or((0, 0, Duration::ZERO), |other| (other.limit, other.remaining, other.full_in));
        both = Some(Stand {
            kind: Kind::Tokens,
            limit: limit + stand.limit,
            remaining: remaining + stand.remaining,
            full_in: full_in.max(stand.full_in),
        });
    }
    if let Some(both) = both {
        told("tokens", both.limit, rounded(both.remaining), both.full_in);
    }
    head
}
