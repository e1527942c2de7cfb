//! OpenAI's APIs, and what they share.

pub(super) mod chat;
pub(super) mod responses;

use async_openai::types::{chat::ResponseFormatJsonSchema, responses::ReasoningEffort};
use serde_json::Value;

use super::wire::Asked;
use crate::{config::tables::Effort, domain::Tokens};

pub(super) const BASE_URL: &str = "https://api.openai.com/v1";

/// Longest name of a response format; its characters are `a-z`, `A-Z`, `0-9`, `_` and `-`.
const NAME_CHARS_MAX: usize = 64;

/// The form of the answer, under a name as OpenAI wants one.
fn format(asked: &Asked<'_>, schema: &Value) -> ResponseFormatJsonSchema {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    ResponseFormatJsonSchema {
        description: None,
        name: asked.classifier.chars().map(plain).take(NAME_CHARS_MAX).collect(),
        schema: schema.clone(),
        strict: Some(true),
    }
}

fn effort(effort: Effort) -> ReasoningEffort {
    match effort {
        Effort::None => ReasoningEffort::None,
        Effort::Minimal => ReasoningEffort::Minimal,
        Effort::Low => ReasoningEffort::Low,
        Effort::Medium => ReasoningEffort::Medium,
        Effort::High => ReasoningEffort::High,
        Effort::Xhigh => ReasoningEffort::Xhigh,
        Effort::Max => ReasoningEffort::Max,
    }
}

/// What was bought, as the usage of a response has it; its APIs call both sides of it otherwise.
fn tokens(reply: &Value, input: &str, output: &str) -> Tokens {
    let count = |path: String| reply.pointer(&path).and_then(Value::as_u64).unwrap_or(0);
    let cache_read = count(format!("/usage/{input}_tokens_details/cached_tokens"));
    let cache_write = count(format!("/usage/{input}_tokens_details/cache_write_tokens"));
    // The whole of the input includes what the cache gave and took.
    let whole = count(format!("/usage/{input}_tokens"));
    Tokens {
        input_uncached: whole.saturating_sub(cache_read.saturating_add(cache_write)),
        cache_write,
        cache_read,
        output: count(format!("/usage/{output}_tokens")),
    }
}
