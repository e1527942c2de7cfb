//! What only the Redis backend promises: several processes on one server, and what the server may suffer.

use std::{sync::Arc, time::Duration};

use hookyard::{
    domain::{Bill, Clock, JobState, Next, PurchaseOrder},
    store::{
        Accepted, JobQuery, Store, StoreError,
        redis::{OpenError, RedisOptions, RedisStore},
    },
};

use crate::support::{
    clock::HandClock,
    redis::{RedisServer, store_at},
};

use super::{
    bench::{LANES, wanting},
    given::{Draft, answer, event, event_id, job_id, request, route, same, settlement},
};

/// Longer than a process counts as alive that was not heard of.
const GONE: Duration = Duration::from_secs(11);

fn options(server: &RedisServer, process: &str, shards: u16) -> RedisOptions {
    RedisOptions { process: process.to_owned(), shards, ..store_at(vec![server.url()]) }
}

/// A server, the clock that all go by, and stores of several processes on it.
struct Scene {
    server: RedisServer,
    clock: Arc<HandClock>,
    shards: u16,
}

impl Scene {
    fn set(shards: u16, server: &[&str]) -> Self {
        Scene { server: RedisServer::start(server), clock: Arc::default(), shards }
    }

    async fn process(&self, name: &str) -> RedisStore {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let opened = RedisStore::open(options(&self.server, name, self.shards), clock).await;
        opened.expect("the store opens")
    }

    async fn send(&self, to: &RedisStore, draft: Draft) -> Result<Accepted, StoreError> {
        to.accept(draft.received(self.clock.now())).await
    }
}

async fn claimed(store: &RedisStore, max: u32) -> Vec<hookyard::store::Claimed> {
    store.claim(wanting(LANES, max)).await.expect("a claim").jobs
}

#[tokio::test]
async fn what_a_process_was_working_on_goes_to_another_when_it_is_gone() {
    let scene = Scene::set(1, &[]);
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    scene.send(&one, event(1)).await.unwrap();
    let taken = claimed(&one, 1).await;
    assert_eq!((taken.len(), claimed(&two, 1).await.len()), (1, 0));
    drop(one);
    let mut again = Vec::new();
    for _ in 0..6 {
        assert!(again.is_empty(), "not before it was silent for long enough");
        scene.clock.advance(GONE / 6);
        again = claimed(&two, 1).await;
    }
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].job.lost_leases, again[0].job.crashes), (1, 1));
    let late = two.settle(taken[0].lease, settlement(Next::Done)).await;
    assert!(matches!(late, Err(StoreError::StaleLease(_))), "{late:?}");
    two.settle(again[0].lease, settlement(Next::Done)).await.unwrap();
}

#[tokio::test]
async fn nobody_is_gone_because_the_server_was() {
    let scene = Scene::set(1, &[]);
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    scene.send(&one, event(1)).await.unwrap();
    let taken = claimed(&one, 1).await;
    assert!(claimed(&two, 1).await.is_empty());
    // Neither could say that it lives.
    scene.clock.advance(2 * GONE);
    assert!(claimed(&two, 1).await.is_empty());
    assert!(claimed(&one, 1).await.is_empty());
    one.settle(taken[0].lease, settlement(Next::Done)).await.unwrap();
}

