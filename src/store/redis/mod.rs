//! The backend for several machines: Redis 7 or newer, one server or a Cluster.
//!
//! An event with all that became of it is one hash in its home shard, and each change of it is one atomic step there: it says
//! which version it began from, and does nothing if that is no longer the present one. Steps that wait at the same moment
//! go in one script ([`batch`]). What is decided is decided here,
//! from the record as it was read ([`desk`]); what is written is the difference ([`commit`]). Only handing out jobs, which
//! looks at many events at once, decides in its script.
//!
//! What follows elsewhere (lines, newer events that take a place) is an errand on the event's record: see [`lines`].

mod accept;
mod batch;
mod claim;
mod clock;
mod commit;
mod connect;
mod depths;
mod desk;
mod fit;
mod follow;
mod gather;
mod house;
mod import;
mod keep;
mod keys;
mod lines;
mod link;
mod loading;
mod memory;
mod open;
mod operate;
mod overdue;
mod part;
mod permits;
mod read;
mod record;
mod script;
mod settle;
mod spend;
mod upkeep;
mod voice;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use redis::Value;
use tokio::sync::watch;

use crate::domain::{
    Answer, Bill, Body, Day, Event, EventId, FrozenRequest, Job, JobId, Lease, Name, Prior, PurchaseOrder,
    Spent, Timestamp,
};

use super::{
    Accepted, Admission, Claim, ClaimRequest, DeadGroup, DedupeKey, Depths, EraseStep, Erased, EventQuery,
    EventSummary, JobQuery, Load, NewJob, Pause, RateDraw, RateDrawn, Replayed, Resolution, RetainStep,
    Retained, Settlement, Store, StoreError, Timeline,
};
use claim::Claims;
use clock::StoreClock;
use desk::Desk;
use gather::Gathering;
use keys::{Shard, Shards};
use link::Link;
use part::Part;
use permits::Permit;
use record::{Errand, Record};
use script::{Code, Reply, Scripts};
use voice::ShardLoad;

pub use fit::Weakness;
pub use import::{Import, Standing, Target};
pub use open::{OpenError, RedisOptions, StoreTime};

/// See the module.
pub struct RedisStore {
    core: Core,
    /// For each shard a connection to wait on.
    bells: Vec<Link>,
    weaknesses: Vec<Weakness>,
}

impl RedisStore {
    /// What the servers may lose although it was acknowledged, as they were when the store was opened.
    pub fn weaknesses(&self) -> &[Weakness] {
        &self.weaknesses
    }

    /// What a process does beside everything else. Goes on until it is dropped; without it others take this process for
    /// gone.
    pub async fn upkeep(&self) {
        self.core.upkeep(&self.bells).await;
    }
}

/// What every operation needs.
struct Core {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    shards: Shards,
    clock: Arc<StoreClock>,
    /// What this process is known by: whoever starts under this name later takes back what it was working on.
    process: Arc<str>,
    /// How long a dedupe key is remembered.
    dedupe: Duration,
    /// What this process works on.
    mine: Mutex<HashMap<JobId, Mine>>,
    /// One claim at a time: see `claim`.
    claims: tokio::sync::Mutex<Claims>,
    /// By shard.
    parts: Vec<Part>,
    /// What it knows of the parts of the store, for claims that go through several.
    gathering: Gathering,
    news: Arc<News>,
}

/// Who waits for something to be there hears of it here.
#[derive(Debug)]
struct News {
    work: watch::Sender<u64>,
    changes: watch::Sender<u64>,
}

impl Default for News {
    fn default() -> Self {
        News { work: watch::Sender::new(0), changes: watch::Sender::new(0) }
    }
}

impl News {
    /// Something was changed, and there may be something to claim.
    fn announce(&self, new_work: bool) {
        self.changes.send_modify(|n| *n += 1);
        if new_work {
            self.work.send_modify(|n| *n += 1);
        }
    }
}

/// A job under way in this process.
#[derive(Debug, Clone)]
struct Mine {
    shard: u16,
    token: u64,
    alone: bool,
    until: Timestamp,
    /// What a limit on it goes by; nothing where the store is in one part.
    limited: String,
    /// Under which it was handed out, where a limit holds over several parts of the store.
    permit: Option<Permit>,
    /// As this process knows it. Another one may have changed it since; then what is written from it is refused.
    record: Option<Record>,
    /// What was done elsewhere of what stands in its record, to be forgotten there with the next change.
    done: Vec<Errand>,
}

impl Core {
    async fn call(
        &self,
        code: &Code,
        shard: &Shard,
        args: impl IntoIterator<Item = impl redis::ToRedisArgs>,
    ) -> Result<Reply, StoreError> {
        self.call_at(self.clock.now(), code, shard, args).await
    }

