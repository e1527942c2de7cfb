//! OpenAI's `POST /v1/responses` (platform.openai.com, "Responses"): as Chat Completions, with the form of the answer in
//! `text.format`.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Map, Value, json};

use super::{
    Said,
    openai::{self, Turn, Wrong, effort, sampled, wrong},
    say, text_of, tokens,
};
use crate::sandbox::{
    Shared,
    wire::{answer, filled},
};

/// Fewest tokens that an answer must be given.
const OUTPUT_TOKENS_MIN: u64 = 16;

pub(super) async fn responses(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Turn { question, number, reply, schema } = match openai::turn(&shared, &headers, &body, check) {
        Ok(turn) => turn,
        Err(refused) => return *refused,
    };
    let asked = question.get("input").map(text_of).unwrap_or_default();
    answered(number, shared.clock.now().as_secs(), &question, say(reply, schema.as_ref(), &asked))
}

fn check(question: &Map<String, Value>) -> Result<Option<&Value>, Wrong> {
    if filled(question, "model").is_none() {
        return Err(wrong("model", "you must provide a model parameter"));
    }
    for (name, instead) in [
        ("messages", "input"),
        ("max_completion_tokens", "max_output_tokens"),
        ("max_tokens", "max_output_tokens"),
        ("response_format", "text.format"),
        ("reasoning_effort", "reasoning.effort"),
    ] {
        if question.contains_key(name) {
            let problem =
                format!("Unsupported parameter: '{name}'. In the Responses API it has moved to '{instead}'.");
            return Err(wrong(name, problem));
        }
    }
    if question.get("input").map(text_of).is_none_or(|text| text.is_empty()) {
        return Err(wrong("input", "Missing required parameter: 'input'."));
    }
    if question.get("max_output_tokens").and_then(Value::as_u64).is_some_and(|max| max < OUTPUT_TOKENS_MIN) {
        return Err(wrong("max_output_tokens", "Invalid 'max_output_tokens': expected a value >= 16."));
    }
    sampled(question)?;
    effort(question, question.get("reasoning").and_then(|reasoning| reasoning.get("effort")))?;
    match question.get("text").and_then(|text| text.get("format")) {
        None => Ok(None),
        Some(format) if format["type"] == "json_schema" => openai::named(format).map(Some),
        Some(_) => Err(wrong("text.format", "the sandbox knows only 'json_schema'")),
    }
}

fn answered(number: u64, created: i64, question: &Map<String, Value>, said: Said) -> Response {
    let text = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let (part, is_whole) = match &said {
        Said::Whole(said) => (text(said), true),
        Said::Truncated(said) => (text(said), false),
        Said::Refusal => (json!({"type": "refusal", "refusal": "I'm sorry, I can't help with that."}), true),
    };
    let input = tokens(&Value::Object(question.clone()).to_string());
    let output = tokens(part["text"].as_str().or(part["refusal"].as_str()).unwrap_or_default());
    let status = if is_whole { "completed" } else { "incomplete" };
    answer(
        StatusCode::OK,
        json!({
            "id": format!("resp_sandbox_{number}"),
            "object": "response",
            "created_at": created,
            "status": status,
            "error": null,
            "incomplete_details": if is_whole { Value::Null } else { json!({"reason": "max_output_tokens"}) },
            "model": question.get("model"),
            "output": [{
                "id": format!("msg_sandbox_{number}"),
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": [part],
            }],
            "usage": {
                "input_tokens": input,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": output,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": input + output,
            },
        }),
    )
}