#[tokio::test]
async fn each_job_goes_to_one_of_the_processes() {
    let scene = Scene::set(2, &[]);
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    for n in 1..=40 {
        scene.send(if n % 2 == 0 { &one } else { &two }, event(n)).await.unwrap();
    }
    let mut ids = Vec::new();
    while ids.len() < 40 {
        let (a, b) = tokio::join!(claimed(&one, 3), claimed(&two, 3));
        assert!(!a.is_empty() || !b.is_empty());
        for claimed in a.iter().chain(&b) {
            ids.push(claimed.job.id);
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 40);
}

#[tokio::test]
async fn a_turn_is_taken_once_though_clocks_differ_a_little() {
    let scene = Scene::set(1, &[]);
    let one = scene.process("one").await;
    let behind: Arc<HandClock> = Arc::default();
    let two = RedisStore::open(options(&scene.server, "two", 1), behind.clone() as Arc<dyn Clock>).await;
    let (two, every) = (two.expect("the store opens"), Duration::from_secs(30));
    scene.clock.advance(Duration::from_millis(5));
    assert!(one.take_turn("probe", every).await.unwrap());
    assert!(!two.take_turn("probe", every).await.unwrap(), "what was taken just now is taken");
    // One that was set back is not waited for.
    scene.clock.advance(every * 10);
    assert!(one.take_turn("probe", every).await.unwrap());
    assert!(two.take_turn("probe", every).await.unwrap());
}

#[tokio::test]
async fn a_process_without_work_hears_when_another_makes_some() {
    let scene = Scene::set(1, &[]);
    let (one, two) = (scene.process("one").await, Arc::new(scene.process("two").await));
    assert!(claimed(&two, 1).await.is_empty());
    let mut work = two.work();
    work.mark_unchanged();
    let heard = async {
        scene.send(&one, event(1)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), work.changed()).await.expect("it hears").unwrap();
    };
    tokio::select! {
        () = two.upkeep() => unreachable!("it goes on"),
        () = heard => {}
    }
    assert_eq!(claimed(&two, 1).await.len(), 1);
}

#[tokio::test]
async fn a_lost_consumer_group_loses_no_work() {
    let scene = Scene::set(1, &[]);
    let one = scene.process("one").await;
    for n in 1..=5 {
        scene.send(&one, event(n)).await.unwrap();
    }
    let under_way = claimed(&one, 2).await;
    let destroyed: i64 =
        scene.server.ask(&["XGROUP", "DESTROY", "{hookyard:0}:lane:normal", "workers"]).await;
    assert_eq!(destroyed, 1);
    let rest = claimed(&one, 10).await;
    assert_eq!(rest.len(), 3, "those under way are not handed out again");
    for claimed in under_way.iter().chain(&rest) {
        one.settle(claimed.lease, settlement(Next::Done)).await.unwrap();
    }
    assert_eq!(one.load().open_jobs, 0);
}

#[tokio::test]
async fn a_database_that_was_emptied_is_told_from_the_one_that_was_opened() {
    let scene = Scene::set(1, &[]);
    let one = scene.process("one").await;
    scene.send(&one, event(1)).await.unwrap();
    let _: String = scene.server.ask(&["FLUSHALL"]).await;
    let refused = scene.send(&one, event(2)).await;
    assert!(matches!(&refused, Err(StoreError::Unavailable(why)) if why.contains("emptied")), "{refused:?}");
    assert!(one.claim(wanting(LANES, 1)).await.is_err());
    // What `/readyz` and the metrics ask.
    assert!(one.depths().await.is_err());
}

#[tokio::test]
async fn a_server_without_room_refuses_and_changes_nothing() {
    let scene = Scene::set(1, &[]);
    let one = scene.process("one").await;
    scene.send(&one, event(1)).await.unwrap();
    let _: String = scene.server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(matches!(scene.send(&one, event(2)).await, Err(StoreError::Unavailable(_))));
    let _: String = scene.server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(one.timeline(event_id(2)).await.unwrap(), None);
    assert_eq!(one.load().open_jobs, 1);
    let queued = scene.send(&one, event(2)).await.unwrap();
    assert_eq!(queued, Accepted::Queued { suspected_replay_of: None });
    assert_eq!(claimed(&one, 10).await.len(), 2);
}

