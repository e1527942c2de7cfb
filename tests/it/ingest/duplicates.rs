//! The same event twice.

use std::{sync::Arc, time::Duration};

use hookyard::domain::{EventState, JobState};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::house::{Delivery, House, action, log, note, outcomes, payment, route};

#[tokio::test]
async fn a_redelivery_is_told_the_first_events_id_and_state() {
    let house = House::start().await;
    for delivery in [note("n"), payment("evt_1")] {
        let first = house.run(&delivery).await;
        house.advance(Duration::from_secs(60));
        let before = house.sandbox.effects();
        let answer = house.deliver(&delivery).await; // signed again, with the time of now
        assert_eq!((answer.status, answer.word(), answer.event()), (200, "duplicate", first.event.id));
        assert_eq!((&answer.json["state"], answer.json.get("revived")), (&"done".into(), None));
        let after = house.settled(first.event.id).await;
        assert_eq!(after.redeliveries, [hookyard::store::Redelivery { at: house.now(), times: 1 }]);
        assert_eq!((after.jobs, house.sandbox.effects()), (first.jobs, before));
    }
    assert_eq!(house.events().await.len(), 2);
}

#[tokio::test]
async fn a_known_id_with_another_body_is_the_same_event() {
    let house = House::start().await;
    let first = house.queue(&note("n")).await;
    let other = Delivery { id: "n", ..payment("evt_1") };
    let other = Delivery { source: "forms", secret: note("n").secret, ..other };
    assert_eq!(house.deliver(&other).await.event(), first);
    // Another source's ids are its own.
    let partner = Delivery::partners("n", json!({ "type": "payment.failed", "data": {} }));
    assert_eq!(house.deliver(&partner).await.status, 202);
}

#[tokio::test]
async fn of_many_copies_at_once_exactly_one_is_queued() {
    let house = Arc::new(House::start().await);
    let mut copies = JoinSet::new();
    for _ in 0..50 {
        let house = Arc::clone(&house);
        copies.spawn(async move { house.deliver(&payment("evt_1")).await });
    }
    let answers = copies.join_all().await;
    assert_eq!(answers.iter().filter(|answer| (answer.status, answer.word()) == (202, "queued")).count(), 1);
    assert_eq!(
        answers.iter().filter(|answer| (answer.status, answer.word()) == (200, "duplicate")).count(),
        49
    );
    let event = answers[0].event();
    assert!(answers.iter().all(|answer| answer.event() == event));
    let timeline = house.settled(event).await;
    assert_eq!(timeline.state, EventState::Done);
    assert!(house.sandbox.effects().iter().all(|effect| (effect.done, effect.seen) == (1, 1)));
    assert_eq!((house.sandbox.effects().len(), log(&house, "payments").len()), (3, 1));
}

#[tokio::test]
async fn an_id_is_forgotten_after_its_time_and_not_before() {
    let house = House::start().await;
    let first = house.run(&note("n")).await.event.id;
    house.advance(Duration::from_secs(10 * 24 * 3_600 - 1));
    assert_eq!(house.deliver(&note("n")).await.event(), first);
    house.advance(Duration::from_secs(1));
    assert_ne!(house.queue(&note("n")).await, first);
}

#[tokio::test]
async fn githubs_body_under_another_id_waits_for_a_person() {
    let house = House::start().await;
    let body = json!({ "action": "opened", "is": "security", "pull_request": { "number": 7 } });
    let first = house.run(&Delivery::github("d-1", "pull_request", &body)).await;
    assert_eq!(first.state, EventState::Done, "{:?}", route(&first).job.reason);
    let effects = house.sandbox.effects();

    let answer = house.deliver(&Delivery::github("d-2", "pull_request", &body)).await;
    assert_eq!((answer.status, answer.word()), (202, "queued"));
    assert_ne!(answer.event(), first.event.id);
    assert!(answer.reason().contains(&first.event.id.to_string()), "{answer:?}");
    let suspect = house.settled(answer.event()).await;
    assert_eq!((suspect.state, route(&suspect).job.state), (EventState::Waiting, JobState::Waiting));
    assert!(route(&suspect).job.reason.as_deref().unwrap_or_default().contains("perhaps a replay"));
    assert_eq!(house.sandbox.effects(), effects);

    // GitHub's own redelivery keeps its id, and is no suspect.
    let again = house.deliver(&Delivery::github("d-1", "pull_request", &body)).await;
    assert_eq!((again.word(), again.event()), ("duplicate", first.event.id));

    let job = route(&suspect).job.id;
    assert_eq!(
        house.tell(&format!("/api/v1/jobs/{job}/approve"), json!({ "note": "it was us" })).await.status,
        200
    );
    let approved = house.settled(suspect.event.id).await;
    assert_eq!((approved.state, outcomes(route(&approved))), (EventState::Done, vec!["person", "done"]));
    assert_eq!(outcomes(action(&approved, "notice")), ["done"]);
}

#[tokio::test]
async fn what_equal_bodies_mean_can_be_chosen() {
    for (same_body, status, word) in [("accept", 202, "queued"), ("duplicate", 200, "duplicate")] {
        let house = House::plan()
            .edit(
                hookyard::config::SOURCES,
                "same_body = \"accept\"",
                &format!("same_body = \"{same_body}\""),
            )
            .start()
            .await;
        let first = house.queue(&note("n-1")).await;
        let answer = house.deliver(&note("n-2")).await;
        assert_eq!((answer.status, answer.word()), (status, word));
        assert_eq!(answer.event() == first, word == "duplicate");
    }
}

#[tokio::test]
async fn a_dead_events_redelivery_does_what_was_left_undone() {
    let house = House::start().await;
    house.sandbox.fail_next("/crm/payments", 1, 422);
    let dead = house.run(&payment("evt_1")).await;
    assert_eq!((dead.state, outcomes(action(&dead, "crm"))), (EventState::Dead, vec!["dead"]));
    let answer = house.deliver(&payment("evt_1")).await;
    assert_eq!((answer.word(), &answer.json["revived"]), ("duplicate", &1.into()));
    let done = house.settled(dead.event.id).await;
    assert_eq!(
        (done.state, outcomes(action(&done, "crm"))),
        (EventState::Done, vec!["dead", "person", "done"])
    );
    for id in ["email", "database", "analytics"] {
        assert_eq!(outcomes(action(&done, id)), ["done"], "{id}");
    }
}
