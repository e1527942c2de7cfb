//! Opening the store: connections, and what the server has to be like.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use redis::ToRedisArgs;

use crate::{domain::Clock, store::StoreError};

use super::{
    Core, RedisStore, StoreClock, Weakness,
    claim::Claims,
    connect::Servers,
    fit::{VERSION_MIN, fit},
    import,
    keys::Shards,
    link::Link,
    loading::loaded,
    memory,
    part::Part,
    script::Scripts,
    voice::{ShardLoad, Voice},
};

/// Counts up with every change that an older program must not work on; it refuses a newer store. A field that is added to a
/// record's hash is none: who does not know it leaves it as it is. One that is added within a field is, since whoever
/// does not know it writes the field without it.
const LAYOUT: u32 = 1;

/// What tells the store the time.
pub enum StoreTime {
    /// The server, so that processes whose clocks differ agree.
    Server,
    /// The clock that is handed in.
    Clock,
}

/// How to open a store.
pub struct RedisOptions {
    /// `redis://`, `rediss://` or `redis+unix://`; of a Cluster some of its nodes.
    pub urls: Vec<String>,
    /// Whether the URLs are those of a Cluster.
    pub cluster: bool,
    /// The certificate, in PEM, of whoever must have signed those of the servers; the system's if left out.
    pub ca: Option<PathBuf>,
    /// What all keys begin with: several stores can share a server.
    pub prefix: String,
    /// Into how many slots the store is divided. It cannot be changed later.
    pub shards: u16,
    /// Connections to the server, or to each node.
    pub connections: u16,
    /// What this process is known by. Whoever opens the store under a name takes back what was worked on under it, so no
    /// two processes may have the same.
    pub process: String,
    /// How long a dedupe key is remembered.
    pub dedupe: Duration,
    pub time: StoreTime,
    /// A file where it is remembered what the database is known by, so that one that was emptied meanwhile is not taken
    /// for a new one.
    pub memory: Option<PathBuf>,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    #[error(
        "store.redis.urls: number {number} is no URL of a Redis: write redis://USER:${{REDIS_PASSWORD}}@HOST:PORT, with \
         special characters of the password written as in any URL (%40 for @)"
    )]
    Url { number: usize },
    #[error("store.redis.urls: {at}: {why}: {remedy}")]
    Refused { at: String, why: String, remedy: &'static str },
    #[error(
        "store.redis.urls: Redis still loads its data after {minutes} minutes: start again when it is done"
    )]
    Loading { minutes: u64 },
    #[error("store.redis.ca_file: {}: {why}", path.display())]
    Ca { path: PathBuf, why: String },
    #[error("Redis is of version {0}: {VERSION_MIN} or newer is needed")]
    Version(String),
    #[error("Redis has maxmemory-policy {0}, and would forget what was acknowledged: set it to noeviction")]
    Evicts(String),
    #[error("the store has layout {found}, this program knows up to {LAYOUT}: use the newer program")]
    Layout { found: String },
    #[error(
        "the store was made in {kept} parts, and is to be opened in {asked}: set store.redis.shards to {kept}, or choose \
         another prefix for a new store"
    )]
    Shards { kept: u16, asked: u16 },
    #[error(
        "the database was emptied or exchanged since this data directory was last used with it: what was accepted before is \
         not there. Bring the database back; or, if this was meant, remove {}", .0.display()
    )]
    Emptied(PathBuf),
    #[error(
        "a migration into this store has not ended: run `hookyard migrate --from sqlite --to redis` again where it was begun"
    )]
    Migrating,
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RedisStore {
    /// Opens or creates the store. Jobs that an earlier process of this name was working on are ready again.
    ///
    /// # Errors
    /// The server cannot be reached, or is not fit to keep what was promised.
    pub async fn open(options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let servers = Servers::new(&options)?;
        Self::open_on(&servers, options, clock).await.map_err(|error| servers.explain(error))
    }

    async fn open_on(
        servers: &Servers,
        options: RedisOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let reached = Reached::on(servers, options, clock).await?;
        let Reached { link, shards, options, .. } = &reached;
        for shard in shards.all() {
            let epoch: Option<String> = link.run(redis::cmd("GET").arg(shard.key("epoch"))).await?;
            if epoch.is_some_and(|epoch| import::is_closed(&epoch)) {
                return Err(OpenError::Migrating);
            }
        }
        if let Some(path) = &options.memory {
            memory::compare(path, link, shards).await?;
        }
        let mut epochs = Vec::new();
        for shard in shards.all() {
            // What the database is known by; made for a new one.
            epochs.push(once(link, &shard.key("epoch"), reached.fresh()).await?);
        }
        if let Some(path) = &options.memory {
            memory::keep(path, shards, &epochs)?;
        }
        let (core, weaknesses) = reached.core(epochs);
        core.recover().await?;
        let mut bells = Vec::new();
        for _ in core.shards.all() {
            bells.push(Link::new(vec![servers.connect().await?]));
        }
        Ok(RedisStore { core, bells, weaknesses })
    }
}

