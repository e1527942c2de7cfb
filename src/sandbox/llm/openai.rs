//! OpenAI's `POST /v1/chat/completions` (platform.openai.com, "Chat Completions", "Structured model outputs",
//! "Error codes"): bearer key, structured output by `response_format` with a name and `strict`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
};
use serde_json::{Map, Value, json};

use super::{Reply, SAMPLING, Said, say, schema, text_of, tokens};
use crate::sandbox::{
    Shared,
    wire::{answer, filled, knows, object},
};

const NAME_CHARS_MAX: usize = 64;
const ROLES: [&str; 4] = ["system", "developer", "user", "assistant"];

pub(super) async fn completions(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !knows(&headers, &shared.token) {
        return error(
            401,
            "Incorrect API key provided.",
            "invalid_request_error",
            None,
            Some("invalid_api_key"),
        );
    }
    let Some(question) = object(&body) else {
        return error(400, "We could not parse the JSON body.", "invalid_request_error", None, None);
    };
    let schema = match check(&question) {
        Ok(schema) => schema,
        Err(Wrong { problem, param, code }) => {
            return error(400, &problem, "invalid_request_error", Some(param), code);
        }
    };
    let asked = asked(&question);
    let (number, reply) = shared.llm.ask(&Value::Object(question.clone()));
    match reply {
        Some(Reply::RateLimited { retry_after_s }) => {
            let problem = "Rate limit reached for requests.";
            let mut response = error(429, problem, "requests", None, Some("rate_limit_exceeded"));
            if let Some(seconds) = retry_after_s {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        Some(Reply::Overloaded) => {
            error(503, "The engine is currently overloaded.", "server_error", None, None)
        }
        Some(Reply::SpendLimit) => {
            let problem = "You exceeded your current quota, please check your plan and billing details.";
            error(429, problem, "insufficient_quota", None, Some("insufficient_quota"))
        }
        reply => {
            let created = shared.clock.now().as_secs();
            answered(number, created, &question, say(reply, schema, &asked))
        }
    }
}

struct Wrong {
    problem: String,
    param: &'static str,
    code: Option<&'static str>,
}

fn wrong(param: &'static str, problem: impl Into<String>) -> Wrong {
    Wrong { problem: problem.into(), param, code: None }
}

/// Whether the question is in order; if so, the schema it asks for.
fn check(question: &Map<String, Value>) -> Result<Option<&Value>, Wrong> {
    if filled(question, "model").is_none() {
        return Err(wrong("model", "you must provide a model parameter"));
    }
    if question.contains_key("max_tokens") {
        let problem = "Unsupported parameter: 'max_tokens' is not supported with this model. \
                       Use 'max_completion_tokens' instead.";
        return Err(Wrong { code: Some("unsupported_parameter"), ..wrong("max_tokens", problem) });
    }
    if let Some(name) = SAMPLING.iter().find(|name| question.contains_key(**name)) {
        let problem = format!("Unsupported parameter: '{name}' is not supported with this model.");
        return Err(Wrong { code: Some("unsupported_parameter"), ..wrong(name, problem) });
    }
    let turns = question.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if turns.is_empty() {
        return Err(wrong("messages", "Invalid 'messages': empty array."));
    }
    if turns.iter().any(|turn| !turn["role"].as_str().is_some_and(|role| ROLES.contains(&role))) {
        return Err(wrong("messages", "Invalid value for 'role' in 'messages'."));
    }
    match question.get("response_format") {
        None => Ok(None),
        Some(format) if format["type"] == "json_schema" => named(&format["json_schema"]).map(Some),
        Some(_) => Err(wrong("response_format", "the sandbox knows only 'json_schema'")),
    }
}

fn named(format: &Value) -> Result<&Value, Wrong> {
    let name = format["name"].as_str().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !(1..=NAME_CHARS_MAX).contains(&name.len()) || !name.chars().all(is_plain) {
        let problem =
            "Invalid 'response_format.json_schema.name': expected up to 64 of a-z, A-Z, 0-9, _ and -.";
        return Err(wrong("response_format.json_schema.name", problem));
    }
    if format["strict"] != true {
        return Err(wrong("response_format.json_schema.strict", "the sandbox takes strict schemas only"));
    }
    match schema::fault(&format["schema"]) {
        None => Ok(&format["schema"]),
        Some(problem) => {
            Err(wrong("response_format", format!("Invalid schema for response_format '{name}': {problem}")))
        }
    }
}

fn asked(question: &Map<String, Value>) -> String {
    let turns = question.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let theirs = turns.iter().rev().find(|turn| turn["role"] == "user");
    theirs.map(|turn| text_of(&turn["content"])).unwrap_or_default()
}

fn answered(number: u64, created: i64, question: &Map<String, Value>, said: Said) -> Response {
    let (content, refusal, finish_reason) = match said {
        Said::Whole(text) => (Some(text), None, "stop"),
        Said::Truncated(text) => (Some(text), None, "length"),
        Said::Refusal => (None, Some("I'm sorry, I can't help with that."), "stop"),
    };
    let input = tokens(&Value::Object(question.clone()).to_string());
    let output = tokens(content.as_deref().or(refusal).unwrap_or_default());
    answer(
        StatusCode::OK,
        json!({
            "id": format!("chatcmpl-sandbox-{number}"),
            "object": "chat.completion",
            "created": created,
            "model": question.get("model"),
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": refusal, "annotations": []},
                "logprobs": null,
                "finish_reason": finish_reason,
            }],
            "usage": {
                "prompt_tokens": input,
                "completion_tokens": output,
                "total_tokens": input + output,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        }),
    )
}

fn error(status: u16, problem: &str, kind: &str, param: Option<&str>, code: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(status, json!({"error": {"message": problem, "type": kind, "param": param, "code": code}}))
}
