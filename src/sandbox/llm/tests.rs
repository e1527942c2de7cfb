use serde_json::json;

use super::*;
use crate::sandbox::tests::{BEARER, TOKEN, post, start};

const ANTHROPIC: [(&str, &str); 2] = [("x-api-key", TOKEN), ("anthropic-version", "2023-06-01")];

fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["label", "confidence"],
        "properties": {
            "label": {"type": "string", "enum": ["lead", "spam"]},
            "confidence": {"type": "number"},
        },
    })
}

fn to_anthropic(text: &str) -> Value {
    json!({
        "model": "claude-haiku-5-5", "max_tokens": 100, "system": "Sort. Spam is about SEO.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
        "output_config": {"format": {"type": "json_schema", "schema": schema()}},
    })
}

fn to_openai(text: &str) -> Value {
    json!({
        "model": "gpt-6-luna", "max_completion_tokens": 100,
        "messages": [{"role": "system", "content": "Sort. Spam is about SEO."}, {"role": "user", "content": text}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "triage", "strict": true, "schema": schema()}},
    })
}

fn to_responses(text: &str) -> Value {
    json!({
        "model": "gpt-6-luna", "max_output_tokens": 100, "instructions": "Sort. Spam is about SEO.", "input": text,
        "text": {"format": {"type": "json_schema", "name": "triage", "strict": true, "schema": schema()}},
        "reasoning": {"effort": "low"}, "store": false,
    })
}

/// `value` with the value at `pointer` replaced, or its last field removed.
fn but(mut value: Value, pointer: &str, new: Option<Value>) -> String {
    let (above, last) = pointer.rsplit_once('/').unwrap();
    let fields = value.pointer_mut(above).unwrap().as_object_mut().unwrap();
    match new {
        Some(new) => fields.insert(last.to_owned(), new),
        None => fields.remove(last),
    };
    value.to_string()
}

#[tokio::test]
async fn both_answer_what_the_words_say() {
    let sandbox = start().await;
    let messages = format!("{}/v1/messages", sandbox.urls().anthropic);
    let completions = format!("{}/chat/completions", sandbox.urls().openai);
    for (text, label) in [("cheap backlinks for your SEO", "spam"), ("may we see a demo?", "lead")] {
        let response = post(&messages, &ANTHROPIC, &to_anthropic(text).to_string()).await;
        assert!(response.headers.contains_key("request-id"));
        let answer = response.json().unwrap();
        let output = answer["content"][0]["text"].as_str().unwrap();
        assert_eq!(output, json!({"label": label, "confidence": 0.9}).to_string());
        assert_eq!(
            (&answer["stop_reason"], &answer["model"]),
            (&json!("end_turn"), &json!("claude-haiku-5-5"))
        );

        let answer = post(&completions, &[BEARER], &to_openai(text).to_string()).await.json().unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], output);
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        let parsed: async_openai::types::chat::CreateChatCompletionResponse =
            serde_json::from_value(answer).unwrap();
        assert!(parsed.usage.unwrap().total_tokens > 0);
    }
    assert_eq!(sandbox.asked().len(), 4);
    assert_eq!(sandbox.requests("/llm/v1/messages"), 2);
}

