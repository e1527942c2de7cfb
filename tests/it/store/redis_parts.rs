//! A store in several parts that several processes share: what holds over all of them.

use std::{sync::Arc, time::Duration};

use hookyard::{
    domain::{Clock, Next},
    store::{
        ClaimRequest, Claimed, EraseStep, Limits, Store,
        redis::{RedisOptions, RedisStore},
    },
};

use crate::support::{
    clock::HandClock,
    redis::{RedisServer, store_at},
};

use super::{
    bench::{LANES, wanting},
    given::{LEASE, event, event_id, route, settlement},
};

const GONE: Duration = Duration::from_secs(11);

struct Scene {
    server: RedisServer,
    clock: Arc<HandClock>,
}

impl Scene {
    fn set() -> Self {
        Scene { server: RedisServer::start(&[]), clock: Arc::default() }
    }

    async fn process(&self, name: &str) -> RedisStore {
        let options =
            RedisOptions { shards: 5, process: name.to_owned(), ..store_at(vec![self.server.url()]) };
        RedisStore::open(options, Arc::clone(&self.clock) as Arc<dyn Clock>).await.expect("the store opens")
    }
}

/// Asks for up to `max` jobs, no more than three of the route `few` under way at one time.
async fn limited(store: &RedisStore, max: u32) -> Vec<Claimed> {
    let limits = Limits { routes: [("few".into(), 3)].into_iter().collect(), ..Limits::default() };
    store.claim(ClaimRequest { limits, ..wanting(LANES, max) }).await.expect("a claim").jobs
}

async fn queue(store: &RedisStore, scene: &Scene, events: u64) {
    for n in 1..=events {
        store.accept(event(n).jobs([route("few")]).received(scene.clock.now())).await.expect("accepted");
    }
}

#[tokio::test]
async fn a_limit_holds_over_all_parts_and_processes() {
    let scene = Scene::set();
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    queue(&one, &scene, 20).await;
    let mut done = 0;
    while done < 20 {
        let (a, b) = tokio::join!(limited(&one, 10), limited(&two, 10));
        assert!((1..=3).contains(&(a.len() + b.len())), "{} and {}", a.len(), b.len());
        for (store, jobs) in [(&one, a), (&two, b)] {
            for claimed in jobs {
                store.settle(claimed.lease, settlement(Next::Done)).await.unwrap();
                done += 1;
            }
        }
    }
}

#[tokio::test]
async fn a_place_within_a_limit_is_held_where_there_is_no_room() {
    let scene = Scene::set();
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    queue(&one, &scene, 6).await;
    // The first time a limit is only learnt of.
    let held = std::iter::repeat_with(|| limited(&one, 10));
    let mut under_way = Vec::new();
    for some in held.take(2) {
        under_way.extend(some.await);
    }
    assert_eq!(under_way.len(), 3);
    let _: String = scene.server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    for _ in 0..3 {
        scene.clock.advance(LEASE / 2);
        for claimed in &under_way {
            one.extend(claimed.lease, LEASE).await.unwrap();
        }
        assert_eq!(limited(&two, 10).await.len(), 0);
    }
}

#[tokio::test]
async fn a_place_within_a_limit_is_free_again_when_its_process_is_gone() {
    let scene = Scene::set();
    let (one, two) = (scene.process("one").await, scene.process("two").await);
    queue(&one, &scene, 9).await;
    assert_eq!((limited(&one, 10).await.len(), limited(&two, 10).await.len()), (3, 0));
    drop(one);
    let mut free = 0;
    for _ in 0..6 {
        assert_eq!(free, 0, "not before it was silent for long enough");
        scene.clock.advance(GONE / 6);
        free = limited(&two, 10).await.len();
    }
    assert_eq!(free, 3);
}

#[tokio::test]
async fn a_place_within_a_limit_is_free_at_once_where_its_process_starts_again() {
    let scene = Scene::set();
    let one = scene.process("one").await;
    queue(&one, &scene, 9).await;
    assert_eq!(limited(&one, 10).await.len(), 3);
    drop(one);
    assert_eq!(limited(&scene.process("one").await, 10).await.len(), 3);
}

#[tokio::test]
async fn a_place_within_a_limit_is_held_as_long_as_its_lease() {
    let scene = Scene::set();
    let one = scene.process("one").await;
    queue(&one, &scene, 9).await;
    let under_way = limited(&one, 10).await;
    scene.clock.advance(LEASE / 2);
    one.extend(under_way[0].lease, LEASE).await.unwrap();
    scene.clock.advance(LEASE / 2);
    assert_eq!(limited(&one, 10).await.len(), 2, "two of three leases are over");
    assert_eq!(limited(&one, 10).await.len(), 0);
}

#[tokio::test]
async fn what_has_no_limit_does_not_always_go_first() {
    let scene = Scene::set();
    let one = scene.process("one").await;
    queue(&one, &scene, 5).await;
    for n in 100..140 {
        one.accept(event(n).received(scene.clock.now())).await.unwrap();
    }
    let mut few = 0;
    // There is always enough else to fill a claim.
    for _ in 0..12 {
        for claimed in limited(&one, 2).await {
            few += u32::from(&**claimed.job.work.route() == "few");
            one.settle(claimed.lease, settlement(Next::Done)).await.unwrap();
        }
    }
    assert!(few > 0);
}

#[tokio::test]
async fn what_was_handed_out_without_a_limit_counts_once_there_is_one() {
    let scene = Scene::set();
    let one = scene.process("one").await;
    queue(&one, &scene, 9).await;
    let before = one.claim(wanting(LANES, 2)).await.expect("a claim").jobs;
    assert_eq!((before.len(), limited(&one, 10).await.len()), (2, 1));
    one.settle(before[0].lease, settlement(Next::Done)).await.unwrap();
    assert_eq!(limited(&one, 10).await.len(), 1);
}

#[tokio::test]
async fn what_was_erased_while_it_was_under_way_leaves_its_place_within_a_limit() {
    let scene = Scene::set();
    let one = scene.process("one").await;
    for n in 1..=9 {
        let mut draft = event(n).jobs([route("few")]);
        draft.event.body = bytes::Bytes::from(format!("<{n}>")).into();
        one.accept(draft.received(scene.clock.now())).await.expect("accepted");
    }
    let under_way = limited(&one, 10).await;
    assert_eq!((under_way.len(), limited(&one, 10).await.len()), (3, 0));
    let number = (1..=9).find(|n| event_id(*n) == under_way[0].event.id).expect("one of them");
    let step = EraseStep { key: format!("<{number}>"), after: None, dry_run: false };
    assert_eq!(one.erase(step).await.expect("erased").discarded, 1);
    assert_eq!(limited(&one, 10).await.len(), 1);
}
