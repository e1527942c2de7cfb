//! What was taken for a question and not used, and for how long a judge is left alone.

use super::*;
use crate::domain::Purse;

/// A question about a letter with this text.
fn about(text: &str) -> Setting {
    Setting::new(json!({"type": "form", "body": {"text": text}}))
}

fn narrow(wire: Wire, url: &str) -> Llm {
    let options = RemoteOptions { allow_private: true, limit_per_min: Some(5), ..RemoteOptions::default() };
    let remote = Arc::new(Remote::new(options).expect("a remote"));
    let tokens = TokenLimits { both: Some(50_000), ..TokenLimits::default() };
    Llm::new(Settings { tokens, ..settings(wire, url, Key::NotNeeded) }, remote).expect("a judge")
}

#[tokio::test]
async fn a_request_that_is_not_made_is_given_back_with_all_that_was_taken_for_it() {
    let vendor = Vendor::saying(Wire::Chat, &fakes::output("spam", 0.75).to_string());
    let judge = narrow(Wire::Chat, &vendor.base_url().await);
    let ledgers = [
        RecordingLedger { short: Some(Purse::Day), ..RecordingLedger::default() },
        RecordingLedger { lost_at: Some("begin"), ..RecordingLedger::default() },
    ];
    for ledger in &ledgers {
        // More often than there are requests in a minute.
        for _ in 0..9 {
            let turn = ask(&judge, ledger).await;
            assert!(
                matches!(turn, Err(_) | Ok(Turn::Unavailable { hindrance: Hindrance::Spent, .. })),
                "{turn:?}"
            );
        }
        assert_eq!(*ledger.requests.lock().expect("not poisoned"), 0);
        let used = ledger.used.lock().expect("not poisoned");
        assert!(used.len() == 9 && used.iter().all(|one| one.used == 0));
    }
    let nobody = narrow(Wire::Chat, &format!("http://{}", closed().await));
    let ledger = RecordingLedger::default();
    ask(&nobody, &ledger).await.expect("a turn");
    assert_eq!(*ledger.requests.lock().expect("not poisoned"), 0, "it never left");
    let ledger = RecordingLedger::default();
    ask(&judge, &ledger).await.expect("a turn");
    assert_eq!(*ledger.requests.lock().expect("not poisoned"), 1, "this one was made");
}

#[tokio::test]
async fn who_refuses_without_a_time_is_waited_for_as_one_that_is_busy() {
    let busy = json!({"error": {"type": "rate_limit_error", "message": "m"}});
    for wire in ALL {
        let vendor = Vendor::new(wire, 429, &[], busy.clone());
        let judge = llm(wire, &vendor.base_url().await, Key::NotNeeded);
        let (clock, setting) = (HandClock::default(), about("hello"));
        let turn = judge.ask(&setting.question(), &RecordingLedger::default(), &clock).await.expect("a turn");
        let Turn::Unavailable { retry_after: Some(wait), hindrance: Hindrance::Full, .. } = turn else {
            panic!("{turn:?}")
        };
        assert_eq!(judge.resting(clock.monotonic()).map(|(left, _)| left), Some(wait));
    }
}

#[tokio::test]
async fn those_that_wait_for_an_open_breaker_come_back_one_after_the_other() {
    let vendor = Vendor::new(Wire::Chat, 503, &[], "");
    let judge = llm(Wire::Chat, &vendor.base_url().await, Key::NotNeeded);
    let (clock, setting, ledger) = (HandClock::default(), about("hello"), RecordingLedger::default());
    let mut waits = Vec::new();
    for n in 0..12 {
        let turn = judge.ask(&setting.question(), &ledger, &clock).await.expect("a turn");
        let Turn::Unavailable { retry_after, reason, .. } = turn else { panic!("{turn:?}") };
        assert_eq!(reason.contains("breaker is open"), n >= 5, "{reason}");
        if let Some(wait) = retry_after {
            judge.is_waited_for(wait, clock.monotonic());
            waits.push(wait);
        }
    }
    assert_eq!((waits.len(), waits[0]), (7, Duration::from_secs(60)), "{waits:?}");
    assert!(waits.is_sorted_by(|one, next| one < next), "{waits:?}");
}

