//! An answer outside the schema is asked for once more.

use super::*;

/// A vendor that gives one answer after the other, and a judge that asks it once more where that may help.
async fn in_turn(wire: Wire, answers: &[&str]) -> (Llm, Arc<Mutex<Vec<Value>>>) {
    let (answers, seen) =
        (Arc::new(Mutex::new(answers.iter().map(ToString::to_string).collect::<Vec<_>>())), Arc::default());
    let asked: Arc<Mutex<Vec<Value>>> = Arc::clone(&seen);
    let answer = move |body: String| async move {
        asked.lock().expect("not poisoned").push(serde_json::from_str(&body).expect("JSON"));
        envelope(wire, &answers.lock().expect("not poisoned").remove(0), None).to_string()
    };
    let url = format!("http://{}/base", serve(Router::new().fallback(answer)).await);
    let settings = Settings { repair: true, ..settings(wire, &url, Key::NotNeeded) };
    (Llm::new(settings, remote(Duration::from_secs(5))).expect("a judge"), seen)
}

#[tokio::test]
async fn an_answer_outside_the_schema_is_asked_for_once_more_with_what_was_wrong_and_nothing_of_it() {
    let bad = fakes::output("secret-words", 0.75).to_string();
    let good = fakes::output("spam", 0.75).to_string();
    for wire in ALL {
        let (judge, seen) = in_turn(wire, &[&bad, &good]).await;
        let ledger = RecordingLedger::default();
        let said = fakes::said(ask(&judge, &ledger).await.expect("a turn"));
        let wrong = said.repaired.as_deref().expect("what was wrong");
        assert!(wrong.starts_with("/label: what it holds is not one of") && said.output.label() == "spam");
        let both = Tokens { input_uncached: 60, cache_write: 12, cache_read: 128, output: 18 };
        assert_eq!(said.tokens, both, "of both answers");
        assert_eq!(ledger.states(), [PurchaseState::Answered; 2], "both were paid for");
        let asked = seen.lock().expect("not poisoned").clone();
        let [first, second] = asked.as_slice() else { panic!("{asked:?}") };
        let text = second.to_string();
        assert!(text.contains("/label") && !text.contains("secret-words"), "{text}");
        assert_ne!(first, second);
        for fixed in ["system", "instructions", "output_config", "response_format", "text"] {
            assert_eq!(first.get(fixed), second.get(fixed), "{fixed}");
        }
        let again = fakes::said(ask(&judge, &ledger).await.expect("a turn"));
        assert_eq!((again, seen.lock().expect("not poisoned").len()), (said, 2), "nothing is bought twice");
    }
}

#[tokio::test]
async fn who_answers_badly_twice_is_not_asked_a_third_time() {
    let (bad, worse) = (fakes::output("ham", 0.75).to_string(), "no JSON");
    let (judge, seen) = in_turn(Wire::Chat, &[&bad, worse]).await;
    let turn = ask(&judge, &RecordingLedger::default()).await.expect("a turn");
    assert!(
        matches!(&turn, Turn::Invalid { reason } if reason.contains("/label") && reason.contains("not JSON")),
        "{turn:?}"
    );
    assert_eq!(seen.lock().expect("not poisoned").len(), 2);
}

#[tokio::test]
async fn what_was_refused_or_cut_is_not_asked_for_again() {
    for stop in ["refusal", "max_tokens"] {
        let whole = envelope(Wire::Messages, "{", Some(stop));
        let vendor = Vendor::new(Wire::Messages, 200, &[], whole);
        let settings =
            Settings { repair: true, ..settings(Wire::Messages, &vendor.base_url().await, Key::NotNeeded) };
        let judge = Llm::new(settings, remote(Duration::from_secs(5))).expect("a judge");
        let ledger = RecordingLedger::default();
        ask(&judge, &ledger).await.expect("a turn");
        assert_eq!(ledger.states(), [PurchaseState::Answered], "{stop}");
    }
}

#[tokio::test]
async fn while_it_cannot_be_told_what_was_wrong_the_event_waits_and_the_first_answer_is_not_bought_again() {
    let bad = fakes::output("ham", 0.75).to_string();
    let good = fakes::output("spam", 0.75).to_string();
    let (judge, seen) = in_turn(Wire::Chat, &[&bad, &good]).await;
    let clock = HandClock::default();
    let limited = RemoteOptions { allow_private: true, limit_per_min: Some(1), ..RemoteOptions::default() };
    let limited = Arc::new(Remote::new(limited).expect("a remote"));
    let judge = Llm::new(judge.settings().clone(), limited).expect("a judge");
    let (ledger, setting) =
        (RecordingLedger::default(), Setting::new(json!({"type": "form", "body": {"text": "hello"}})));
    let turn = judge.ask(&setting.question(), &ledger, &clock).await.expect("a turn");
    assert!(
        matches!(&turn, Turn::Unavailable { reason, may_pass: true, retry_after: Some(_), .. } if reason.contains("/label")),
        "{turn:?}"
    );
    clock.advance(Duration::from_mins(1));
    let said = fakes::said(judge.ask(&setting.question(), &ledger, &clock).await.expect("a turn"));
    assert!(said.repaired.is_some());
    assert_eq!((seen.lock().expect("not poisoned").len(), ledger.states().len()), (2, 2));
}

#[tokio::test]
async fn a_second_question_is_not_bought_for_an_answer_that_would_come_too_late() {
    let bad = fakes::output("ham", 0.75).to_string();
    let good = fakes::output("spam", 0.75).to_string();
    for (left_ms, asked) in [(5_000, 1), (60_000, 2)] {
        let (judge, seen) = in_turn(Wire::Chat, &[&bad, &good]).await;
        judge.usual.note(8_000);
        let setting = Setting::new(json!({"type": "form", "body": {"text": "hello"}}));
        let mut question = setting.question();
        question.until = Some(Duration::from_millis(left_ms));
        let turn = judge.ask(&question, &RecordingLedger::default(), &HandClock::default()).await;
        assert_eq!(matches!(turn.expect("a turn"), Turn::Invalid { .. }), asked == 1);
        assert_eq!(seen.lock().expect("not poisoned").len(), asked, "{left_ms} ms");
    }
}
