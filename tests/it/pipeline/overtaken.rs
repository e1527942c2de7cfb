//! Replays whose plan is overtaken: what it was to replace goes on while it is made.

use std::time::Duration;

use hookyard::{
    domain::{EventId, EventState, JobState},
    sandbox::{Gate, Reply},
    store::{Timeline, sqlite::FILE},
};
use rusqlite::Connection;
use serde_json::json;

use crate::support::{
    house::{House, Plan, action, form, outcomes, route, ticket, versions},
    process::arrived,
};

const TICKETS: &str = "/helpdesk/tickets";
const JUDGE: &str = "/llm/v1/messages";

/// A judge that a replay has to ask anew, as its question reads otherwise.
fn asked_anew() -> Plan {
    House::plan().llm().edit("prompts/triage/event.j2", "Form: ", "The form: ")
}

fn says_support() -> Reply {
    let output =
        json!({ "reason": "it reads like it", "label": "support", "urgency": "low", "confidence": 0.9 });
    Reply::Output(output)
}

async fn replay(house: &House, event: EventId, mode: &str) {
    let answer = house.tell("/api/v1/replay", json!({ "event": event, "mode": mode, "sweep": "s" })).await;
    assert_eq!((answer.status, answer.word()), (200, "queued"), "{answer:?}");
}

fn first_ticket(timeline: &Timeline) -> JobState {
    action(timeline, "ticket").job.state
}

/// Waits until the replay was put off `times` times, and drives the event to its end.
async fn put_off_and_driven(house: &House, event: EventId, times: usize) -> Timeline {
    let put_off = |timeline: &Timeline| {
        timeline.jobs.iter().any(|entry| outcomes(entry) == [vec!["person"], vec!["parked"; times]].concat())
    };
    house.until(event, put_off).await;
    house.driven(event).await
}

/// One ticket was made, by the first plan, and the replay says so.
fn assert_made_once(house: &House, done: &Timeline) {
    let tickets = house.sandbox.effects().into_iter().filter(|effect| effect.kind == "helpdesk.ticket");
    assert_eq!((done.state, tickets.count()), (EventState::Done, 1));
    assert_eq!(versions(done, "ticket").len(), 1, "a second version would be a second effect");
    let replayed = done.jobs.last().expect("the replay");
    let said = replayed.history.last().and_then(|attempt| attempt.detail.as_deref());
    assert_eq!(said, Some("support → ticket; done already: ticket"));
    assert_eq!(replayed.job.attempts, 1, "what was put off did not count");
}

/// A replay that waits for its judge, behind the gate, while the retry of the first plan's ticket succeeds.
async fn overtaken_by_a_retry(house: &House) -> (EventId, Gate) {
    house.sandbox.reply_next(says_support());
    house.sandbox.fail_next(TICKETS, 1, 429);
    let event = house.queue(&form("f")).await;
    house.retrying(event, "ticket", 1).await;
    house.reconfigure(&asked_anew());
    let gate = house.sandbox.hold(JUDGE);
    house.sandbox.reply_next(says_support());
    replay(house, event, "reclassify").await;
    arrived(&gate, 1).await;
    house.advance(Duration::from_secs(3));
    house.until(event, |timeline| first_ticket(timeline) == JobState::Done).await;
    (event, gate)
}

#[tokio::test]
async fn an_action_whose_retry_succeeds_during_a_replay_is_not_done_twice() {
    let house = House::plan().llm().start().await;
    let (event, gate) = overtaken_by_a_retry(&house).await;
    gate.release();
    let done = put_off_and_driven(&house, event, 1).await;
    assert_made_once(&house, &done);
    assert_eq!(house.sandbox.asked().len(), 2, "planned twice, and the answer bought once");
}

