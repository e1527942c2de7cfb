//! The right to work on a job, and how it is lost.

use hookyard::{
    domain::{AttemptOutcome, Bill, JobState, Lane, Lease, Next, PurchaseOrder},
    store::{ClaimRequest, Claimed, NewJob, Pause},
};

use super::{
    backend::Backend,
    bench::{Bench, LANES, assert_stale, names, wanting, with},
    given::{
        AT_ONCE, LEASE, TICK, action, answer, die, event, event_id, job_id, park, request, retry, route,
        settlement,
    },
};

/// The two ways in which a lease is lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Expiry,
    Crash,
}

impl Loss {
    async fn happen<B: Backend>(self, b: Bench<B>) -> Bench<B> {
        match self {
            Loss::Expiry => {
                b.advance(LEASE);
                b
            }
            Loss::Crash => b.crash().await,
        }
    }
}

pub async fn a_lease_lasts_as_long_as_asked_for(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("short"), NewJob { lane: Lane::Bulk, ..route("long") }])).await;
    let first = b.ask(LANES, 1).await.jobs.remove(0);
    let long = b.claim(ClaimRequest { lease: 2 * LEASE, ..wanting(LANES, 1) }).await.unwrap().jobs.remove(0);
    b.advance(LEASE - TICK);
    assert!(b.take().await.is_empty());

    b.advance(TICK);
    let again = b.take_one().await;
    assert_eq!(again.job.id, first.job.id);
    assert!(again.lease.token > first.lease.token);
    assert_eq!((again.job.lost_leases, again.job.attempts), (1, 0));
    assert!(again.job.reason.is_some());
    let history = b.history(again.job.id).await.history;
    assert_eq!(history.iter().map(|a| a.outcome).collect::<Vec<_>>(), [AttemptOutcome::LeaseLost]);
    assert_eq!(history[0].ended_at, b.now());
    b.end(&long, Next::Done).await;
    b.audit().await;
}

pub async fn a_late_report_counts_until_somebody_asks_for_work(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    let claimed = b.take_one().await;
    b.advance(2 * LEASE);
    b.end(&claimed, Next::Done).await;
    let job = &b.record(id).await.jobs[0].job;
    assert_eq!((job.state, job.lost_leases), (JobState::Done, 0));

    b.queue(event(2)).await;
    let claimed = b.take_one().await;
    b.advance(LEASE);
    let again = b.take_one().await;
    assert_eq!((again.job.lost_leases, again.job.attempts), (1, 0));
    assert_refused(&b, claimed.lease).await;
}

pub async fn a_crash_loses_every_lease(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("a"), route("b"), route("c")])).await;
    let done = b.ask(LANES, 1).await.jobs.remove(0);
    b.end(&done, Next::Done).await;
    assert_eq!(b.take().await.len(), 2);

    let b = b.crash().await;
    b.audit().await;
    let again = b.take().await;
    assert_eq!(names(&again), ["b", "c"], "at once, however long the leases were");
    for Claimed { job, .. } in again {
        assert_eq!((job.lost_leases, job.attempts, job.in_doubt), (1, 0, false));
        let history = b.history(job.id).await.history;
        assert_eq!(history.iter().map(|a| a.outcome).collect::<Vec<_>>(), [AttemptOutcome::LeaseLost]);
    }
}

pub async fn extending_holds_the_lease_from_now_on(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    for _ in 0..5 {
        b.advance(LEASE - TICK);
        b.extend(claimed.lease, LEASE).await.unwrap();
    }
    b.advance(LEASE - TICK);
    assert!(b.take().await.is_empty());
    b.extend(claimed.lease, 3 * LEASE).await.unwrap();
    b.advance(3 * LEASE - TICK);
    assert!(b.take().await.is_empty());
    b.advance(TICK);
    assert_eq!(b.take_one().await.job.lost_leases, 1);
}

