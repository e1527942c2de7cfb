//! Requests for work that wait at the store: work is handed out in the commit that brings it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hookyard::{
    domain::{Clock, Next},
    store::{ClaimRequest, Coming, Limits, NewJob, Settlement, Start, Store},
};

use crate::support::clock::HandClock;

use super::{
    backend::{SqliteBackend, open_in},
    bench::{Bench, LANES, names, wanting},
    given::{action, event, event_id, job_id, route, settlement},
};

const S: Duration = Duration::from_secs(1);

async fn bench() -> Bench<SqliteBackend> {
    Bench::open().await
}

/// Leaves a request with the store, which has nothing now.
async fn stands(b: &Bench<SqliteBackend>, request: ClaimRequest) -> Coming {
    let limits = request.limits.clone();
    let (claim, coming) = b.claim_or_wait(request, Arc::new(move || limits.clone())).await.unwrap();
    assert!(claim.jobs.is_empty());
    coming.expect("it stays with the store")
}

#[tokio::test]
async fn what_comes_is_handed_out_by_the_commit_that_brings_it() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::<HandClock>::default());
    let commits = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&commits);
    let on_commit = Arc::new(move |_, _| {
        count.fetch_add(1, Relaxed);
    });
    let store = open_in(dir.path(), on_commit, clock.clone()).unwrap();
    let stands = async || {
        let (none, coming) = store.claim_or_wait(wanting(LANES, 9), Arc::new(Limits::default)).await.unwrap();
        assert!(none.jobs.is_empty());
        coming.expect("it stays with the store")
    };
    let mut coming = stands().await;
    commits.store(0, Relaxed);
    store.accept(event(1).received(clock.now())).await.unwrap();
    let came = coming.arrived().await.unwrap();
    assert_eq!((names(&came.jobs), commits.load(Relaxed)), (vec!["triage"], 1));
    assert!(store.claim(wanting(LANES, 9)).await.unwrap().jobs.is_empty(), "nobody else has it");
    // So is what follows from it.
    let mut coming = stands().await;
    let done = Settlement { follow_up: vec![action("crm", &[])], ..settlement(Next::Done) };
    store.settle(came.jobs[0].lease, done).await.unwrap();
    assert_eq!((names(&coming.arrived().await.unwrap().jobs), commits.load(Relaxed)), (vec!["crm"], 2));
}

#[tokio::test]
async fn what_comes_for_somebody_who_went_away_is_there_for_others() {
    let b = bench().await;
    drop(stands(&b, wanting(LANES, 9)).await);
    b.queue(event(1)).await;
    assert_eq!(names(&b.take().await), ["triage"]);
    // What came already is not lost on the way out.
    let coming = stands(&b, wanting(LANES, 9)).await;
    b.queue(event(2)).await;
    let came = coming.withdraw().expect("it came before");
    assert_eq!(came.jobs[0].event.id, event_id(2));
    assert!(stands(&b, wanting(LANES, 9)).await.withdraw().is_none());
    b.audit().await;
}

#[tokio::test]
async fn whoever_waits_is_told_when_something_is_due_sooner() {
    let b = bench().await;
    let later = |n, wait| event(n).jobs([NewJob { start: Start::After { wait }, ..route("triage") }]);
    b.queue(later(1, 9 * S)).await;
    let (none, coming) = b.claim_or_wait(wanting(LANES, 9), Arc::new(Limits::default)).await.unwrap();
    assert_eq!(none.next_in, Some(9 * S));
    b.queue(later(2, 20 * S)).await;
    b.queue(later(3, 4 * S)).await;
    let told = coming.expect("it stays").arrived().await.unwrap();
    assert_eq!((told.jobs.len(), told.next_in), (0, Some(4 * S)));
}

#[tokio::test]
async fn what_an_end_makes_room_for_is_handed_out_with_it() {
    let b = bench().await;
    let limits = Limits { routes: BTreeMap::from([("triage".into(), 1)]), ..Limits::default() };
    let request = || ClaimRequest { limits: limits.clone(), ..wanting(LANES, 9) };
    b.queue(event(1)).await;
    b.queue(event(2)).await;
    let first = b.claim(request()).await.unwrap().jobs;
    assert_eq!(first.len(), 1);
    let mut coming = stands(&b, request()).await;
    b.end(&first[0], Next::Done).await;
    assert_eq!(coming.arrived().await.unwrap().jobs[0].event.id, event_id(2));
    b.audit().await;
}

#[tokio::test]
async fn whoever_looks_again_while_nothing_happens_leaves_nothing_behind() {
    let b = bench().await;
    let first = Arc::new(Limits::default);
    let (_, coming) = b.claim_or_wait(wanting(LANES, 9), first.clone()).await.unwrap();
    assert_eq!(Arc::strong_count(&first), 2, "the store has it");
    drop(coming);
    let _coming = stands(&b, wanting(LANES, 9)).await;
    assert_eq!(Arc::strong_count(&first), 1);
}

#[tokio::test]
async fn the_limits_are_those_of_the_moment() {
    let b = bench().await;
    let held = Arc::new(AtomicBool::new(true));
    let limits = {
        let held = Arc::clone(&held);
        move || {
            let routes = held.load(Relaxed).then(|| ("triage".into(), 0)).into_iter().collect();
            Limits { routes, ..Limits::default() }
        }
    };
    let (_, coming) = b.claim_or_wait(wanting(LANES, 9), Arc::new(limits)).await.unwrap();
    b.queue(event(1)).await;
    held.store(false, Relaxed);
    b.queue(event(2)).await;
    let came = coming.expect("it stays").arrived().await.unwrap();
    assert_eq!(came.jobs.len(), 2, "both at the second's commit");
}

#[tokio::test]
async fn a_crash_under_what_was_handed_out_so_is_counted() {
    let b = bench().await;
    let mut coming = stands(&b, wanting(LANES, 9)).await;
    b.queue(event(1)).await;
    assert_eq!(coming.arrived().await.unwrap().jobs.len(), 1);
    drop(coming);
    let b = b.crash().await;
    assert_eq!(b.job(job_id(event_id(1), 0)).await.crashes, 1);
}
