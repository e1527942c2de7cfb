//! Who waits for work or for changes is told.

use std::time::Duration;

use hookyard::{
    domain::{Bill, Next, PurchaseOrder},
    store::{JobQuery, Pause, Resolution, Resolved},
};
use tokio::sync::watch;

use super::{
    backend::Backend,
    bench::{Bench, LANES, names, with},
    given::{
        AT_ONCE, LEASE, action, answer, die, event, event_id, job_id, park, retry, review, route, same,
        settlement, waiting,
    },
};

/// How long a store that says nothing is listened to: only a failing test waits so long.
const SILENCE: Duration = Duration::from_secs(20);

/// Does `act` and waits until `watched` is told of it.
async fn heard<T>(
    b: &Bench<impl Backend>,
    watched: &mut watch::Receiver<u64>,
    what: &str,
    act: impl AsyncFnOnce() -> T,
) -> T {
    answered(b).await;
    watched.mark_unchanged();
    let done = act().await;
    let told = tokio::time::timeout(SILENCE, watched.changed()).await;
    told.unwrap_or_else(|_| panic!("nobody was told of {what}")).expect("the store is open");
    done
}

/// A question that takes its turn after everything asked before has been announced.
async fn answered(b: &Bench<impl Backend>) {
    b.depths().await.expect("an answer");
}

pub async fn new_work_is_announced(b: Bench<impl Backend>) {
    let mut work = b.work();
    let id = heard(&b, &mut work, "an accepted event", async || b.queue(event(1)).await).await;
    let claimed = b.take_one().await;
    heard(&b, &mut work, "a retry", async || b.end(&claimed, retry(AT_ONCE)).await).await;
    let claimed = b.take_one().await;
    let planned =
        with(Next::Done, |end| end.follow_up = vec![action("mail", &[]), action("note", &["mail"])]);
    heard(&b, &mut work, "a follow-up job", async || b.settle(claimed.lease, planned).await.unwrap()).await;
    let claimed = b.take_one().await;
    heard(&b, &mut work, "a released action", async || b.end(&claimed, Next::Done).await).await;
    b.step(&[("note", review())]).await;
    let note = job_id(id, 2);
    let yes = Resolution { resolved: Resolved::Approve { verdict: None }, note: "ann".to_owned() };
    heard(&b, &mut work, "an approval", async || b.resolve(note, yes).await.unwrap()).await;
    b.step(&[("note", die())]).await;
    heard(&b, &mut work, "a redrive", async || b.redrive(JobQuery::default()).await.unwrap()).await;
    b.step(&[("note", die())]).await;
    let again = event(2).keys([same("forms:1")]);
    heard(&b, &mut work, "a revival", async || b.send(again).await).await;
    for pause in [Pause::Everything, Pause::Route("triage".into())] {
        b.pause(pause.clone()).await.unwrap();
        assert!(b.take().await.is_empty());
        heard(&b, &mut work, "a resumed route", async || b.resume(pause).await.unwrap()).await;
    }
    b.queue(event(3).jobs([waiting(action("first", &[])), action("second", &["first"])])).await;
    let done = Resolution { resolved: Resolved::Done, note: "ann".to_owned() };
    let first = job_id(event_id(3), 0);
    heard(&b, &mut work, "a follower released by a person", async || b.resolve(first, done).await.unwrap())
        .await;
    assert_eq!(names(&b.take().await), ["note", "second"]);
    let parked = [job_id(b.queue(event(4)).await, 0)];
    let claimed = b.take_one().await;
    b.end(&claimed, park(LEASE)).await;
    heard(&b, &mut work, "what is no longer parked", async || b.unpark(&parked).await.unwrap()).await;
}

pub async fn a_lost_lease_is_announced_as_work(b: Bench<impl Backend>) {
    let mut work = b.work();
    b.queue(event(1).jobs([route("a"), route("b")])).await;
    assert_eq!(b.take().await.len(), 2);
    b.advance(LEASE);
    // Whoever asks first finds both, and takes one.
    let asked = heard(&b, &mut work, "a lost lease", async || b.ask(LANES, 1).await).await;
    assert_eq!(asked.jobs.len() + b.take().await.len(), 2);
}

