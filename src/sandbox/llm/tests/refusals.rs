//! What the vendors refuse.

use super::*;
use crate::sandbox::tests::{post, start};

#[tokio::test]
async fn anthropic_refuses_a_request_without_key_or_version_or_json() {
    let sandbox = start().await;
    let url = format!("{}/v1/messages", sandbox.urls().anthropic);
    let fine = to_anthropic("x").to_string();
    for (headers, body, status, kind) in [
        (&ANTHROPIC[1..], &*fine, 401, "authentication_error"),
        (&[("x-api-key", "other"), ANTHROPIC[1]], &fine, 401, "authentication_error"),
        (&ANTHROPIC[..1], &fine, 400, "invalid_request_error"),
        (&[ANTHROPIC[0], ("anthropic-version", "2024-01-01")], &fine, 400, "invalid_request_error"),
        (&ANTHROPIC, "{", 400, "invalid_request_error"),
    ] {
        let refused = post(&url, headers, body).await;
        let error = refused.json().unwrap();
        assert_eq!((refused.status, &error["error"]["type"]), (status, &json!(kind)), "{headers:?}");
        assert_eq!(
            (&error["type"], &error["request_id"]),
            (&json!("error"), &json!(header(&refused, "request-id")))
        );
    }
    assert!(sandbox.asked().is_empty());
}

