//! Redis: one server for each store, or a part of a cluster that all share.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use hookyard::{
    domain::{Clock, EventId},
    store::{
        Store,
        redis::{RedisOptions, RedisStore},
    },
};

use crate::support::{
    clock::HandClock,
    cluster::RedisCluster,
    redis::{RedisServer, store_at, user},
};

use super::Backend;

/// One server, in one part.
pub type RedisBackend = OnRedis<1, false>;

/// One server, in several parts, by a user who may do no more than we say is needed.
pub type ShardedBackend = OnRedis<3, false>;

/// A Cluster, in several parts on each node, by such a user.
pub type ClusterBackend = OnRedis<7, true>;

pub struct OnRedis<const SHARDS: u16, const CLUSTER: bool> {
    store: Arc<RedisStore>,
    clock: Arc<HandClock>,
    place: Place,
}

pub enum Place {
    /// And where it is for the store.
    Server(RedisServer, String),
    Cluster {
        cluster: &'static RedisCluster,
        prefix: String,
    },
}

const PASSWORD: &str = "of-the-store";

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

impl Place {
    async fn make(shards: u16, in_cluster: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if in_cluster {
            let prefix = format!("store-{}", NEXT.fetch_add(1, Ordering::Relaxed));
            let cluster = RedisCluster::shared().await;
            for node in cluster.nodes() {
                let _: String = node.ask(&words(&user(&prefix, PASSWORD, &prefix))).await;
            }
            return Place::Cluster { cluster, prefix };
        }
        let server = RedisServer::start(&[]);
        let mut url = server.url();
        if shards > 1 {
            let _: String = server.ask(&words(&user("limited", PASSWORD, "hookyard"))).await;
            url = format!("{url}?user=limited&pass={PASSWORD}");
        }
        Place::Server(server, url)
    }

    pub fn options(&self, shards: u16) -> RedisOptions {
        let (urls, prefix) = match self {
            Place::Server(_, url) => (vec![url.clone()], "hookyard".to_owned()),
            Place::Cluster { cluster, prefix } => {
                let login = format!("redis://{prefix}:{PASSWORD}@");
                let urls = cluster.urls().iter().map(|url| url.replace("redis://", &login)).collect();
                (urls, prefix.clone())
            }
        };
        let cluster = matches!(self, Place::Cluster { .. });
        RedisOptions { cluster, prefix, shards, ..store_at(urls) }
    }

    async fn has(&self, n: u16, event: EventId) -> bool {
        let key = |prefix: &str| format!("{{{prefix}:{n}}}:event:{}", event.0.simple());
        match self {
            Place::Server(server, _) => server.ask(&["EXISTS", &key("hookyard")]).await,
            Place::Cluster { cluster, prefix } => {
                let key = key(prefix);
                cluster.nodes()[cluster.node_of(&key).await].ask(&["EXISTS", &key]).await
            }
        }
    }

    async fn open(&self, shards: u16, clock: &Arc<HandClock>) -> Arc<RedisStore> {
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        Arc::new(RedisStore::open(self.options(shards), clock).await.expect("the store opens"))
    }
}

impl<const SHARDS: u16, const CLUSTER: bool> OnRedis<SHARDS, CLUSTER> {
    /// Where a store may be opened.
    pub async fn place() -> Place {
        Place::make(SHARDS, CLUSTER).await
    }

    pub async fn open_at(place: Place, clock: Arc<HandClock>) -> Self {
        let store = place.open(SHARDS, &clock).await;
        OnRedis { store, clock, place }
    }
}

impl<const SHARDS: u16, const CLUSTER: bool> Backend for OnRedis<SHARDS, CLUSTER> {
    const RETAIN_REMOVES_KEYS: bool = false;
    const PARTS: u16 = SHARDS;

    async fn open() -> Self {
        Self::open_at(Self::place().await, Arc::default()).await
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn clock(&self) -> &HandClock {
        &self.clock
    }

    async fn part_of(&self, event: EventId) -> u16 {
        for n in 0..SHARDS {
            if self.place.has(n, event).await {
                return n;
            }
        }
        panic!("{event} is in no part");
    }

    async fn crash_and_reopen(self) -> Self {
        let OnRedis { store, clock, place } = self;
        drop(Arc::into_inner(store).expect("every other handle on the store is gone"));
        let store = place.open(SHARDS, &clock).await;
        OnRedis { store, clock, place }
    }
}
