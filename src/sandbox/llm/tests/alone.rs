//! The language models without the rest of the sandbox.

use tokio::sync::mpsc;

use super::*;
use crate::sandbox::{FakeLlm, FakeLlmOptions, Limits, LlmCall, Reply, tests::in_background};

async fn start(answers: Vec<Reply>) -> (FakeLlm, mpsc::Receiver<LlmCall>) {
    taking(answers, false).await
}

async fn taking(answers: Vec<Reply>, any_model: bool) -> (FakeLlm, mpsc::Receiver<LlmCall>) {
    let (told, calls) = mpsc::channel(8);
    let options = FakeLlmOptions {
        bind: "127.0.0.1:0".parse().unwrap(),
        clock: Arc::new(Hand(watch::Sender::new(Duration::ZERO))),
        answers,
        delay: Duration::ZERO,
        any_model,
        limits: Limits::default(),
        told,
    };
    (FakeLlm::start(options, in_background).await.unwrap(), calls)
}

#[tokio::test]
async fn any_key_will_do_but_none_will_not() {
    let (fake, mut calls) = start(Vec::new()).await;
    let (messages, chat) =
        (format!("{}/v1/messages", fake.anthropic()), format!("{}/chat/completions", fake.openai()));
    let version = ANTHROPIC[1];
    for (key, status) in [("sk-anything", 200), (" ", 401), ("", 401)] {
        let answer = post(&messages, &[("x-api-key", key), version], &to_anthropic("x").to_string()).await;
        assert_eq!(answer.status, status, "{key:?}");
        let bearer = format!("Bearer {key}");
        let answer = post(&chat, &[("authorization", &bearer)], &to_openai("x").to_string()).await;
        assert_eq!(answer.status, status, "{key:?}");
        for _ in 0..2 {
            assert_eq!(calls.recv().await.unwrap().status, status);
        }
    }
    let nobody = post(&chat, &[], &to_openai("x").to_string()).await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn answers_come_in_a_cycle_and_each_request_is_told_of() {
    let (fake, mut calls) = start(vec![Reply::Failed, Reply::Usual]).await;
    let url = format!("{}/responses", fake.openai());
    let question = to_responses("a demo").to_string();
    for want in [500, 200, 500] {
        assert_eq!(post(&url, &[BEARER], &question).await.status, want);
    }
    let first = calls.recv().await.unwrap();
    assert_eq!((&*first.answer, first.status, first.tokens.output), ("500", 500, 0));
    let second = calls.recv().await.unwrap();
    assert_eq!((&*second.model, &*second.answer, second.status), ("gpt-6-luna", "ok", 200));
    assert!(second.said.contains("\"lead\"") && second.tokens.input_uncached > 0 && second.tokens.output > 0);
    let as_json = serde_json::to_value(&first).unwrap();
    assert_eq!((&as_json["api"], &as_json["tokens"]["output"]), (&json!("responses"), &json!(0)));
}

#[tokio::test]
async fn models_that_the_vendors_do_not_have_are_refused_in_their_words_unless_any_may_be_asked() {
    for (any_model, want) in [(false, 404), (true, 200)] {
        let (fake, _calls) = taking(Vec::new(), any_model).await;
        let (messages, chat, responses) = (
            format!("{}/v1/messages", fake.anthropic()),
            format!("{}/chat/completions", fake.openai()),
            format!("{}/responses", fake.openai()),
        );
        let of = |model: &str, mut question: Value| {
            question["model"] = model.into();
            question.to_string()
        };
        let headers = [("x-api-key", "sk-any"), ANTHROPIC[1]];
        let answer = post(&messages, &headers, &of("claude-haiku-55", to_anthropic("x"))).await;
        assert_eq!(answer.status, want);
        if !any_model {
            assert_eq!(answer.json().unwrap()["error"]["type"], "not_found_error");
        }
        for (url, question) in [(&chat, to_openai("x")), (&responses, to_responses("x"))] {
            let answer = post(url, &[BEARER], &of("gpt-6-lunar", question)).await;
            assert_eq!(answer.status, want);
            if !any_model {
                assert_eq!(answer.json().unwrap()["error"]["code"], "model_not_found");
            }
        }
        for known in ["claude-haiku-5-5", "claude-haiku-4-5-20251001"] {
            assert_eq!(post(&messages, &headers, &of(known, to_anthropic("x"))).await.status, 200);
        }
    }
}