/// Only the end of what is there makes room.
#[tokio::test]
async fn a_server_without_room_goes_on_with_what_it_has() {
    let scene = Scene::set(1, &[]);
    let one = scene.process("one").await;
    for n in 1..=3 {
        scene.send(&one, event(n)).await.unwrap();
    }
    let _: String = scene.server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    drop(one);
    // Also by whoever starts now.
    let one = scene.process("one").await;
    scene.clock.advance(Duration::from_secs(1));
    for claimed in claimed(&one, 10).await {
        one.begin(claimed.lease, Some(request("first"))).await.unwrap();
        one.extend(claimed.lease, Duration::from_secs(60)).await.unwrap();
        one.settle(claimed.lease, settlement(Next::Done)).await.unwrap();
    }
    assert_eq!(one.load().open_jobs, 0);
    assert!(scene.send(&one, event(4)).await.is_err());
}

/// Whoever had no answer says the same again, and so does the client of a Cluster by itself.
#[tokio::test]
async fn what_was_taken_in_may_be_taken_in_again() {
    let scene = Scene::set(8, &[]);
    let one = scene.process("one").await;
    let body = bytes::Bytes::from(vec![b'x'; 300_000]);
    for n in 1..=8 {
        let keys = [same(&format!("id {n}")), same(&format!("alias {n}"))];
        for _ in 0..2 {
            let mut draft = event(n).keys(keys.clone());
            draft.event.body = body.clone().into();
            let told = scene.send(&one, draft).await.unwrap();
            assert_eq!(told, Accepted::Queued { suspected_replay_of: None });
        }
        let kept = one.timeline(event_id(n)).await.unwrap().expect("it is on record");
        assert!(kept.redeliveries.is_empty());
        assert_eq!(one.body(&kept.event).await.unwrap().map(|body| body.len()), Some(300_000));
        let again = scene.send(&one, event(100 + n).keys([keys[1].clone()])).await.unwrap();
        assert!(matches!(again, Accepted::Duplicate { of, .. } if of == event_id(n)), "{again:?}");
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_the_server_was_killed() {
    let mut scene = Scene::set(1, &["--appendonly", "yes", "--appendfsync", "always"]);
    let one = scene.process("one").await;
    for n in 1..=20 {
        scene.send(&one, event(n)).await.unwrap();
    }
    let under_way = claimed(&one, 5).await;
    scene.server.kill_and_restart();
    // The first may find its connection broken.
    let mut settled = Err(StoreError::Unavailable(String::new()));
    while let Err(StoreError::Unavailable(_)) = settled {
        settled = one.settle(under_way[0].lease, settlement(Next::Done)).await;
    }
    settled.unwrap();
    assert_eq!(claimed(&one, 50).await.len(), 15);
    let done = JobQuery { state: Some(JobState::Done), ..JobQuery::default() };
    assert_eq!(one.count(done).await.unwrap(), 1);
}

/// Has `store` ask for jobs, and has the answer never come: the server carries the question out when nobody waits for it.
async fn claimed_in_vain(scene: &Scene, store: &Arc<RedisStore>, max: u32) {
    let _: String = scene.server.ask(&["CLIENT", "PAUSE", "60000", "WRITE"]).await;
    let asking = Arc::clone(store);
    let asked = tokio::spawn(async move { claimed(&asking, max).await });
    let mut waits = false;
    while !waits {
        let clients: String = scene.server.ask(&["INFO", "clients"]).await;
        waits = clients.contains("blocked_clients:1");
    }
    asked.abort();
    assert!(asked.await.is_err_and(|end| end.is_cancelled()));
    let _: String = scene.server.ask(&["CLIENT", "UNPAUSE"]).await;
}

#[tokio::test]
async fn what_was_handed_out_in_an_answer_that_never_came_is_handed_out_once_more() {
    let scene = Scene::set(1, &[]);
    let (one, two) = (Arc::new(scene.process("one").await), scene.process("two").await);
    for n in 1..=5 {
        scene.send(&two, event(n)).await.unwrap();
    }
    let first = claimed(&one, 1).await;
    claimed_in_vain(&scene, &one, 2).await;

    let again = claimed(&one, 2).await;
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|again| again.job.lost_leases == 0));
    let mut rest = claimed(&two, 10).await;
    rest.extend(claimed(&one, 10).await);
    assert_eq!(rest.len(), 2, "once more, and no more than once");
    for claimed in first.iter().chain(&again).chain(&rest) {
        one.settle(claimed.lease, settlement(Next::Done)).await.unwrap();
    }
}

