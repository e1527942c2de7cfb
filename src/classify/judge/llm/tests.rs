//! Judges of every API against a loopback server that speaks its wire, well and badly.

mod counts;
mod limits;
mod reloaded;
mod repair;

use std::{sync::Mutex, time::Duration};

use axum::Router;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::{
    classify::{
        LedgerError, Said,
        fakes::{self, HandClock, Log, RecordingLedger, Setting},
    },
    config::Models,
    domain::{Money, PurchaseState, Tokens},
    remote::{
        RemoteOptions,
        tests::{canned, closed, serve},
    },
};

const SECRET: &str = "sk-very-secret-0123";
const ALL: [Wire; 3] = [Wire::Messages, Wire::Chat, Wire::Responses];

/// A vendor that gives one prepared answer and keeps what it was sent.
#[derive(Clone)]
struct Vendor {
    wire: Wire,
    log: Log,
    seen: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
    answer: (StatusCode, Vec<(&'static str, &'static str)>, String),
}

impl Vendor {
    fn new(wire: Wire, status: u16, headers: &[(&'static str, &'static str)], body: impl ToString) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = (status, headers.to_vec(), body.to_string());
        Vendor { wire, log: Log::default(), seen: Arc::default(), answer }
    }

    /// Answers 200 in the vendor's shape, `text` being the model's.
    fn saying(wire: Wire, text: &str) -> Self {
        Self::new(wire, 200, &[], envelope(wire, text, None))
    }

    async fn base_url(&self) -> String {
        let vendor = self.clone();
        let answer = move |uri: http::Uri, headers: HeaderMap, body: String| async move {
            vendor.log.note("asked");
            vendor.seen.lock().expect("not poisoned").push((uri.path().to_owned(), headers, body));
            let (status, headers, body) = vendor.answer;
            (status, headers.into_iter().collect::<http_headers::Pairs>().0, body)
        };
        format!("http://{}/base", serve(Router::new().fallback(answer)).await)
    }

    async fn ask(&self, ledger: &RecordingLedger) -> Result<Turn, ClassifyError> {
        let judge = llm(self.wire, &self.base_url().await, Key::Secret(SECRET.into()));
        ask(&judge, ledger).await
    }

    /// Asks with a fresh ledger. Gives the turn, what happened in order, and what the purchase came to.
    async fn turn(&self) -> (Turn, Vec<String>, Vec<PurchaseState>) {
        let ledger = RecordingLedger::noting(&self.log);
        let turn = self.ask(&ledger).await.expect("a turn");
        (turn, self.log.take(), ledger.states())
    }
}

/// Header pairs as axum takes them.
mod http_headers {
    use http::{HeaderMap, HeaderName, HeaderValue};

    pub(super) struct Pairs(pub(super) HeaderMap);

    impl FromIterator<(&'static str, &'static str)> for Pairs {
        fn from_iter<I: IntoIterator<Item = (&'static str, &'static str)>>(pairs: I) -> Self {
            let pair = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            Pairs(pairs.into_iter().map(pair).collect())
        }
    }
}

fn remote(timeout: Duration) -> Arc<Remote> {
    let options = RemoteOptions { allow_private: true, timeout, ..RemoteOptions::default() };
    Arc::new(Remote::new(options).expect("a remote"))
}

fn settings(wire: Wire, base_url: &str, key: Key) -> Settings {
    let base_url = Some(base_url.to_owned());
    let model = Models::default().model("model-1");
    Settings {
        name: "paid".into(),
        wire,
        model,
        effort: None,
        key,
        base_url,
        own: false,
        output_tokens_max: 256,
        repair: false,
        tokens: TokenLimits::default(),
        budget: Budget::default(),
    }
}

fn llm(wire: Wire, base_url: &str, key: Key) -> Llm {
    Llm::new(settings(wire, base_url, key), remote(Duration::from_secs(5))).expect("a judge")
}

