//! Language models: Anthropic's Messages and OpenAI's Chat Completions and Responses, without a model behind them.
//!
//! They refuse what the vendors refuse, in the vendors' words: missing keys and versions, sampling parameters that
//! new models reject, schemas outside the subset of structured outputs. What they answer is valid for the schema that
//! was sent and follows from the words of the question; or it is whatever [`super::Sandbox::reply_next`] asked for.

mod anthropic;
mod openai;
mod output;
mod responses;
mod schema;
mod words;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, routing::post};
use serde_json::{Map, Value};

use super::Shared;
use crate::config::{Model, Models};

/// Questions that are remembered.
pub const ASKED_MAX: usize = 1_000;

/// What a language model says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// This output, whatever the schema says.
    Output(Value),
    /// This text, which need not be JSON.
    Text(String),
    /// An output whose label is none of the schema's.
    WrongLabel,
    /// An output whose label is in capitals, as Anthropic may change the case of enum values.
    OtherCase,
    /// An output cut off in the middle, as when the token limit is reached.
    Truncated,
    /// The model refuses. It is billed all the same.
    Refusal,
    /// 429, without `Retry-After` if `None`.
    RateLimited { retry_after_s: Option<u64> },
    /// 529 from Anthropic, 503 from OpenAI.
    Overloaded,
    /// The month's money is spent: 429, and no waiting helps.
    SpendLimit,
}

/// Sampling parameters that the newest models refuse.
const SAMPLING: [&str; 5] = ["temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty"];

/// The first of the parameters that a model does not take, if it takes none of them.
fn unwanted(question: &Map<String, Value>, model: &Model) -> Option<&'static str> {
    SAMPLING.into_iter().find(|name| question.contains_key(*name) && !model.sampling)
}

/// What is known of the model that is asked.
fn model(question: &Map<String, Value>) -> Model {
    Models::new(Vec::new()).model(question.get("model").and_then(Value::as_str).unwrap_or_default())
}

/// Whether a model takes a word for effort.
fn takes(model: &Model, effort: &Value) -> bool {
    model.efforts.iter().any(|known| effort == known.as_str())
}

#[derive(Default)]
pub(super) struct Script(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    next: VecDeque<Reply>,
    asked: VecDeque<Value>,
    answered: u64,
}

impl Script {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reply_next(&self, reply: Reply) {
        self.lines().next.push_back(reply);
    }

    pub(super) fn asked(&self) -> Vec<Value> {
        self.lines().asked.iter().cloned().collect()
    }

    /// Remembers a question; gives the number of its answer and the reply that was asked for, if any.
    fn ask(&self, question: &Value) -> (u64, Option<Reply>) {
        let mut lines = self.lines();
        if lines.asked.len() >= ASKED_MAX {
            lines.asked.pop_front();
        }
        lines.asked.push_back(question.clone());
        lines.answered += 1;
        (lines.answered, lines.next.pop_front())
    }
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/messages", post(anthropic::messages))
        .route("/v1/chat/completions", post(openai::completions))
        .route("/v1/responses", post(responses::responses))
}

/// How an answer of a model ends.
enum Said {
    Whole(String),
    Truncated(String),
    Refusal,
}

/// What the model says to `text` under `schema`; an answer without a schema is a sentence.
fn say(reply: Option<Reply>, schema: Option<&Value>, text: &str) -> Said {
    let derived = || match schema {
        Some(schema) => output::derive(schema, text),
        None => Value::String("The sandbox has nothing to say without a schema.".to_owned()),
    };
    match reply {
        Some(Reply::Output(value)) => Said::Whole(value.to_string()),
        Some(Reply::Text(text)) => Said::Whole(text),
        Some(Reply::WrongLabel) => {
            Said::Whole(output::relabelled(derived(), |_| "no_such_label".to_owned()).to_string())
        }
        Some(Reply::OtherCase) => Said::Whole(output::relabelled(derived(), str::to_uppercase).to_string()),
        Some(Reply::Truncated) => {
            let whole = derived().to_string();
            let end = whole.floor_char_boundary(whole.len() / 2);
            Said::Truncated(whole.get(..end).unwrap_or_default().to_owned())
        }
        Some(Reply::Refusal) => Said::Refusal,
        // These are answered before anything is said.
        None | Some(Reply::RateLimited { .. } | Reply::Overloaded | Reply::SpendLimit) => {
            Said::Whole(derived().to_string())
        }
    }
}

/// A rough count, as a bill would show it.
fn tokens(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(4)).unwrap_or(u64::MAX)
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
