//! The APIs that are stood in for, and what each does in its own way.

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    anthropic,
    cache::{Prompt, Usage},
    limits::{Kind, Short, Stand},
    models::facts,
    openai::{self, chat, responses},
    refused::Refused,
    reply::Reply,
    speech::Said,
};
use crate::{
    domain::{Timestamp, words},
    sandbox::wire::text,
};

/// Who is stood in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    Anthropic,
    Openai,
}

/// An API of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
}

words!(Api { Messages = "messages", Chat = "chat", Responses = "responses" });

/// A question that its vendor takes.
pub(super) struct Taken {
    /// What the answer follows from.
    pub text: String,
    /// The form of the answer.
    pub schema: Option<Value>,
    pub output_tokens_max: Option<u64>,
    pub prompt: Prompt,
}

/// An answer to be given its shape.
pub(super) struct Spoken<'a> {
    pub number: u64,
    pub at: Timestamp,
    pub model: &'a str,
    pub said: &'a Said,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache: &'a Usage,
    /// See [`Api::tells_writes`].
    pub cache_writes: bool,
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    text(headers, "authorization")?.strip_prefix("Bearer ")
}

impl Api {
    pub(super) fn vendor(self) -> Vendor {
        match self {
            Api::Messages => Vendor::Anthropic,
            Api::Chat | Api::Responses => Vendor::Openai,
        }
    }

    /// The key that a request came with.
    pub(super) fn key(self, headers: &HeaderMap) -> Option<&str> {
        match self.vendor() {
            // Its SDKs send a bearer token since October 2026; of both the API takes the older one.
            Vendor::Anthropic => text(headers, "x-api-key").or_else(|| bearer(headers)),
            Vendor::Openai => bearer(headers),
        }
    }

    pub(super) fn unknown_key(self) -> Refused {
        match self.vendor() {
            Vendor::Anthropic => Refused::new(401, "authentication_error", "invalid x-api-key"),
            Vendor::Openai => Refused::new(401, "invalid_request_error", "Incorrect API key provided.")
                .with_code("invalid_api_key"),
        }
    }

    pub(super) fn unknown_model(self, id: &str) -> Refused {
        match self.vendor() {
            Vendor::Anthropic => Refused::new(404, "not_found_error", format!("model: {id}")),
            Vendor::Openai => {
                let problem = format!("The model `{id}` does not exist or you do not have access to it.");
                Refused::new(404, "invalid_request_error", problem).with_code("model_not_found")
            }
        }
    }

    /// Takes a question, or says what the vendor has against it.
    pub(super) fn take(self, headers: &HeaderMap, question: &Map<String, Value>) -> Result<Taken, Refused> {
        match self {
            Api::Messages => anthropic::check::take(headers, question),
            Api::Chat => chat::take(question),
            Api::Responses => responses::take(question),
        }
    }

    /// Whether an answer tells what was written to the cache.
    pub(super) fn tells_writes(self, model: &str) -> bool {
        match self.vendor() {
            Vendor::Anthropic => true,
            Vendor::Openai => facts(model).cache_writes,
        }
    }

    /// What a question takes out of the buckets before it is answered.
    pub(super) fn wants(self, taken: &Taken, cache: &Usage) -> Vec<(Kind, u64)> {
        let asked = taken.prompt.tokens;
        match self.vendor() {
            Vendor::Anthropic => vec![
                (Kind::Requests, 1),
                (Kind::InputTokens, asked.saturating_sub(cache.read)),
                (Kind::OutputTokens, 1),
            ],
            Vendor::Openai => {
                vec![(Kind::Requests, 1), (Kind::Tokens, asked.max(taken.output_tokens_max.unwrap_or(0)))]
            }
        }
    }

    pub(super) fn too_much(self, short: &Short) -> Refused {
        match self.vendor() {
            Vendor::Anthropic => anthropic::too_much(short),
            Vendor::Openai => openai::too_much(short),
        }
    }

    /// The error that a reply is, if it is one at this vendor.
    pub(super) fn trouble(self, reply: &Reply) -> Option<Refused> {
        match self.vendor() {
            Vendor::Anthropic => anthropic::trouble(reply),
            Vendor::Openai => openai::trouble(reply),
        }
    }

    pub(super) fn answer(self, spoken: &Spoken<'_>) -> Value {
        match self {
            Api::Messages => anthropic::answer(spoken),
            Api::Chat => chat::answer(spoken),
            Api::Responses => responses::answer(spoken),
        }
    }

    pub(super) fn error(self, number: u64, refused: &Refused) -> Value {
        match self.vendor() {
            Vendor::Anthropic => anthropic::error(number, refused),
            Vendor::Openai => openai::error(refused),
        }
    }

    /// The headers that say which request it was, and how the buckets stand.
    pub(super) fn head(self, number: u64, stands: &[Stand], now: Timestamp) -> Vec<(String, String)> {
        match self.vendor() {
            Vendor::Anthropic => anthropic::head(number, stands, now),
            Vendor::Openai => openai::head(number, stands),
        }
    }
}