/// The first thing that is answered then is who is late, or gone; it is no answer to what was lost.
#[tokio::test]
async fn what_was_handed_out_in_vain_is_not_forgotten_over_another_lease_that_is_over() {
    let scene = Scene::set(1, &[]);
    let (one, two) = (Arc::new(scene.process("one").await), scene.process("two").await);
    for n in 1..=3 {
        scene.send(&two, event(n)).await.unwrap();
    }
    let lease = Duration::from_secs(1);
    let short = two.claim(hookyard::store::ClaimRequest { lease, ..wanting(LANES, 1) }).await.unwrap().jobs;
    assert_eq!(short.len(), 1);
    claimed_in_vain(&scene, &one, 2).await;
    scene.clock.advance(lease * 2);

    let mut again = claimed(&one, 10).await;
    again.extend(claimed(&one, 10).await);
    let mut events: Vec<_> =
        again.iter().map(|claimed| (claimed.event.id, claimed.job.lost_leases)).collect();
    events.sort_unstable();
    assert_eq!(events, [(event_id(1), 1), (event_id(2), 0), (event_id(3), 0)]);
}

/// A worker whose question was not answered asks again, and cannot know whether it was heard.
#[tokio::test]
async fn what_was_put_on_record_may_be_put_there_again() {
    let scene = Scene::set(1, &[]);
    let one = scene.process("one").await;
    scene.send(&one, event(1)).await.unwrap();
    let jobs = claimed(&one, 1).await;
    let lease = jobs[0].lease;
    for _ in 0..2 {
        one.begin(lease, Some(request("first"))).await.unwrap();
    }
    assert!(matches!(one.begin(lease, Some(request("second"))).await, Err(StoreError::Conflict(_))));
    let judge = "large".into();
    one.begin_purchase(lease, &PurchaseOrder::new(&judge, "q")).await.unwrap();
    for _ in 0..2 {
        one.end_purchase(lease, &Bill::new(&judge, "q", Some(&answer("yes")))).await.unwrap();
    }
    let other = one.end_purchase(lease, &Bill::new(&judge, "q", Some(&answer("no")))).await;
    assert!(matches!(other, Err(StoreError::Conflict(_))));
    assert_eq!(one.bought(event_id(1), &judge, "q").await.unwrap(), Some(answer("yes")));
}

#[tokio::test]
async fn what_a_newer_program_added_to_a_record_is_left_as_it_is() {
    let scene = Scene::set(1, &[]);
    let one = scene.process("one").await;
    scene.send(&one, event(1)).await.unwrap();
    let record = format!("{{hookyard:0}}:event:{}", event_id(1).0.simple());
    let _: i64 = scene.server.ask(&["HSET", &record, "newer", "of another program"]).await;
    let jobs = claimed(&one, 1).await;
    one.begin(jobs[0].lease, Some(request("first"))).await.unwrap();
    one.settle(jobs[0].lease, settlement(Next::Done)).await.unwrap();
    let kept: Option<String> = scene.server.ask(&["HGET", &record, "newer"]).await;
    assert_eq!(kept.as_deref(), Some("of another program"));
}

#[tokio::test]
async fn a_turn_is_taken_by_one_of_the_processes() {
    for shards in [1, 3] {
        let scene = Scene::set(shards, &[]);
        let (one, two) = (scene.process("one").await, scene.process("two").await);
        let (hour, mut by) = (Duration::from_hours(1), [0, 0]);
        for period in 0..20 {
            // Whoever asks first.
            let asked = if period % 2 == 0 {
                let (one, two) = tokio::join!(one.take_turn("alerts", hour), two.take_turn("alerts", hour));
                [one, two]
            } else {
                let (two, one) = tokio::join!(two.take_turn("alerts", hour), one.take_turn("alerts", hour));
                [one, two]
            };
            let taken = asked.map(|asked| u32::from(asked.unwrap()));
            assert_eq!(taken.iter().sum::<u32>(), 1, "in period {period}");
            assert!(
                !one.take_turn("alerts", hour).await.unwrap()
                    && !two.take_turn("alerts", hour).await.unwrap()
            );
            by = [by[0] + taken[0], by[1] + taken[1]];
            scene.clock.advance(hour);
        }
        assert_eq!(by[0] + by[1], 20);
    }
}

