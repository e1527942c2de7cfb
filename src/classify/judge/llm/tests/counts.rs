//! What a vendor counts and calls things, believed as far as it can be.

use super::*;
use crate::{
    config::tables::CacheKind,
    domain::{Flaw, Price},
};

/// A valid answer whose usage is `count` wherever `envelope` has a number, if that gives one.
fn counting(wire: Wire, count: impl Fn(u64) -> Value) -> Value {
    fn change(usage: &mut Value, count: &dyn Fn(u64) -> Value) {
        match usage {
            Value::Number(number) => *usage = count(number.as_u64().expect("a count")),
            Value::Object(fields) => fields.values_mut().for_each(|field| change(field, count)),
            _ => {}
        }
    }
    let mut said = envelope(wire, &fakes::output("spam", 0.75).to_string(), None);
    change(&mut said["usage"], &count);
    said
}

/// The judge's words, what was paid for them, and what became of the tokens that were taken for the question.
async fn heard(wire: Wire, body: Value) -> (Said, Money, usize) {
    let vendor = Vendor::new(wire, 200, &[], body);
    let tokens = TokenLimits { input: Some(10_000), output: Some(10_000), both: None };
    let settings = Settings { tokens, ..settings(wire, &vendor.base_url().await, Key::NotNeeded) };
    let judge = Llm::new(settings, remote(Duration::from_secs(5))).expect("a judge");
    let ledger = RecordingLedger::default();
    let said = fakes::said(ask(&judge, &ledger).await.expect("a turn"));
    let paid = ledger.purchases.lock().expect("not poisoned")[0].cost;
    let settled = ledger.used.lock().expect("not poisoned").len();
    (said, paid, settled)
}

#[tokio::test]
async fn whole_numbers_are_read_however_they_are_written_and_what_is_none_is_uncounted() {
    for wire in ALL {
        let (plain, paid, settled) = heard(wire, counting(wire, |n| json!(n))).await;
        assert_eq!((plain.tokens.output, settled), (9, 2));
        let floats = heard(wire, counting(wire, |n| json!(n as f64))).await;
        assert_eq!((floats.0.tokens, floats.1, floats.2), (plain.tokens, paid, 2));
        for odd in [json!(-5), json!(1.5), json!("12"), json!([3]), json!(1e300)] {
            let (said, most, settled) = heard(wire, counting(wire, |_| odd.clone())).await;
            assert_eq!((said.output.label(), said.tokens, settled), ("spam", Tokens::default(), 0), "{odd}");
            assert!(most > paid, "{odd}: charged at the most, not {most}");
        }
        let one_missing = counting(wire, |n| if n == 9 { json!(null) } else { json!(n) });
        let (said, most, _) = heard(wire, one_missing).await;
        assert!(said.tokens == Tokens::default() && most > paid, "half a count is none: {most}");
    }
}

#[tokio::test]
async fn a_count_that_cannot_be_is_in_no_book_and_takes_nobodys_minute() {
    for wire in ALL {
        for count in [1_000_000_000_000_000_u64, 50_000_000] {
            let (said, paid, settled) = heard(wire, counting(wire, |_| json!(count))).await;
            assert_eq!((said.tokens, settled), (Tokens::default(), 0), "what was taken stays taken");
            assert!(paid > Money(0) && paid < Money(100_000), "{paid}");
        }
    }
}

#[tokio::test]
async fn a_filter_of_the_vendor_is_heard_as_one_whichever_way_it_is_told() {
    let told = |error: Value| json!({"type": "error", "error": error, "request_id": "r"});
    let blocked = told(
        json!({"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}),
    );
    let policy =
        told(json!({"code": "content_filter", "message": "The response was filtered", "param": "prompt"}));
    for (wire, status, body, state) in [
        (Wire::Messages, 400, blocked, PurchaseState::NotBilled),
        (Wire::Chat, 400, policy, PurchaseState::NotBilled),
        (Wire::Chat, 200, envelope(Wire::Chat, "", Some("content_filter")), PurchaseState::Answered),
    ] {
        let vendor = Vendor::new(wire, status, &[], body);
        let ledger = RecordingLedger::default();
        let turn = vendor.ask(&ledger).await.expect("a turn");
        assert!(matches!(&turn, Turn::Abstained { reason } if reason.contains("filter")), "{turn:?}");
        assert_eq!(ledger.states(), [state], "{status}");
        assert_eq!(*ledger.heard.lock().expect("not poisoned"), [Some(Flaw::Filtered)], "{status}");
    }
    let other = told(json!({"type": "invalid_request_error", "message": "model: no content filtering"}));
    let ledger = RecordingLedger::default();
    let turn = Vendor::new(Wire::Messages, 400, &[], other).ask(&ledger).await.expect("a turn");
    assert!(matches!(turn, Turn::Unavailable { may_pass: false, .. }), "{turn:?}");
    assert!(ledger.heard.lock().expect("not poisoned").is_empty(), "nothing was said");
}

#[tokio::test]
async fn a_vendors_names_are_as_long_as_names_are() {
    for wire in ALL {
        let mut said = envelope(wire, &fakes::output("spam", 0.75).to_string(), None);
        said["model"] = json!(format!("model\n{}", "x".repeat(500_000)));
        let (said, ..) = heard(wire, said).await;
        assert_eq!(said.model.len(), answer::NAME_CHARS_MAX);
        assert!(said.model.starts_with("modelx"), "{}", said.model);

        let mut said = envelope(wire, &fakes::output("spam", 0.75).to_string(), None);
        let path = match wire {
            Wire::Messages => "/stop_reason",
            Wire::Chat => "/choices/0/finish_reason",
            Wire::Responses => "/status",
        };
        *said.pointer_mut(path).expect("is there") = json!("y".repeat(500_000));
        let finish = wire.reading(&said.to_string()).finish.expect("is told");
        assert_eq!(finish.len(), answer::NAME_CHARS_MAX);
    }
}

#[tokio::test]
async fn the_price_of_keeping_a_prompt_is_reserved_where_it_may_be_kept() {
    let reserved = |cache: CacheKind, cache_tokens_min: u32| async move {
        let vendor = Vendor::new(Wire::Messages, 502, &[], "");
        let mut settings = settings(Wire::Messages, &vendor.base_url().await, Key::NotNeeded);
        let price = Price { input: 1.0, cache_write: 100.0, cache_read: 1.0, output: 1.0, long: None };
        settings.model = Model { cache, cache_tokens_min, price, ..settings.model };
        let judge = Llm::new(settings, remote(Duration::from_secs(5))).expect("a judge");
        let setting = Setting::new(json!({"type": "form", "body": {"text": "hello"}}));
        let draft = judge.draft(&setting.question()).expect("renders").expect("a draft");
        let ledger = RecordingLedger::default();
        ask(&judge, &ledger).await.expect("a turn");
        let most = ledger.purchases.lock().expect("not poisoned")[0].cost;
        assert_eq!(draft.most, most);
        let marked = draft.body.to_string().contains("cache_control");
        (marked, most > Money(5_000))
    };
    assert_eq!(reserved(CacheKind::Marked, 0).await, (true, true));
    assert_eq!(reserved(CacheKind::Marked, 1_000_000).await, (false, false), "too short to be marked");
    assert_eq!(reserved(CacheKind::None, 0).await, (false, false));
    assert_eq!(reserved(CacheKind::Automatic, 0).await, (false, true), "it keeps what it likes");
}
