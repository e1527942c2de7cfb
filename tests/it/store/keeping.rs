//! Cursors, turns, meters, bodies, retention and erasing.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use hookyard::{
    domain::{Bill, Body, Cause, EventId, EventState, JobState, Next, PurchaseOrder},
    store::{EraseStep, EventQuery, Pause, RetainStep, Retained, Retention},
};
use tokio::task::JoinSet;

use super::{
    backend::Backend,
    bench::{Bench, assert_conflict, assert_stale, with},
    given::{
        AT_ONCE, DEDUPE, LEASE, TICK, action, answer, dead, die, event, event_id, job_id, park, receipt,
        request, review, route, same, verdict,
    },
};

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

pub async fn a_cursor_is_moved_by_whoever_knows_where_it_stands(b: Bench<impl Backend>) {
    assert_eq!(b.cursor("mailbox").await.unwrap(), None);
    b.move_cursor("mailbox", None, "1").await.unwrap();
    assert_conflict(b.move_cursor("mailbox", None, "2").await);
    assert_conflict(b.move_cursor("mailbox", Some("0"), "2").await);
    b.move_cursor("mailbox", Some("1"), "2").await.unwrap();
    let b = b.crash().await;
    assert_eq!(b.cursor("mailbox").await.unwrap().as_deref(), Some("2"));
    assert_eq!(b.cursor("another").await.unwrap(), None);
}

