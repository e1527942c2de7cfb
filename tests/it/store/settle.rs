//! The end of an attempt, with everything that follows from it.

use std::time::Duration;

use hookyard::{
    domain::{Cause, EventState, JobState, Lane, Next, Receipt, Verdict},
    store::{NewJob, PARKS_KEPT, Resolution, Resolved},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    backend::Backend,
    bench::{Bench, assert_conflict, assert_stale, name_of, names, with},
    given::{
        AT_ONCE, LEASE, TICK, action, die, event, event_id, job_id, park, receipt, request, retry, review,
        route, settlement, skip, verdict, waiting,
    },
};

pub async fn each_end_of_an_attempt_moves_the_job_where_it_says(b: Bench<impl Backend>) {
    let later = Duration::from_mins(1);
    let table = [
        (Next::Done, JobState::Done, None, None, 1, EventState::Done),
        (retry(later), JobState::Ready, Some("no answer"), None, 1, EventState::Open),
        (park(later), JobState::Ready, Some("breaker open"), None, 0, EventState::Open),
        (review(), JobState::Waiting, Some("below the gate"), None, 0, EventState::Waiting),
        (skip(), JobState::Skipped, Some("paid meanwhile"), None, 0, EventState::Done),
        (die(), JobState::Dead, Some("5 attempts"), Some(Cause::Exhausted), 1, EventState::Dead),
    ];
    for (n, (next, state, reason, cause, attempts, event_state)) in (1..).zip(table) {
        for in_doubt in [false, true] {
            let id = b.queue(event(2 * n + u64::from(in_doubt))).await;
            let claimed = b.take_one().await;
            b.begin(claimed.lease, None).await.unwrap();
            let end = with(next.clone(), |end| end.in_doubt = in_doubt);
            b.settle(claimed.lease, end.clone()).await.unwrap();

            let record = b.record(id).await;
            assert_eq!(record.state, event_state, "{next:?}");
            assert_eq!(record.jobs[0].history, [end.attempt]);
            let job = &record.jobs[0].job;
            assert_eq!((job.state, job.cause, job.attempts), (state, cause, attempts), "{next:?}");
            assert_eq!(job.reason.as_deref(), reason, "{next:?}");
            assert_eq!((job.in_doubt, job.lost_leases), (in_doubt, 0), "{next:?}");
            if let Next::Retry { wait, .. } | Next::Park { wait, .. } = next {
                assert_eq!(job.due, b.now().plus(wait), "{next:?}");
            }
            assert_stale(b.extend(claimed.lease, LEASE).await, job.id);
            b.audit().await;
        }
    }
    b.advance(Duration::from_mins(1));
    assert_eq!(b.take().await.len(), 4, "two retries and two parked jobs");
}

pub async fn of_lines_that_tell_of_being_handed_back_so_many_are_kept(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    let hand_back = async |n: usize, next: Next| {
        let claimed = b.take_one().await;
        let end = with(next, |end| end.attempt.detail = Some(format!("line {n}")));
        b.settle(claimed.lease, end).await.unwrap();
        b.audit().await;
        let told = b.record(id).await.jobs[0].history.clone();
        told.into_iter().filter_map(|line| line.detail).collect::<Vec<_>>()
    };
    for n in 0..PARKS_KEPT {
        assert_eq!(hand_back(n, park(AT_ONCE)).await.len(), n + 1);
    }
    for n in [PARKS_KEPT, PARKS_KEPT + 1] {
        let told = hand_back(n, park(AT_ONCE)).await;
        assert_eq!(told.len(), PARKS_KEPT);
        assert_eq!(
            (told.first().unwrap(), told.last().unwrap()),
            (&"line 0".to_owned(), &format!("line {n}"))
        );
    }
    // Whatever else is told begins anew.
    assert_eq!(hand_back(99, retry(AT_ONCE)).await.len(), PARKS_KEPT + 1);
    assert_eq!(hand_back(100, park(AT_ONCE)).await.len(), PARKS_KEPT + 2);
}

pub async fn a_job_that_is_to_begin_afresh_is_no_older_than_its_wait(b: Bench<impl Backend>) {
    let id = b.queue(event(1)).await;
    for afresh in [false, true] {
        let before = b.record(id).await.jobs[0].job.fresh_at;
        b.advance(Duration::from_hours(1));
        let claimed = b.take_one().await;
        b.settle(claimed.lease, with(park(AT_ONCE), |end| end.afresh = afresh)).await.unwrap();
        let job = &b.record(id).await.jobs[0].job;
        assert_eq!(job.fresh_at, if afresh { job.due } else { before });
        assert_eq!(job.fresh_at != before, afresh);
        b.audit().await;
    }
}

pub async fn verdict_and_receipt_are_kept_until_there_is_a_newer_one(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let id = job_id(event_id(1), 0);
    let mut kept = (None, None);
    for given in [
        (None, None),
        (Some(verdict("Lead")), None),
        (None, Some(receipt("1"))),
        (None, None),
        (Some(verdict("Spam")), Some(receipt("2"))),
    ] {
        let claimed = b.take_one().await;
        let end = with(retry(AT_ONCE), |end| (end.verdict, end.receipt) = given.clone());
        b.settle(claimed.lease, end).await.unwrap();
        kept = (given.0.or(kept.0), given.1.or(kept.1));
        let job = b.job(id).await;
        assert_eq!((&job.verdict, &job.receipt), (&kept.0, &kept.1));
    }
    let job = b.crash().await.job(id).await;
    assert_eq!((job.verdict, job.receipt), kept);
}

