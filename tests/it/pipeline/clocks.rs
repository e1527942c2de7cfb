//! A wall clock that is set while the service runs: nothing waits longer, and nobody loses a lease.

use std::time::Duration;

use hookyard::{
    domain::{EventId, EventState},
    sandbox::Fault,
    store::Timeline,
};
use serde_json::json;

use crate::support::{
    house::{House, action, outcomes, payment, ticket},
    process::arrived,
};

const EMAILS: &str = "/mail/emails";
const TICKETS: &str = "/helpdesk/tickets";
const DAY_MS: i64 = 86_400_000;

/// A house whose store has seen a day that its wall clock has yet to see.
async fn set_back() -> House {
    let house = House::start().await;
    assert_eq!(house.run(&payment("evt_0")).await.state, EventState::Done);
    house.clock.set_by(-DAY_MS);
    house
}

/// Waits until one job of the event is left: what is signed as of now must not arrive a day later.
async fn alone(house: &House, event: EventId) {
    let under_way = |t: &Timeline| t.jobs.iter().filter(|entry| !entry.job.state.is_settled()).count();
    house.until(event, |timeline| under_way(timeline) == 1).await;
}

#[tokio::test]
async fn a_clock_set_back_holds_no_retry_up() {
    let house = House::start().await;
    house.sandbox.fail_next(EMAILS, 1, 503);
    let event = house.queue(&payment("evt_1")).await;
    house.retrying(event, "email", 1).await;
    alone(&house, event).await;
    house.clock.set_by(-DAY_MS);
    house.advance(Duration::from_secs(10));
    let done = house.settled(event).await;
    assert_eq!((done.state, outcomes(action(&done, "email"))), (EventState::Done, vec!["retry", "done"]));
    assert_eq!(house.run(&payment("evt_2")).await.state, EventState::Done, "what is new is done too");
}

#[tokio::test]
async fn a_clock_set_forward_or_back_takes_no_lease_from_a_worker() {
    let house = House::start().await;
    let answers = house.sandbox.hold_answer(EMAILS);
    let mut seen = Vec::new();
    for (n, by) in [DAY_MS, -2 * DAY_MS].into_iter().enumerate() {
        let event = house.queue(&payment(&format!("evt_{n}"))).await;
        seen.push(event);
        arrived(&answers, n as u64 + 1).await;
        alone(&house, event).await;
        house.clock.set_by(by);
    }
    // The workers have looked for work since, and found no more than this.
    house.advance(Duration::from_secs(10));
    answers.release();
    seen.push(house.queue(&payment("evt_last")).await);
    for event in seen {
        let done = house.settled(event).await;
        let email = action(&done, "email");
        assert_eq!((done.state, email.job.lost_leases), (EventState::Done, 0));
    }
    assert_eq!(house.sandbox.requests(EMAILS), 3);
}

#[tokio::test]
async fn a_clock_set_back_shortens_no_wait_for_a_retry() {
    let house = set_back().await;
    house.sandbox.fail_next(TICKETS, 4, 503);
    let event = house.queue(&ticket("t")).await;
    let waits = house.retrying(event, "ticket", 1).await;
    // The workers look for work again and again meanwhile.
    assert_eq!(house.run(&payment("evt_1")).await.state, EventState::Done);
    assert_eq!(house.sandbox.requests(TICKETS), 1, "no time has passed");
    assert!(action(&waits, "ticket").job.due > house.now());
    let dead = house.driven(event).await;
    assert_eq!(outcomes(action(&dead, "ticket")), ["retry", "retry", "retry", "dead"]);
}

#[tokio::test]
async fn a_clock_set_back_shortens_no_wait_that_a_destination_asked_for() {
    let house = set_back().await;
    let later = Fault { status: 429, retry_after_s: Some(3_600), after_effect: false };
    house.sandbox.fail_next_with(TICKETS, 1, later);
    let event = house.queue(&ticket("t")).await;
    house.retrying(event, "ticket", 1).await;
    for (n, wait_s) in [0, 1_800, 1_799].into_iter().enumerate() {
        house.advance(Duration::from_secs(wait_s));
        assert_eq!(house.run(&payment(&format!("evt_1{n}"))).await.state, EventState::Done);
        assert_eq!(house.sandbox.requests(TICKETS), 1, "an hour is not over");
    }
    house.advance(Duration::from_secs(1));
    let done = house.settled(event).await;
    assert_eq!(outcomes(action(&done, "ticket")), ["parked", "done"]);
}

#[tokio::test]
async fn a_clock_set_back_hides_no_dead_letter() {
    let house = set_back().await;
    house.sandbox.fail_next(TICKETS, 1, 422);
    let dead = house.run(&ticket("t")).await;
    assert_eq!(dead.state, EventState::Dead);
    let moved = house.tell("/api/v1/dead/redrive", json!({})).await;
    assert_eq!((&moved.json["moved"], &moved.json["left"]), (&json!(1), &json!(0)), "{moved:?}");
    assert_eq!(house.settled(dead.event.id).await.state, EventState::Done);
}
