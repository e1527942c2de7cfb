//! What may befall a Redis while it is worked with: nothing that was acknowledged is lost, and the rest goes on.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hookyard::{
    decide::budget::{Budget, Cost},
    domain::{
        Bill, Clock, Day, EventId, JobState, Money, Name, Next, Prior, PurchaseOrder, PurchaseState, Purse,
        Spent,
    },
    store::{
        Accepted, Store, StoreError,
        redis::{OpenError, RedisOptions, RedisStore},
    },
};

use crate::support::{
    clock::HandClock,
    cluster::RedisCluster,
    redis::{RedisServer, store_at},
};

use super::{
    bench::{LANES, wanting},
    given::{answer, event, event_id, settlement},
};

const SHARDS: u16 = 6;

fn options(urls: Vec<String>) -> RedisOptions {
    RedisOptions { shards: SHARDS, ..store_at(urls) }
}

async fn open(urls: Vec<String>, clock: &Arc<HandClock>) -> RedisStore {
    RedisStore::open(options(urls), Arc::clone(clock) as Arc<dyn Clock>).await.expect("the store opens")
}

/// Asks again for as long as the store cannot answer.
async fn at_last<T>(mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    loop {
        match ask().await {
            Ok(told) => return told,
            Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn accept(store: &RedisStore, clock: &HandClock, n: u64) -> Accepted {
    use super::given::same;
    let draft = || event(n).keys([same(&format!("id {n}"))]).received(clock.now());
    at_last(async || store.accept(draft()).await).await
}

/// Works until all of these events are done, each by one job that ended once.
async fn work_off(store: &RedisStore, events: u64) {
    let mut done = BTreeSet::new();
    while done.len() < events as usize {
        for claimed in at_last(async || store.claim(wanting(LANES, 10)).await).await.jobs {
            let ended = loop {
                match store.settle(claimed.lease, settlement(Next::Done)).await {
                    Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
                    ended => break ended,
                }
            };
            // The answer to the first word of it may be what was lost.
            assert!(matches!(ended, Ok(()) | Err(StoreError::StaleLease(_))), "{ended:?}");
            done.insert(claimed.event.id);
        }
    }
    assert_eq!(done, (1..=events).map(event_id).collect::<BTreeSet<EventId>>());
    for n in 1..=events {
        let told = at_last(async || store.timeline(event_id(n)).await).await.expect("it is on record");
        assert!(told.jobs.iter().all(|entry| entry.job.state == JobState::Done));
    }
}

#[tokio::test]
async fn a_server_that_holds_still_is_waited_for() {
    let (server, clock) = (RedisServer::start(&[]), Arc::default());
    let store = open(vec![server.url()], &clock).await;
    let _: String = server.ask(&["CLIENT", "PAUSE", "300", "ALL"]).await;
    for n in 1..=5 {
        accept(&store, &clock, n).await;
    }
    work_off(&store, 5).await;
}

#[tokio::test]
async fn connections_that_break_lose_nothing() {
    let (server, clock) = (RedisServer::start(&[]), Arc::default());
    let store = open(vec![server.url()], &clock).await;
    for n in 1..=60 {
        // At whatever point of it that is.
        let breaks = server.ask::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        tokio::join!(accept(&store, &clock, n), breaks);
    }
    work_off(&store, 60).await;
}

#[tokio::test]
async fn what_a_purchase_draws_and_enters_counts_once_however_often_connections_break() {
    const PURCHASES: u64 = 60;
    let (server, clock) = (RedisServer::start(&[]), Arc::<HandClock>::default());
    let store = open(vec![server.url()], &clock).await;
    let breaks = || server.ask::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let names: (Name, Name) = ("triage".into(), "large".into());
    let (limit, most, paid) = (Money(1_000_000), Money(40), Money(15));
    let budget = Budget { day: Some(limit), month: None };
    let asked_at = clock.now();
    let cost = Cost { classifier: &names.0, judge: &names.1, budget, sender: None, most, asked_at };
    let said = answer("yes");
    for n in 1..=PURCHASES {
        accept(&store, &clock, n).await;
        let claimed = at_last(async || store.claim(wanting(LANES, 1)).await).await.jobs.remove(0);
        let (charges, entry) = cost.reserve();
        let (id, entry) = (Some(claimed.lease.job.to_string()), Some(entry));
        let order = PurchaseOrder { id, most, charges, entry, ..PurchaseOrder::new(&names.1, "q") };
        let begins = at_last(async || store.begin_purchase(claimed.lease, &order).await);
        assert_eq!(tokio::join!(begins, breaks()).0, Prior::Begun);
        let (charges, entry) = cost.answered(paid, said.tokens);
        let bill = Bill { cost: paid, charges, entry: Some(entry), ..Bill::new(&names.1, "q", Some(&said)) };
        let ends = at_last(async || store.end_purchase(claimed.lease, &bill).await);
        tokio::join!(ends, breaks());
        at_last(async || store.settle(claimed.lease, settlement(Next::Done)).await).await;
        // Whoever comes upon what is left to be done does it.
        accept(&store, &clock, n).await;
        let told = at_last(async || store.timeline(event_id(n)).await).await.expect("it is on record");
        let states: Vec<_> = told.jobs[0].purchases.iter().map(|purchase| purchase.state).collect();
        assert_eq!(states, [PurchaseState::Answered], "begun once");
    }
    let want = Spent {
        classifier: names.0.clone(),
        judge: names.1.clone(),
        answers: PURCHASES,
        cost: Money(PURCHASES * paid.0),
        maybe_billed: 0,
        maybe_cost: Money(0),
        tokens: (0..PURCHASES)
            .fold(Default::default(), |sum: hookyard::domain::Tokens, _| sum.and(said.tokens)),
    };
    let day = Day::of(asked_at);
    assert_eq!(at_last(async || store.spent(&day).await).await, [want]);
    accept(&store, &clock, PURCHASES + 1).await;
    let lease = at_last(async || store.claim(wanting(LANES, 1)).await).await.jobs.remove(0).lease;
    let left = Money(limit.0 - PURCHASES * paid.0);
    for (digest, most, want, why) in [
        ("all", left, Prior::Begun, "no more is drawn than was paid"),
        ("more", Money(1), Prior::Short(Purse::Day), "and no less"),
    ] {
        let (charges, _) = Cost { most, ..cost }.reserve();
        let order = PurchaseOrder { most, charges, ..PurchaseOrder::new(&names.1, digest) };
        assert_eq!(store.begin_purchase(lease, &order).await.unwrap(), want, "{why}");
    }
}

#[tokio::test]
async fn a_question_on_a_connection_that_was_broken_is_asked_again() {
    let (server, clock) = (RedisServer::start(&[]), Arc::default());
    let store = open(vec![server.url()], &clock).await;
    accept(&store, &clock, 1).await;
    for _ in 0..10 {
        let _: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        store.depths().await.expect("it is asked on a new connection");
        assert!(store.timeline(event_id(1)).await.expect("this one too").is_some());
    }
}

#[tokio::test]
async fn a_server_that_has_become_a_replica_changes_nothing() {
    let (server, clock) = (RedisServer::start(&[]), Arc::default());
    let store = open(vec![server.url()], &clock).await;
    accept(&store, &clock, 1).await;
    // Of nobody who is there.
    let _: String = server.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let refused = store.accept(event(2).received(clock.now())).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(store.claim(wanting(LANES, 1)).await.is_err());
    let _: String = server.ask(&["REPLICAOF", "NO", "ONE"]).await;
    accept(&store, &clock, 2).await;
    work_off(&store, 2).await;
}

/// Writes down everything before it answers.
const LOGGED: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

#[tokio::test]
async fn a_server_that_loads_its_data_is_waited_for_at_the_start() {
    let (mut server, clock) = (RedisServer::start(&LOGGED), Arc::<HandClock>::default());
    let store = open(vec![server.url()], &clock).await;
    accept(&store, &clock, 1).await;
    drop(store);
    server.kill_and_restart_loading().await;
    let opening = open(vec![server.url()], &clock);
    let load = async {
        clock.slept().await;
        assert!(server.loads().await, "that is what is waited for");
        server.let_load().await;
        // In its own time; only then does that of the store go on.
        while server.loads().await {
            tokio::task::yield_now().await;
        }
        loop {
            clock.slept().await;
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    let store = tokio::select! {
        store = opening => store,
        () = load => unreachable!("it goes on"),
    };
    work_off(&store, 1).await;
}

#[tokio::test]
async fn a_server_that_does_not_come_to_an_end_of_loading_is_not_waited_for_without_end() {
    let (mut server, clock) = (RedisServer::start(&LOGGED), Arc::<HandClock>::default());
    server.kill_and_restart_loading().await;
    let opening = RedisStore::open(options(vec![server.url()]), Arc::clone(&clock) as Arc<dyn Clock>);
    let wait = async {
        for _ in 0..10 {
            clock.slept().await;
            clock.advance(Duration::from_mins(4));
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::select! {
        opened = opening => opened.err().expect("refused"),
        () = wait => panic!("it is still waited for"),
    };
    assert!(server.loads().await);
    assert!(matches!(refused, OpenError::Loading { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_starts_again_and_loads_its_data_changes_nothing_until_it_has() {
    let (mut server, clock) = (RedisServer::start(&LOGGED), Arc::default());
    let store = open(vec![server.url()], &clock).await;
    for n in 1..=10 {
        accept(&store, &clock, n).await;
    }
    let under_way = store.claim(wanting(LANES, 3)).await.expect("a claim").jobs;
    assert_eq!(under_way.len(), 3);
    server.kill_and_restart_loading().await;
    let mut told = Vec::new();
    // The first words are of the connection that broke.
    while !told.iter().any(|why: &String| why.contains("loading the dataset")) {
        match store.accept(event(11).received(clock.now())).await {
            Err(StoreError::Unavailable(why)) => told.push(why),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(store.claim(wanting(LANES, 1)).await, Err(StoreError::Unavailable(_))));
    let settled = store.settle(under_way[0].lease, settlement(Next::Done)).await;
    assert!(matches!(settled, Err(StoreError::Unavailable(_))), "{settled:?}");
    server.let_load().await;
    accept(&store, &clock, 11).await;
    for claimed in under_way {
        at_last(async || store.settle(claimed.lease, settlement(Next::Done)).await).await;
    }
    let mut left = 8;
    while left > 0 {
        for claimed in at_last(async || store.claim(wanting(LANES, 100)).await).await.jobs {
            at_last(async || store.settle(claimed.lease, settlement(Next::Done)).await).await;
            left -= 1;
        }
    }
    work_off(&store, 0).await;
}

/// A shard whose slot is on that node.
async fn shard_on(cluster: &RedisCluster, node: usize) -> u16 {
    for n in 0..SHARDS {
        if cluster.node_of(&format!("{{hookyard:{n}}}")).await == node {
            return n;
        }
    }
    panic!("no shard is on node {node}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_and_comes_back_loses_nothing() {
    let (mut cluster, clock) = (RedisCluster::start().await, Arc::default());
    let store = open(cluster.urls(), &clock).await;
    for n in 1..=30 {
        accept(&store, &clock, n).await;
    }
    cluster.kill(1);
    // What is at home elsewhere goes on.
    let mut done = 0;
    while let Ok(claim) = store.claim(wanting(LANES, 100)).await {
        for claimed in claim.jobs {
            store.settle(claimed.lease, settlement(Next::Done)).await.expect("it is at home elsewhere");
            done += 1;
        }
    }
    assert!((1..30).contains(&done), "{done}");
    cluster.start_again(1).await;
    let mut all = done;
    while all < 30 {
        for claimed in at_last(async || store.claim(wanting(LANES, 100)).await).await.jobs {
            at_last(async || store.settle(claimed.lease, settlement(Next::Done)).await).await;
            all += 1;
        }
    }
    work_off(&store, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_loses_nothing() {
    let (cluster, clock) = (RedisCluster::start().await, Arc::default());
    let store = open(cluster.urls(), &clock).await;
    for n in 1..=60 {
        accept(&store, &clock, n).await;
    }
    // Half of it is taken in meanwhile, and all is worked on.
    let more = async {
        for n in 61..=120 {
            accept(&store, &clock, n).await;
        }
    };
    let load = async { tokio::join!(more, work_off(&store, 120)) };
    let shard = shard_on(&cluster, 0).await;
    let key = format!("{{hookyard:{shard}}}");
    let moves = cluster.move_slot(&key, 0, 2);
    tokio::join!(load, moves);
    assert_eq!(store.depths().await.unwrap().leased, 0);
}
