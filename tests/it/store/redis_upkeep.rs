//! What processes on Redis do beside everything else, and what they find after an outage in which none of them was heard.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use hookyard::{
    domain::{Clock, JobState, Next},
    store::{
        ClaimRequest, Claimed, JobQuery, Limits, Store,
        redis::{RedisOptions, RedisStore},
    },
};

use crate::support::{
    clock::HandClock,
    redis::{RedisServer, store_at},
};

use super::{
    bench::{LANES, wanting},
    given::{LEASE, event, route, settlement},
};

/// Longer than a process counts as alive that was not heard of.
const GONE: Duration = Duration::from_secs(11);

/// Longer than any lease.
const OUTAGE: Duration = Duration::from_hours(1);

struct Scene {
    server: RedisServer,
    clock: Arc<HandClock>,
    shards: u16,
}

impl Scene {
    fn set(shards: u16) -> Self {
        Scene { server: RedisServer::start(&[]), clock: Arc::default(), shards }
    }

    async fn process(&self, name: &str) -> RedisStore {
        let options = RedisOptions {
            shards: self.shards,
            process: name.to_owned(),
            ..store_at(vec![self.server.url()])
        };
        RedisStore::open(options, Arc::clone(&self.clock) as Arc<dyn Clock>).await.expect("the store opens")
    }

    async fn send(&self, to: &RedisStore, n: u64) {
        to.accept(event(n).received(self.clock.now())).await.expect("accepted");
    }

    /// Has each process do once what it does beside everything else.
    async fn pulse(&self, processes: &[&RedisStore]) {
        for process in processes {
            tokio::select! {
                () = process.upkeep() => unreachable!("it goes on"),
                () = self.clock.all_slept(usize::from(self.shards)) => {}
            }
        }
    }

    /// Time passes, and these processes are heard.
    async fn pass(&self, seconds: u64, processes: &[&RedisStore]) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.pulse(processes).await;
        }
    }
}

async fn claimed(store: &RedisStore, max: u32) -> Vec<Claimed> {
    store.claim(wanting(LANES, max)).await.expect("a claim").jobs
}

async fn settle(store: &RedisStore, jobs: &[Claimed]) {
    for claimed in jobs {
        store.settle(claimed.lease, settlement(Next::Done)).await.expect("its lease is held");
    }
}

#[tokio::test]
async fn no_lease_runs_out_while_nobody_could_be_heard() {
    for (shards, pulses_first) in [(1, false), (1, true), (3, false), (3, true)] {
        let scene = Scene::set(shards);
        let (one, two) = (scene.process("one").await, scene.process("two").await);
        scene.send(&one, 1).await;
        let under_way = claimed(&one, 1).await;
        scene.pulse(&[&one, &two]).await;
        scene.clock.advance(OUTAGE);
        if pulses_first {
            scene.pulse(&[&two]).await;
        }
        assert!(claimed(&two, 1).await.is_empty());
        scene.pass(LEASE.as_secs() - 1, &[&one, &two]).await;
        assert!(claimed(&two, 1).await.is_empty(), "it lasts for as long as it had to");
        settle(&one, &under_way).await;
    }
}

#[tokio::test]
async fn what_was_left_by_a_process_that_did_not_outlive_an_outage_is_taken_back() {
    let scene = Scene::set(1);
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    scene.send(&one, 1).await;
    assert_eq!(claimed(&one, 1).await.len(), 1);
    scene.pulse(&[&one, &two]).await;
    drop(one);
    scene.clock.advance(OUTAGE);
    let mut again = claimed(&two, 1).await;
    for _ in 0..6 {
        assert!(again.is_empty(), "not before it was silent for long enough");
        scene.clock.advance(GONE / 6);
        again = claimed(&two, 1).await;
    }
    assert_eq!((again.len(), again[0].job.crashes), (1, 1));
}

#[tokio::test]
async fn a_lease_that_is_extended_first_after_an_outage_lasts_as_long_as_asked_for() {
    let scene = Scene::set(1);
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    scene.send(&one, 1).await;
    let under_way = claimed(&one, 1).await;
    scene.pulse(&[&one, &two]).await;
    scene.clock.advance(OUTAGE);
    one.extend(under_way[0].lease, LEASE).await.expect("it is held");
    scene.pulse(&[&two]).await;
    scene.pass(LEASE.as_secs() - 1, &[&one, &two]).await;
    assert!(claimed(&two, 1).await.is_empty());
    scene.pass(1, &[&one, &two]).await;
    assert_eq!(claimed(&two, 1).await.len(), 1);
}