/// Servers that are fit to hold a store, and divided as it is; nothing of it was looked at so far.
pub(super) struct Reached {
    pub link: Link,
    pub shards: Shards,
    pub options: RedisOptions,
    clock: StoreClock,
    weaknesses: Vec<Weakness>,
    /// What the server's clock said, in seconds and µs.
    time: (i64, i64),
}

impl Reached {
    pub async fn reach(options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let servers = Servers::new(&options)?;
        Self::on(&servers, options, clock).await.map_err(|error| servers.explain(error))
    }

    async fn on(servers: &Servers, options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let shards = Shards::new(&options.prefix, options.shards);
        let mut connections = Vec::new();
        for _ in 0..options.connections.max(1) {
            connections.push(servers.connect().await?);
        }
        let link = Link::new(connections);
        loaded(&link, &*clock).await?;
        let weaknesses = fit(&link).await?;
        for weakness in &weaknesses {
            tracing::warn!("{weakness}");
        }
        layout(&link, &shards).await?;
        division(&link, &shards).await?;
        let clock = match options.time {
            StoreTime::Server => StoreClock::of_the_server(clock),
            StoreTime::Clock => StoreClock::by_hand(clock),
        };
        let time: (i64, i64) = link.run(&redis::cmd("TIME")).await?;
        clock.told(time.0, time.1);
        Ok(Reached { link, shards, options, clock, weaknesses, time })
    }

    /// What nobody else can have made.
    pub fn fresh(&self) -> String {
        format!("{}-{}-{}", self.options.process, self.time.0, self.time.1)
    }

    /// What every operation needs, on a database that is known by `epochs`.
    pub fn core(self, epochs: Vec<String>) -> (Core, Vec<Weakness>) {
        let Reached { link, shards, options, clock, weaknesses, time: (seconds, micros) } = self;
        let (link, clock) = (Arc::new(link), Arc::new(clock));
        let (scripts, process) = (Arc::new(Scripts::new()), Arc::from(options.process));
        let claims = Claims::from_time(seconds, micros, epochs.len());
        let news = Arc::new(super::News::default());
        let parts = shards.all().zip(epochs).map(|(shard, epoch)| {
            let voice = Voice {
                shard: shard.clone(),
                epoch,
                process: Arc::clone(&process),
                link: Arc::clone(&link),
                scripts: Arc::clone(&scripts),
                clock: Arc::clone(&clock),
                load: ShardLoad::default(),
            };
            Part::new(voice, &news)
        });
        let core = Core {
            parts: parts.collect(),
            link,
            scripts,
            clock,
            process,
            claims: tokio::sync::Mutex::new(claims),
            dedupe: options.dedupe,
            mine: Mutex::new(HashMap::new()),
            gathering: super::Gathering::default(),
            news,
            shards,
        };
        (core, weaknesses)
    }
}

impl Core {
    /// Takes back what an earlier process of this name was working on, and does what it left undone.
    async fn recover(&self) -> Result<(), StoreError> {
        for shard in self.shards.all() {
            self.bury(shard, &self.process).await?;
            let left: Vec<String> =
                self.link.run(redis::cmd("ZRANGE").arg(shard.key("errands")).arg(0).arg(-1)).await?;
            self.run_left(shard, &left).await?;
            let alone: u64 = self.link.run(redis::cmd("ZCARD").arg(shard.key("alone"))).await?;
            self.gathering.suspect(shard, alone > 0);
            // How much is here, for whoever asks before anything happens.
            self.call(&self.scripts.turn, shard, ["opened", "0"]).await?;
        }
        Ok(())
    }
}

/// What a key holds; that is written if it is not there. A store that is there opens where there is no room to write.
async fn once(link: &Link, key: &str, value: impl ToRedisArgs) -> Result<String, StoreError> {
    let mut get = redis::cmd("GET");
    get.arg(key);
    if let Some(held) = link.run::<Option<String>>(&get).await? {
        return Ok(held);
    }
    let _: Option<String> = link.run(redis::cmd("SET").arg(key).arg(value).arg("NX")).await?;
    link.run(&get).await
}

/// What a newer program made is not touched.
async fn layout(link: &Link, shards: &Shards) -> Result<(), OpenError> {
    let Some(first) = shards.all().next() else { return Ok(()) };
    let found = once(link, &first.key("layout"), LAYOUT).await?;
    if found.parse().is_ok_and(|found: u32| found <= LAYOUT) {
        Ok(())
    } else {
        Err(OpenError::Layout { found })
    }
}

/// The store stays divided as it was at first: what is at home in a shard is looked for there.
async fn division(link: &Link, shards: &Shards) -> Result<(), OpenError> {
    let Some(first) = shards.all().next() else { return Ok(()) };
    let asked = u16::try_from(shards.number()).unwrap_or(u16::MAX);
    let kept = once(link, &first.key("shards"), asked).await?;
    let kept: u16 = kept.parse().map_err(|_| StoreError::Unavailable(format!("`{kept}` parts")))?;
    if kept == asked { Ok(()) } else { Err(OpenError::Shards { kept, asked }) }
}