async fn ask(judge: &Llm, ledger: &RecordingLedger) -> Result<Turn, ClassifyError> {
    let setting = Setting::new(json!({"type": "form", "body": {"text": "hello"}}));
    judge.ask(&setting.question(), ledger, &HandClock::default()).await
}

/// A 200 of the vendor. `stop` is how its model's speech ended, if not well.
fn envelope(wire: Wire, text: &str, stop: Option<&str>) -> Value {
    match wire {
        Wire::Messages => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "model-1-2026",
            "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": text}],
            "stop_reason": stop.unwrap_or("end_turn"), "stop_sequence": null,
            "usage": {"input_tokens": 30, "cache_creation_input_tokens": 6, "cache_read_input_tokens": 64, "output_tokens": 9}
        }),
        Wire::Chat => json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "model-1-2026",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null}, "finish_reason": stop.unwrap_or("stop")}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 6}}
        }),
        Wire::Responses => json!({
            "id": "resp_1", "object": "response", "model": "model-1-2026",
            "status": if stop.is_some() { "incomplete" } else { "completed" }, "incomplete_details": {"reason": stop},
            "output": [{"type": "reasoning", "summary": []}, {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
            "usage": {"input_tokens": 100, "output_tokens": 9, "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 6}}
        }),
    }
}

#[tokio::test]
async fn an_answer_is_bought_recorded_and_read_in_this_order() {
    for wire in ALL {
        let vendor = Vendor::saying(wire, &fakes::output("spam", 0.75).to_string());
        let (turn, log, states) = vendor.turn().await;
        let Said { output, calibrated, repaired: _, why, model, tokens, latency_ms } = fakes::said(turn);
        assert_eq!(output.value(), &fakes::output("spam", 0.75));
        assert_eq!(
            (calibrated, why, model.as_str(), latency_ms),
            (false, vec!["a made-up reason".to_owned()], "model-1-2026", 0)
        );
        assert_eq!(tokens, Tokens { input_uncached: 30, cache_write: 6, cache_read: 64, output: 9 });
        assert_eq!(log, ["begin", "asked", "answered"]);
        assert_eq!(states, [PurchaseState::Answered]);
    }
}

#[tokio::test]
async fn while_an_answer_is_waited_for_only_its_question_is_held() {
    let vendor = Vendor::saying(Wire::Messages, &fakes::output("spam", 0.75).to_string());
    let judge = llm(vendor.wire, &vendor.base_url().await, Key::Secret(SECRET.into()));
    let setting = Setting::noting(json!({"type": "form", "body": {"text": "hello"}}), &vendor.log);
    let (question, ledger) = (setting.question(), RecordingLedger::noting(&vendor.log));
    fakes::said(judge.ask(&question, &ledger, &HandClock::default()).await.expect("a turn"));
    // Whoever is asked next finds it again.
    assert_eq!(question.event(), Ok("form: hello".to_owned()));
    assert_eq!(vendor.log.take(), ["read", "begin", "asked", "answered", "read"]);
}

#[tokio::test]
async fn the_request_is_the_vendors() {
    for (wire, path, key_header, key) in [
        (Wire::Messages, "/base/v1/messages", "x-api-key", SECRET.to_owned()),
        (Wire::Chat, "/base/chat/completions", "authorization", format!("Bearer {SECRET}")),
        (Wire::Responses, "/base/responses", "authorization", format!("Bearer {SECRET}")),
    ] {
        let vendor = Vendor::saying(wire, "{}");
        let ledger = RecordingLedger::default();
        vendor.ask(&ledger).await.expect("a turn");
        let (at, headers, body) = vendor.seen.lock().expect("not poisoned").remove(0);
        assert_eq!(at, path);
        assert_eq!(headers[key_header], *key);
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers.get("anthropic-version").is_some(), wire == Wire::Messages);
        let sent: Value = serde_json::from_str(&body).expect("JSON");
        for absent in
            ["temperature", "top_p", "top_k", "tools", "tool_choice", "thinking", "max_tokens_to_sample"]
        {
            assert!(sent.get(absent).is_none(), "{absent} in {sent}");
        }
        let kept = if wire == Wire::Responses { Some(&json!(false)) } else { None };
        assert_eq!(sent.get("store"), kept, "compatible servers may not know it");
        let purchases = ledger.purchases.lock().expect("not poisoned");
        assert_eq!(
            purchases[0].digest,
            request_digest(wire, body.as_bytes(), &[]),
            "the question's name is its body's digest"
        );
    }
}