    async fn call_at(
        &self,
        now: Timestamp,
        code: &Code,
        shard: &Shard,
        args: impl IntoIterator<Item = impl redis::ToRedisArgs>,
    ) -> Result<Reply, StoreError> {
        let mut words: Vec<Vec<u8>> = Vec::new();
        for arg in args {
            arg.write_redis_args(&mut words);
        }
        self.part(shard)?.voice.call(now, code, words).await
    }

    fn part(&self, shard: &Shard) -> Result<&Part, StoreError> {
        let unknown = || StoreError::Unavailable(format!("no shard {}", shard.n));
        self.parts.get(usize::from(shard.n)).ok_or_else(unknown)
    }

    /// Reads a record without its body.
    async fn load(&self, shard: &Shard, id: EventId) -> Result<Option<Record>, StoreError> {
        let hash: Value = self.link.run(redis::cmd("HGETALL").arg(shard.event(id))).await?;
        Record::read(hash, None)
    }

    /// Which shard an event is at home in.
    async fn home(&self, id: EventId) -> Result<Option<(Shard, Record)>, StoreError> {
        let mut failed = None;
        for shard in self.shards.all() {
            match self.load(shard, id).await {
                Ok(Some(record)) => return Ok(Some((shard.clone(), record))),
                Ok(None) => {}
                // It may be at home in one that can be reached.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// Changes an event's record in one atomic step, however many do so at the same time; `None` if it is not there.
    async fn change_in<T>(
        &self,
        shard: &Shard,
        id: EventId,
        change: impl Fn(&mut Desk) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.change_known(None, shard, id, change).await?.map(|(told, _)| told))
    }

    /// As [`Core::change_in`], beginning from the record as it is `known`; with the record as it is then.
    async fn change_known<T>(
        &self,
        mut known: Option<Record>,
        shard: &Shard,
        id: EventId,
        change: impl Fn(&mut Desk) -> Result<T, StoreError>,
    ) -> Result<Option<(T, Record)>, StoreError> {
        loop {
            let is_fresh = known.is_none();
            let record = match known.take() {
                Some(record) => record,
                None => match self.load(shard, id).await? {
                    Some(record) => record,
                    None => return Ok(None),
                },
            };
            let mut desk = Desk::new(record, self.clock.now());
            let told = match change(&mut desk) {
                // Perhaps only of what is no longer so.
                Err(_) if !is_fresh => continue,
                told => told?,
            };
            let is_changed = desk.is_changed();
            if is_changed && !self.write(shard, &desk).await? || !is_changed && !is_fresh {
                continue;
            }
            return Ok(Some((told, desk.into_record(is_changed))));
        }
    }

    /// As [`Core::change_in`], with all that follows from it elsewhere.
    async fn change<T>(
        &self,
        shard: &Shard,
        id: EventId,
        change: impl Fn(&mut Desk) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let Some((told, record)) = self.change_known(None, shard, id, change).await? else { return Ok(None) };
        if !record.errands.is_empty() {
            self.run_errands(shard, id).await?;
        }
        Ok(Some(told))
    }

    /// Writes what was changed; `false` if the record is another one by now.
    async fn write(&self, shard: &Shard, desk: &Desk) -> Result<bool, StoreError> {
        let commands = commit::commands(desk, shard)?;
        let mut words = vec![
            shard.event(desk.record.event.id).into_bytes(),
            desk.record.version.to_string().into_bytes(),
        ];
        words.extend(commands.0);
        if self.part(shard)?.changes.ask(desk.now, words).await? == "moved" {
            return Ok(false);
        }
        self.news.announce(commit::makes_work(desk));
        Ok(true)
    }

    fn mine(&self) -> MutexGuard<'_, HashMap<JobId, Mine>> {
        lock(&self.mine)
    }

    /// Changes what `lease` is held on.
    async fn change_held<T>(
        &self,
        lease: Lease,
        change: impl Fn(&mut Desk) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (stale, event) = (|| StoreError::StaleLease(lease.job), lease.job.event);
        let (n, known, done) = match self.mine().get_mut(&lease.job) {
            Some(mine) => (Some(mine.shard), mine.record.take(), mine.done.clone()),
            None => (None, None, Vec::new()),
        };
        let change = |desk: &mut Desk| {
            let told = change(desk)?;
            for errand in &done {
                if desk.record.errands.contains(errand) {
                    lines::forget(desk, errand);
                }
            }
            Ok(told)
        };
        let shard = match n.and_then(|n| self.shards.get(n)) {
            Some(shard) => shard.clone(),
            None => self.home(event).await?.ok_or_else(stale)?.0,
        };
        let (told, record) = self.change_known(known, &shard, event, change).await?.ok_or_else(stale)?;
        // Those of its purchases are done by whoever makes them.
        let is_alone = record.errands.iter().all(Errand::is_account);
        if let Some(mine) = self.mine().get_mut(&lease.job) {
            mine.done.retain(|errand| record.errands.contains(errand));
            mine.record = is_alone.then_some(record);
        }
        if !is_alone {
            self.run_errands(&shard, event).await?;
        }
        Ok(told)
    }
}

/// Nothing that holds one of these locks can fail half way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for RedisStore {
    async fn accept(&self, admission: Admission) -> Result<Accepted, StoreError> {
        self.core.accept(admission).await
    }

