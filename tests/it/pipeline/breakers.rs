//! A destination or judge that fails is left alone for a while; what waits for it waits at no cost.

use std::time::Duration;

use hookyard::{
    config::ACTIONS,
    domain::{AttemptOutcome, JobState},
};
use serde_json::json;

use crate::support::house::{House, action, outcomes, ticket};

const TICKETS: &str = "/helpdesk/tickets";
const MINUTE: Duration = Duration::from_secs(60);

/// A house whose helpdesk is tried again at once, so that its breaker is what holds it.
async fn impatient() -> House {
    let table = "[destination.helpdesk]\n";
    let retry = "retry = { schedule_ms = [0], attempts_max = 50 }\n";
    House::plan().edit(ACTIONS, table, &format!("{table}{retry}")).start().await
}

#[tokio::test]
async fn five_failures_hold_the_rest_until_one_finds_out_that_it_works() {
    let house = impatient().await;
    house.sandbox.fail_next(TICKETS, 5, 503);
    let first = house.queue(&ticket("t-1")).await;
    let held = house.until(first, |t| attempts(t) == 5 && action(t, "ticket").job.state == JobState::Ready);
    let held = held.await;
    assert_eq!(outcomes(action(&held, "ticket")), ["retry"; 5]);

    // Others that come meanwhile wait where they are: nothing is tried, nothing is counted.
    let mut others = Vec::new();
    for n in 2..=4 {
        let event = house.queue(&ticket(&format!("t-{n}"))).await;
        house.until(event, |t| t.jobs.len() == 2).await;
        others.push(event);
    }
    house.advance(MINUTE - Duration::from_millis(1));
    let lead = house.run(&crate::support::house::lead("l")).await;
    assert_eq!(action(&lead, "contact").job.state, JobState::Done, "other destinations go on");
    assert_eq!(house.sandbox.requests(TICKETS), 5, "no request leaves while it is open");
    let breakers = house.ask("/api/v1/breakers").await.json;
    assert_eq!(breakers["destinations"]["helpdesk"]["state"], "open", "{breakers}");
    assert!(
        house
            .ask("/metrics")
            .await
            .text
            .contains("hookyard_breaker{kind=\"destination\",name=\"helpdesk\"} 2")
    );

    house.advance(Duration::from_millis(1));
    for event in others.into_iter().chain([first]) {
        let done = house.settled(event).await;
        let entry = action(&done, "ticket");
        assert_eq!(entry.job.state, JobState::Done);
        assert!(entry.history.iter().all(|line| line.outcome != AttemptOutcome::Parked), "{}", json!(entry));
    }
    assert_eq!(house.sandbox.requests(TICKETS), 9);
    let breakers = house.ask("/api/v1/breakers").await.json;
    assert_eq!(breakers["destinations"]["helpdesk"]["state"], "closed", "{breakers}");
}

#[tokio::test]
async fn one_request_finds_out_and_its_failure_opens_it_for_another_minute() {
    let house = impatient().await;
    house.sandbox.fail_next(TICKETS, 6, 503);
    let event = house.queue(&ticket("t")).await;
    house.until(event, |t| attempts(t) == 5).await;
    house.advance(MINUTE);
    house.until(event, |t| attempts(t) == 6).await;
    assert_eq!(house.sandbox.requests(TICKETS), 6);
    house.advance(MINUTE - Duration::from_millis(1));
    house.run(&crate::support::house::lead("l")).await;
    assert_eq!(house.sandbox.requests(TICKETS), 6, "exactly one request found out");
    house.advance(Duration::from_millis(1));
    house.settled(event).await;
    assert_eq!(house.sandbox.requests(TICKETS), 7);
}

#[tokio::test]
async fn a_429_is_no_failure() {
    let house = impatient().await;
    house.sandbox.fail_next(TICKETS, 9, 429);
    let event = house.queue(&ticket("t")).await;
    house.driven(event).await;
    assert_eq!(house.sandbox.requests(TICKETS), 10);
    let breakers = house.ask("/api/v1/breakers").await.json;
    assert_eq!(breakers["destinations"]["helpdesk"]["state"], "closed", "{breakers}");
}

/// How often the ticket was tried.
fn attempts(timeline: &hookyard::store::Timeline) -> usize {
    crate::support::house::find(timeline, "ticket").map_or(0, |entry| entry.history.len())
}
