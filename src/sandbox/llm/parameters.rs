//! The parameters that each API knows, and what models have against some of them.
//!
//! Sources: platform.claude.com "Messages"; OpenAI "Chat Completions" and "Responses", as of October 2026.

use serde_json::{Map, Value};

use super::{Api, models::Facts};

const MESSAGES: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

const CHAT: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

const RESPONSES: &[&str] = &[
    "access_programs",
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Sampling parameters, which the newest models refuse.
const SAMPLING: [&str; 5] = ["temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty"];

/// The first parameter that an API does not know. Other servers than the vendors' know more of them.
pub(super) fn unknown<'q>(api: Api, question: &'q Map<String, Value>, model: &Facts) -> Option<&'q str> {
    let known = match api {
        Api::Messages => MESSAGES,
        Api::Chat => CHAT,
        Api::Responses => RESPONSES,
    };
    model.maker?;
    question.keys().map(String::as_str).find(|name| !known.contains(name))
}

/// The first parameter of sampling.
pub(super) fn any_sampling(question: &Map<String, Value>) -> Option<&'static str> {
    SAMPLING.into_iter().find(|name| question.contains_key(*name))
}

/// The first parameter of sampling that a model does not take.
pub(super) fn sampling(question: &Map<String, Value>, model: &Facts) -> Option<&'static str> {
    any_sampling(question).filter(|_| !model.sampling)
}
