//! What Anthropic has against a question.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::blocks;
use crate::sandbox::{
    llm::{
        Api, Vendor,
        api::Taken,
        models::{Facts, facts, takes},
        parameters,
        refused::{Refused, invalid},
        schema, speech, text_of,
    },
    wire::{filled, text},
};

/// The API's versions. The later one takes no sampling parameter of any model ("Versions").
const VERSIONS: [&str; 2] = ["2023-06-01", WITHOUT_SAMPLING];
const WITHOUT_SAMPLING: &str = "2026-10-21";

pub(in crate::sandbox::llm) fn take(
    headers: &HeaderMap,
    question: &Map<String, Value>,
) -> Result<Taken, Refused> {
    let version = match text(headers, "anthropic-version") {
        Some(version) if VERSIONS.contains(&version) => version,
        Some(other) => {
            return Err(invalid(format!("anthropic-version: \"{other}\" is not a valid version")));
        }
        None => return Err(invalid("anthropic-version: header is required")),
    };
    let Some(id) = filled(question, "model") else { return Err(invalid("model: Field required")) };
    let model = facts(id);
    if model.maker == Some(Vendor::Openai) {
        return Err(Api::Messages.unknown_model(id));
    }
    if version == WITHOUT_SAMPLING
        && let Some(name) = parameters::any_sampling(question)
    {
        return Err(invalid(format!("{name}: Extra inputs are not permitted")));
    }
    parameters(question, &model).map_err(invalid)?;
    if let (Some(asked), Some(most)) =
        (question.get("max_tokens").and_then(Value::as_u64), model.output_tokens)
        && asked > most
    {
        let problem = "which is the maximum allowed number of output tokens for";
        return Err(invalid(format!("max_tokens: {asked} > {most}, {problem} {id}")));
    }
    thinking(question, &model).map_err(invalid)?;
    let config = question.get("output_config");
    let form = config.and_then(|config| config.get("format"));
    turns(question, &model, form.is_some()).map_err(invalid)?;
    let form = form.map(formed).transpose().map_err(invalid)?;
    let prompt = blocks::prompt(question, form, &model).map_err(invalid)?;
    if let Some(max) = model.context_tokens.filter(|max| prompt.tokens > *max) {
        return Err(invalid(format!("prompt is too long: {} tokens > {max} maximum", prompt.tokens)));
    }
    let told = question.get("system").map(text_of).unwrap_or_default();
    Ok(Taken {
        text: asked(question),
        schema: form.cloned().or_else(|| speech::schema_in(&told)),
        output_tokens_max: question.get("max_tokens").and_then(Value::as_u64),
        prompt,
    })
}

fn parameters(question: &Map<String, Value>, model: &Facts) -> Result<(), String> {
    if let Some(name) = parameters::unknown(Api::Messages, question, model) {
        return Err(format!("{name}: Extra inputs are not permitted"));
    }
    if question.get("max_tokens").and_then(Value::as_u64).is_none_or(|max| max == 0) {
        return Err("max_tokens: Input should be a positive integer".to_owned());
    }
    if let Some(name) = parameters::sampling(question, model) {
        return Err(format!("{name}: this parameter is not supported by this model"));
    }
    if let Some(temperature) = question.get("temperature")
        && !temperature.as_f64().is_some_and(|t| (0.0..=1.0).contains(&t))
    {
        return Err("temperature: range: 0..1".to_owned());
    }
    if question.get("stream") == Some(&Value::Bool(true)) {
        return Err("stream: the sandbox does not stream".to_owned());
    }
    Ok(())
}

fn thinking(question: &Map<String, Value>, model: &Facts) -> Result<(), String> {
    let effort = question.get("output_config").and_then(|config| config.get("effort"));
    if effort.is_some_and(|effort| !takes(model.efforts, effort.as_str().unwrap_or_default())) {
        return Err("output_config.effort: this model does not support this effort".to_owned());
    }
    let kind = question.get("thinking").map(|thinking| thinking["type"].as_str().unwrap_or_default());
    if let Some(kind) = kind.filter(|kind| !takes(model.thinking, kind)) {
        return Err(format!("thinking.type: \"{kind}\" is not supported by this model"));
    }
    let choice = question.get("tool_choice").map(|choice| choice["type"].as_str().unwrap_or_default());
    if matches!(choice, Some("any" | "tool")) && !model.forced_tool {
        return Err("tool_choice: this model cannot be made to use a tool".to_owned());
    }
    Ok(())
}

fn turns(question: &Map<String, Value>, model: &Facts, has_form: bool) -> Result<(), String> {
    let turns = question.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if turns.iter().any(|turn| !matches!(turn["role"].as_str(), Some("user" | "assistant"))) {
        return Err("messages: roles are `user` and `assistant`; use the top-level `system`".to_owned());
    }
    if turns.first().is_some_and(|first| first["role"] == "assistant") {
        return Err("messages: first message must use the \"user\" role".to_owned());
    }
    for (n, turn) in turns.iter().enumerate() {
        let is_empty = match &turn["content"] {
            Value::String(text) => text.is_empty(),
            Value::Array(parts) => {
                if parts.iter().any(|part| part["type"] == "text" && part["text"] == "") {
                    return Err("messages: text content blocks must be non-empty".to_owned());
                }
                parts.is_empty()
            }
            _ => true,
        };
        if is_empty {
            return Err(format!("messages.{n}: all messages must have non-empty content"));
        }
    }
    match turns.last() {
        None => Err("messages: at least one message is required".to_owned()),
        Some(last) if last["role"] == "assistant" && (has_form || !model.prefill) => {
            Err("messages: prefilling the assistant's turn is not supported by this model".to_owned())
        }
        Some(_) => Ok(()),
    }
}

/// The schema of the form of an answer.
fn formed(form: &Value) -> Result<&Value, String> {
    if form["type"] != "json_schema" {
        return Err("output_config.format.type: Input should be 'json_schema'".to_owned());
    }
    if form.get("name").is_some() || form.get("strict").is_some() {
        return Err("output_config.format: Extra inputs are not permitted".to_owned());
    }
    match schema::fault(&form["schema"]) {
        Some(problem) => Err(format!("output_config.format.schema: {problem}")),
        None => Ok(&form["schema"]),
    }
}

/// The last turn that is not an answer's beginning.
fn asked(question: &Map<String, Value>) -> String {
    let turns = question.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let last = turns.iter().rev().find(|turn| turn["role"] == "user");
    last.map(|turn| text_of(&turn["content"])).unwrap_or_default()
}