pub async fn a_turn_is_taken_once_in_its_time(b: Bench<impl Backend>) {
    let mut takers = JoinSet::new();
    for _ in 0..16 {
        let store = b.shared();
        takers.spawn(async move { store.take_turn("retention", HOUR).await.unwrap() });
    }
    assert_eq!(takers.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
    assert!(b.take_turn("alerts", HOUR).await.unwrap(), "another job's turns are its own");
    b.advance(HOUR - TICK);
    let b = b.crash().await;
    assert!(!b.take_turn("retention", HOUR).await.unwrap(), "also after a crash");
    b.advance(TICK);
    assert!(b.take_turn("retention", HOUR).await.unwrap());
}

/// A body that no backend keeps beside its rows.
fn large(fill: u8) -> Bytes {
    Bytes::from(vec![fill; 300_000])
}

pub async fn a_large_body_is_read_on_request_and_survives(b: Bench<impl Backend>) {
    for n in [1, 2] {
        let mut draft = event(n);
        draft.event.body = large(7).into();
        b.queue(draft).await;
    }
    assert_eq!(b.load().payload_bytes, 600_000);
    let b = b.crash().await;
    for claimed in b.take().await {
        let Body::File(file) = &claimed.event.body else { panic!("{:?}", claimed.event.body) };
        assert_eq!(file.bytes, 300_000);
        assert_eq!(b.body(&claimed.event).await.unwrap(), Some(large(7)));
        b.end(&claimed, Next::Done).await;
    }
    assert_eq!(b.load().payload_bytes, 600_000);
}

pub async fn sources_are_remembered_with_when_they_were_heard(b: Bench<impl Backend>) {
    b.queue(event(1).source("shop")).await;
    let first = b.now();
    b.advance(HOUR);
    b.queue(event(2).source("forms")).await;
    let heard = |at, other| vec![("forms".into(), other), ("shop".into(), at)];
    assert_eq!(b.last_heard().await.unwrap(), heard(first, b.now()));
    let second = b.now();
    b.advance(HOUR);
    b.send(event(3).source("shop").keys([same("forms:1")])).await;
    let b = b.crash().await;
    assert_eq!(b.last_heard().await.unwrap(), heard(b.now(), second), "a redelivery is heard too");
    for at in [b.now().plus(DAY), b.now()] {
        b.advance(TICK);
        let n = 10 + u64::try_from(at.as_millis() % 7).unwrap();
        b.accept(event(n).source("shop").received(at)).await.unwrap();
        assert_eq!(b.last_heard().await.unwrap(), heard(at, second), "also after a clock that was ahead");
    }
}

fn kept(payload_age: Duration, record_age: Duration, payload_bytes_max: u64) -> RetainStep {
    let kept = Retention { payload_age, record_age, payload_bytes_max };
    RetainStep { sources: BTreeMap::from([("forms".into(), kept)]), after: None, events_max: 100 }
}

/// Steps until the end; what they did in all.
async fn retain(b: &Bench<impl Backend>, mut step: RetainStep) -> Retained {
    let mut all = Retained::default();
    loop {
        let done = b.retain(step.clone()).await.unwrap();
        all.payloads += done.payloads;
        all.records += done.records;
        all.keys += done.keys;
        all.bytes += done.bytes;
        match done.next {
            Some(next) => step.after = Some(next),
            None => return all,
        }
    }
}

/// Events 1 to 5: done, dead, waiting, ready and blocked.
async fn one_of_each(b: &Bench<impl Backend>) {
    for n in 1..=5 {
        let mut draft = event(n);
        draft.event.body = Bytes::from(vec![b'x'; 1_000]).into();
        b.queue(if n == 5 { draft.jobs([action("blocked", &["other"])]) } else { draft }).await;
    }
    let jobs = b.take().await;
    let done = with(Next::Done, |end| {
        end.verdict = Some(verdict("Lead"));
        end.receipt = Some(receipt("7"));
        end.request = Some(request("k"));
    });
    b.begin_purchase(jobs[0].lease, &PurchaseOrder::new(&"large".into(), "q")).await.unwrap();
    b.end_purchase(jobs[0].lease, &Bill::new(&"large".into(), "q", Some(&answer("private")))).await.unwrap();
    b.settle(jobs[0].lease, done).await.unwrap();
    b.end(&jobs[1], die()).await;
    b.end(&jobs[2], review()).await;
    b.end(&jobs[3], park(AT_ONCE)).await;
}

async fn ids(b: &Bench<impl Backend>) -> Vec<EventId> {
    let mut ids: Vec<EventId> =
        b.events(EventQuery::default()).await.unwrap().iter().map(|one| one.event.id).collect();
    ids.reverse();
    ids
}

pub async fn what_is_old_and_over_goes_payload_first(b: Bench<impl Backend>) {
    one_of_each(&b).await;
    b.advance(30 * DAY - TICK);
    assert_eq!(retain(&b, kept(30 * DAY, 90 * DAY, u64::MAX)).await.payloads, 0);
    b.advance(TICK);
    let done = retain(&b, kept(30 * DAY, 90 * DAY, u64::MAX)).await;
    assert_eq!((done.payloads, done.records, done.bytes), (1, 0, 1_000), "all but the first are unfinished");
    assert_eq!(b.load().payload_bytes, 4_000);

    let b = b.crash().await;
    let record = b.record(event_id(1)).await;
    assert_eq!((record.event.body, record.state), (Body::Gone, EventState::Done));
    assert!(record.event.headers.is_empty());
    let entry = &record.jobs[0];
    assert_eq!((&entry.job.request, &entry.job.receipt), (&None, &None));
    assert_eq!(entry.history.len(), 1, "what happened stays");
    let judged = entry.job.verdict.as_ref().unwrap();
    assert_eq!(
        (judged.label.as_str(), &judged.output, judged.why.len()),
        ("Lead", &serde_json::Value::Null, 0)
    );
    assert!(!serde_json::to_string(&record.jobs).unwrap().contains("private"));
    assert_eq!(b.body(&b.record(event_id(1)).await.event).await.unwrap(), None);

    b.advance(60 * DAY);
    let done = retain(&b, kept(30 * DAY, 90 * DAY, u64::MAX)).await;
    assert_eq!((done.payloads, done.records), (0, 1));
    assert_eq!(b.timeline(event_id(1)).await.unwrap(), None);
    assert_eq!(
        ids(&b).await,
        (2..=5).map(event_id).collect::<Vec<_>>(),
        "unfinished, waiting and dead work stays"
    );
    b.audit().await;
}

pub async fn payload_beyond_its_size_goes_oldest_first(b: Bench<impl Backend>) {
    for n in 1..=10 {
        let mut draft = event(n);
        draft.event.body = Bytes::from(vec![b'x'; 1_000]).into();
        b.queue(draft).await;
    }
    for claimed in b.take().await {
        b.end(&claimed, Next::Done).await;
    }
    let done = retain(&b, kept(DAY, DAY, 4_000)).await;
    assert_eq!((done.payloads, done.records, b.load().payload_bytes), (6, 0, 4_000));
    for n in 1..=10 {
        let is_gone = b.record(event_id(n)).await.event.body == Body::Gone;
        assert_eq!(is_gone, n <= 6, "{n}");
    }
    let other = RetainStep { sources: BTreeMap::new(), ..kept(Duration::ZERO, Duration::ZERO, 0) };
    assert_eq!(retain(&b, other).await, Retained::default(), "a source that is not named keeps everything");
}

pub async fn retention_goes_in_steps(b: Bench<impl Backend>) {
    for n in 1..=25 {
        b.queue(event(n).jobs([])).await;
    }
    b.advance(DAY);
    let mut step = RetainStep { events_max: 10, ..kept(HOUR, HOUR, u64::MAX) };
    let mut removed = Vec::new();
    loop {
        let done = b.retain(step.clone()).await.unwrap();
        removed.push(done.records);
        let Some(next) = done.next else { break };
        step.after = Some(next);
    }
    assert_eq!(removed, [10, 10, 4], "the newest stays, so that its number is not given out again");
    assert_eq!(ids(&b).await, [event_id(25)]);
}

pub async fn a_walk_goes_on_where_what_it_came_to_was_removed(b: Bench<impl Backend>) {
    for n in 1..=10 {
        b.queue(event(n).jobs([dead(route("triage"), Cause::Refused)])).await;
    }
    for n in 11..=21 {
        b.queue(event(n).jobs([])).await;
    }
    b.advance(DAY);
    let mut step = RetainStep { events_max: 5, ..kept(HOUR, HOUR, u64::MAX) };
    let mut removed = Vec::new();
    while removed.len() < 21 {
        let done = b.retain(step.clone()).await.unwrap();
        removed.push(done.records);
        let Some(next) = done.next else { break };
        step.after = Some(next);
    }
    assert_eq!(removed, [0, 0, 5, 5, 0], "no dead letter is looked at twice");
}

pub async fn a_redelivery_after_its_payload_is_gone_is_a_duplicate(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    b.queue(event(2)).await;
    for claimed in b.take().await {
        b.end(&claimed, Next::Done).await;
    }
    b.advance(2 * HOUR);
    retain(&b, kept(HOUR, 2 * HOUR, u64::MAX)).await;
    assert_eq!(b.timeline(id).await.unwrap(), None);
    let again = event(3).keys([same("forms:1")]);
    assert_eq!(b.send(again).await, hookyard::store::Accepted::Queued { suspected_replay_of: None });
    let duplicate = b.send(event(4).keys([same("forms:2")])).await;
    assert!(matches!(duplicate, hookyard::store::Accepted::Duplicate { of, .. } if of == event_id(2)));
}

pub async fn keys_are_forgotten_after_their_window_and_not_before<B: Backend>(b: Bench<B>) {
    for n in 1..=3 {
        b.queue(event(n).keys([same(&format!("k{n}"))])).await;
        b.advance(DAY);
    }
    b.advance(DEDUPE - 3 * DAY - TICK);
    let far = || kept(365 * DAY, 365 * DAY, u64::MAX);
    assert_eq!(b.retain(far()).await.unwrap().keys, 0);
    b.advance(TICK);
    // A walk over the keys may begin anywhere: two rounds see each of them.
    let forgotten = b.retain(far()).await.unwrap().keys + b.retain(far()).await.unwrap().keys;
    assert_eq!(forgotten, u64::from(B::RETAIN_REMOVES_KEYS));
    assert!(!b.knows(&[same("k1")]).await.unwrap() && b.knows(&[same("k2")]).await.unwrap());
}

pub async fn the_walk_over_keys_goes_in_steps_and_tells_when_it_is_over<B: Backend>(b: Bench<B>) {
    const KEYS: u64 = 12_000;
    let keys: Vec<_> = (0..KEYS).map(|n| same(&format!("k{n}"))).collect();
    b.queue(event(1).keys(keys).jobs([])).await;
    b.advance(DEDUPE);
    let step = RetainStep { events_max: 0, ..kept(HOUR, HOUR, 0) };
    let mut forgotten = Vec::new();
    while forgotten.len() < 12 {
        let done = b.retain(step.clone()).await.unwrap();
        assert_eq!((done.payloads, done.records, done.next), (0, 0, None), "no event was to be looked at");
        forgotten.push(done.keys);
        if !done.keys_left {
            break;
        }
    }
    if B::RETAIN_REMOVES_KEYS {
        assert!(forgotten.len() > 1, "a step is bounded: {forgotten:?}");
        assert_eq!(forgotten.iter().sum::<u64>(), KEYS, "{forgotten:?}");
    } else {
        assert_eq!(forgotten, [0]);
    }
}

fn erasing(person: &str) -> EraseStep {
    EraseStep { key: person.to_owned(), after: None, dry_run: false }
}

pub async fn a_persons_data_is_erased_wherever_it_stands(b: Bench<impl Backend>) {
    let person = "ada@engines.example";
    let mut drafts: Vec<_> = (1..=6).map(event).collect();
    drafts[0].event.body = format!("{{\"from\":\"{}\"}}", person.to_uppercase()).into_bytes().into();
    drafts[1].event.headers = vec![("x-from".to_owned(), person.to_owned())];
    drafts[4].event.body =
        Bytes::from([b"{\"mail\":\"ada%40engines.example\"}".as_slice(), &large(b' ')].concat()).into();
    for draft in drafts {
        b.queue(draft).await;
    }
    let jobs = b.take().await;
    let in_receipt = with(Next::Done, |end| end.receipt = Some(receipt(person)));
    b.settle(jobs[2].lease, in_receipt).await.unwrap();
    b.begin_purchase(jobs[3].lease, &PurchaseOrder::new(&"large".into(), "q")).await.unwrap();
    b.end_purchase(jobs[3].lease, &Bill::new(&"large".into(), "q", Some(&answer(person)))).await.unwrap();
    b.end(&jobs[3], die()).await;

    let foreseen = b.erase(EraseStep { dry_run: true, ..erasing(person) }).await.unwrap();
    assert_eq!(b.record(event_id(2)).await.state, EventState::Open, "only counted");
    let erased = b.erase(erasing(person)).await.unwrap();
    assert_eq!((erased.events, erased.discarded, erased.next), (5, 4, None));
    assert_eq!(foreseen, erased);
    for n in 1..=5 {
        let record = b.record(event_id(n)).await;
        assert_eq!((record.event.body, record.state), (Body::Gone, EventState::Done), "{n}");
        let told = serde_json::to_string(&record.jobs).unwrap().to_lowercase();
        assert!(!told.contains(person), "{n}: {told}");
        assert!(told.contains("erased"), "{n}: the record says so: {told}");
    }
    let other = b.record(event_id(6)).await;
    assert_eq!((other.state, other.jobs[0].job.state), (EventState::Open, JobState::Leased));
    assert_stale(b.settle(jobs[0].lease, with(Next::Done, |_| ())).await, job_id(event_id(1), 0));
    assert_eq!(b.erase(erasing(person)).await.unwrap().events, 0, "there is nothing left to erase");
    b.end(&jobs[5], Next::Done).await;
    b.audit().await;
}

/// A long walk takes several steps, and between two of them retention may have removed the event where it stands.
pub async fn erasing_goes_on_behind_an_event_that_is_gone(b: Bench<impl Backend>) {
    const STEP: u64 = 200; // events that are looked at in one step
    let person = "ada@engines.example";
    for n in 1..=STEP + 2 {
        let mut draft = event(n).jobs([]);
        if n == STEP {
            draft = draft.source("fleeting");
        }
        if n > STEP {
            draft.event.body = Bytes::from(person).into();
        }
        b.queue(draft).await;
    }
    let first = b.erase(erasing(person)).await.unwrap();
    assert_eq!(first.events, 0);
    assert!(first.next.is_some(), "a step is bounded");
    b.advance(HOUR);
    let step = kept(TICK, TICK, u64::MAX);
    let sources = step.sources.into_values().map(|kept| ("fleeting".into(), kept)).collect();
    assert_eq!(
        retain(&b, RetainStep { sources, ..step }).await.records,
        1,
        "the last one that was looked at"
    );

    let rest = b.erase(EraseStep { after: first.next, ..erasing(person) }).await.unwrap();
    assert_eq!((rest.events, rest.next), (2, None), "it begins anew");
    b.audit().await;
}

pub async fn pauses_are_listed(b: Bench<impl Backend>) {
    let all = [Pause::Route("leads".into()), Pause::Destination("crm".into()), Pause::Everything];
    for pause in &all {
        b.pause(pause.clone()).await.unwrap();
    }
    let mut listed = b.crash().await.pauses().await.unwrap();
    listed.sort();
    assert_eq!(listed, all);
}

pub async fn an_event_without_jobs_is_over_at_once(b: Bench<impl Backend>) {
    let id = b.queue(event(1).jobs([])).await;
    assert_eq!(b.record(id).await.state, EventState::Done);
    b.queue(event(2).jobs([route("triage")])).await;
    b.advance(LEASE);
    assert_eq!(retain(&b, kept(TICK, TICK, u64::MAX)).await.records, 1);
}
