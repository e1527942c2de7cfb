//! OpenAI's APIs, and what they share.

pub(super) mod chat;
pub(super) mod responses;

use async_openai::types::{chat::ResponseFormatJsonSchema, responses::ReasoningEffort};
use serde_json::Value;

use super::wire::Asked;
use crate::config::tables::Effort;

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
