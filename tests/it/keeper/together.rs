//! Several processes that keep one house on Redis: what is done from time to time is done by one of them.

use std::{sync::Arc, time::Duration};

use hookyard::{
    domain::{Cause, Clock, Lane, Work},
    engine::Live,
    host::Tasks,
    keeper::Keeper,
    store::{
        Admission, DedupeKey, EventQuery, NewJob, OnMatch, Start,
        redis::{RedisOptions, RedisStore},
    },
    telemetry::Metrics,
};

use crate::support::{
    clock::HandClock,
    redis::{RedisServer, store_at},
};

use super::yard;

const PERIODS: usize = 12;
/// Between two alerts about dead letters, and longer than between two looks.
const QUARTER: Duration = Duration::from_mins(15);
/// Loops of each keeper: alarms, retention, room, breakers, judges that refuse.
const LOOPS: usize = 5;

async fn keeper(server: &RedisServer, name: &str, clock: &Arc<HandClock>) -> Keeper {
    let (dir, ticking) = (tempfile::tempdir().unwrap(), Arc::clone(clock) as Arc<dyn Clock>);
    let engine = yard::engine(&dir, &[], "");
    let options = RedisOptions { shards: 2, process: name.to_owned(), ..store_at(vec![server.url()]) };
    let store = RedisStore::open(options, Arc::clone(&ticking)).await.unwrap();
    Keeper {
        engine: Live::new(engine),
        store: Arc::new(store),
        started: clock.now(),
        clock: ticking,
        metrics: Arc::default(),
        tasks: Tasks::default(),
        pressure: Arc::default(),
        hints: Arc::default(),
        freed: Arc::default(),
    }
}

/// An event whose only job is dead.
fn dead(n: usize, clock: &HandClock) -> Admission {
    let event = yard::event("forms", Vec::new(), clock.now());
    let work = Work::Route { route: "triage".into(), replay: None };
    let start = Start::Dead { cause: Cause::Refused, reason: "it was refused".to_owned() };
    let job = NewJob { start, ..NewJob::new(Lane::Normal, work, "a-config".into()) };
    let key = DedupeKey { text: format!("forms/{n}"), on_match: OnMatch::Duplicate };
    Admission::of_our_own(event, vec![key], vec![job])
}

fn told(metrics: &Metrics, outcome: &str) -> usize {
    let text = metrics.render();
    let of = |line: &&str| line.contains("alarms_total") && line.contains(outcome);
    let count = |line: &str| line.rsplit(' ').next().and_then(|count| count.parse::<usize>().ok());
    text.lines().filter(of).filter_map(count).sum()
}

#[tokio::test]
async fn of_several_keepers_one_looks_in_each_period() {
    let (server, clock) = (RedisServer::start(&[]), Arc::<HandClock>::default());
    let (one, two) = (keeper(&server, "one", &clock).await, keeper(&server, "two", &clock).await);
    for keeper in [&one, &two] {
        tokio::spawn(keeper.clone().run(true));
    }
    for n in 0..PERIODS {
        clock.all_slept(2 * LOOPS).await;
        one.store.accept(dead(n, &clock)).await.unwrap();
        clock.advance(QUARTER);
        tokio::task::yield_now().await;
    }
    clock.all_slept(2 * LOOPS).await;
    let of_alarms = EventQuery { source: Some("hookyard".to_owned()), ..EventQuery::default() };
    assert_eq!(two.store.events(of_alarms).await.unwrap().len(), PERIODS);
    let sum = |outcome| told(&one.metrics, outcome) + told(&two.metrics, outcome);
    assert_eq!((sum("queued"), sum("duplicate")), (PERIODS, 0), "each was given by one of them");
}