/// Whatever `lease` still wants to say is refused.
async fn assert_refused(b: &Bench<impl Backend>, lease: Lease) {
    let (job, judge) = (lease.job, "large".into());
    assert_stale(b.begin(lease, None).await, job);
    assert_stale(b.begin(lease, Some(request("late"))).await, job);
    assert_stale(b.begin_purchase(lease, &PurchaseOrder::new(&judge, "q")).await, job);
    assert_stale(b.end_purchase(lease, &Bill::new(&judge, "q", Some(&answer("late")))).await, job);
    assert_stale(b.end_purchase(lease, &Bill::new(&judge, "q", None)).await, job);
    assert_stale(b.extend(lease, LEASE).await, job);
    let late = with(Next::Done, |end| end.follow_up = vec![action("mail", &[])]);
    assert_stale(b.settle(lease, late).await, job);
}

/// Whatever `lease` still wants to say counts for nothing.
async fn assert_refused_everywhere(b: &Bench<impl Backend>, lease: Lease) {
    let before = b.record(lease.job.event).await;
    assert_refused(b, lease).await;
    assert_eq!(b.record(lease.job.event).await, before);
}

pub async fn an_older_token_is_refused_everywhere(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let late = b.take_one().await.lease;
    b.begin_purchase(late, &PurchaseOrder::new(&"large".into(), "q")).await.unwrap();
    b.advance(LEASE);
    let held = b.take_one().await;
    assert_refused_everywhere(&b, late).await;
    for token in [held.lease.token + 1, 0] {
        assert_refused_everywhere(&b, Lease { token, ..held.lease }).await;
    }
    b.end(&held, retry(AT_ONCE)).await;
    assert_refused_everywhere(&b, held.lease).await;
    let last = b.take_one().await;
    assert!(last.lease.token > held.lease.token && held.lease.token > late.token);
    b.end(&last, Next::Done).await;
    assert_refused_everywhere(&b, last.lease).await;
    let unknown = Lease { job: job_id(event_id(1), 7), token: last.lease.token };
    assert_refused_everywhere(&b, unknown).await;
}

pub async fn a_token_from_before_a_crash_is_refused(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    for _ in 0..9 {
        b.step(&[("triage", retry(AT_ONCE))]).await;
    }
    let late = b.take_one().await.lease;
    // No time passes: a clock may also have gone back meanwhile.
    let b = b.crash().await;
    assert_refused_everywhere(&b, late).await;
    let held = b.take_one().await;
    assert!(held.lease.token > late.token);
    assert_refused_everywhere(&b, late).await;
}

pub async fn only_an_effect_that_was_begun_leaves_doubt<B: Backend>(mut b: Bench<B>) {
    let losses = [(Loss::Expiry, true), (Loss::Expiry, false), (Loss::Crash, true), (Loss::Crash, false)];
    for (n, (loss, begun)) in (1..).zip(losses) {
        b.queue(event(n).jobs([action("mail", &[])])).await;
        let claimed = b.take_one().await;
        if begun {
            b.begin(claimed.lease, Some(request("k"))).await.unwrap();
        }
        b = loss.happen(b).await;
        let again = b.take_one().await;
        assert_eq!(again.job.id, claimed.job.id);
        assert_eq!((again.job.lost_leases, again.job.in_doubt), (1, begun), "{loss:?}");
        b.end(&again, Next::Done).await;
        assert!(!b.job(again.job.id).await.in_doubt, "its end says that it is known");
    }
    // What an earlier attempt began was settled with it.
    b.queue(event(9)).await;
    let first = b.take_one().await;
    b.begin(first.lease, None).await.unwrap();
    b.end(&first, retry(AT_ONCE)).await;
    b.lose(1).await;
    assert!(!b.take_one().await.job.in_doubt);
}