#[tokio::test]
async fn the_case_of_a_label_does_not_matter_and_a_fence_does_not_hurt() {
    for wire in ALL {
        let flipped = fakes::output("SPAM", 0.75).to_string();
        for text in [flipped.clone(), format!("```json\n{flipped}\n```")] {
            let (turn, _, _) = Vendor::saying(wire, &text).turn().await;
            assert_eq!(fakes::said(turn).output.label(), "spam");
        }
    }
}

#[tokio::test]
async fn what_is_no_valid_answer_was_paid_for_and_is_on_record() {
    let mut extra = fakes::output("spam", 0.5);
    extra["urgent"] = json!(true);
    for wire in ALL {
        for (text, want) in [
            (fakes::output("ham", 0.5).to_string(), "/label: "),
            (fakes::output("spam", 75.0).to_string(), "/confidence: "),
            (extra.to_string(), "1 field(s)"),
            ("It is spam.".to_owned(), "not JSON"),
            (String::new(), "empty"),
            ("{\"label\": \"spam\"".to_owned(), "not JSON"),
        ] {
            let (turn, log, states) = Vendor::saying(wire, &text).turn().await;
            assert!(matches!(&turn, Turn::Invalid { reason } if reason.contains(want)), "{text}: {turn:?}");
            assert_eq!(log, ["begin", "asked", "answered"]);
            assert_eq!(states, [PurchaseState::Answered]);
        }
        for body in ["", "<html>", "{}", "[]", "{\"content\":[]"] {
            let (turn, _, states) = Vendor::new(wire, 200, &[], body).turn().await;
            assert!(matches!(turn, Turn::Invalid { .. }), "{body}: {turn:?}");
            assert_eq!(states, [PurchaseState::Answered]);
        }
    }
}

#[tokio::test]
async fn the_record_comes_before_the_reading() {
    for wire in ALL {
        let vendor = Vendor::saying(wire, "not even JSON");
        let ledger = RecordingLedger { lost_at: Some("answered"), ..RecordingLedger::noting(&vendor.log) };
        let error = vendor.ask(&ledger).await.expect_err("no turn without a record");
        assert_eq!(error, ClassifyError::Ledger(LedgerError::LeaseLost));
        assert_eq!(vendor.log.take(), ["begin", "asked", "answered"]);

        let ledger = RecordingLedger { lost_at: Some("begin"), ..RecordingLedger::noting(&vendor.log) };
        vendor.ask(&ledger).await.expect_err("nothing leaves without a record");
        assert_eq!(vendor.log.take(), ["begin"]);
    }
}

#[tokio::test]
async fn an_answer_is_bought_once() {
    for wire in ALL {
        let vendor = Vendor::saying(wire, &fakes::output("spam", 0.75).to_string());
        let judge = llm(wire, &vendor.base_url().await, Key::NotNeeded);
        let ledger = RecordingLedger::noting(&vendor.log);
        let first = ask(&judge, &ledger).await.expect("a turn");
        let second = ask(&judge, &ledger).await.expect("a turn");
        assert_eq!(first, second);
        assert_eq!(vendor.log.take(), ["begin", "asked", "answered"], "the second time it is only read");
    }
}

