//! A worker that hangs past its lease, in the running service.

use std::time::Duration;

use hookyard::{
    domain::{EventState, JobState, Lane},
    store::{ClaimRequest, Limits},
};

use crate::support::{
    house::{GUARD, House, action, find, outcomes, payment},
    process::arrived,
};

const EMAILS: &str = "/mail/emails";
/// As the shipped settings have it.
const LEASE: Duration = Duration::from_mins(2);

#[tokio::test]
async fn a_worker_that_hangs_past_its_lease_is_overtaken_and_what_it_says_late_counts_for_nothing() {
    let house = House::start().await;
    let answers = house.sandbox.hold_answer(EMAILS);
    let event = house.queue(&payment("evt_1")).await;
    arrived(&answers, 1).await;
    let others_done = |t: &hookyard::store::Timeline| {
        t.jobs.iter().filter(|entry| entry.job.state != JobState::Done).count() == 1
            && find(t, "email").is_some_and(|email| email.job.state == JobState::Leased)
    };
    house.until(event, others_done).await;

    // It lets the time pass in which it had to ask for more: somebody else asks for work first.
    house.advance(LEASE);
    let shares = [Lane::Critical, Lane::Normal, Lane::Bulk].map(|lane| (lane, 0));
    let asked = ClaimRequest { shares, lease: LEASE, limits: Limits::default() };
    assert!(house.service.store.claim(asked).await.unwrap().jobs.is_empty());

    arrived(&answers, 2).await;
    answers.release();
    let done = house.settled(event).await;
    let email = action(&done, "email");
    assert_eq!((done.state, email.job.lost_leases), (EventState::Done, 1));
    assert_eq!(outcomes(email), ["lease_lost", "done"]);
    let stale = async {
        while !house.ask("/metrics").await.text.contains("kind=\"action\",outcome=\"stale\"} 1") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GUARD, stale).await.expect("the one that hung is refused");
    assert_eq!(house.settled(event).await, done, "and changes nothing");
    let mails: Vec<_> = house.sandbox.effects().into_iter().filter(|e| e.kind == "mail.email").collect();
    // The mail service refuses other bytes under a known key: seen twice and done once means that they were the same.
    assert_eq!((mails.len(), mails[0].done, mails[0].seen), (1, 1, 2));
    assert_eq!(mails[0].key, email.job.request.as_ref().map(|request| request.idempotency_key.clone()));
}
