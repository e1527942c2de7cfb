//! `POST /v1/responses` (platform.openai.com, "Responses"): as Chat Completions, with the form of the answer in
//! `text.format`.

use serde_json::{Map, Value, json};

use super::{Place, REFUSAL, effort, form, model, prompt, usage};
use crate::sandbox::llm::{
    Api,
    api::{Spoken, Taken},
    refused::{Refused, invalid},
    speech::Said,
    text_of,
};

/// Fewest tokens that an answer must be given.
const OUTPUT_TOKENS_MIN: u64 = 16;

/// Parameters of Chat Completions, and what they are called here.
const MOVED: [(&str, &str); 5] = [
    ("messages", "input"),
    ("max_completion_tokens", "max_output_tokens"),
    ("max_tokens", "max_output_tokens"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
];

pub(in crate::sandbox::llm) fn take(question: &Map<String, Value>) -> Result<Taken, Refused> {
    if let Some((name, instead)) = MOVED.iter().find(|(name, _)| question.contains_key(*name)) {
        let problem =
            format!("Unsupported parameter: '{name}'. In the Responses API it has moved to '{instead}'.");
        return Err(invalid(problem).about(*name).with_code("unsupported_parameter"));
    }
    let model = model(Api::Responses, question)?;
    let asked = question.get("input").map(text_of).unwrap_or_default();
    if asked.is_empty() {
        return Err(invalid("Missing required parameter: 'input'.").about("input"));
    }
    let output_tokens_max = question.get("max_output_tokens").and_then(Value::as_u64);
    if output_tokens_max.is_some_and(|max| max < OUTPUT_TOKENS_MIN) {
        let problem = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.";
        return Err(invalid(problem).about("max_output_tokens").with_code("integer_below_min_value"));
    }
    if let (Some(asked), Some(most)) = (output_tokens_max, model.output_tokens)
        && asked > most
    {
        let problem = format!(
            "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= {most}, but got {asked} instead."
        );
        return Err(invalid(problem).about("max_output_tokens").with_code("integer_above_max_value"));
    }
    let reasoning = question.get("reasoning");
    effort(&model, reasoning.and_then(|reasoning| reasoning.get("effort")), "reasoning.effort")?;
    let wanted = question.get("text").and_then(|text| text.get("format"));
    let place = Place { form: "text.format", named: "text.format", asked: "input", text: &asked };
    let form = form(wanted, wanted.unwrap_or(&Value::Null), &place)?;
    let told = question.get("instructions").map(text_of).unwrap_or_default();
    let prompt = prompt(question, &[&form.written(), &told, &asked], &model)?;
    let schema = form.schema(&told);
    Ok(Taken { text: asked, schema, output_tokens_max, prompt })
}

pub(in crate::sandbox::llm) fn answer(spoken: &Spoken<'_>) -> Value {
    let text = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
    let (part, incomplete) = match spoken.said {
        Said::Whole(said) => (text(said), None),
        Said::Truncated(said) => (text(said), Some("max_output_tokens")),
        Said::Filtered(said) => (text(said), Some("content_filter")),
        Said::Refusal => (json!({"type": "refusal", "refusal": REFUSAL}), None),
    };
    let status = if incomplete.is_some() { "incomplete" } else { "completed" };
    json!({
        "id": format!("resp_sandbox_{}", spoken.number),
        "object": "response",
        "created_at": spoken.at.as_secs(),
        "status": status,
        "error": null,
        "incomplete_details": incomplete.map(|reason| json!({"reason": reason})),
        "model": spoken.model,
        "parallel_tool_calls": true,
        "tool_choice": "auto",
        "tools": [],
        "output": [{
            "id": format!("msg_sandbox_{}", spoken.number),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [part],
        }],
        "usage": usage(spoken, "input", "output"),
    })
}
