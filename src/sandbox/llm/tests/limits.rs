//! Limits by requests and tokens, and the headers that tell of them.

use std::num::NonZeroU32;

use super::*;
use crate::sandbox::Limits;

fn limits(requests: u32, input: u32, output: u32) -> Limits {
    Limits {
        requests_per_min: NonZeroU32::new(requests),
        input_tokens_per_min: NonZeroU32::new(input),
        output_tokens_per_min: NonZeroU32::new(output),
    }
}

/// The three headers of a limit, in the order limit, remaining, reset.
fn anthropics(response: &Response, of: &str) -> [String; 3] {
    ["limit", "remaining", "reset"].map(|what| header(response, &format!("anthropic-ratelimit-{of}-{what}")))
}

fn openais(response: &Response, of: &str) -> [String; 3] {
    ["limit", "remaining", "reset"].map(|what| header(response, &format!("x-ratelimit-{what}-{of}")))
}

#[tokio::test]
async fn anthropic_counts_requests_and_tells_when_there_are_more() {
    let asked = Asked::start().await;
    assert_eq!(anthropics(&asked.messages(&to_anthropic("x")).await, "requests"), ["", "", ""]);
    asked.sandbox.limit_llm(limits(2, 100_000, 10_000));
    let first = asked.messages(&to_anthropic("x")).await;
    assert_eq!(anthropics(&first, "requests"), ["2", "1", "2023-11-14T22:13:50Z"]);
    assert_eq!(anthropics(&first, "input-tokens"), ["100000", "100000", "2023-11-14T22:13:21Z"]);
    assert_eq!(anthropics(&first, "output-tokens"), ["10000", "10000", "2023-11-14T22:13:21Z"]);
    assert_eq!(anthropics(&first, "tokens"), ["110000", "110000", "2023-11-14T22:13:21Z"]);
    asked.messages(&to_anthropic("x")).await;
    asked.clock.advance(Duration::from_secs(10));
    let refused = asked.messages(&to_anthropic("x")).await;
    assert_eq!((refused.status, header(&refused, "retry-after")), (429, "20".to_owned()));
    assert_eq!(anthropics(&refused, "requests")[1], "0");
    assert_eq!(refused.json().unwrap()["error"]["type"], "rate_limit_error");
    asked.clock.advance(Duration::from_secs(20));
    assert_eq!(asked.messages(&to_anthropic("x")).await.status, 200);
    let answers: Vec<String> = asked.sandbox.llm_calls().into_iter().map(|call| call.answer).collect();
    assert_eq!(answers, ["ok", "ok", "ok", "429", "ok"]);
    assert_eq!(asked.sandbox.requests("/llm/v1/messages"), 5);
}

#[tokio::test]
async fn anthropic_counts_input_and_real_output_and_not_the_bound() {
    let asked = Asked::start().await;
    let question = to_anthropic("x");
    let usage = asked.messages(&question).await.json().unwrap()["usage"].clone();
    let input = u32::try_from(usage["input_tokens"].as_u64().unwrap()).unwrap();
    let output = u32::try_from(usage["output_tokens"].as_u64().unwrap()).unwrap();
    assert!(output < 100, "the bound is 100");
    asked.sandbox.limit_llm(limits(100, 2 * input, 2 * output));
    let statuses = async || [asked.messages(&question).await.status, asked.messages(&question).await.status];
    assert_eq!(statuses().await, [200, 200]);
    let refused = asked.messages(&question).await;
    assert_eq!(refused.status, 429);
    assert!(refused.json().unwrap()["error"]["message"].as_str().unwrap().contains("input tokens"));
    asked.sandbox.limit_llm(limits(100, 100 * input, output));
    assert_eq!(statuses().await, [200, 429]);
    // Larger than a whole minute's worth: no wait helps, and none is told.
    asked.sandbox.limit_llm(limits(100, input - 1, output));
    assert_eq!(header(&asked.messages(&question).await, "retry-after"), "");
}

#[tokio::test]
async fn openai_reserves_the_bound_and_spells_durations() {
    let asked = Asked::start().await;
    asked.sandbox.limit_llm(limits(60, 300, 0));
    let question = but(to_openai("x"), "/max_completion_tokens", Some(json!(200)));
    let first = asked.chat(&question).await;
    assert_eq!(openais(&first, "requests"), ["60", "59", "1s"]);
    assert_eq!(openais(&first, "tokens"), ["300", "100", "40s"]);
    let refused = asked.chat(&question).await;
    assert_eq!((refused.status, header(&refused, "retry-after")), (429, "20".to_owned()));
    let error = refused.json().unwrap()["error"].clone();
    assert_eq!((&error["type"], &error["code"]), (&json!("tokens"), &json!("rate_limit_exceeded")));
    assert!(error["message"].as_str().unwrap().contains("Please try again in 20s"), "{error}");
    assert_eq!(openais(&refused, "requests")[1], "58", "a refused request counts");
    // Both of its APIs take from the same.
    assert_eq!(
        asked.responses(&but(to_responses("x"), "/max_output_tokens", Some(json!(200)))).await.status,
        429
    );
    let larger = asked.chat(&but(question, "/max_completion_tokens", Some(json!(400)))).await;
    assert_eq!((larger.status, header(&larger, "retry-after")), (429, String::new()));
}