pub async fn the_end_of_a_job_that_ran_alone_is_announced_as_work(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("shy")])).await;
    let mut b = b;
    for _ in 0..2 {
        b.take_one().await;
        b = b.crash().await;
    }
    let mut work = b.work();
    let shy = b.take_one().await;
    b.queue(event(2).jobs([route("other")])).await;
    assert!(b.take().await.is_empty(), "held up");
    heard(&b, &mut work, "its end", async || b.end(&shy, Next::Done).await).await;
    assert_eq!(names(&b.take().await), ["other"]);
}

pub async fn the_end_of_the_last_other_job_is_announced_to_one_that_must_run_alone(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("shy")])).await;
    let mut b = b;
    for _ in 0..2 {
        b.take_one().await;
        b = b.crash().await;
    }
    let mut work = b.work();
    let shy = b.take_one().await;
    b.end(&shy, retry(LEASE)).await;
    b.queue(event(2).jobs([route("other")])).await;
    let other = b.take_one().await;
    b.extend(other.lease, 9 * LEASE).await.unwrap();
    b.advance(LEASE);
    assert!(b.take().await.is_empty(), "held up");
    heard(&b, &mut work, "its end", async || b.end(&other, Next::Done).await).await;
    assert_eq!(names(&b.take().await), ["shy"]);
}

pub async fn looking_for_work_in_vain_announces_none(b: Bench<impl Backend>) {
    // Else workers would keep each other awake.
    b.queue(event(1).jobs([route("a"), route("held")])).await;
    b.pause(Pause::Route("held".into())).await.unwrap();
    b.step(&[("a", retry(LEASE))]).await;
    answered(&b).await;
    let (work, changes) = (b.work(), b.changes());
    let seen = (*work.borrow(), *changes.borrow());
    for _ in 0..3 {
        assert!(b.take().await.is_empty());
        answered(&b).await;
    }
    assert_eq!((*work.borrow(), *changes.borrow()), seen);
}

pub async fn every_change_is_announced(b: Bench<impl Backend>) {
    let mut changes = b.changes();
    let seen = &mut changes;
    let (judge, route) = ("large".into(), || Pause::Route("triage".into()));
    let id = heard(&b, seen, "an accepted event", async || b.queue(event(1)).await).await;
    heard(&b, seen, "a redelivery", async || b.send(event(2).keys([same("forms:1")])).await).await;
    heard(&b, seen, "a pause", async || b.pause(route()).await.unwrap()).await;
    heard(&b, seen, "a resumption", async || b.resume(route()).await.unwrap()).await;
    let claimed = heard(&b, seen, "a claim", async || b.take_one().await).await;
    let lease = claimed.lease;
    heard(&b, seen, "a begin", async || b.begin(lease, None).await.unwrap()).await;
    heard(&b, seen, "a purchase", async || {
        b.begin_purchase(lease, &PurchaseOrder::new(&judge, "q")).await.unwrap()
    })
    .await;
    let said = answer("yes");
    heard(&b, seen, "an answer", async || {
        b.end_purchase(lease, &Bill::new(&judge, "q", Some(&said))).await.unwrap()
    })
    .await;
    heard(&b, seen, "a death", async || b.settle(lease, settlement(die())).await.unwrap()).await;
    heard(&b, seen, "a redrive", async || b.redrive(JobQuery::default()).await.unwrap()).await;
    b.step(&[("triage", die())]).await;
    heard(&b, seen, "a discard", async || b.discard(JobQuery::default(), "ann").await.unwrap()).await;
    let held = b.queue(event(3).jobs([waiting(super::given::route("triage"))])).await;
    let no = Resolution { resolved: Resolved::Discard, note: "ann".to_owned() };
    heard(&b, seen, "a decision", async || b.resolve(job_id(held, 0), no).await.unwrap()).await;
    assert_eq!(b.record(id).await.jobs.len(), 1);
}