#[tokio::test]
async fn anthropic_refuses_what_it_refuses() {
    let sandbox = start().await;
    let url = format!("{}/v1/messages", sandbox.urls().anthropic);
    let fine = || to_anthropic("x");
    let tenth = Some(json!(0.1));
    let format = "/output_config/format";
    for (headers, body, status, kind) in [
        (&ANTHROPIC[1..], fine().to_string(), 401, "authentication_error"),
        (&ANTHROPIC[..1], fine().to_string(), 400, "invalid_request_error"),
        (&ANTHROPIC, "{".to_owned(), 400, "invalid_request_error"),
        (&ANTHROPIC, but(fine(), "/model", None), 400, "invalid_request_error"),
        (&ANTHROPIC, but(fine(), "/max_tokens", None), 400, "invalid_request_error"),
        (&ANTHROPIC, but(fine(), "/messages", Some(json!([]))), 400, "invalid_request_error"),
        (&ANTHROPIC, but(fine(), "/messages/0/role", Some(json!("system"))), 400, "invalid_request_error"),
        (&ANTHROPIC, but(fine(), "/messages/0/role", Some(json!("assistant"))), 400, "invalid_request_error"),
        (&ANTHROPIC, but(fine(), "/temperature", tenth.clone()), 400, "invalid_request_error"),
        (&ANTHROPIC, but(fine(), "/top_k", tenth.clone()), 400, "invalid_request_error"),
        (
            &ANTHROPIC,
            but(fine(), &format!("{format}/strict"), Some(json!(true))),
            400,
            "invalid_request_error",
        ),
        (
            &ANTHROPIC,
            but(fine(), &format!("{format}/type"), Some(json!("json"))),
            400,
            "invalid_request_error",
        ),
        (
            &ANTHROPIC,
            but(fine(), &format!("{format}/schema/properties/confidence/minimum"), tenth),
            400,
            "invalid_request_error",
        ),
        (&ANTHROPIC, but(fine(), &format!("{format}/schema/required"), None), 400, "invalid_request_error"),
    ] {
        let response = post(&url, headers, &body).await;
        let error = response.json().unwrap();
        assert_eq!((response.status, &error["error"]["type"]), (status, &json!(kind)), "{body}");
        assert_eq!(error["type"], "error");
    }
    assert!(sandbox.asked().is_empty());
}

#[tokio::test]
async fn openai_refuses_what_it_refuses() {
    let sandbox = start().await;
    let url = format!("{}/chat/completions", sandbox.urls().openai);
    let fine = || to_openai("x");
    let format = "/response_format/json_schema";
    assert_eq!(post(&url, &ANTHROPIC, &fine().to_string()).await.status, 401);
    for (body, param) in [
        (but(fine(), "/model", None), json!("model")),
        (but(fine(), "/max_tokens", Some(json!(9))), json!("max_tokens")),
        (but(fine(), "/temperature", Some(json!(0))), json!("temperature")),
        (but(fine(), "/messages", Some(json!([]))), json!("messages")),
        (but(fine(), "/messages/0/role", Some(json!("robot"))), json!("messages")),
        (
            but(fine(), &format!("{format}/name"), Some(json!("a b"))),
            json!("response_format.json_schema.name"),
        ),
        (but(fine(), &format!("{format}/strict"), None), json!("response_format.json_schema.strict")),
        (but(fine(), &format!("{format}/schema/additionalProperties"), None), json!("response_format")),
        (
            but(fine(), &format!("{format}/schema/properties/label/maxLength"), Some(json!(9))),
            json!("response_format"),
        ),
    ] {
        let response = post(&url, &[BEARER], &body).await;
        let error = response.json().unwrap();
        assert_eq!((response.status, &error["error"]["param"]), (400, &param), "{body}");
    }
    assert!(sandbox.asked().is_empty());
}

