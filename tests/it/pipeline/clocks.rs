//! A wall clock that is set while the service runs: nothing waits longer, and nobody loses a lease.

use std::time::Duration;

use hookyard::domain::EventState;

use crate::support::house::{House, action, outcomes, payment};

const EMAILS: &str = "/mail/emails";
const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn a_clock_set_back_holds_no_retry_up() {
    let house = House::start().await;
    house.sandbox.fail_next(EMAILS, 1, 503);
    let event = house.queue(&payment("evt_1")).await;
    house.retrying(event, "email", 1).await;
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
        seen.push(house.queue(&payment(&format!("evt_{n}"))).await);
        answers.arrived(n as u64 + 1).await;
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