#[tokio::test]
async fn refusals_and_cut_answers_are_told_apart() {
    let refused =
        json!({"choices": [{"message": {"content": null, "refusal": "I can't"}, "finish_reason": "stop"}]});
    for (wire, body) in [
        (Wire::Messages, envelope(Wire::Messages, "I can", Some("refusal"))),
        (Wire::Chat, envelope(Wire::Chat, "", Some("content_filter"))),
        (Wire::Chat, refused),
        (Wire::Responses, envelope(Wire::Responses, "", Some("content_filter"))),
    ] {
        let (turn, _, states) = Vendor::new(wire, 200, &[], body).turn().await;
        assert!(matches!(&turn, Turn::Abstained { .. }), "{turn:?}");
        assert_eq!(states, [PurchaseState::Answered], "refusals are billed");
    }
    for (wire, stop) in [
        (Wire::Messages, "max_tokens"),
        (Wire::Messages, "model_context_window_exceeded"),
        (Wire::Chat, "length"),
        (Wire::Responses, "max_output_tokens"),
    ] {
        let whole = fakes::output("spam", 0.75).to_string();
        let (turn, _, _) = Vendor::new(wire, 200, &[], envelope(wire, &whole, Some(stop))).turn().await;
        assert!(matches!(&turn, Turn::Invalid { .. }), "{stop}: {turn:?}");
    }
}

#[tokio::test]
async fn errors_say_whether_waiting_helps_and_whether_they_cost() {
    let error = |kind: &str, code: &str| json!({"type": "error", "error": {"type": kind, "code": code, "message": "m"}, "request_id": "r"});
    let capped = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m", "details": {"error_code": "enforced_spend_limit_reached"}}});
    let (passes, lasts) = (true, false);
    let (unbilled, perhaps) = (PurchaseState::NotBilled, PurchaseState::MaybeBilled);
    let wait: &[(&str, &str)] = &[("retry-after", "30")];
    for wire in ALL {
        for (status, headers, body, may_pass, retry_after_s, state) in [
            (429, wait, error("rate_limit_error", "rate_limit_exceeded"), passes, Some(30), unbilled),
            // It does not say for how long; it rests all the same.
            (429, &[], error("rate_limit_error", "rate_limit_exceeded"), passes, Some(1), unbilled),
            // Somebody has to act first: the breaker is open for ten times as long as else.
            (429, &[], capped.clone(), passes, Some(600), unbilled),
            (429, &[], error("insufficient_quota", "insufficient_quota"), passes, Some(600), unbilled),
            (
                400,
                &[],
                error("invalid_request_error", "billing_hard_limit_reached"),
                passes,
                Some(600),
                unbilled,
            ),
            (403, &[], json!("blocked"), lasts, None, unbilled),
            (529, &[], error("overloaded_error", ""), passes, None, unbilled),
            (503, wait, json!("upstream"), passes, Some(30), unbilled),
            (500, &[], error("api_error", ""), passes, None, unbilled),
            (502, &[], json!("bad gateway"), passes, None, perhaps),
            (401, &[], error("authentication_error", "invalid_api_key"), passes, Some(600), unbilled),
            (400, &[], error("invalid_request_error", ""), lasts, None, unbilled),
            (404, &[], error("not_found_error", "model_not_found"), passes, Some(600), unbilled),
            (404, &[], json!("no such page"), lasts, None, unbilled),
            (302, &[], json!(""), lasts, None, unbilled),
        ] {
            let (turn, log, states) = Vendor::new(wire, status, headers, body).turn().await;
            let Turn::Unavailable { reason, may_pass: passes, retry_after, .. } = turn else {
                panic!("{status}: {turn:?}")
            };
            assert_eq!((passes, retry_after), (may_pass, retry_after_s.map(Duration::from_secs)), "{status}");
            assert!(reason.starts_with(&format!("HTTP {status}")), "{reason}");
            assert_eq!(states, [state], "{status}");
            assert_eq!(log.len(), if state == perhaps { 2 } else { 3 }, "{log:?}");
        }
    }
}

#[tokio::test]
async fn a_count_that_cannot_be_is_charged_as_the_most_that_it_may_have_cost() {
    for wire in ALL {
        let mut said = envelope(wire, "yes", None);
        let usage = said["usage"].as_object_mut().expect("it counts");
        let output = usage.keys().find(|key| matches!(key.as_str(), "output_tokens" | "completion_tokens"));
        let output = output.expect("what came out").clone();
        usage.insert(output, json!(99_999_999_999_u64));
        let vendor = Vendor::new(wire, 200, &[], said);
        let ledger = RecordingLedger::default();
        vendor.ask(&ledger).await.expect("a turn");
        let cost = ledger.purchases.lock().expect("not poisoned")[0].cost;
        assert!(cost > Money(0) && cost < Money(100_000), "{cost}");
    }
}

