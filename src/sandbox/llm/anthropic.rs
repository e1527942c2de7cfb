//! Anthropic's `POST /v1/messages` (platform.claude.com, "Messages", "Structured outputs", "Errors"): `x-api-key`,
//! `anthropic-version`, structured output by `output_config.format` without name or `strict`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{Reply, Said, model, say, schema, takes, text_of, tokens, unwanted};
use crate::sandbox::{
    Shared,
    wire::{answer, filled, object, text},
};

const VERSION: &str = "2023-06-01";

pub(super) async fn messages(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if text(&headers, "x-api-key") != Some(shared.token.expose_secret()) {
        return error(401, "authentication_error", "invalid x-api-key");
    }
    if text(&headers, "anthropic-version") != Some(VERSION) {
        return invalid("anthropic-version: header is required, and 2023-06-01 is the known one");
    }
    let Some(question) = object(&body) else { return invalid("The request body is not valid JSON.") };
    if let Err(problem) = check(&question) {
        return invalid(&problem);
    }
    let schema = question.get("output_config").and_then(|config| config.get("format")).map(|f| &f["schema"]);
    if let Some(problem) = schema.and_then(schema::fault) {
        return invalid(&format!("output_config.format.schema: {problem}"));
    }
    let asked = asked(&question);
    let question = Value::Object(question.clone());
    let (number, reply) = shared.llm.ask(&question);
    match reply {
        Some(Reply::RateLimited { retry_after_s }) => {
            let mut response = error(429, "rate_limit_error", "This request would exceed your rate limit.");
            if let Some(seconds) = retry_after_s {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        Some(Reply::Overloaded) => error(529, "overloaded_error", "Overloaded"),
        Some(Reply::SpendLimit) => answer(
            StatusCode::TOO_MANY_REQUESTS,
            json!({
                "type": "error",
                "error": {
                    "type": "rate_limit_error",
                    "message": "Your organization has reached its monthly spend limit.",
                    "details": {"error_code": "enforced_spend_limit_reached"},
                },
            }),
        ),
        reply => answered(number, &question, say(reply, schema, &asked)),
    }
}

fn check(question: &Map<String, Value>) -> Result<(), String> {
    if filled(question, "model").is_none() {
        return Err("model: Field required".to_owned());
    }
    if question.get("max_tokens").and_then(Value::as_u64).is_none_or(|max| max == 0) {
        return Err("max_tokens: Input should be a positive integer".to_owned());
    }
    let model = model(question);
    if let Some(name) = unwanted(question, &model) {
        return Err(format!("{name}: this parameter is not supported by this model"));
    }
    if let Some(effort) = question.get("output_config").and_then(|config| config.get("effort"))
        && !takes(&model, effort)
    {
        return Err("output_config.effort: this model does not support this effort".to_owned());
    }
    let turns = question.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if turns.iter().any(|turn| !matches!(turn["role"].as_str(), Some("user" | "assistant"))) {
        return Err("messages: roles are `user` and `assistant`; use the top-level `system`".to_owned());
    }
    match turns.last() {
        None => Err("messages: at least one message is required".to_owned()),
        Some(last) if last["role"] == "assistant" => {
            Err("messages: prefilling the assistant's turn is not supported by this model".to_owned())
        }
        Some(_) => match question.get("output_config").and_then(|config| config.get("format")) {
            Some(format) if format["type"] != "json_schema" => {
                Err("output_config.format.type: Input should be 'json_schema'".to_owned())
            }
            Some(format) if format.get("name").is_some() || format.get("strict").is_some() => {
                Err("output_config.format: Extra inputs are not permitted".to_owned())
            }
            Some(_) | None => Ok(()),
        },
    }
}

fn asked(question: &Map<String, Value>) -> String {
    let turns = question.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    turns.last().map(|turn| text_of(&turn["content"])).unwrap_or_default()
}

fn answered(number: u64, question: &Value, said: Said) -> Response {
    let (text, stop_reason, stop_details) = match said {
        Said::Whole(text) => (text, "end_turn", Value::Null),
        Said::Truncated(text) => (text, "max_tokens", Value::Null),
        Said::Refusal => (String::new(), "refusal", json!({"type": "refusal", "category": null})),
    };
    let content = if text.is_empty() { json!([]) } else { json!([{"type": "text", "text": text}]) };
    let mut response = answer(
        StatusCode::OK,
        json!({
            "id": format!("msg_sandbox_{number}"),
            "type": "message",
            "role": "assistant",
            "model": question["model"],
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "stop_details": stop_details,
            "usage": {
                "input_tokens": tokens(&question.to_string()),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": tokens(&text),
                "service_tier": "standard",
            },
        }),
    );
    if let Ok(id) = HeaderValue::from_str(&format!("req_sandbox_{number}")) {
        response.headers_mut().insert("request-id", id);
    }
    response
}

fn invalid(problem: &str) -> Response {
    error(400, "invalid_request_error", problem)
}

fn error(status: u16, kind: &str, problem: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(
        status,
        json!({"type": "error", "error": {"type": kind, "message": problem}, "request_id": "req_sandbox"}),
    )
}
