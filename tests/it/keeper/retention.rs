//! What is old goes, round by round; what is not over stays; and the file does not grow for ever.

use std::time::Duration;

use hookyard::{
    domain::{Body, Cause, EventId, EventState, JobState, Next},
    store::{Accepted, Admission, DedupeKey, EventQuery, OnMatch, Start, Store},
};
use tokio::task::JoinSet;

use super::yard::{DAY, Yard};

/// How long the file is watched, and how much comes on each day.
const DAYS: usize = 28;
const EVENTS: usize = 100;

/// Body of an event, as large as many are.
fn body(n: usize) -> Vec<u8> {
    format!("{{\"n\":{n},\"text\":\"{}\"}}", "x".repeat(2_900)).into_bytes()
}

/// Accepts so many events on one day, and works on all of them.
async fn busy_day(yard: &Yard, day: usize, events: usize) {
    let mut accepting = JoinSet::new();
    for n in 0..events {
        let admission = yard.admission("forms", &format!("{day}-{n}"), body(n), &[Start::Ready]);
        let store = std::sync::Arc::clone(&yard.store);
        accepting.spawn(async move { store.accept(admission).await.unwrap() });
    }
    accepting.join_all().await;
    assert_eq!(yard.work(|_| Next::Done).await, events);
}

#[tokio::test]
async fn the_file_stops_growing_while_thousands_of_events_come_and_go() {
    let mut yard = Yard::with(
        &[
            ("payload_age_ms = 2_592_000_000", "payload_age_ms = 172_800_000"),
            ("record_age_ms = 7_776_000_000", "record_age_ms = 864_000_000"),
        ],
        "",
    );
    let mut settled = 0;
    for day in 0..DAYS {
        busy_day(&yard, day, EVENTS).await;
        yard.advance(DAY);
        yard.keeper.rounds().go().await.unwrap();
        // Records are kept for 10 days: by then the file is as large as it will be.
        if day == 13 {
            yard = yard.restart();
            settled = yard.file_bytes();
        }
    }
    let counted = yard.keeper.metrics.render();
    yard = yard.restart();
    let last = yard.file_bytes();
    assert!(last <= settled + settled / 10, "{settled} bytes after 14 days, {last} in the end");
    let left = yard.store.events(EventQuery { limit: 1_000, ..EventQuery::default() }).await.unwrap().len();
    assert!(left <= EVENTS * 11, "{left} records");
    let payload = yard.store.load().payload_bytes;
    assert!(payload <= EVENTS as u64 * 3 * 3_000, "{payload} bytes of payload");
    let removed = |what: &str| -> u64 {
        let line = format!("hookyard_removed_total{{what=\"{what}\"}} ");
        counted.lines().find_map(|l| l.strip_prefix(&line)).and_then(|n| n.parse().ok()).unwrap()
    };
    // From then on as much goes as comes.
    let came = (DAYS - 14) * EVENTS;
    assert_eq!(["payloads", "records", "keys"].map(removed), [came as u64; 3], "{counted}");
}

async fn events(yard: &Yard) -> Vec<(EventId, EventState, Body)> {
    let found = yard.store.events(EventQuery::default()).await.unwrap();
    found.into_iter().rev().map(|summary| (summary.event.id, summary.state, summary.event.body)).collect()
}

#[tokio::test]
async fn a_payload_goes_before_its_record_and_a_redelivery_is_known_without_it() {
    let yard = Yard::with(&[("payload_age_ms = 2_592_000_000", "payload_age_ms = 86_400_000")], "");
    yard.accept("e", body(1), &[Start::Ready]).await;
    yard.work(|_| Next::Done).await;
    let mut rounds = yard.keeper.rounds();
    rounds.go().await.unwrap();
    assert!(matches!(events(&yard).await[0].2, Body::Here(_)));
    yard.advance(DAY);
    rounds.go().await.unwrap();
    let [(event, EventState::Done, Body::Gone)] = events(&yard).await[..] else { panic!("the record alone") };
    yard.advance(8 * DAY);
    let again = yard.accept("e", body(1), &[Start::Ready]).await;
    assert!(matches!(again, Accepted::Duplicate { of, .. } if of == event), "{again:?}");
    yard.advance(82 * DAY);
    yard.accept("younger", body(2), &[]).await; // the newest record is always kept
    rounds.go().await.unwrap();
    assert!(!events(&yard).await.iter().any(|(id, ..)| *id == event), "90 days are over");
}

