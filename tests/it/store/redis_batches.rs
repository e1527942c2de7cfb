//! Arrivals and changes of many events at once, which the Redis backend writes together.

use std::sync::Arc;

use hookyard::{
    domain::{Body, Clock, JobState, Next},
    store::{Claimed, Store, StoreError, redis::RedisStore},
};
use tokio::task::JoinSet;

use crate::support::{
    clock::HandClock,
    redis::{RedisServer, store_at},
};

use super::{
    bench::{LANES, wanting},
    given::{die, event, event_id, route, settlement, waiting},
};

/// More than go in one script.
const JOBS: u64 = 200;

struct Scene {
    server: RedisServer,
    clock: Arc<HandClock>,
    store: Arc<RedisStore>,
}

impl Scene {
    async fn set() -> Self {
        let (server, clock) = (RedisServer::start(&[]), Arc::<HandClock>::default());
        let options = store_at(vec![server.url()]);
        let store =
            RedisStore::open(options, Arc::clone(&clock) as Arc<dyn Clock>).await.expect("the store opens");
        Scene { server, clock, store: Arc::new(store) }
    }

    async fn under_way(&self, events: u64) -> Vec<Claimed> {
        for n in 1..=events {
            self.store.accept(event(n).received(self.clock.now())).await.expect("accepted");
        }
        self.store.claim(wanting(LANES, u32::try_from(events).unwrap())).await.expect("a claim").jobs
    }