/// It goes by what the process itself knows to be under way.
#[tokio::test]
async fn what_must_run_alone_waits_for_what_an_outage_held_up() {
    for shards in [1, 3] {
        let scene = Scene::set(shards);
        let (one, mut crashes) = (scene.process("one").await, scene.process("two").await);
        scene.send(&one, 1).await;
        let under_way = claimed(&one, 1).await;
        scene.send(&one, 2).await;
        for _ in 0..2 {
            assert_eq!(claimed(&crashes, 1).await.len(), 1);
            drop(crashes);
            crashes = scene.process("two").await;
        }
        scene.pulse(&[&one]).await;
        scene.clock.advance(OUTAGE);
        assert!(claimed(&one, 1).await.is_empty());
        settle(&one, &under_way).await;
        assert_eq!(claimed(&one, 1).await.len(), 1);
    }
}

/// Asks for up to ten jobs of a lane, no more than three of the route `few` under way at one time.
async fn limited(store: &RedisStore) -> Vec<Claimed> {
    let limits = Limits { routes: [("few".into(), 3)].into_iter().collect(), ..Limits::default() };
    let shares = LANES.map(|lane| (lane, 10));
    store.claim(ClaimRequest { shares, limits, ..wanting(LANES, 0) }).await.expect("a claim").jobs
}

#[tokio::test]
async fn a_place_within_a_limit_is_held_over_an_outage() {
    // Whichever part is asked first after it.
    for turns in 1..=3 {
        let scene = Scene::set(3);
        let (one, two) = (scene.process("one").await, scene.process("two").await);
        for n in 1..=20 {
            one.accept(event(n).jobs([route("few")]).received(scene.clock.now())).await.expect("accepted");
        }
        let under_way = limited(&one).await;
        assert_eq!(under_way.len(), 3);
        for _ in 0..turns {
            assert!(limited(&two).await.is_empty());
        }
        scene.pulse(&[&one, &two]).await;
        scene.clock.advance(OUTAGE);
        assert_eq!((limited(&two).await.len(), limited(&one).await.len()), (0, 0));
        settle(&one, &under_way).await;
        assert_eq!(limited(&two).await.len(), 3);
    }
}

#[tokio::test]
async fn a_lease_that_is_over_is_taken_back_though_nobody_asks_for_work() {
    for shards in [1, 5] {
        let scene = Scene::set(shards);
        let (one, two) = (scene.process("one").await, scene.process("two").await);
        scene.send(&one, 1).await;
        assert_eq!(claimed(&one, 1).await.len(), 1);
        let ready = JobQuery { state: Some(JobState::Ready), ..JobQuery::default() };
        scene.pass(LEASE.as_secs() - 1, &[&two, &one]).await;
        assert_eq!(two.count(ready.clone()).await.expect("an answer"), 0);
        scene.pass(1, &[&two, &one]).await;
        let jobs = two.jobs(ready).await.expect("an answer");
        assert_eq!((jobs.len(), jobs[0].lost_leases, jobs[0].crashes), (1, 1, 0));
    }
}

/// The second must not take it from whoever has it by then.
#[tokio::test]
async fn a_lease_that_several_find_to_be_over_is_taken_back_once() {
    let scene = Scene::set(1);
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    for round in 0..5 {
        for n in 1..=40 {
            scene.send(&one, 100 * round + n).await;
        }
        assert_eq!(claimed(&one, 40).await.len(), 40);
        scene.clock.advance(LEASE);
        let (mut a, b) = tokio::join!(claimed(&one, 40), claimed(&two, 40));
        settle(&one, &a).await;
        settle(&two, &b).await;
        a.extend(b);
        assert_eq!(a.len(), 40);
        assert!(a.iter().all(|claimed| claimed.job.lost_leases == 1));
    }
}

#[tokio::test]
async fn no_consumer_is_left_of_a_process_that_is_gone() {
    for shards in [1, 3] {
        let scene = Scene::set(shards);
        let (one, two) = (scene.process("one").await, scene.process("two").await);
        for n in 1..=20 {
            scene.send(&one, n).await;
        }
        assert_eq!(claimed(&one, 10).await.len() + claimed(&two, 10).await.len(), 20);
        assert!(claimed(&one, 1).await.is_empty() && claimed(&two, 1).await.is_empty());
        assert_eq!(consumers(&scene).await, ["one", "two"]);
        drop(one);
        scene.pass(GONE.as_secs(), &[&two]).await;
        assert_eq!(consumers(&scene).await, ["two"]);
        assert_eq!(claimed(&two, 20).await.len(), 10);
    }
}

/// Whoever reads from the streams, in order.
async fn consumers(scene: &Scene) -> Vec<String> {
    let mut names = BTreeSet::new();
    for stream in scene.server.ask::<Vec<String>>(&["KEYS", "*:lane:*"]).await {
        let told: Vec<HashMap<String, redis::Value>> =
            scene.server.ask(&["XINFO", "CONSUMERS", &stream, "workers"]).await;
        let named = told.iter().map(|of| redis::from_redis_value_ref(&of["name"]).expect("a name"));
        names.extend(named.collect::<Vec<String>>());
    }
    names.into_iter().collect()
}
