//! How much there is, since when it waits, and who was heard of last.

use std::collections::BTreeMap;

use crate::{
    domain::{Lane, Name, Timestamp},
    store::{Depths, LaneDepth, QueueDepth, StoreError},
};

use super::{
    Core,
    keys::{self, Shard},
    link::number,
    record::unreadable,
    script::DONE_WORDS,
};

impl Core {
    pub(super) async fn depths(&self) -> Result<Depths, StoreError> {
        let mut depths = Depths::default();
        let mut queues: BTreeMap<String, u64> = BTreeMap::new();
        let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
        let mut oldest: BTreeMap<Lane, Timestamp> = BTreeMap::new();
        for shard in self.shards.all() {
            let reply = self.call(&self.scripts.depths, shard, [""]).await?;
            let told = reply.rest.get(DONE_WORDS..).unwrap_or_default();
            let [ready, kept, leased, blocked, waiting, dead] = told else {
                return Err(unreadable("how much there is"));
            };
            let counts = |value: &redis::Value| -> Result<Vec<(String, i64)>, StoreError> {
                redis::from_redis_value_ref(value).map_err(unreadable)
            };
            for (queue, ready) in counts(ready)?.into_iter().filter(|(_, ready)| *ready > 0) {
                *queues.entry(queue).or_default() += ready.unsigned_abs();
            }
            for (source, kept) in counts(kept)? {
                *bytes.entry(source).or_default() += kept.unsigned_abs();
            }
            depths.leased += number(leased)?.unsigned_abs();
            depths.blocked += number(blocked)?.unsigned_abs();
            depths.waiting += number(waiting)?.unsigned_abs();
            depths.dead += number(dead)?.unsigned_abs();
            for lane in Lane::ALL.iter().copied() {
                if let Some(due) = self.oldest_due(shard, lane).await? {
                    let first = oldest.entry(lane).or_insert(due);
                    *first = due.min(*first);
                }
            }
        }
        for lane in Lane::ALL.iter().copied() {
            let of = queues.iter().filter_map(|(queue, ready)| Some((keys::queue_parts(queue)?, *ready)));
            let of: Vec<_> = of.filter(|((other, _, _), _)| *other == lane).collect();
            let ready = of.iter().map(|(_, ready)| ready).sum();
            depths.lanes.push(LaneDepth { lane, ready, oldest_due: oldest.get(&lane).copied() });
            for ((lane, route, destination), ready) in of {
                let destination = destination.map(Into::into);
                depths.queues.push(QueueDepth { lane, route: route.into(), destination, ready });
            }
        }
        depths.payload_bytes = bytes.into_iter().map(|(source, kept)| (source.into(), kept)).collect();
        Ok(depths)
    }

    /// When the oldest job of a lane that nobody holds became due.
    async fn oldest_due(&self, shard: &Shard, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        let mut heads: Vec<i64> = Vec::new();
        let mut from = "-".to_owned();
        'lane: loop {
            let entries = self.lane(shard, lane, &from).await?;
            let Some((last, _, _)) = entries.last() else { break };
            from = format!("({last}");
            for (_, ticket, due) in &entries {
                let Some(job) = keys::job_id(ticket) else { continue };
                let mut ready = redis::cmd("HGET");
                ready.arg(shard.event(job.event)).arg(keys::stands(job.n));
                let stands: Option<String> = self.link.run(&ready).await?;
                if stands.as_deref().and_then(|stands| stands.strip_prefix('@')) == Some(due.as_str()) {
                    heads.extend(due.parse::<i64>());
                    break 'lane;
                }
            }
        }
        // The few that run with nothing beside them are of all lanes.
        let alone = self.due(shard.key("alone"), now, -1).await?;
        let of_lane = |ticket: &str| ticket.split('|').nth(1).is_some_and(|of| of == lane.as_str());
        heads.extend(alone.iter().find(|(ticket, _)| of_lane(ticket)).map(|(_, due)| *due as i64));
        let held: Vec<String> = self.link.run(redis::cmd("SMEMBERS").arg(shard.key("aside"))).await?;
        for queue in held.iter().filter(|queue| queue.split('|').next() == Some(lane.as_str())) {
            let set = shard.key(format_args!("aside:{queue}"));
            let first = self.due(set, now, 1).await?;
            heads.extend(first.first().map(|(_, due)| *due as i64));
        }
        Ok(heads.into_iter().min().map(Timestamp::from_millis))
    }

    /// The first of a sorted set that are due, each with the time since when; all of them if `limit` is -1.
    async fn due(&self, set: String, now: Timestamp, limit: i64) -> Result<Vec<(String, f64)>, StoreError> {
        let mut range = redis::cmd("ZRANGE");
        range.arg(set).arg("-inf").arg(now.as_millis()).arg("BYSCORE");
        self.link.run(range.arg("LIMIT").arg(0).arg(limit).arg("WITHSCORES")).await
    }

    pub(super) async fn last_heard(&self) -> Result<Vec<(Name, Timestamp)>, StoreError> {
        // The latest word by the store's time, which goes only forward.
        let mut heard: BTreeMap<Name, (i64, i64)> = BTreeMap::new();
        for shard in self.shards.all() {
            let here: Vec<(String, String)> =
                self.link.run(redis::cmd("HGETALL").arg(shard.key("heard"))).await?;
            for (source, value) in here {
                let Some((now, at)) = value.split_once(' ') else { continue };
                let (Ok(now), Ok(at)) = (now.parse(), at.parse()) else { continue };
                let last = heard.entry(source.into()).or_insert((now, at));
                *last = (now, at).max(*last);
            }
        }
        Ok(heard.into_iter().map(|(source, (_, at))| (source, Timestamp::from_millis(at))).collect())
    }

    pub(super) async fn heard(&self, shard: &Shard, source: &str, at: Timestamp) -> Result<(), StoreError> {
        let value = format!("{} {}", self.clock.now().as_millis(), at.as_millis());
        let mut set = redis::cmd("HSET");
        let _: i64 = self.link.run(set.arg(shard.key("heard")).arg(source).arg(value)).await?;
        Ok(())
    }
}