pub async fn numbers_are_kept_to_the_last_digit(b: Bench<impl Backend>) {
    // One of the numbers that a hasty reader of JSON rounds wrongly.
    let exact = 0.942_884_734_795_320_3_f64;
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    let end = with(Next::Done, |end| {
        end.verdict = Some(Verdict { confidence: exact, ..verdict("Lead") });
        end.receipt = Some(Receipt { body: json!({ "score": exact }), ..receipt("1") });
    });
    b.settle(claimed.lease, end.clone()).await.unwrap();
    let job = b.job(claimed.job.id).await;
    assert_eq!((job.verdict, job.receipt), (end.verdict, end.receipt));
}

pub async fn a_request_fixed_without_an_effect_is_frozen_too(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([action("mail", &[])])).await;
    let held = with(review(), |end| end.request = Some(request("first")));
    let claimed = b.take_one().await;
    b.settle(claimed.lease, held).await.unwrap();
    let yes = Resolution { resolved: Resolved::Approve { verdict: None }, note: "ann".to_owned() };
    b.resolve(claimed.job.id, yes).await.unwrap();
    let claimed = b.take_one().await;
    let job = &claimed.job;
    assert_eq!((&job.request, job.first_begun_at, job.in_doubt), (&Some(request("first")), None, false));

    // It is what the person saw: nothing replaces it.
    assert_conflict(b.begin(claimed.lease, Some(request("second"))).await);
    let other = with(retry(AT_ONCE), |end| end.request = Some(request("third")));
    // Refused or not heeded: both keep it.
    let _ = b.settle(claimed.lease, other).await;
    assert_eq!(b.crash().await.job(claimed.job.id).await.request, Some(request("first")));
}

pub async fn follow_up_jobs_are_numbered_on_and_ready_at_once(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([route("triage"), route("audit")])).await;
    b.queue(event(2).jobs([route("other")])).await;
    let jobs = b.take().await;
    let named = |name: &str| jobs.iter().find(|one| name_of(&one.job) == name).expect("handed out");
    b.advance(TICK);
    let mail = NewJob { lane: Lane::Critical, request: Some(request("k")), ..action("mail", &[]) };
    let planned = [mail.clone(), action("note", &["mail"]), waiting(action("refund", &[]))];
    let planned = with(Next::Done, |end| end.follow_up = planned.to_vec());
    b.settle(named("triage").lease, planned).await.unwrap();
    b.audit().await;
    let alert = with(die(), |end| end.follow_up = vec![action("alert", &[])]);
    b.settle(named("audit").lease, alert).await.unwrap();
    let first = with(Next::Done, |end| end.follow_up = vec![action("mail", &[])]);
    b.settle(named("other").lease, first).await.unwrap();

    let expected = [
        ("triage", JobState::Done),
        ("audit", JobState::Dead),
        ("mail", JobState::Ready),
        ("note", JobState::Blocked),
        ("refund", JobState::Waiting),
        ("alert", JobState::Ready),
    ];
    assert_eq!(b.states(event_id(1)).await, expected.map(|(name, state)| (name.to_owned(), state)));
    let numbers: Vec<u32> = b.record(event_id(1)).await.jobs.iter().map(|entry| entry.job.id.n).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    assert_eq!(b.job(job_id(event_id(2), 1)).await.state, JobState::Ready, "each event counts for itself");

    let made = b.job(job_id(event_id(1), 2)).await;
    assert_eq!((made.lane, made.due, made.attempts), (Lane::Critical, b.now(), 0));
    assert_eq!((made.work, made.request, made.config), (mail.work, mail.request, mail.config));
    assert_eq!(names(&b.take().await), ["alert", "mail", "mail"]);
    b.audit().await;
}

pub async fn a_settlement_is_whole_after_a_crash(b: Bench<impl Backend>) {
    b.queue(event(1)).await;
    let claimed = b.take_one().await;
    let end = with(Next::Done, |end| {
        end.verdict = Some(verdict("Lead"));
        end.follow_up = vec![action("mail", &[]), action("note", &["mail"])];
    });
    b.settle(claimed.lease, end.clone()).await.unwrap();
    let before = b.record(event_id(1)).await;
    assert_eq!((before.jobs.len(), &before.jobs[0].job.verdict), (3, &end.verdict));
    let b = b.crash().await;
    assert_eq!(b.record(event_id(1)).await, before);
    b.audit().await;
    b.step(&[("mail", Next::Done)]).await;
    b.step(&[("note", Next::Done)]).await;
}

pub async fn a_refused_settlement_changes_nothing(b: Bench<impl Backend>) {
    b.queue(event(1).jobs([action("mail", &[]), action("note", &["mail"])])).await;
    let late = b.take_one().await;
    b.advance(LEASE);
    let held = b.take_one().await;
    let before = b.record(event_id(1)).await;
    let end = with(Next::Done, |end| {
        end.receipt = Some(receipt("late"));
        end.follow_up = vec![route("more")];
    });
    assert_stale(b.settle(late.lease, end).await, late.job.id);
    assert_eq!(b.record(event_id(1)).await, before);
    b.audit().await;

    // Of two settlements under one lease, one counts.
    let (store, lease) = (b.shared(), held.lease);
    let mut ends = JoinSet::new();
    for next in [Next::Done, retry(AT_ONCE)] {
        let store = store.clone();
        ends.spawn(async move { store.settle(lease, settlement(next)).await });
    }
    let ends = ends.join_all().await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1, "{ends:?}");
    assert_eq!(b.history(held.job.id).await.history.len(), 2, "the lost lease, and one attempt");
    b.audit().await;
}
