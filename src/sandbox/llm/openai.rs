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

use super::{Reply, Said, model, say, schema, takes, text_of, tokens, unwanted};
use crate::{
    config::tables::OutputLimit,
    sandbox::{
        Shared,
        wire::{answer, filled, knows, object},
    },
};

const NAME_CHARS_MAX: usize = 64;
const ROLES: [&str; 4] = ["system", "developer", "user", "assistant"];

pub(super) async fn completions(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Turn { question, number, reply, schema } = match turn(&shared, &headers, &body, check) {
        Ok(turn) => turn,
        Err(refused) => return *refused,
    };
    let created = shared.clock.now().as_secs();
    answered(number, created, &question, say(reply, schema.as_ref(), &asked(&question)))
}

/// A question that is answered.
pub(super) struct Turn {
    pub question: Map<String, Value>,
    pub number: u64,
    pub reply: Option<Reply>,
    pub schema: Option<Value>,
}

/// What all of OpenAI's APIs refuse in one way; otherwise the question. `check` says whether it is in order, and if so
/// the schema that it asks for.
pub(super) fn turn(
    shared: &Shared,
    headers: &HeaderMap,
    body: &[u8],
    check: impl Fn(&Map<String, Value>) -> Result<Option<&Value>, Wrong>,
) -> Result<Turn, Box<Response>> {
    if !knows(headers, &shared.token) {
        let (problem, code) = ("Incorrect API key provided.", Some("invalid_api_key"));
        return Err(error(401, problem, "invalid_request_error", None, code).into());
    }
    let Some(question) = object(body) else {
        let problem = "We could not parse the JSON body.";
        return Err(error(400, problem, "invalid_request_error", None, None).into());
    };
    let schema = match check(&question) {
        Ok(schema) => schema.cloned(),
        Err(Wrong { problem, param, code }) => {
            return Err(error(400, &problem, "invalid_request_error", Some(param), code).into());
        }
    };
    let (number, reply) = shared.llm.ask(&Value::Object(question.clone()));
    match reply {
        Some(Reply::RateLimited { retry_after_s }) => {
            let problem = "Rate limit reached for requests.";
            let mut response = error(429, problem, "requests", None, Some("rate_limit_exceeded"));
            if let Some(seconds) = retry_after_s {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Err(response.into())
        }
        Some(Reply::Overloaded) => {
            Err(error(503, "The engine is currently overloaded.", "server_error", None, None).into())
        }
        Some(Reply::SpendLimit) => {
            let problem = "You exceeded your current quota, please check your plan and billing details.";
            Err(error(429, problem, "insufficient_quota", None, Some("insufficient_quota")).into())
        }
        reply => Ok(Turn { question, number, reply, schema }),
    }
}

pub(super) struct Wrong {
    problem: String,
    param: &'static str,
    code: Option<&'static str>,
}

pub(super) fn wrong(param: &'static str, problem: impl Into<String>) -> Wrong {
    Wrong { problem: problem.into(), param, code: None }
}

/// Whether the question is in order; if so, the schema it asks for.
fn check(question: &Map<String, Value>) -> Result<Option<&Value>, Wrong> {
    if filled(question, "model").is_none() {
        return Err(wrong("model", "you must provide a model parameter"));
    }
    let limit = model(question).output_limit;
    if question.contains_key("max_tokens") && limit == Some(OutputLimit::MaxCompletionTokens) {
        let problem = "Unsupported parameter: 'max_tokens' is not supported with this model. \
                       Use 'max_completion_tokens' instead.";
        return Err(Wrong { code: Some("unsupported_parameter"), ..wrong("max_tokens", problem) });
    }
    sampled(question)?;
    effort(question, question.get("reasoning_effort"))?;
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

/// Parameters of sampling are refused by models that think.
pub(super) fn sampled(question: &Map<String, Value>) -> Result<(), Wrong> {
    let Some(name) = unwanted(question, &model(question)) else { return Ok(()) };
    let problem = format!("Unsupported parameter: '{name}' is not supported with this model.");
    Err(Wrong { code: Some("unsupported_parameter"), ..wrong(name, problem) })
}

pub(super) fn effort(question: &Map<String, Value>, effort: Option<&Value>) -> Result<(), Wrong> {
    match effort {
        Some(effort) if !takes(&model(question), effort) => {
            let problem = format!("Unsupported value: {effort} is not supported with this model.");
            Err(Wrong { code: Some("unsupported_value"), ..wrong("reasoning_effort", problem) })
        }
        Some(_) | None => Ok(()),
    }
}

/// The schema of a form with a name.
pub(super) fn named(format: &Value) -> Result<&Value, Wrong> {
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