#[tokio::test]
async fn an_answer_that_could_not_be_stored_is_not_lost_with_the_plan_that_was_overtaken() {
    let house = House::plan().llm().start().await;
    let (event, gate) = overtaken_by_a_retry(&house).await;
    let db = Connection::open(house.dir.path().join(FILE)).unwrap();
    db.execute_batch(
        "CREATE TRIGGER broken BEFORE UPDATE ON purchase BEGIN SELECT RAISE(ABORT, 'the disk broke'); END",
    )
    .unwrap();
    // The one who made the ticket holds no lease any more, and does not sleep.
    let ended = "hookyard_job_seconds_count{kind=\"action\",outcome=\"done\"} 1\n";
    while !house.ask("/metrics").await.text.contains(ended) {}
    let sleepers = house.clock.sleepers();
    gate.release();
    // Either it is waited for until it can be stored, or nobody remembers it.
    tokio::select! {
        () = house.clock.all_slept(sleepers + 1) => {}
        _ = house.until(event, |timeline| timeline.jobs.last().is_some_and(|job| outcomes(job).contains(&"parked"))) => {}
    }
    db.execute_batch("DROP TRIGGER broken").unwrap();
    house.advance(Duration::from_secs(1));
    let done = put_off_and_driven(&house, event, 1).await;
    assert_made_once(&house, &done);
    assert_eq!(house.sandbox.asked().len(), 2, "planned twice, and the answer bought once");
}

#[tokio::test]
async fn a_dead_letter_that_is_redriven_during_a_replay_is_not_done_twice() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says_support());
    house.sandbox.fail_next(TICKETS, 1, 422);
    let event = house.run(&form("f")).await.event.id;
    house.reconfigure(&asked_anew());
    let gate = house.sandbox.hold(JUDGE);
    house.sandbox.reply_next(says_support());
    replay(&house, event, "reclassify").await;
    arrived(&gate, 1).await;
    assert_eq!(house.tell("/api/v1/dead/redrive", json!({})).await.json["moved"], 1);
    house.until(event, |timeline| first_ticket(timeline) == JobState::Done).await;
    gate.release();
    let done = put_off_and_driven(&house, event, 1).await;
    assert_made_once(&house, &done);
}

#[tokio::test]
async fn a_replay_waits_for_the_end_of_an_action_that_is_under_way() {
    let house = House::start().await;
    let gate = house.sandbox.hold(TICKETS);
    let event = house.queue(&ticket("t")).await;
    arrived(&gate, 1).await;
    replay(&house, event, "reuse").await;
    let put_off = |timeline: &Timeline| {
        let reason = timeline.jobs.last().and_then(|entry| entry.job.reason.as_deref());
        reason.is_some_and(|reason| reason.ends_with("the event is planned again"))
    };
    let held = house.until(event, put_off).await;
    assert_eq!((held.jobs.len(), first_ticket(&held)), (3, JobState::Leased));
    gate.release();
    house.until(event, |timeline| first_ticket(timeline) == JobState::Done).await;
    let done = put_off_and_driven(&house, event, 1).await;
    assert_made_once(&house, &done);
}

#[tokio::test]
async fn an_event_that_is_judged_anew_is_no_longer_to_be_placed_by_a_person() {
    let house = House::start().await;
    let unsure = house.run(&form("f")).await;
    assert_eq!(unsure.state, EventState::Waiting);
    let event = unsure.event.id;
    house.reconfigure(&asked_anew());
    let gate = house.sandbox.hold(JUDGE);
    house.sandbox.reply_next(says_support());
    replay(&house, event, "reclassify").await;
    arrived(&gate, 1).await;
    // Else two runs would plan beside each other.
    let with = json!({ "label": "support", "output": { "reason": "Kim knows", "urgency": "low" } });
    let late = house.tell(&format!("/api/v1/jobs/{}/approve", route(&unsure).job.id), with).await;
    assert_eq!(late.status, 409, "{late:?}");
    gate.release();
    let done = house.until(event, |timeline| timeline.state == EventState::Done).await;
    let made = house.sandbox.requests(TICKETS);
    assert_eq!((made, versions(&done, "ticket").len()), (1, 1));
}
