//! SQLite until the first crash, Redis from then on: whatever a test does before is moved, and goes on there.

use std::{collections::BTreeMap, sync::Arc};

use hookyard::{
    domain::{Clock, EventId, EventState},
    store::{
        self, EventQuery, Store, Timeline,
        redis::Target,
        sqlite::{SqliteOptions, SqliteStore},
    },
};

use crate::{store::given::DEDUPE, support::clock::HandClock};

use super::{Backend, redis::OnRedis, sqlite::SqliteBackend};

/// Moved to one part.
pub type MovedToOne = MovedBackend<1>;

/// Moved to several.
pub type MovedToParts = MovedBackend<3>;

pub enum MovedBackend<const SHARDS: u16> {
    Before(SqliteBackend),
    After(OnRedis<SHARDS, false>),
}

impl<const SHARDS: u16> Backend for MovedBackend<SHARDS> {
    const RETAIN_REMOVES_KEYS: bool = true;
    const PARTS: u16 = SHARDS;

    async fn open() -> Self {
        MovedBackend::Before(SqliteBackend::open().await)
    }

    fn store(&self) -> Arc<dyn Store> {
        match self {
            MovedBackend::Before(sqlite) => sqlite.store(),
            MovedBackend::After(redis) => redis.store(),
        }
    }

    fn clock(&self) -> &HandClock {
        match self {
            MovedBackend::Before(sqlite) => sqlite.clock(),
            MovedBackend::After(redis) => redis.clock(),
        }
    }

    async fn part_of(&self, event: EventId) -> u16 {
        match self {
            MovedBackend::Before(sqlite) => sqlite.part_of(event).await,
            MovedBackend::After(redis) => redis.part_of(event).await,
        }
    }

    async fn crash_and_reopen(self) -> Self {
        let mut sqlite = match self {
            MovedBackend::Before(sqlite) => sqlite,
            MovedBackend::After(redis) => return MovedBackend::After(redis.crash_and_reopen().await),
        };
        sqlite.close();
        let clock = sqlite.shared_clock();
        let to = OnRedis::<SHARDS, false>::place().await;
        let options =
            SqliteOptions { dir: sqlite.dir().to_owned(), dedupe: DEDUPE, on_commit: Arc::new(|_, _| {}) };
        let time = || Arc::clone(&clock) as Arc<dyn Clock>;
        let file = SqliteStore::open_to_leave(options, time()).expect("it opens");
        let (before, load) = (timelines(&file).await, file.load().open_jobs);
        let target = Target::reach(to.options(SHARDS), time()).await.expect("it is reached");
        let moved = store::migrate(&file, target, "one".to_owned(), "Redis".to_owned(), &|_, _| {}).await;
        let moved = moved.expect("it is moved");
        file.close();
        let redis = OnRedis::open_at(to, Arc::clone(&clock)).await;
        let after = timelines(&*redis.store()).await;
        assert_eq!(moved.moved.events, after.len() as u64);
        assert_eq!(redis.store().load().open_jobs, load);
        for (id, timeline) in before {
            match after.get(&id) {
                Some(moved) => assert_eq!(*moved, timeline),
                None => assert_eq!(timeline.state, EventState::Done, "{id} was left"),
            }
        }
        MovedBackend::After(redis)
    }
}

async fn timelines(store: &dyn Store) -> BTreeMap<EventId, Timeline> {
    let mut all = BTreeMap::new();
    let mut query = EventQuery::default();
    loop {
        let page = store.events(query.clone()).await.expect("an answer");
        let Some(last) = page.last() else { return all };
        query.before = Some(last.event.id);
        for summary in &page {
            let timeline = store.timeline(summary.event.id).await.expect("an answer");
            all.insert(summary.event.id, timeline.expect("just seen"));
        }
    }
}