pub async fn doubt_outlives_a_lease_that_was_lost_without_begin(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    let mut unknown = settlement(retry(AT_ONCE));
    unknown.in_doubt = true;
    b.settle(claimed.lease, unknown).await.unwrap();
    assert!(b.take_one().await.job.in_doubt);
    b.advance(LEASE);
    let again = b.take_one().await;
    assert_eq!((again.job.lost_leases, again.job.in_doubt), (1, true));
}

/// Event 1 has a job on route `shy` that has lost two leases and is ready.
/// A job that two crashes found under way, with nothing else to do.
async fn twice_crashed<B: Backend>(mut b: Bench<B>) -> Bench<B> {
    b.queue(event(1).jobs([route("shy")])).await;
    for _ in 0..2 {
        b.take_one().await;
        b = b.crash().await;
    }
    b
}

pub async fn a_job_that_saw_two_crashes_is_handed_out_alone(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("shy")])).await;
    b.take_one().await;
    let b = b.crash().await;
    // After one crash it still runs beside others.
    b.queue(event(2).jobs([route("other")])).await;
    let both = b.take().await;
    assert_eq!(names(&both), ["other", "shy"]);
    b.end(both.iter().find(|claimed| claimed.event.id == event_id(2)).unwrap(), Next::Done).await;
    let b = b.crash().await;

    b.queue(event(3).jobs([route("third")])).await;
    let shy = b.take_one().await;
    assert_eq!((shy.event.id, shy.job.lost_leases, shy.job.crashes), (event_id(1), 2, 2));
    assert!(b.take().await.is_empty(), "nothing starts beside it");
    b.end(&shy, retry(TICK)).await;
    let third = b.take_one().await;
    b.queue(event(4).jobs([route("fourth")])).await;
    b.advance(TICK);
    assert!(b.take().await.is_empty(), "another is under way, and no further one starts");
    b.end(&third, Next::Done).await;
    assert_eq!(b.take_one().await.event.id, event_id(1), "its next attempt runs alone too");

    // A third loss is the worker's to judge: it claims the job as it stands and settles it as poison.
    let b = b.crash().await;
    let poison = b.take_one().await;
    assert_eq!((poison.event.id, poison.job.lost_leases), (event_id(1), 3));
    assert!(poison.job.reason.is_some_and(|reason| reason.contains("nothing running beside it")));
    b.settle(poison.lease, settlement(die())).await.unwrap();
    assert_eq!(names(&b.take().await), ["fourth"]);
    b.audit().await;
}

pub async fn a_job_that_hangs_holds_nothing_up(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("slow")])).await;
    b.lose(2).await;
    b.queue(event(2).jobs([route("other")])).await;
    assert_eq!(names(&b.take().await), ["other", "slow"], "it takes nobody with it");
    b.advance(LEASE);
    let again = b.take().await;
    let slow = again.iter().find(|claimed| claimed.event.id == event_id(1)).unwrap();
    assert_eq!((slow.job.lost_leases, slow.job.crashes), (3, 0));
}

pub async fn a_job_that_must_run_alone_holds_nothing_up_before_it_is_due(b: Bench<impl Backend>) {
    let b = twice_crashed(b).await;
    let shy = b.take_one().await;
    b.end(&shy, park(LEASE)).await;
    b.queue(event(2).jobs([route("other")])).await;
    assert_eq!(names(&b.take().await), ["other"]);
    b.queue(event(3).jobs([route("third")])).await;
    b.pause(Pause::Route("shy".into())).await.unwrap();
    b.advance(LEASE);
    assert_eq!(names(&b.take().await), ["other", "third"], "nor while its route is paused");
    assert_eq!(b.job(shy.job.id).await.state, JobState::Ready);
}

pub async fn a_claim_for_no_job_gets_none_not_even_the_one_that_runs_alone(b: Bench<impl Backend>) {
    let b = twice_crashed(b).await;
    assert_eq!(names(&b.ask(LANES, 0).await.jobs), [""; 0]);
    assert_eq!(b.take_one().await.job.lost_leases, 2);
}
