//! Dead letters: in groups, and moved in bounded steps, each at most once a sweep.

use std::time::Duration;

use hookyard::domain::{EventId, EventState, JobState};
use serde_json::{Value, json};

use crate::support::house::{House, action, outcomes, payment, ticket};

const TICKETS: &str = "/helpdesk/tickets";

/// Tickets that the helpdesk refused for good, a second apart.
async fn refused(house: &House, number: u32) -> Vec<EventId> {
    house.sandbox.fail_next(TICKETS, number, 422);
    let mut events = Vec::new();
    for n in 0..number {
        events.push(house.run(&ticket(&format!("t{n}"))).await.event.id);
        house.advance(Duration::from_secs(1));
    }
    events
}

async fn sweep(house: &House, verb: &str, body: Value) -> (u64, u64, Value) {
    let answer = house.tell(&format!("/api/v1/dead/{verb}"), body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let number = |field: &str| answer.json[field].as_u64().unwrap();
    (number("moved"), number("left"), answer.json["until"].clone())
}

#[tokio::test]
async fn they_are_grouped_by_what_they_have_in_common() {
    let house = House::start().await;
    refused(&house, 2).await;
    house.sandbox.fail_next("/crm/payments", 1, 422);
    house.run(&payment("evt_1")).await;
    let groups = house.ask("/api/v1/dead/groups").await.json;
    let told: Vec<[&Value; 4]> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| ["jobs", "cause", "route", "destination"].map(|field| &group[field]))
        .collect();
    assert_eq!(
        told,
        [
            [&json!(2), &json!("refused"), &json!("triage"), &json!("helpdesk")],
            [&json!(1), &json!("refused"), &json!("payment"), &json!("crm")],
        ]
    );
    assert!(groups[0]["reason"].as_str().unwrap().contains("422"), "{groups}");
}

#[tokio::test]
async fn a_dry_run_counts_and_moves_nothing() {
    let house = House::start().await;
    refused(&house, 3).await;
    for verb in ["redrive", "discard"] {
        let (moved, left, _) = sweep(&house, verb, json!({ "route": "triage", "dry_run": true })).await;
        assert_eq!((moved, left), (0, 3), "{verb}");
        let (_, none, _) = sweep(&house, verb, json!({ "destination": "crm", "dry_run": true })).await;
        assert_eq!(none, 0, "{verb}");
    }
    assert_eq!(house.ask("/api/v1/jobs/count?state=dead").await.json["jobs"], 3);
}

#[tokio::test]
async fn a_sweep_goes_in_steps_and_takes_nothing_twice() {
    let house = House::start().await;
    let events = refused(&house, 3).await;
    house.sandbox.fail_next(TICKETS, 2, 422);
    // They die again after the sweep began, and not in its very millisecond.
    let gate = house.sandbox.hold(TICKETS);
    let (moved, left, until) = sweep(&house, "redrive", json!({ "route": "triage", "limit": 2 })).await;
    assert_eq!((moved, left), (2, 1));
    house.advance(Duration::from_secs(1));
    gate.release();
    for event in &events[..2] {
        let again = |t: &_| outcomes(action(t, "ticket")) == ["dead", "person", "dead"];
        house.until(*event, again).await;
    }
    // The two that died again are not of this sweep.
    let last = json!({ "route": "triage", "until": until });
    let (moved, left, same) = sweep(&house, "redrive", last.clone()).await;
    assert_eq!((moved, left, &same), (1, 0, &until));
    assert_eq!(house.settled(events[2]).await.state, EventState::Done);
    let (moved, left, _) = sweep(&house, "redrive", last).await;
    assert_eq!((moved, left), (0, 0));
    let (_, left, _) = sweep(&house, "redrive", json!({ "dry_run": true })).await;
    assert_eq!(left, 2, "a new sweep takes them");
}

#[tokio::test]
async fn they_are_chosen_by_id_cause_destination_and_time() {
    let house = House::start().await;
    let began = house.now();
    let events = refused(&house, 3).await;
    let job = action(&house.settled(events[0]).await, "ticket").job.id;
    let second = began.plus(Duration::from_secs(1));
    for (filter, number) in [
        (json!({ "ids": job }), 1),
        (json!({ "cause": "refused" }), 3),
        (json!({ "cause": "exhausted" }), 0),
        (json!({ "destination": "helpdesk" }), 3),
        (json!({ "since": second }), 2),
        (json!({ "since": second.to_string() }), 2),
        (json!({ "until": second }), 1),
        (json!({ "since": second, "until": second.plus(Duration::from_millis(1)) }), 1),
    ] {
        let mut counting = filter.clone();
        counting["dry_run"] = json!(true);
        assert_eq!(sweep(&house, "discard", counting).await.1, number, "{filter}");
    }
    for (wrong, status) in [
        (json!({ "ids": "nonsense" }), 400),
        (json!({ "cause": "bad luck" }), 400),
        (json!({ "since": "yesterday" }), 422),
        (json!({ "rout": "triage" }), 422),
        (json!({ "note": "why" }), 400),
    ] {
        assert_eq!(house.tell("/api/v1/dead/redrive", wrong.clone()).await.status, status, "{wrong}");
    }
    assert_eq!(house.ask("/api/v1/jobs/count?state=dead").await.json["jobs"], 3);
}

#[tokio::test]
async fn discarded_ones_keep_the_operators_note() {
    let house = House::start().await;
    let events = refused(&house, 2).await;
    let (moved, left, _) =
        sweep(&house, "discard", json!({ "cause": "refused", "note": "the customer called" })).await;
    assert_eq!((moved, left), (2, 0));
    for event in events {
        let timeline = house.settled(event).await;
        let entry = action(&timeline, "ticket");
        assert_eq!((timeline.state, entry.job.state), (EventState::Done, JobState::Discarded));
        assert_eq!(entry.history.last().unwrap().detail.as_deref(), Some("the customer called"));
    }
}