#[tokio::test]
async fn what_is_unfinished_waits_or_is_dead_stays_until_that_is_over() {
    let yard = Yard::new();
    let waiting = Start::Waiting { reason: "look at it".to_owned() };
    let dead = Start::Dead { cause: Cause::Refused, reason: "no".to_owned() };
    for (name, start) in [("ready", Start::Ready), ("waiting", waiting), ("dead", dead)] {
        yard.accept(name, body(0), &[start]).await;
    }
    yard.accept("over", body(0), &[]).await;
    yard.accept("newest", body(0), &[]).await;
    yard.advance(1_000 * DAY);
    let mut rounds = yard.keeper.rounds();
    rounds.go().await.unwrap();
    let left = events(&yard).await;
    let whole = left.iter().filter(|(.., body)| matches!(body, Body::Here(_))).count();
    assert_eq!((left.len(), whole), (4, 3), "{left:?}");

    // Once a person has let it go, it is over.
    let letters =
        hookyard::store::JobQuery { state: Some(JobState::Dead), ..hookyard::store::JobQuery::default() };
    assert_eq!(yard.store.discard(letters, "enough").await.unwrap(), 1);
    yard.advance(Duration::from_hours(1));
    rounds.go().await.unwrap();
    assert_eq!(events(&yard).await.len(), 3);
}

#[tokio::test]
async fn beyond_its_bytes_a_source_loses_the_oldest_payloads_and_another_none() {
    let yard = Yard::with(&[], "retention = { payload_bytes_max = 1_048_576 }");
    for n in 0..6 {
        yard.accept(&format!("f{n}"), vec![b'x'; 200_000], &[]).await;
    }
    yard.keeper.rounds().go().await.unwrap();
    let gone: Vec<_> = events(&yard).await.iter().map(|(.., body)| matches!(body, Body::Gone)).collect();
    assert_eq!(gone, [true, false, false, false, false, false]);
}

/// Which payloads of `forms` are gone, in the order in which they came.
async fn gone(yard: &Yard) -> Vec<bool> {
    let forms = EventQuery { source: Some("forms".into()), ..EventQuery::default() };
    let found = yard.store.events(forms).await.unwrap();
    found.into_iter().rev().map(|summary| matches!(summary.event.body, Body::Gone)).collect()
}

#[tokio::test]
async fn a_source_beyond_its_bytes_loses_its_own_oldest_wherever_the_others_stand() {
    // Its own payloads are kept for longer than those of others.
    let forms = "retention = { payload_bytes_max = 1_048_576, payload_age_ms = 6_912_000_000 }";
    let yard = Yard::with(&[], forms);
    for n in 0..3 {
        yard.accept(&format!("f{n}"), vec![b'x'; 200_000], &[]).await;
    }
    for n in 0..600 {
        yard.store.accept(yard.admission("other", &format!("o{n}"), b"{}".to_vec(), &[])).await.unwrap();
    }
    yard.advance(31 * DAY);
    let mut rounds = yard.keeper.rounds();
    rounds.go().await.unwrap();
    assert_eq!(gone(&yard).await, [false; 3]);
    for n in 3..7 {
        yard.accept(&format!("f{n}"), vec![b'x'; 200_000], &[]).await;
    }
    rounds.go().await.unwrap();
    assert_eq!(gone(&yard).await, [true, true, false, false, false, false, false]);
    yard.accept("f7", vec![b'x'; 200_000], &[]).await;
    rounds.go().await.unwrap();
    assert_eq!(gone(&yard).await, [true, true, true, false, false, false, false, false]);
}

#[tokio::test]
async fn keys_go_in_one_round_however_many_their_time_is_over_for() {
    const KEYS: usize = 12_000;
    let yard = Yard::new();
    let key = |n| DedupeKey { text: format!("key {n}"), on_match: OnMatch::Duplicate };
    let event = yard.event("forms", body(0));
    yard.store.accept(Admission::of_our_own(event, (0..KEYS).map(key).collect(), Vec::new())).await.unwrap();
    yard.advance(31 * DAY);
    yard.keeper.rounds().go().await.unwrap();
    let counted = yard.keeper.metrics.render();
    assert!(counted.contains(&format!("hookyard_removed_total{{what=\"keys\"}} {KEYS}\n")), "{counted}");
}

#[tokio::test]
async fn what_is_left_of_a_source_that_is_no_more_goes_too() {
    let yard = Yard::new();
    yard.store.accept(yard.admission("shut_down", "old", body(0), &[])).await.unwrap();
    yard.advance(30 * DAY);
    yard.keeper.rounds().go().await.unwrap();
    assert!(matches!(events(&yard).await[0].2, Body::Gone));
}

#[tokio::test]
async fn own_events_go_too() {
    let yard = Yard::new();
    yard.accept("e", Vec::new(), &[Start::Dead { cause: Cause::Refused, reason: "no".to_owned() }]).await;
    yard.look_after(Duration::from_secs(10)).await;
    yard.work(|_| Next::Done).await;
    yard.advance(91 * DAY);
    yard.accept("newest", Vec::new(), &[]).await;
    yard.keeper.rounds().go().await.unwrap();
    assert_eq!(yard.alarms("hookyard.dead_letters").await, []);
    assert_eq!(events(&yard).await.len(), 2, "the dead letter stays, and the newest");
}