#[tokio::test]
async fn a_question_that_may_have_arrived_is_asked_once_more_and_then_never_again() {
    for wire in ALL {
        let silent = format!("http://{}", canned(b"").await);
        let judge = llm(wire, &silent, Key::NotNeeded);
        let ledger = RecordingLedger::default();
        for _ in 0..2 {
            let turn = ask(&judge, &ledger).await.expect("a turn");
            assert!(matches!(turn, Turn::Unavailable { may_pass: true, .. }), "{turn:?}");
        }
        let turn = ask(&judge, &ledger).await.expect("a turn");
        let Turn::Unavailable { reason, may_pass: false, .. } = turn else { panic!("{turn:?}") };
        assert_eq!(reason, "the answer may have been paid for twice already");
        assert_eq!(ledger.log.take(), ["begin", "begin", "begin"]);
        assert_eq!(ledger.states(), [PurchaseState::MaybeBilled; 2]);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_may_have_been_paid_for() {
    for wire in ALL {
        let hangs = Router::new().fallback(std::future::pending::<()>);
        let url = format!("http://{}", serve(hangs).await);
        let settings = settings(wire, &url, Key::NotNeeded);
        let judge = Llm::new(settings, remote(Duration::from_millis(50))).expect("a judge");
        let ledger = RecordingLedger::default();
        let turn = ask(&judge, &ledger).await.expect("a turn");
        assert!(matches!(turn, Turn::Unavailable { may_pass: true, .. }), "{turn:?}");
        assert_eq!(ledger.states(), [PurchaseState::MaybeBilled]);
    }
}

#[tokio::test]
async fn a_question_that_never_left_costs_nothing() {
    let judge = llm(Wire::Chat, &format!("http://{}", closed().await), Key::NotNeeded);
    let ledger = RecordingLedger::default();
    for _ in 0..3 {
        let turn = ask(&judge, &ledger).await.expect("a turn");
        assert!(matches!(turn, Turn::Unavailable { may_pass: true, .. }), "{turn:?}");
    }
    assert_eq!(ledger.states(), [PurchaseState::NotBilled; 3]);
}

#[tokio::test]
async fn a_question_that_found_no_connection_before_its_turn_was_over_costs_nothing() {
    // Whoever listens there never gets as far as to shake hands.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}", mute.local_addr().expect("an address"));
    let judge = llm(Wire::Messages, &url, Key::NotNeeded);
    let (ledger, setting) =
        (RecordingLedger::default(), Setting::new(json!({"type": "form", "body": {"text": "hello"}})));
    let mut question = setting.question();
    question.until = Some(Duration::from_millis(50));
    let turn = judge.ask(&question, &ledger, &HandClock::default()).await.expect("a turn");
    let Turn::Unavailable { reason, may_pass: true, .. } = turn else { panic!("{turn:?}") };
    assert!(reason.contains("no connection"), "{reason}");
    assert_eq!(ledger.states(), [PurchaseState::NotBilled]);
    drop(mute);
}

#[tokio::test]
async fn what_the_configuration_forbids_is_not_begun() {
    let vendor = Vendor::saying(Wire::Chat, "{}");
    let base_url = vendor.base_url().await;
    let unset = || Key::Unset { variable: "OPENAI_API_KEY".to_owned() };
    let ledger = RecordingLedger::noting(&vendor.log);
    let keyless = llm(Wire::Chat, &base_url, unset());
    assert_eq!(
        ask(&keyless, &ledger).await.expect("a turn"),
        lasting("OPENAI_API_KEY is not set".to_owned()).turn
    );

    let public_only = Arc::new(Remote::new(RemoteOptions::default()).expect("a remote"));
    let private = Llm::new(settings(Wire::Chat, &base_url, Key::NotNeeded), public_only).expect("a judge");
    assert!(matches!(ask(&private, &ledger).await, Ok(Turn::Unavailable { may_pass: false, .. })));
    assert_eq!(vendor.log.take(), Vec::<String>::new());
}

#[tokio::test]
async fn beyond_the_limit_jobs_wait_and_nothing_is_begun() {
    let vendor = Vendor::saying(Wire::Messages, "{}");
    let options = RemoteOptions { allow_private: true, limit_per_min: Some(1), ..RemoteOptions::default() };
    let remote = Arc::new(Remote::new(options).expect("a remote"));
    let settings = settings(Wire::Messages, &vendor.base_url().await, Key::NotNeeded);
    let judge = Llm::new(settings, remote).expect("a judge");
    for want_asked in [true, false] {
        let ledger = RecordingLedger::noting(&vendor.log);
        let turn = ask(&judge, &ledger).await.expect("a turn");
        assert_eq!(vendor.log.take().is_empty(), !want_asked, "{turn:?}");
        if !want_asked {
            assert!(
                matches!(turn, Turn::Unavailable { may_pass: true, retry_after: Some(_), .. }),
                "{turn:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_key_is_in_no_debug_text_and_no_reason() {
    for wire in ALL {
        let echo =
            json!({"error": {"type": "invalid_request_error", "message": format!("bad key {SECRET}")}});
        let vendor = Vendor::new(wire, 400, &[], echo);
        let (turn, _, _) = vendor.turn().await;
        assert!(format!("{turn:?}").contains("bad key ["), "{turn:?}");
        let judge = llm(wire, &vendor.base_url().await, Key::Secret(SECRET.into()));
        for text in [format!("{turn:?}"), format!("{judge:?}")] {
            assert!(!text.contains(SECRET), "{text}");
        }
        let unusable =
            Llm::new(settings(wire, "https://a.example", Key::Secret("sk\n1".into())), remote(Duration::MAX));
        let error = unusable.expect_err("cannot be sent");
        assert!(matches!(error, SettingsError::Key(_)) && !error.to_string().contains("sk"), "{error}");
    }
}

#[test]
fn base_urls_are_read_as_people_write_them() {
    for (wire, base, want) in [
        (Wire::Messages, None, "https://api.anthropic.com/v1/messages"),
        (Wire::Messages, Some("https://proxy.example/a/"), "https://proxy.example/a/v1/messages"),
        (Wire::Messages, Some("https://proxy.example/v1"), "https://proxy.example/v1/messages"),
        (Wire::Chat, None, "https://api.openai.com/v1/chat/completions"),
        (Wire::Chat, Some("http://localhost:11434/v1/"), "http://localhost:11434/v1/chat/completions"),
        (Wire::Responses, None, "https://api.openai.com/v1/responses"),
    ] {
        assert_eq!(wire.url(base).expect("a URL").as_str(), want);
    }
    for base in
        ["", "not a URL", "https://", "ftp://a.example", "localhost:11434", "https://a.example/v1?key=1"]
    {
        assert!(matches!(Wire::Chat.url(Some(base)), Err(SettingsError::BaseUrl { .. })), "{base}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_on_its_way_is_perhaps_billed() {
    let short = RemoteOptions { allow_private: true, answer_bytes_max: 20, ..RemoteOptions::default() };
    let vendor = Vendor::saying(Wire::Chat, &fakes::output("spam", 0.75).to_string());
    let settings = settings(Wire::Chat, &vendor.base_url().await, Key::NotNeeded);
    let judge = Llm::new(settings, Arc::new(Remote::new(short).expect("a remote"))).expect("a judge");
    let ledger = RecordingLedger::default();
    let turn = ask(&judge, &ledger).await.expect("a turn");
    assert!(matches!(turn, Turn::Unavailable { may_pass: true, .. }), "{turn:?}");
    assert_eq!(ledger.states(), [PurchaseState::MaybeBilled]);
}
