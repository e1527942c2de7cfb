//! Signed, but not to be read: kept as a dead letter, never thrown away.

use hookyard::domain::{Cause, EventState, JobState};
use hookyard::source::DEPTH_MAX;

use crate::support::house::{Delivery, House, outcomes, route};

/// What is wrong with a body, and words of the reason.
fn bodies() -> Vec<(String, &'static str)> {
    let deep =
        format!("{{\"type\":\"t\",\"data\":{}{}}}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
    vec![
        (r#"{"type":"payment.failed","#.to_owned(), "JSON"),
        (r#"{"type":"payment.failed"} x"#.to_owned(), ""),
        ("not json".to_owned(), "does not begin with `{`"),
        (String::new(), ""),
        (r#"{"type":"payment.failed","type":"payment.succeeded","data":{}}"#.to_owned(), "type"),
        (r#"{"type":"payment.failed","data":{"a":1,"\u0061":2}}"#.to_owned(), "twice"),
        (deep, "inside one another"),
        (r#"{"data":{}}"#.to_owned(), "`type`"),
    ]
}

#[tokio::test]
async fn a_signed_body_that_cannot_be_read_is_a_dead_letter_with_a_reason() {
    let house = House::start().await;
    for (n, (body, words)) in bodies().into_iter().enumerate() {
        let event = house.queue(&Delivery::forms(&format!("u{n}"), &body)).await;
        let timeline = house.settled(event).await;
        assert_eq!((timeline.state, &*timeline.event.event_type), (EventState::Dead, "unreadable"));
        assert_eq!(timeline.event.body, body.as_bytes().to_vec().into());
        let [entry] = timeline.jobs.as_slice() else { panic!("one job: {body}") };
        assert_eq!((entry.job.state, entry.job.cause), (JobState::Dead, Some(Cause::Unreadable)));
        let reason = entry.job.reason.as_deref().unwrap_or_default();
        assert!(!reason.is_empty() && reason.contains(words), "{body}: {reason}");
    }
}

#[tokio::test]
async fn redelivered_it_is_revived_and_dead_again() {
    let house = House::start().await;
    for (n, (body, _)) in bodies().into_iter().enumerate() {
        let id = format!("u{n}");
        let delivery = Delivery::forms(&id, &body);
        let event = house.run(&delivery).await.event.id;
        let answer = house.deliver(&delivery).await;
        assert_eq!((answer.status, answer.word(), answer.event()), (200, "duplicate", event));
        assert_eq!((&answer.json["revived"], &answer.json["state"]), (&1.into(), &"open".into()));
        let again = house.settled(event).await;
        let entry = route(&again);
        assert_eq!((again.state, entry.job.cause), (EventState::Dead, Some(Cause::Unreadable)), "{body}");
        assert_eq!((outcomes(entry), again.redeliveries.len()), (vec!["person", "dead"], 1), "{body}");
    }
}

#[tokio::test]
async fn redelivered_it_still_says_what_is_wrong() {
    let house = House::start().await;
    let delivery = Delivery::forms("u", "{");
    let first = house.run(&delivery).await;
    house.deliver(&delivery).await;
    let again = house.settled(first.event.id).await;
    assert_eq!(route(&again).job.reason, route(&first).job.reason);
}

#[tokio::test]
async fn without_an_id_the_body_is_what_a_redelivery_has_in_common() {
    let house = House::start().await;
    let delivery = Delivery::stripe("{\"id\":");
    let event = house.queue(&delivery).await;
    house.settled(event).await;
    let answer = house.deliver(&delivery).await;
    assert_eq!((answer.status, answer.event()), (200, event));
    assert_ne!(house.queue(&Delivery::stripe("{\"id\": ")).await, event);
}

#[tokio::test]
async fn forged_it_is_not_even_kept() {
    let house = House::start().await;
    for (body, _) in bodies() {
        let forged = Delivery { secret: "a stranger's", ..Delivery::forms("u", &body) };
        assert_eq!(house.deliver(&forged).await.status, 401, "{body}");
    }
    assert_eq!(house.events().await.len(), 0);
}

#[tokio::test]
async fn what_cannot_be_read_counts_against_the_senders_limit() {
    let table = "[source.forms]\n";
    let narrow = format!("{table}limit = {{ critical_per_min = 1, other_per_min = 1 }}\n");
    let house = House::plan().edit(hookyard::config::SOURCES, table, &narrow).start().await;
    let first = house.queue(&Delivery::forms("u1", "{")).await;
    assert_eq!(house.deliver(&Delivery::forms("u2", "{ ")).await.status, 429);
    assert_eq!(house.deliver(&Delivery::forms("u1", "{")).await.event(), first);
}
