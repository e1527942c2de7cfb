//! What the models answer, of themselves and as they are told.

use super::*;
use crate::{
    remote::Cut,
    sandbox::{Api, Reply},
};

#[tokio::test]
async fn each_api_answers_what_the_words_say_in_its_own_shape() {
    let asked = Asked::start().await;
    for (text, label) in [("cheap backlinks for your SEO", "spam"), ("may we see a demo?", "lead")] {
        let output = json!({"label": label, "confidence": 0.9}).to_string();
        let response = asked.messages(&to_anthropic(text)).await;
        assert!(header(&response, "request-id").starts_with("req_"));
        let answer = response.json().unwrap();
        assert_eq!(answer["content"][0]["text"], output);
        assert_eq!(
            (&answer["stop_reason"], &answer["model"]),
            (&json!("end_turn"), &json!("claude-haiku-5-5"))
        );

        let response = asked.chat(&to_openai(text)).await;
        assert!(header(&response, "x-request-id").starts_with("req_"));
        let answer = response.json().unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], output);
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        let parsed: async_openai::types::chat::CreateChatCompletionResponse =
            serde_json::from_value(answer).unwrap();
        assert!(parsed.usage.unwrap().total_tokens > 0);

        let answer = asked.responses(&to_responses(text)).await.json().unwrap();
        let parsed: async_openai::types::responses::Response = serde_json::from_value(answer).unwrap();
        assert_eq!(parsed.output_text(), Some(output));
    }
    assert_eq!((asked.sandbox.asked().len(), asked.sandbox.requests("/llm/v1/messages")), (6, 2));
    let calls = asked.sandbox.llm_calls();
    let apis: Vec<Api> = calls.iter().take(3).map(|call| call.api).collect();
    assert_eq!(apis, [Api::Messages, Api::Chat, Api::Responses]);
    assert!(calls.iter().all(|call| call.answer == "ok" && call.status == 200 && call.tokens.output > 0));
}

