//! `POST /v1/chat/completions` (platform.openai.com, "Chat Completions"): the form of the answer in `response_format`.

use serde_json::{Map, Value, json};

use super::{Place, REFUSAL, effort, form, model, prompt, usage};
use crate::sandbox::llm::{
    Api,
    api::{Spoken, Taken},
    refused::{Refused, invalid},
    speech::Said,
    text_of,
};

const ROLES: [&str; 4] = ["system", "developer", "user", "assistant"];

pub(in crate::sandbox::llm) fn take(question: &Map<String, Value>) -> Result<Taken, Refused> {
    let model = model(Api::Chat, question)?;
    if question.contains_key("max_tokens") && !model.max_tokens {
        let problem = "Unsupported parameter: 'max_tokens' is not supported with this model. \
                       Use 'max_completion_tokens' instead.";
        return Err(invalid(problem).about("max_tokens").with_code("unsupported_parameter"));
    }
    effort(&model, question.get("reasoning_effort"), "reasoning_effort")?;
    let turns = question.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if turns.is_empty() {
        return Err(invalid("Invalid 'messages': empty array.").about("messages"));
    }
    if turns.iter().any(|turn| !turn["role"].as_str().is_some_and(|role| ROLES.contains(&role))) {
        return Err(invalid("Invalid value for 'role' in 'messages'.").about("messages"));
    }
    let of = |roles: &[&str]| {
        let theirs = turns.iter().filter(|turn| turn["role"].as_str().is_some_and(|r| roles.contains(&r)));
        theirs.map(|turn| text_of(&turn["content"])).collect::<Vec<_>>()
    };
    let told = of(&["system", "developer"]).join("\n");
    let turns: String = of(&ROLES).concat();
    let wanted = question.get("response_format");
    let place = Place {
        form: "response_format",
        named: "response_format.json_schema",
        asked: "messages",
        text: &turns,
    };
    let form = form(wanted, wanted.map_or(&Value::Null, |form| &form["json_schema"]), &place)?;
    let bounds = ["max_completion_tokens", "max_tokens"];
    for (bound, asked) in bounds.iter().filter_map(|bound| Some((*bound, question.get(*bound)?.as_u64()?))) {
        if let Some(most) = model.output_tokens.filter(|most| asked > *most) {
            let problem = format!(
                "{bound} is too large: {asked}. This model supports at most {most} completion tokens, whereas you provided \
                 {asked}."
            );
            return Err(invalid(problem).about(bound).with_code("invalid_value"));
        }
    }
    Ok(Taken {
        text: of(&["user"]).pop().unwrap_or_default(),
        schema: form.schema(&told),
        output_tokens_max: bounds.iter().find_map(|bound| question.get(*bound)?.as_u64()),
        prompt: prompt(question, &[&form.written(), &turns], &model)?,
    })
}

pub(in crate::sandbox::llm) fn answer(spoken: &Spoken<'_>) -> Value {
    let (content, refusal, finish_reason) = match spoken.said {
        Said::Whole(text) => (Some(text), None, "stop"),
        Said::Truncated(text) => (Some(text), None, "length"),
        Said::Filtered(text) => (Some(text), None, "content_filter"),
        Said::Refusal => (None, Some(REFUSAL), "stop"),
    };
    json!({
        "id": format!("chatcmpl-sandbox-{}", spoken.number),
        "object": "chat.completion",
        "created": spoken.at.as_secs(),
        "model": spoken.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": refusal, "annotations": []},
            "logprobs": null,
            "finish_reason": finish_reason,
        }],
        "usage": usage(spoken, "prompt", "completion"),
    })
}