#[tokio::test]
async fn anthropic_refuses_what_it_or_the_model_does_not_take() {
    let asked = Asked::start().await;
    let fine = || to_anthropic("x");
    let format = "/output_config/format";
    let tool = json!({"type": "tool", "name": "t"});
    let of = |model: &str, pointer: &str, value: Value| {
        but(but(fine(), "/model", Some(json!(model))), pointer, Some(value))
    };
    for (question, want) in [
        (but(fine(), "/model", None), "model: Field required"),
        (but(fine(), "/max_tokens", None), "max_tokens"),
        (but(fine(), "/max_tokens", Some(json!(0))), "max_tokens"),
        (but(fine(), "/messages", Some(json!([]))), "at least one message"),
        (but(fine(), "/messages/0/role", Some(json!("system"))), "roles are"),
        (but(fine(), "/messages/0/role", Some(json!("assistant"))), "first message"),
        (but(fine(), "/messages/0/content", Some(json!(""))), "messages.0: all messages"),
        (but(fine(), "/messages/0/content", Some(json!([{"type": "text", "text": ""}]))), "non-empty"),
        (but(fine(), "/store", Some(json!(false))), "store: Extra inputs"),
        (but(fine(), "/stream", Some(json!(true))), "stream"),
        (but(fine(), "/temperature", Some(json!(0.1))), "temperature: this parameter"),
        (but(fine(), "/top_k", Some(json!(1))), "top_k: this parameter"),
        (but(fine(), "/output_config/effort", Some(json!("none"))), "output_config.effort"),
        (but(fine(), "/thinking", Some(json!({"type": "enabled", "budget_tokens": 9}))), "thinking.type"),
        (but(fine(), &format!("{format}/strict"), Some(json!(true))), "output_config.format: Extra"),
        (but(fine(), &format!("{format}/name"), Some(json!("n"))), "output_config.format: Extra"),
        (but(fine(), &format!("{format}/type"), Some(json!("json"))), "output_config.format.type"),
        (but(fine(), &format!("{format}/schema/required"), None), "output_config.format.schema"),
        (
            but(fine(), &format!("{format}/schema/properties/confidence/minimum"), Some(json!(0))),
            "'minimum' is not permitted",
        ),
        (of("claude-sonnet-5-5", "/thinking", json!({"type": "disabled"})), "thinking.type"),
        (of("claude-sonnet-5-5", "/tool_choice", tool.clone()), "tool_choice"),
        (of("claude-opus-5-5", "/tool_choice", tool), "tool_choice"),
        (of("claude-haiku-4-5", "/output_config/effort", json!("low")), "output_config.effort"),
        (of("claude-sonnet-4-6", "/temperature", json!(1.1)), "temperature: range"),
        (of("claude-haiku-4-5", "/system", json!("x".repeat(900_000))), "prompt is too long"),
        (
            of("claude-haiku-4-5", "/max_tokens", json!(64_001)),
            "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5",
        ),
        (of("claude-haiku-5-5", "/max_tokens", json!(150_000)), "max_tokens: 150000 > 128000, which"),
    ] {
        let refused = asked.messages(&question).await;
        let error = refused.json().unwrap()["error"].clone();
        assert_eq!((refused.status, &error["type"]), (400, &json!("invalid_request_error")), "{want}");
        assert!(error["message"].as_str().unwrap().contains(want), "{want}: {error}");
    }
    let elsewhere = asked.messages(&of("gpt-6-luna", "/max_tokens", json!(9))).await;
    assert_eq!(
        (elsewhere.status, &elsewhere.json().unwrap()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
    assert!(asked.sandbox.asked().is_empty());
}

#[tokio::test]
async fn a_beginning_of_the_answer_is_taken_by_old_models_without_a_form() {
    let asked = Asked::start().await;
    let mut question = to_anthropic("x");
    question["messages"].as_array_mut().unwrap().push(json!({"role": "assistant", "content": "{"}));
    let free = but(question.clone(), "/output_config", None);
    for (question, model, status) in [
        (&question, "claude-haiku-4-5", 400),
        (&free, "claude-haiku-4-5", 200),
        (&free, "claude-haiku-5-5", 400),
        (&free, "claude-sonnet-4-6", 400),
    ] {
        let answer = asked.messages(&but(question.clone(), "/model", Some(json!(model)))).await;
        assert_eq!(answer.status, status, "{model}");
    }
}

#[tokio::test]
async fn chat_refuses_what_it_or_the_model_does_not_take() {
    let asked = Asked::start().await;
    let fine = || to_openai("x");
    let url = format!("{}/chat/completions", asked.sandbox.urls().openai);
    let stranger = post(&url, &ANTHROPIC, &fine().to_string()).await;
    assert_eq!(
        (stranger.status, &stranger.json().unwrap()["error"]["code"]),
        (401, &json!("invalid_api_key"))
    );
    let format = "/response_format/json_schema";
    let at = "response_format.json_schema";
    let long = but(fine(), "/messages/0/content", Some(json!("x".repeat(600_000))));
    let long = but(long, "/model", Some(json!("gpt-4o")));
    for (question, param) in [
        (but(fine(), "/model", None), "model"),
        (but(fine(), "/max_tokens", Some(json!(9))), "max_tokens"),
        (but(fine(), "/max_completion_tokens", Some(json!(128_001))), "max_completion_tokens"),
        (but(fine(), "/temperature", Some(json!(0))), "temperature"),
        (but(fine(), "/system", Some(json!("x"))), "system"),
        (but(fine(), "/stream", Some(json!(true))), "stream"),
        (but(fine(), "/reasoning_effort", Some(json!("huge"))), "reasoning_effort"),
        (but(fine(), "/messages", Some(json!([]))), "messages"),
        (but(fine(), "/messages/0/role", Some(json!("robot"))), "messages"),
        (long, "messages"),
        (but(fine(), &format!("{format}/name"), Some(json!("a b"))), &format!("{at}.name")),
        (but(fine(), &format!("{format}/strict"), Some(json!("yes"))), &format!("{at}.strict")),
        (but(fine(), "/response_format/type", Some(json!("xml"))), "response_format.type"),
        (but(fine(), "/response_format", Some(json!({"type": "json_object"}))), "messages"),
        (but(fine(), &format!("{format}/schema/additionalProperties"), None), "response_format"),
        (
            but(fine(), &format!("{format}/schema/properties/label/maxLength"), Some(json!(9))),
            "response_format",
        ),
    ] {
        let refused = asked.chat(&question).await;
        let error = refused.json().unwrap_or_default();
        assert_eq!((refused.status, &error["error"]["param"]), (400, &json!(param)), "{error}");
    }
    let elsewhere = asked.chat(&but(fine(), "/model", Some(json!("claude-opus-5-5")))).await;
    assert_eq!(
        (elsewhere.status, &elsewhere.json().unwrap()["error"]["code"]),
        (404, &json!("model_not_found"))
    );
    assert!(asked.sandbox.asked().is_empty());
}

#[tokio::test]
async fn responses_refuse_what_is_chats_and_what_the_model_does_not_take() {
    let asked = Asked::start().await;
    let fine = || to_responses("x");
    for (question, param) in [
        (but(fine(), "/model", None), "model"),
        (but(fine(), "/input", None), "input"),
        (but(fine(), "/messages", Some(json!([]))), "messages"),
        (but(fine(), "/max_completion_tokens", Some(json!(9))), "max_completion_tokens"),
        (but(fine(), "/response_format", Some(json!({}))), "response_format"),
        (but(fine(), "/seed", Some(json!(1))), "seed"),
        (but(fine(), "/max_output_tokens", Some(json!(1))), "max_output_tokens"),
        (but(fine(), "/max_output_tokens", Some(json!(128_001))), "max_output_tokens"),
        (but(fine(), "/temperature", Some(json!(0))), "temperature"),
        (but(fine(), "/reasoning/effort", Some(json!("huge"))), "reasoning.effort"),
        (but(fine(), "/text/format/strict", Some(json!(1))), "text.format.strict"),
        (but(fine(), "/text/format", Some(json!({"type": "json_object"}))), "input"),
        (but(fine(), "/text/format/schema/required", None), "text.format.schema"),
    ] {
        let refused = asked.responses(&question).await;
        assert_eq!(refused.status, 400, "{param}");
        assert_eq!(refused.json().unwrap()["error"]["param"], param);
    }
}

#[tokio::test]
async fn forms_that_hold_an_answer_less_are_taken_too() {
    let asked = Asked::start().await;
    let object = json!({"type": "json_object"});
    let optional = json!({"type": "object", "properties": {"label": {"type": "string", "maxLength": 9}}});
    let parsed = |text: &Value| -> Value { serde_json::from_str(text.as_str().unwrap()).unwrap() };

    let chat = but(to_openai("x"), "/messages/0/content", Some(json!("Answer as Json.")));
    let loose = but(chat.clone(), "/response_format/json_schema/schema", Some(optional.clone()));
    for (question, has) in [
        (but(chat.clone(), "/response_format", Some(object.clone())), "answer"),
        (but(loose.clone(), "/response_format/json_schema/strict", Some(json!(false))), "label"),
        (but(loose, "/response_format/json_schema/strict", None), "label"),
        (
            but(
                but(chat.clone(), "/response_format/json_schema/strict", None),
                "/response_format/json_schema/schema",
                None,
            ),
            "answer",
        ),
    ] {
        let answer = asked.chat(&question).await.json().unwrap();
        let said = parsed(&answer["choices"][0]["message"]["content"]);
        assert!(said[has].is_string(), "{answer}");
    }
    let plain = asked.chat(&but(chat, "/response_format", Some(json!({"type": "text"})))).await;
    assert_eq!(plain.status, 200);

    let responses = but(to_responses("one JSON object, please"), "/text/format/strict", Some(json!(false)));
    for question in [
        but(responses.clone(), "/text/format/schema", Some(optional)),
        but(responses, "/text/format", Some(object)),
    ] {
        let answer = asked.responses(&question).await.json().unwrap();
        assert!(parsed(&answer["output"][0]["content"][0]["text"]).is_object(), "{answer}");
    }
}

#[tokio::test]
async fn older_models_and_servers_of_ones_own_take_more() {
    let asked = Asked::start().await;
    for model in ["gpt-4o", "gpt-4o-2024-08-06", "qwen3:8b"] {
        let mut question = but(to_openai("x"), "/model", Some(json!(model)));
        question["temperature"] = json!(0);
        question["max_tokens"] = json!(50);
        assert_eq!(asked.chat(&question).await.status, 200, "{model}");
        let longer = but(question.clone(), "/max_tokens", Some(json!(16_385)));
        let refused = asked.chat(&longer).await;
        assert_eq!(refused.status == 200, model == "qwen3:8b", "{model}");
        let told = "max_tokens is too large: 16385. This model supports at most 16384 completion tokens";
        assert!(model == "qwen3:8b" || refused.json().unwrap().to_string().contains(told));
        let with_more = but(question, "/top_k", Some(json!(1)));
        assert_eq!(asked.chat(&with_more).await.status == 200, model == "qwen3:8b", "{model}");
    }
    let effort = but(to_openai("x"), "/reasoning_effort", Some(json!("low")));
    for (model, status) in [("gpt-4o", 400), ("qwen3:8b", 200)] {
        assert_eq!(asked.chat(&but(effort.clone(), "/model", Some(json!(model)))).await.status, status);
    }
}
