//! Redis, one server for each store.

use std::sync::Arc;

use hookyard::{
    domain::Clock,
    store::{
        Store,
        redis::{RedisOptions, RedisStore, StoreTime},
    },
};

use crate::{
    store::given::DEDUPE,
    support::{clock::HandClock, redis::RedisServer},
};

use super::Backend;

pub struct RedisBackend {
    store: Arc<RedisStore>,
    clock: Arc<HandClock>,
    server: RedisServer,
}

async fn open_at(server: &RedisServer, clock: &Arc<HandClock>) -> Arc<RedisStore> {
    let options = RedisOptions {
        urls: vec![server.url()],
        cluster: false,
        prefix: "hookyard".to_owned(),
        shards: 1,
        connections: 2,
        process: "one".to_owned(),
        dedupe: DEDUPE,
        time: StoreTime::Clock,
    };
    let opened = RedisStore::open(options, Arc::clone(clock) as Arc<dyn Clock>).await;
    Arc::new(opened.expect("the store opens"))
}

impl Backend for RedisBackend {
    const RETAIN_REMOVES_KEYS: bool = false;

    async fn open() -> Self {
        let (server, clock) = (RedisServer::start(&[]), Arc::default());
        let store = open_at(&server, &clock).await;
        RedisBackend { store, clock, server }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn clock(&self) -> &HandClock {
        &self.clock
    }

    async fn crash_and_reopen(self) -> Self {
        let RedisBackend { store, clock, server } = self;
        drop(Arc::into_inner(store).expect("every other handle on the store is gone"));
        let store = open_at(&server, &clock).await;
        RedisBackend { store, clock, server }
    }
}