#[tokio::test]
async fn a_server_that_would_forget_is_refused() {
    let scene = Scene::set(1, &["--maxmemory-policy", "allkeys-lru"]);
    let clock = Arc::clone(&scene.clock) as Arc<dyn Clock>;
    let refused = RedisStore::open(options(&scene.server, "one", 1), clock).await;
    assert!(matches!(refused.err(), Some(OpenError::Evicts(policy)) if policy == "allkeys-lru"));
}

#[tokio::test]
async fn keys_of_one_event_may_be_at_home_in_different_shards() {
    let scene = Scene::set(8, &[]);
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    for n in 1..=20 {
        let keys = [same(&format!("id {n}")), same(&format!("alias {n}"))];
        let first = scene.send(&one, event(n).keys(keys)).await.unwrap();
        assert_eq!(first, Accepted::Queued { suspected_replay_of: None });
    }
    for n in 1..=20 {
        // By either key alone, and by both.
        for keys in [
            vec![same(&format!("id {n}"))],
            vec![same(&format!("alias {n}"))],
            vec![same(&format!("other {n}")), same(&format!("alias {n}"))],
        ] {
            let again = scene.send(&two, event(100 + n).keys(keys)).await.unwrap();
            assert!(matches!(again, Accepted::Duplicate { of, .. } if of == event_id(n)), "{again:?}");
        }
        assert!(two.knows(&[same(&format!("alias {n}"))]).await.unwrap());
        assert_eq!(two.timeline(event_id(100 + n)).await.unwrap(), None);
    }
    let jobs = JobQuery { ids: vec![job_id(event_id(3), 0)], ..JobQuery::default() };
    assert_eq!(two.jobs(jobs).await.unwrap().len(), 1);
    let fresh = scene.send(&two, event(200).keys([same("other 1")]).jobs([route("a")])).await.unwrap();
    assert_eq!(
        fresh,
        Accepted::Queued { suspected_replay_of: None },
        "nothing is left of a key that was held"
    );
}

#[tokio::test]
async fn a_key_that_is_held_for_an_event_in_flight_is_not_taken_from_it() {
    let scene = Scene::set(8, &[]);
    let one = scene.process("one").await;
    let (at, of) = (scene.clock.now().as_millis(), event_id(9).0.simple().to_string());
    // Wherever the key is at home, its event is about to be accepted elsewhere.
    for n in 0..8 {
        let held = format!("{of} {at} {} ?", (n + 1) % 8);
        let _: String = scene.server.ask(&["SET", &format!("{{hookyard:{n}}}:key:id"), &held]).await;
    }
    for keys in [vec![same("id")], (0..8).map(|n| same(&format!("own {n}"))).chain([same("id")]).collect()] {
        let refused = scene.send(&one, event(1).keys(keys)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    for n in 0..8 {
        let keys: i64 = scene.server.ask(&["DEL", &format!("{{hookyard:{n}}}:key:id")]).await;
        assert_eq!(keys, 1, "it is held as before");
    }
    // Nothing is left of the keys that it had come by.
    let keys: Vec<_> = (0..8).map(|n| same(&format!("own {n}"))).collect();
    let queued = Accepted::Queued { suspected_replay_of: None };
    assert_eq!(scene.send(&one, event(2).keys(keys)).await.unwrap(), queued);
    assert_eq!(scene.send(&one, event(3).keys([same("id")])).await.unwrap(), queued);
}