#[tokio::test]
async fn both_say_what_they_are_told_to() {
    let sandbox = start().await;
    let messages = format!("{}/v1/messages", sandbox.urls().anthropic);
    let completions = format!("{}/chat/completions", sandbox.urls().openai);
    let asked = (to_anthropic("a demo").to_string(), to_openai("a demo").to_string());
    let told = async |reply: Reply| {
        sandbox.reply_next(reply.clone());
        sandbox.reply_next(reply);
        (post(&messages, &ANTHROPIC, &asked.0).await, post(&completions, &[BEARER], &asked.1).await)
    };
    for (reply, text, ends) in [
        (Reply::Output(json!({"x": 1})), r#"{"x":1}"#, ["end_turn", "stop"]),
        (Reply::Text("Sure!".to_owned()), "Sure!", ["end_turn", "stop"]),
        (Reply::WrongLabel, r#"{"label":"no_such_label","confidence":0.9}"#, ["end_turn", "stop"]),
        (Reply::OtherCase, r#"{"label":"LEAD","confidence":0.9}"#, ["end_turn", "stop"]),
        (Reply::Truncated, r#"{"label":"lead","#, ["max_tokens", "length"]),
    ] {
        let (a, o) = told(reply).await;
        let (a, o) = (a.json().unwrap(), o.json().unwrap());
        assert_eq!((&a["content"][0]["text"], &a["stop_reason"]), (&json!(text), &json!(ends[0])));
        let choice = &o["choices"][0];
        assert_eq!(
            (&choice["message"]["content"], &choice["finish_reason"]),
            (&json!(text), &json!(ends[1]))
        );
    }
    let (a, o) = told(Reply::Refusal).await;
    assert_eq!(a.json().unwrap()["stop_reason"], "refusal");
    assert!(o.json().unwrap()["choices"][0]["message"]["refusal"].is_string());

    let (a, o) = told(Reply::RateLimited { retry_after_s: Some(9) }).await;
    assert_eq!([a.status, o.status], [429, 429]);
    assert_eq!([&a, &o].map(|answer| answer.headers["retry-after"].clone()), ["9", "9"]);
    let (a, o) = told(Reply::SpendLimit).await;
    assert_eq!([a.status, o.status], [429, 429]);
    assert!([&a, &o].iter().all(|answer| !answer.headers.contains_key("retry-after")));
    assert_eq!(a.json().unwrap()["error"]["details"]["error_code"], "enforced_spend_limit_reached");
    assert_eq!(o.json().unwrap()["error"]["code"], "insufficient_quota");
    let (a, o) = told(Reply::Overloaded).await;
    assert_eq!([a.status, o.status], [529, 503]);
    assert_eq!(a.json().unwrap()["error"]["type"], "overloaded_error");
}

#[tokio::test]
async fn responses_answer_and_end_as_the_api_does() {
    let sandbox = start().await;
    let url = format!("{}/responses", sandbox.urls().openai);
    let said = post(&url, &[BEARER], &to_responses("cheap backlinks for your SEO").to_string())
        .await
        .json()
        .unwrap();
    let output = json!({"label": "spam", "confidence": 0.9}).to_string();
    assert_eq!(said["output"][0]["content"][0]["text"], output);
    let parsed: async_openai::types::responses::Response = serde_json::from_value(said).unwrap();
    assert_eq!(parsed.output_text(), Some(output));

    sandbox.reply_next(Reply::Truncated);
    let cut = post(&url, &[BEARER], &to_responses("x").to_string()).await.json().unwrap();
    assert_eq!(
        (&cut["status"], &cut["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    sandbox.reply_next(Reply::Refusal);
    let refused = post(&url, &[BEARER], &to_responses("x").to_string()).await.json().unwrap();
    assert_eq!(refused["output"][0]["content"][0]["type"], "refusal");
}

#[tokio::test]
async fn responses_refuse_what_is_chats_and_what_the_model_does_not_take() {
    let sandbox = start().await;
    let url = format!("{}/responses", sandbox.urls().openai);
    let fine = || to_responses("x");
    for (body, param) in [
        (but(fine(), "/model", None), "model"),
        (but(fine(), "/input", None), "input"),
        (but(fine(), "/messages", Some(json!([]))), "messages"),
        (but(fine(), "/max_completion_tokens", Some(json!(9))), "max_completion_tokens"),
        (but(fine(), "/response_format", Some(json!({}))), "response_format"),
        (but(fine(), "/max_output_tokens", Some(json!(1))), "max_output_tokens"),
        (but(fine(), "/temperature", Some(json!(0))), "temperature"),
        (but(fine(), "/reasoning/effort", Some(json!("huge"))), "reasoning_effort"),
        (but(fine(), "/text/format/strict", Some(json!(false))), "response_format.json_schema.strict"),
    ] {
        let refused = post(&url, &[BEARER], &body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert_eq!(refused.json().unwrap()["error"]["param"], param, "{body}");
    }
    // What an older model takes.
    let older = but(fine(), "/model", Some(json!("gpt-4o")));
    let mut older: Value = serde_json::from_str(&older).unwrap();
    older.as_object_mut().unwrap().remove("reasoning");
    assert_eq!(post(&url, &[BEARER], &but(older, "/temperature", Some(json!(0)))).await.status, 200);
}