#[tokio::test]
async fn a_schema_in_plain_words_is_kept_to_and_room_is_not_exceeded() {
    let asked = Asked::start().await;
    let told = format!("Sort.\n\nAnswer with one JSON object:\n{}", schema());
    let output = json!({"label": "spam", "confidence": 0.9}).to_string();
    let free = but(to_anthropic("backlinks"), "/output_config", None);
    let answer = asked.messages(&but(free.clone(), "/system", Some(json!(told)))).await.json().unwrap();
    assert_eq!(answer["content"][0]["text"], output);
    let blocks = json!([{"type": "text", "text": told}]);
    let answer = asked.messages(&but(free.clone(), "/system", Some(blocks))).await.json().unwrap();
    assert_eq!(answer["content"][0]["text"], output);
    let chat =
        but(but(to_openai("backlinks"), "/response_format", None), "/messages/0/content", Some(json!(told)));
    assert_eq!(asked.chat(&chat).await.json().unwrap()["choices"][0]["message"]["content"], output);
    let responses = but(but(to_responses("backlinks"), "/text", None), "/instructions", Some(json!(told)));
    assert_eq!(asked.responses(&responses).await.json().unwrap()["output"][0]["content"][0]["text"], output);
    let sentence = asked.messages(&free).await.json().unwrap();
    assert!(sentence["content"][0]["text"].as_str().unwrap().contains("nothing to say"));

    let short = asked.messages(&but(to_anthropic("x"), "/max_tokens", Some(json!(2)))).await.json().unwrap();
    assert_eq!((&short["stop_reason"], &short["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(2)));
}

/// What each API makes of a reply: its text, and the word for how it ended.
async fn told(asked: &Asked, reply: &Reply) -> [(String, String); 3] {
    for _ in 0..3 {
        asked.sandbox.reply_next(reply.clone());
    }
    let messages = asked.messages(&to_anthropic("a demo")).await.json().unwrap();
    let chat = asked.chat(&to_openai("a demo")).await.json().unwrap();
    let responses = asked.responses(&to_responses("a demo")).await.json().unwrap();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let part = &responses["output"][0]["content"][0];
    let incomplete = &responses["incomplete_details"]["reason"];
    [
        (word(&messages["content"][0]["text"]), word(&messages["stop_reason"])),
        (word(&chat["choices"][0]["message"]["content"]), word(&chat["choices"][0]["finish_reason"])),
        (word(&part["text"]), word(if incomplete.is_null() { &responses["status"] } else { incomplete })),
    ]
}

#[tokio::test]
async fn every_api_says_what_it_is_told_to() {
    let asked = Asked::start().await;
    let well = ["end_turn", "stop", "completed"];
    for (reply, text, ends) in [
        (Reply::Output(json!({"x": 1})), r#"{"x":1}"#, well),
        (Reply::Text("Sure!".to_owned()), "Sure!", well),
        (Reply::Empty, "", well),
        (Reply::NotJson, "I would rather tell it in my own words than as JSON.", well),
        (Reply::WrongLabel, r#"{"label":"no_such_label","confidence":0.9}"#, well),
        (Reply::OtherCase, r#"{"label":"LEAD","confidence":0.9}"#, well),
        (Reply::MissingField, r#"{"label":"lead"}"#, well),
        (Reply::ExtraField, r#"{"label":"lead","confidence":0.9,"nobody_asked":true}"#, well),
        (Reply::Truncated, r#"{"label":"lead","#, ["max_tokens", "length", "max_output_tokens"]),
        (Reply::Refusal, "", ["refusal", "stop", "completed"]),
    ] {
        let got = told(&asked, &reply).await;
        assert_eq!(got, ends.map(|end| (text.to_owned(), end.to_owned())), "{reply}");
    }
    asked.sandbox.reply_next(Reply::Refusal);
    let refused = asked.chat(&to_openai("x")).await.json().unwrap();
    assert!(refused["choices"][0]["message"]["refusal"].is_string());
    asked.sandbox.reply_next(Reply::Refusal);
    let refused = asked.responses(&to_responses("x")).await.json().unwrap();
    assert_eq!(refused["output"][0]["content"][0]["type"], "refusal");
}

#[tokio::test]
async fn a_content_filter_stops_openai_in_the_middle_and_anthropic_before_it_speaks() {
    let asked = Asked::start().await;
    let [(nothing, _), chat, responses] = told(&asked, &Reply::Filtered).await;
    let half = r#"{"label":"lead","#.to_owned();
    assert_eq!(nothing, "");
    assert_eq!(
        [chat, responses],
        [(half.clone(), "content_filter".to_owned()), (half, "content_filter".to_owned())]
    );
    asked.sandbox.reply_next(Reply::Filtered);
    let blocked = asked.messages(&to_anthropic("x")).await;
    assert_eq!(
        (blocked.status, &blocked.json().unwrap()["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
}

#[tokio::test]
async fn errors_are_told_in_the_words_of_each_vendor() {
    let asked = Asked::start().await;
    let limited = |retry_after_s| Reply::RateLimited { retry_after_s };
    for (reply, status, wait, anthropic, openai) in [
        (limited(Some(9)), [429, 429], "9", "rate_limit_error", "rate_limit_exceeded"),
        (limited(None), [429, 429], "", "rate_limit_error", "rate_limit_exceeded"),
        (Reply::SpendLimit, [429, 429], "", "enforced_spend_limit_reached", "insufficient_quota"),
        (Reply::OwnLimit, [400, 400], "", "You have reached your specified", "billing_hard_limit_reached"),
        (Reply::Overloaded, [529, 503], "", "overloaded_error", "server_error"),
        (Reply::Failed, [500, 500], "", "api_error", "server_error"),
    ] {
        asked.sandbox.reply_next(reply.clone());
        asked.sandbox.reply_next(reply.clone());
        let (a, o) = (asked.messages(&to_anthropic("x")).await, asked.chat(&to_openai("x")).await);
        assert_eq!([a.status, o.status], status, "{reply}");
        for (answer, want) in [(a, anthropic), (o, openai)] {
            assert_eq!(header(&answer, "retry-after"), wait, "{reply}");
            let error = answer.json().unwrap()["error"].to_string();
            assert!(error.contains(want), "{want}: {error}");
        }
        let calls = asked.sandbox.llm_calls();
        let last = calls.last().unwrap();
        assert_eq!((&last.answer, last.status, last.tokens.output), (&reply.to_string(), status[1], 0));
    }
}

#[tokio::test]
async fn a_header_orders_the_answer_of_its_own_request() {
    let asked = Asked::start().await;
    asked.sandbox.reply_next(Reply::Failed);
    let url = format!("{}/chat/completions", asked.sandbox.urls().openai);
    let order =
        async |word: &str| post(&url, &[BEARER, ("x-fake-llm", word)], &to_openai("x").to_string()).await;
    let limited = order("429:5").await;
    assert_eq!((limited.status, header(&limited, "retry-after")), (429, "5".to_owned()));
    assert_eq!(order("ok").await.status, 200);
    let unknown = order("fine").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.json().unwrap()["error"]["message"].as_str().unwrap().contains("spend-limit"));
    assert_eq!(asked.chat(&to_openai("x")).await.status, 500, "what was ordered otherwise is still to come");
}

#[tokio::test]
async fn a_slow_answer_waits_by_the_clock() {
    let asked = Asked::start().await;
    asked.sandbox.reply_next(Reply::Slow { wait: Duration::from_secs(60) });
    let answered = watch::Sender::new(false);
    let ask = async {
        let answer = asked.messages(&to_anthropic("x")).await;
        answered.send_replace(true);
        answer
    };
    let script = async {
        asked.clock.slept().await;
        asked.clock.advance(Duration::from_secs(59));
        asked.clock.slept().await;
        assert!(!*answered.borrow());
        asked.clock.advance(Duration::from_secs(1));
    };
    let (answer, ()) = tokio::join!(ask, script);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_slow_answer_does_not_keep_the_sandbox_from_stopping() {
    let asked = Asked::start().await;
    asked.sandbox.reply_next(Reply::Slow { wait: Duration::from_secs(60) });
    let Asked { sandbox, clock } = asked;
    let url = format!("{}/v1/messages", sandbox.urls().anthropic);
    let script = async {
        clock.slept().await;
        sandbox.stop().await;
    };
    let question = to_anthropic("x").to_string();
    let (answer, ()) = tokio::join!(post(&url, &ANTHROPIC, &question), script);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_reset_breaks_off_in_the_middle_of_what_was_promised() {
    let asked = Asked::start().await;
    asked.sandbox.reply_next(Reply::Reset);
    let broken = asked.messages(&to_anthropic("x")).await;
    let promised: usize = header(&broken, "content-length").parse().unwrap();
    assert_eq!((broken.status, broken.cut, broken.body.len()), (200, Some(Cut::BrokeOff), promised / 2));
    assert_eq!(asked.messages(&to_anthropic("x")).await.json().map(|_| 200), Some(200));
}

#[tokio::test]
async fn usage_can_be_left_out() {
    let asked = Asked::start().await;
    for _ in 0..3 {
        asked.sandbox.reply_next(Reply::WithoutUsage);
    }
    let answers = [
        asked.messages(&to_anthropic("x")).await,
        asked.chat(&to_openai("x")).await,
        asked.responses(&to_responses("x")).await,
    ];
    for answer in answers.map(|answer| answer.json().unwrap()) {
        assert_eq!(answer.get("usage"), None, "{answer}");
    }
}
