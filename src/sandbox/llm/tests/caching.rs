//! Beginnings of prompts that are kept.

use super::*;

/// More than 1,024 tokens of instructions.
fn long() -> String {
    "Sort. Spam is about SEO. ".repeat(200)
}

/// A question to a model that keeps beginnings of 1,024 tokens.
fn marked(system: Value, text: &str) -> Value {
    let question = but(to_anthropic(text), "/model", Some(json!("claude-sonnet-5-5")));
    but(question, "/system", Some(system))
}

fn block(text: &str, ttl: Option<&str>) -> Value {
    let mut block = json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}});
    if let Some(ttl) = ttl {
        block["cache_control"]["ttl"] = json!(ttl);
    }
    block
}

/// Tokens uncached, written and read.
async fn usage(asked: &Asked, question: &Value) -> [u64; 3] {
    let answer = asked.messages(question).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let usage = answer.json().unwrap()["usage"].clone();
    ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
        .map(|name| usage[name].as_u64().unwrap())
}

#[tokio::test]
async fn anthropic_writes_what_is_marked_and_reads_it_for_five_minutes() {
    let asked = Asked::start().await;
    let minutes = |n: u64| asked.clock.advance(Duration::from_secs(60 * n));
    let question = |text| marked(json!([block(&long(), None)]), text);
    let [uncached, written, read] = usage(&asked, &question("a")).await;
    assert!(written >= 1_250 && read == 0 && uncached < 20, "{uncached} {written} {read}");
    minutes(4);
    assert_eq!(usage(&asked, &question("b")).await, [uncached, 0, written]);
    minutes(4);
    assert_eq!(usage(&asked, &question("c")).await, [uncached, 0, written], "from the last use");
    minutes(5);
    assert_eq!(usage(&asked, &question("d")).await, [uncached, written, 0]);
    let mut other_form = question("e");
    other_form["output_config"]["format"]["schema"]["properties"]["label"]["enum"] = json!(["lead"]);
    assert_eq!(usage(&asked, &other_form).await[2], 0, "another form, another prompt");
    assert_eq!(usage(&asked, &but(question("f"), "/model", Some(json!("claude-opus-5-5")))).await[2], 0);
}

#[tokio::test]
async fn anthropic_keeps_nothing_without_a_mark_or_below_the_models_minimum() {
    let asked = Asked::start().await;
    for question in [
        marked(json!(long()), "a"),
        marked(json!([block("Sort.", None)]), "a"),
        but(marked(json!([block(&long(), None)]), "a"), "/model", Some(json!("claude-haiku-5-5"))),
    ] {
        for _ in 0..2 {
            let [_, written, read] = usage(&asked, &question).await;
            assert_eq!([written, read], [0, 0]);
        }
    }
}

#[tokio::test]
async fn anthropic_keeps_for_an_hour_where_it_is_told_and_all_where_the_mark_is_at_the_top() {
    let asked = Asked::start().await;
    let question = marked(json!([block(&long(), Some("1h"))]), "a");
    let told = asked.messages(&question).await.json().unwrap()["usage"]["cache_creation"].clone();
    assert!(told["ephemeral_1h_input_tokens"].as_u64().unwrap() > 1_000, "{told}");
    assert_eq!(told["ephemeral_5m_input_tokens"], 0);
    asked.clock.advance(Duration::from_secs(59 * 60));
    assert!(usage(&asked, &question).await[2] > 1_000);

    let mut at_the_top = marked(json!(long()), "b");
    at_the_top["cache_control"] = json!({"type": "ephemeral"});
    assert_eq!(usage(&asked, &at_the_top).await[0], 0);
    assert_eq!(usage(&asked, &at_the_top).await[..2], [0, 0]);
}

#[tokio::test]
async fn anthropic_refuses_marks_that_it_does_not_know() {
    let asked = Asked::start().await;
    let five = vec![block("x", None); 5];
    for (system, want) in [
        (json!(five), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        (json!([block("x", Some("2h"))]), "system.0.cache_control.ttl"),
        (
            json!([{"type": "text", "text": "x", "cache_control": {"type": "lasting"}}]),
            "system.0.cache_control.type",
        ),
        (json!([block("", None)]), "empty text blocks"),
        (json!([block("x", None), block("y", Some("1h"))]), "must not come after a ttl='5m'"),
    ] {
        let refused = asked.messages(&marked(system, "a")).await;
        let error = refused.json().unwrap()["error"]["message"].as_str().unwrap().to_owned();
        assert!(refused.status == 400 && error.contains(want), "{want}: {error}");
    }
    assert_eq!(
        asked.messages(&marked(json!([block("x", Some("1h")), block("y", None)]), "a")).await.status,
        200
    );
}

#[tokio::test]
async fn what_the_cache_gives_does_not_count_against_anthropics_limit() {
    let asked = Asked::start().await;
    let question = marked(json!([block(&long(), None)]), "a");
    let [uncached, written, _] = usage(&asked, &question).await;
    let limit = u32::try_from(2 * uncached + written).unwrap();
    asked.sandbox.limit_llm(crate::sandbox::Limits {
        input_tokens_per_min: std::num::NonZeroU32::new(limit),
        ..crate::sandbox::Limits::default()
    });
    for _ in 0..3 {
        assert_eq!(usage(&asked, &question).await[2], written);
    }
    asked.clock.advance(Duration::from_secs(300));
    assert_eq!(usage(&asked, &question).await[1], written);
    let other = marked(json!([block(&format!("Now. {}", long()), None)]), "a");
    assert_eq!(asked.messages(&other).await.status, 429);
}

#[tokio::test]
async fn an_error_keeps_nothing() {
    let asked = Asked::start().await;
    let question = marked(json!([block(&long(), None)]), "a");
    asked.sandbox.reply_next(crate::sandbox::Reply::Overloaded);
    assert_eq!(asked.messages(&question).await.status, 529);
    assert_eq!(usage(&asked, &question).await[2], 0);
}

#[tokio::test]
async fn openai_keeps_long_beginnings_by_itself() {
    let asked = Asked::start().await;
    let question = |model: &str, text: &str| {
        let question = but(to_openai(text), "/model", Some(json!(model)));
        but(question, "/messages/0/content", Some(json!(long())))
    };
    let details = async |question: &Value| {
        asked.chat(question).await.json().unwrap()["usage"]["prompt_tokens_details"].clone()
    };
    let first = details(&question("gpt-6-luna", "a")).await;
    let kept = first["cache_write_tokens"].as_u64().unwrap();
    assert!(first["cached_tokens"] == 0 && kept >= 1_024 && kept.is_multiple_of(128), "{first}");
    let again = details(&question("gpt-6-luna", "b")).await;
    assert_eq!(again, json!({"cached_tokens": kept, "cache_write_tokens": 0}));
    let other_key = but(question("gpt-6-luna", "b"), "/prompt_cache_key", Some(json!("k")));
    assert_eq!(details(&other_key).await["cached_tokens"], 0);
    assert_eq!(details(&question("gpt-4o", "a")).await, json!({"cached_tokens": 0}));
    let calls = asked.sandbox.llm_calls();
    assert_eq!((calls[1].tokens.cache_read, calls[3].tokens.cache_write), (kept, 0));
    assert_eq!(details(&to_openai("short")).await["cached_tokens"], 0);
    assert_eq!(details(&to_openai("short")).await["cache_write_tokens"], 0);
}