#[tokio::test]
async fn what_is_told_of_a_breaker_quotes_nothing_that_a_vendor_wrote() {
    let quotes = json!({"error": {"type": "billing_error", "message": "You asked: a stranger's words"}});
    let vendor = Vendor::new(Wire::Messages, 402, &[], quotes);
    let judge = llm(Wire::Messages, &vendor.base_url().await, Key::NotNeeded);
    let turn = ask(&judge, &RecordingLedger::default()).await.expect("a turn");
    assert!(matches!(&turn, Turn::Unavailable { reason, .. } if reason.contains("stranger")), "{turn:?}");
    let told = format!("{:?} {:?}", judge.own(), judge.breaker(Duration::ZERO));
    assert!(told.contains("billing_error") && !told.contains("stranger"), "{told}");
}

#[tokio::test]
async fn after_a_long_question_a_short_one_is_asked_while_there_is_room_for_it() {
    let headers = [
        ("anthropic-ratelimit-input-tokens-limit", "100000"),
        ("anthropic-ratelimit-input-tokens-remaining", "4000"),
        ("anthropic-ratelimit-input-tokens-reset", "1970-01-01T00:00:58Z"),
    ];
    let said = envelope(Wire::Messages, &fakes::output("spam", 0.75).to_string(), None);
    let vendor = Vendor::new(Wire::Messages, 200, &headers, said);
    let judge = llm(Wire::Messages, &vendor.base_url().await, Key::NotNeeded);
    let clock = HandClock::default();
    let long = "word ".repeat(10_000);
    for (text, fits) in [(long.as_str(), true), ("hello", true), (long.as_str(), false), ("hello", true)] {
        let (setting, ledger) = (about(text), RecordingLedger::default());
        let turn = judge.ask(&setting.question(), &ledger, &clock).await.expect("a turn");
        assert_eq!(matches!(turn, Turn::Said(_)), fits, "{turn:?}");
        if let Turn::Unavailable { retry_after, hindrance, .. } = turn {
            assert_eq!(hindrance, Hindrance::Full);
            // As long as what it lacks takes to come back.
            let wait = retry_after.expect("it is known");
            assert!(wait > Duration::from_secs(5) && wait < Duration::from_secs(58), "{wait:?}");
        }
    }
    clock.advance(Duration::from_secs(58));
    let setting = about(&long);
    let turn = judge.ask(&setting.question(), &RecordingLedger::default(), &clock).await.expect("a turn");
    assert!(matches!(turn, Turn::Said(_)), "it is all there again");
}

#[tokio::test]
async fn what_anthropic_will_always_refuse_is_told_from_what_it_refuses_for_now() {
    let says = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "This request would exceed"}});
    let long = "word ".repeat(4_000);
    for (text, left, wait, fits) in [
        ("hello", "300", None, true),
        (long.as_str(), "300", Some("5"), true),
        // It names no time after which it would have room.
        (long.as_str(), "300", None, false),
        // More is never left.
        (long.as_str(), "5000", Some("5"), false),
    ] {
        let mut headers = vec![
            ("anthropic-ratelimit-input-tokens-limit", "5000"),
            ("anthropic-ratelimit-input-tokens-remaining", left),
            ("anthropic-ratelimit-input-tokens-reset", "1970-01-01T00:00:30Z"),
        ];
        headers.extend(wait.map(|wait| ("retry-after", wait)));
        let vendor = Vendor::new(Wire::Messages, 429, &headers, says.clone());
        let judge = llm(Wire::Messages, &vendor.base_url().await, Key::NotNeeded);
        let (clock, setting, ledger) = (HandClock::default(), about(text), RecordingLedger::default());
        let turn = judge.ask(&setting.question(), &ledger, &clock).await.expect("a turn");
        let rests = judge.resting(clock.monotonic()).is_some();
        if fits {
            let waits = matches!(turn, Turn::Unavailable { may_pass: true, hindrance: Hindrance::Full, .. });
            assert!(waits && rests, "{left} left, {wait:?}: {turn:?}");
        } else {
            let refused = matches!(&turn, Turn::Abstained { reason } if reason.contains("larger than all"));
            assert!(refused && !rests, "{left} left, {wait:?}: {turn:?}");
            assert_eq!(*ledger.heard.lock().expect("not poisoned"), [Some(Flaw::Overlong)]);
        }
        assert_eq!(ledger.states(), [PurchaseState::NotBilled]);
    }
}