    /// How many jobs are open by the count, and leased.
    async fn counted(&self) -> (u64, u64) {
        (self.store.load().open_jobs, self.store.depths().await.expect("depths").leased)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_end_at_one_time_have_ended_whoever_went_away() {
    let scene = Scene::set().await;
    let jobs = scene.under_way(JOBS).await;
    assert_eq!(jobs.len() as u64, JOBS);
    let mut ends = JoinSet::new();
    let mut goes_away = Vec::new();
    for (n, claimed) in jobs.iter().enumerate() {
        let (store, lease) = (Arc::clone(&scene.store), claimed.lease);
        let end = ends.spawn(async move { store.settle(lease, settlement(Next::Done)).await });
        if n % 3 == 0 {
            goes_away.push(end);
        }
    }
    // Some before they said a word, some with others in one script.
    for (n, end) in goes_away.iter().enumerate() {
        if n % 2 == 0 {
            tokio::task::yield_now().await;
        }
        end.abort();
    }
    while let Some(ended) = ends.join_next().await {
        match ended {
            Ok(told) => told.expect("it has ended"),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    for claimed in &jobs {
        let again = scene.store.settle(claimed.lease, settlement(Next::Done)).await;
        assert!(matches!(again, Ok(()) | Err(StoreError::StaleLease(_))), "{again:?}");
    }
    for n in 1..=JOBS {
        let told = scene.store.timeline(event_id(n)).await.unwrap().expect("it is on record");
        assert_eq!((told.jobs[0].job.state, told.jobs[0].job.attempts), (JobState::Done, 1));
    }
    assert_eq!(scene.counted().await, (0, 0));
}

#[tokio::test]
async fn a_change_that_fails_fails_alone() {
    let scene = Scene::set().await;
    let jobs = scene.under_way(30).await;
    // What a dead letter would be written to is something else.
    let _: String = scene.server.ask(&["SET", "{hookyard:0}:kept:dead", "of another"]).await;
    let mut ends = JoinSet::new();
    for (n, claimed) in jobs.into_iter().enumerate() {
        let (store, is_bad) = (Arc::clone(&scene.store), n == 10);
        let next = if is_bad { die() } else { Next::Done };
        ends.spawn(async move { (is_bad, store.settle(claimed.lease, settlement(next)).await) });
    }
    while let Some(ended) = ends.join_next().await {
        match ended.expect("it ran") {
            (true, told) => assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}"),
            (false, told) => told.expect("it has ended"),
        }
    }
    let _: i64 = scene.server.ask(&["DEL", "{hookyard:0}:kept:dead"]).await;
    let (open, leased) = scene.counted().await;
    assert!(open <= 1 && leased <= 1, "{open} open, {leased} leased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_arrive_at_one_time_are_taken_in_once_whoever_went_away() {
    let scene = Scene::set().await;
    let (mut arrivals, mut goes_away) = (JoinSet::new(), Vec::new());
    // Each comes twice.
    for n in (1..=JOBS).chain(1..=JOBS) {
        let (store, at) = (Arc::clone(&scene.store), scene.clock.now());
        let arrival = arrivals.spawn(async move { store.accept(event(n).received(at)).await });
        if n % 3 == 0 {
            goes_away.push(arrival);
        }
    }
    for (n, arrival) in goes_away.iter().enumerate() {
        if n % 2 == 0 {
            tokio::task::yield_now().await;
        }
        arrival.abort();
    }
    while let Some(ended) = arrivals.join_next().await {
        match ended {
            Ok(told) => drop(told.expect("it is taken in, or known")),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    for n in 1..=JOBS {
        scene.store.accept(event(n).received(scene.clock.now())).await.expect("it is there by now");
        let told = scene.store.timeline(event_id(n)).await.unwrap().expect("it is on record");
        assert_eq!(told.jobs.len(), 1);
    }
    assert_eq!(scene.counted().await, (JOBS, 0));
}

#[tokio::test]
async fn an_arrival_that_fails_fails_alone() {
    let scene = Scene::set().await;
    // What a job that waits for a person would be written to is something else.
    let _: String = scene.server.ask(&["SET", "{hookyard:0}:kept:waiting", "of another"]).await;
    let mut arrivals = JoinSet::new();
    for n in 1..=30 {
        let (store, at, is_bad) = (Arc::clone(&scene.store), scene.clock.now(), n == 10);
        let jobs = if is_bad { [waiting(route("triage"))] } else { [route("triage")] };
        arrivals.spawn(async move { (is_bad, store.accept(event(n).jobs(jobs).received(at)).await) });
    }
    while let Some(ended) = arrivals.join_next().await {
        match ended.expect("it ran") {
            (true, told) => assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}"),
            (false, told) => drop(told.expect("it is taken in")),
        }
    }
    let _: i64 = scene.server.ask(&["DEL", "{hookyard:0}:kept:waiting"]).await;
    assert_eq!(scene.counted().await, (29, 0));
    let claimed = scene.store.claim(wanting(LANES, 30)).await.expect("a claim").jobs;
    assert_eq!(claimed.len(), 29);
}

#[tokio::test]
async fn large_arrivals_go_in_several_scripts_and_none_is_lost() {
    let scene = Scene::set().await;
    let mut arrivals = JoinSet::new();
    // Each is kept inline, and a script takes a few.
    let body = bytes::Bytes::from(vec![b'x'; 200 * 1024]);
    for n in 1..=40 {
        let (store, at, body) = (Arc::clone(&scene.store), scene.clock.now(), body.clone());
        let mut draft = event(n);
        draft.event.body = Body::Here(body);
        let admission = draft.received(at);
        arrivals.spawn(async move { store.accept(admission).await });
    }
    while let Some(ended) = arrivals.join_next().await {
        ended.expect("it ran").expect("it is taken in");
    }
    assert_eq!(scene.counted().await, (40, 0));
    let told = scene.store.timeline(event_id(40)).await.unwrap().expect("it is on record");
    assert_eq!(scene.store.body(&told.event).await.unwrap(), Some(body));
}

#[tokio::test]
async fn an_arrival_without_keys_that_is_told_twice_is_one_event() {
    let scene = Scene::set().await;
    let admission = || event(1).keys([]).received(scene.clock.now());
    scene.store.accept(admission()).await.expect("it is taken in");
    let jobs = scene.store.claim(wanting(LANES, 5)).await.expect("a claim").jobs;
    // As a Cluster's client does that had no answer.
    scene.store.accept(admission()).await.expect("it is there");
    assert_eq!(scene.counted().await, (1, 1));
    scene.store.settle(jobs[0].lease, settlement(Next::Done)).await.expect("it is still held");
    assert_eq!(scene.counted().await, (0, 0));
}