    async fn knows(&self, keys: &[DedupeKey]) -> Result<bool, StoreError> {
        self.core.knows(keys).await
    }

    fn load(&self) -> Load {
        let sum = |count: fn(&ShardLoad) -> &AtomicU64| {
            self.core.parts.iter().map(|part| count(&part.voice.load).load(Ordering::Relaxed)).sum()
        };
        Load { open_jobs: sum(|load| &load.open_jobs), payload_bytes: sum(|load| &load.payload_bytes) }
    }

    fn congested(&self) -> bool {
        false
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.core.claim(&request).await
    }

    async fn body(&self, event: &Event) -> Result<Option<Bytes>, StoreError> {
        match &event.body {
            Body::Here(bytes) => Ok(Some(Bytes::clone(bytes))),
            Body::Gone => Ok(None),
            Body::File(_) => self.core.body(event.id).await,
        }
    }

    async fn begin(&self, lease: Lease, request: Option<FrozenRequest>) -> Result<(), StoreError> {
        self.core.change_held(lease, |desk| desk.begin(lease, request.as_ref())).await
    }

    async fn bought(&self, event: EventId, judge: &Name, digest: &str) -> Result<Option<Answer>, StoreError> {
        self.core.bought(event, judge, digest).await
    }

    async fn begin_purchase(&self, lease: Lease, order: &PurchaseOrder) -> Result<Prior, StoreError> {
        self.core.begin_purchase(lease, order).await
    }

    async fn end_purchase(&self, lease: Lease, bill: &Bill) -> Result<(), StoreError> {
        self.core.end_purchase(lease, bill).await
    }

    async fn extend(&self, lease: Lease, by: Duration) -> Result<(), StoreError> {
        self.core.extend(lease, by).await
    }

    async fn settle(&self, lease: Lease, settlement: Settlement) -> Result<(), StoreError> {
        self.core.settle(lease, &settlement).await
    }

    async fn timeline(&self, event: EventId) -> Result<Option<Timeline>, StoreError> {
        self.core.timeline(event).await
    }

    async fn events(&self, query: EventQuery) -> Result<Vec<EventSummary>, StoreError> {
        self.core.events(&query).await
    }

    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError> {
        let found = self.core.jobs(&query).await?;
        Ok(found.into_iter().map(|(_, job)| job).collect())
    }

    async fn count(&self, query: JobQuery) -> Result<u64, StoreError> {
        self.core.count(&query).await
    }

    async fn dead_groups(&self) -> Result<Vec<DeadGroup>, StoreError> {
        self.core.dead_groups().await
    }

    async fn depths(&self) -> Result<Depths, StoreError> {
        self.core.depths().await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.core.clock.now())
    }

    async fn last_heard(&self) -> Result<Vec<(Name, Timestamp)>, StoreError> {
        self.core.last_heard().await
    }

    async fn spent(&self, day: &Day) -> Result<Vec<Spent>, StoreError> {
        self.core.spent(day).await
    }

    async fn resolve(&self, job: JobId, resolution: Resolution) -> Result<(), StoreError> {
        self.core.resolve(job, &resolution).await
    }

    async fn redrive(&self, query: JobQuery) -> Result<u64, StoreError> {
        self.core.redrive(&query).await
    }

    async fn unpark(&self, jobs: &[JobId]) -> Result<u64, StoreError> {
        self.core.unpark(jobs).await
    }

    async fn discard(&self, query: JobQuery, note: &str) -> Result<u64, StoreError> {
        self.core.discard(&query, note).await
    }

    async fn replay(&self, event: EventId, jobs: Vec<NewJob>) -> Result<Replayed, StoreError> {
        self.core.replay(event, &jobs).await
    }

    async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.core.set_pause(&pause, true).await
    }

    async fn resume(&self, pause: Pause) -> Result<(), StoreError> {
        self.core.set_pause(&pause, false).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.core.pauses().await
    }

    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.core.cursor(name).await
    }

    async fn move_cursor(&self, name: &str, from: Option<&str>, to: &str) -> Result<(), StoreError> {
        self.core.move_cursor(name, from, to).await
    }

    async fn take_turn(&self, job: &str, every: Duration) -> Result<bool, StoreError> {
        self.core.take_turn(job, every).await
    }

    async fn draw_rate(&self, draw: RateDraw) -> Result<RateDrawn, StoreError> {
        self.core.draw_rate(&draw).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn retain(&self, step: RetainStep) -> Result<Retained, StoreError> {
        self.core.retain(&step).await
    }

    async fn erase(&self, step: EraseStep) -> Result<Erased, StoreError> {
        self.core.erase(&step).await
    }

    fn work(&self) -> watch::Receiver<u64> {
        self.core.news.work.subscribe()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.core.news.changes.subscribe()
    }
}
