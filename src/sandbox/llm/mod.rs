//! Language models: Anthropic's Messages and OpenAI's Chat Completions and Responses, without a model behind them.
//!
//! They refuse what the vendors refuse, in the vendors' words: missing keys and versions, parameters that an API does
//! not know or a model does not take, schemas outside the subset of structured outputs, more than the limits allow. What
//! they know of models is their own ([`models`]). What they answer is valid for the schema that was sent and follows
//! from the words of the question; or it is whatever [`super::Sandbox::reply_next`] asked for, or the header
//! [`ANSWER_HEADER`]. They count tokens, keep beginnings of prompts, and say both, as the vendors do.

mod anthropic;
mod api;
mod cache;
mod calls;
mod desk;
mod limits;
mod models;
mod openai;
mod output;
mod parameters;
mod refused;
mod reply;
mod schema;
mod speech;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::HeaderMap,
    routing::{MethodRouter, post},
};
use serde_json::Value;

use api::Vendor;

pub use api::Api;
pub use calls::{ASKED_MAX, LlmCall};
pub use desk::ANSWER_HEADER;
pub(super) use desk::{Desk, Keys};
pub use limits::Limits;
pub use reply::{Reply, ReplyWord, UnknownReply};

/// Longest question in bytes, which is Anthropic's limit; a longer one is answered 413.
const QUESTION_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where questions are put. `S` is the state of whatever they are nested in.
pub(super) fn routes<S>(desk: Arc<Desk>) -> Router<S> {
    Router::new()
        .route("/v1/messages", at(Api::Messages))
        .route("/v1/chat/completions", at(Api::Chat))
        .route("/v1/responses", at(Api::Responses))
        .layer(DefaultBodyLimit::max(QUESTION_BYTES_MAX))
        .with_state(desk)
}

fn at(api: Api) -> MethodRouter<Arc<Desk>> {
    post(move |State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes| async move {
        desk.put(api, &headers, &body).await
    })
}

/// Bytes that are counted as one token.
const TOKEN_BYTES: usize = 4;

/// A rough count, as a bill would show it.
fn tokens(text: &str) -> u64 {
    tokens_of(text.len())
}

fn tokens_of(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(TOKEN_BYTES)).unwrap_or(u64::MAX)
}

/// The text of a turn: a string, or the `text` of its parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").or_else(|| part.get("content")))
            .map(text_of)
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
