//! Questions that change nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{Body, Cause, EventId, Job, JobState, Lane, Name, Timestamp},
    store::{
        DeadGroup, Depths, EventQuery, EventSummary, JobQuery, LaneDepth, QueueDepth, ROWS_MAX, StoreError,
        Timeline,
    },
};
use bytes::Bytes;

use super::{
    Core,
    keys::{self, Shard},
    link::number,
    record::{Record, unreadable},
    script::DONE_WORDS,
};

/// Records or tickets read at one time.
const CHUNK: usize = 500;

const fn limit(asked: u32) -> usize {
    (if asked == 0 || asked > ROWS_MAX { ROWS_MAX } else { asked }) as usize
}

impl Core {
    pub(super) async fn timeline(&self, id: EventId) -> Result<Option<Timeline>, StoreError> {
        let Some((shard, mut record)) = self.home(id).await? else { return Ok(None) };
        self.with_body(&shard, &mut record).await?;
        Ok(Some(record.timeline()))
    }

    /// Reads the body of an event where it is handed out with it.
    async fn with_body(&self, shard: &Shard, record: &mut Record) -> Result<(), StoreError> {
        if matches!(&record.event.body, Body::File(file) if file.sha256.is_empty()) {
            let body: Option<Vec<u8>> =
                self.link.run(redis::cmd("GET").arg(shard.body(record.event.id))).await?;
            record.event.body = body.map_or(Body::Gone, |bytes| Body::Here(Bytes::from(bytes)));
        }
        Ok(())
    }

    /// Reads several records of a shard; those that are gone are left out.
    pub(super) async fn records(&self, shard: &Shard, ids: &[EventId]) -> Result<Vec<Record>, StoreError> {
        let mut commands = redis::pipe();
        for id in ids {
            commands.cmd("HGETALL").arg(shard.event(*id));
        }
        let mut records = Vec::with_capacity(ids.len());
        for hash in self.link.run_all(&commands).await? {
            records.extend(Record::read(hash, None)?);
        }
        Ok(records)
    }

    /// Ids of a shard's events after one, in order.
    pub(super) async fn ids_after(
        &self,
        shard: &Shard,
        after: Option<EventId>,
        max: usize,
    ) -> Result<Vec<EventId>, StoreError> {
        let from = after.map_or("-".to_owned(), |id| format!("({}", id.0.simple()));
        let mut range = redis::cmd("ZRANGE");
        range.arg(shard.key("events")).arg(from).arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(max);
        let found: Vec<String> = self.link.run(&range).await?;
        Ok(found.iter().filter_map(|hex| keys::event_id(hex)).collect())
    }

    pub(super) async fn events(&self, query: &EventQuery) -> Result<Vec<EventSummary>, StoreError> {
        let limit = limit(query.limit);
        let mut found = Vec::new();
        for shard in self.shards.all() {
            found.extend(self.events_in(shard, query, limit).await?);
        }
        found.sort_unstable_by_key(|summary| std::cmp::Reverse(summary.event.id));
        found.truncate(limit);
        Ok(found)
    }

    async fn events_in(
        &self,
        shard: &Shard,
        query: &EventQuery,
        limit: usize,
    ) -> Result<Vec<EventSummary>, StoreError> {
        let mut before = query.before;
        let mut found = Vec::new();
        loop {
            let from = before.map_or("+".to_owned(), |id| format!("({}", id.0.simple()));
            let mut range = redis::cmd("ZRANGE");
            range.arg(shard.key("events")).arg(from).arg("-").arg("BYLEX").arg("REV");
            range.arg("LIMIT").arg(0).arg(CHUNK.min(limit));
            let hexes: Vec<String> = self.link.run(&range).await?;
            let ids: Vec<EventId> = hexes.iter().filter_map(|hex| keys::event_id(hex)).collect();
            let Some(last) = ids.last().copied() else { return Ok(found) };
            for mut record in self.records(shard, &ids).await? {
                let event = &record.event;
                if query.source.as_ref().is_none_or(|source| **source == *event.source)
                    && query.event_type.as_ref().is_none_or(|of| of.matches(&event.event_type))
                    && query.since.is_none_or(|since| event.received_at >= since)
                    && query.until.is_none_or(|until| event.received_at < until)
                {
                    self.with_body(shard, &mut record).await?;
                    let (state, jobs) = (record.state(), record.jobs.len());
                    found.push(EventSummary { event: record.event, state, jobs });
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
            // An id is made when its event was verified, a little after it came.
            let earliest = query.since.unwrap_or_default().as_millis();
            if i64::try_from(last.0.as_u128() >> 80).unwrap_or(i64::MAX) < earliest {
                return Ok(found);
            }
            before = Some(last);
        }
    }

    /// The jobs a query names, with the shard of each, the oldest event first.
    pub(super) async fn jobs(&self, query: &JobQuery) -> Result<Vec<(Shard, Job)>, StoreError> {
        let limit = limit(query.limit);
        let mut found = Vec::new();
        for shard in self.shards.all() {
            let jobs = self.jobs_in(shard, query, limit).await?;
            found.extend(jobs.into_iter().map(|job| (shard.clone(), job)));
        }
        found.sort_unstable_by_key(|(_, job)| job.id);
        found.truncate(limit);
        Ok(found)
    }

    pub(super) async fn count(&self, query: &JobQuery) -> Result<u64, StoreError> {
        let mut query = JobQuery { after: None, limit: 0, ..query.clone() };
        let mut count = 0;
        loop {
            let found = self.jobs(&query).await?;
            count += found.len() as u64;
            match found.last() {
                Some((_, last)) if found.len() == limit(0) => query.after = Some(last.id),
                Some(_) | None => return Ok(count),
            }
        }
    }

    async fn jobs_in(&self, shard: &Shard, query: &JobQuery, limit: usize) -> Result<Vec<Job>, StoreError> {
        if !query.ids.is_empty() {
            let ids: BTreeSet<EventId> = query.ids.iter().map(|id| id.event).collect();
            let ids: Vec<EventId> = ids.into_iter().collect();
            let mut found = Vec::new();
            for record in self.records(shard, &ids).await? {
                found.extend(named(record, query));
            }
            found.sort_unstable_by_key(|job| job.id);
            found.truncate(limit);
            return Ok(found);
        }
        let mut walk = self.candidates(shard, query).await?;
        let mut found = Vec::new();
        loop {
            let ids = walk.next(self, shard).await?;
            if ids.is_empty() {
                return Ok(found);
            }
            for record in self.records(shard, &ids).await? {
                found.extend(named(record, query));
            }
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    /// The events among whose jobs those of a query are.
    async fn candidates(&self, shard: &Shard, query: &JobQuery) -> Result<Walk, StoreError> {
        let from = query.after.map(|job| job.event);
        let members: Vec<String> = match query.state {
            Some(JobState::Ready) => self.tickets(shard).await?,
            Some(JobState::Leased) => {
                self.link.run(redis::cmd("ZRANGE").arg(shard.key("leases")).arg(0).arg(-1)).await?
            }
            Some(state @ (JobState::Blocked | JobState::Waiting | JobState::Dead)) => {
                let kept = shard.key(format_args!("kept:{state}"));
                return Ok(Walk::Kept { kept, from, after: None });
            }
            Some(JobState::Done | JobState::Skipped | JobState::Discarded) | None => {
                return Ok(Walk::All { from, after: None });
            }
        };
        let events = members.iter().filter_map(|member| keys::job_id(member)).map(|job| job.event);
        Ok(Walk::Listed(events.filter(|event| from.is_none_or(|from| *event >= from)).collect()))
    }

    /// Whatever stands in lanes, is put aside, or waits for its time.
    async fn tickets(&self, shard: &Shard) -> Result<Vec<String>, StoreError> {
        let mut tickets = Vec::new();
        for lane in Lane::ALL.iter().copied() {
            let mut from = "-".to_owned();
            loop {
                let entries = self.lane(shard, lane, &from).await?;
                let Some((last, _, _)) = entries.last() else { break };
                from = format!("({last}");
                tickets.extend(entries.into_iter().map(|(_, ticket, _)| ticket));
            }
        }
        let mut sets = vec![shard.key("alone")];
        let held: Vec<String> = self.link.run(redis::cmd("SMEMBERS").arg(shard.key("aside"))).await?;
        sets.extend(held.iter().map(|queue| shard.key(format_args!("aside:{queue}"))));
        for set in sets {
            let here: Vec<String> = self.link.run(redis::cmd("ZRANGE").arg(set).arg(0).arg(-1)).await?;
            tickets.extend(here);
        }
        Ok(tickets)
    }

    /// Entries of a lane from one on: their own ids, tickets and due times.
    async fn lane(
        &self,
        shard: &Shard,
        lane: Lane,
        from: &str,
    ) -> Result<Vec<(String, String, String)>, StoreError> {
        let mut range = redis::cmd("XRANGE");
        range.arg(shard.key(format_args!("lane:{lane}"))).arg(from).arg("+").arg("COUNT").arg(CHUNK);
        let found: Vec<(String, Vec<String>)> = self.link.run(&range).await?;
        let entries = found.into_iter().filter_map(|(id, fields)| match fields.as_slice() {
            [_, ticket, _, due] => Some((id, ticket.clone(), due.clone())),
            _ => None,
        });
        Ok(entries.collect())
    }

    pub(super) async fn dead_groups(&self) -> Result<Vec<DeadGroup>, StoreError> {
        let mut groups: BTreeMap<(String, Name, Option<Name>), DeadGroup> = BTreeMap::new();
        let mut query = JobQuery { state: Some(JobState::Dead), ..JobQuery::default() };
        loop {
            let found = self.jobs(&query).await?;
            for (_, job) in &found {
                let cause = job.cause.unwrap_or(Cause::Exhausted);
                let route = Name::clone(job.work.route());
                let of = (cause.to_string(), Name::clone(&route), job.destination.clone());
                let reason = || job.reason.clone().unwrap_or_default();
                let group = groups.entry(of).or_insert_with(|| DeadGroup {
                    cause,
                    route,
                    destination: job.destination.clone(),
                    jobs: 0,
                    oldest: job.due,
                    newest: job.due,
                    reason: reason(),
                });
                group.jobs += 1;
                group.oldest = group.oldest.min(job.due);
                if job.due > group.newest {
                    (group.newest, group.reason) = (job.due, reason());
                }
            }
            match found.last() {
                Some((_, last)) if found.len() == limit(0) => query.after = Some(last.id),
                Some(_) | None => break,
            }
        }
        let mut groups: Vec<DeadGroup> = groups.into_values().collect();
        groups.sort_by(|a, b| b.jobs.cmp(&a.jobs).then_with(|| a.route.cmp(&b.route)));
        Ok(groups)
    }

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

/// A way through a shard's events, in the order of their ids.
enum Walk {
    All { from: Option<EventId>, after: Option<EventId> },
    Kept { kept: String, from: Option<EventId>, after: Option<String> },
    Listed(BTreeSet<EventId>),
}

impl Walk {
    async fn next(&mut self, core: &Core, shard: &Shard) -> Result<Vec<EventId>, StoreError> {
        match self {
            Walk::All { from, after } => {
                let mut ids: Vec<EventId> = Vec::new();
                if let Some(first) = from.take() {
                    ids.push(first);
                    *after = Some(first);
                }
                ids.extend(core.ids_after(shard, *after, CHUNK).await?);
                if let Some(last) = ids.last() {
                    *after = Some(*last);
                }
                Ok(ids)
            }
            Walk::Kept { kept, from, after } => {
                let first = match (&after, from) {
                    (Some(last), _) => format!("({last}"),
                    (None, Some(from)) => format!("[{}", from.0.simple()),
                    (None, None) => "-".to_owned(),
                };
                let mut range = redis::cmd("ZRANGE");
                range.arg(&*kept).arg(first).arg("+").arg("BYLEX").arg("LIMIT").arg(0).arg(CHUNK);
                let members: Vec<String> = core.link.run(&range).await?;
                // All jobs of an event are read with it: on to the next one.
                if let Some(job) = members.last().and_then(|last| keys::job_id(last)) {
                    *after = Some(format!("{}.~", job.event.0.simple()));
                }
                let events: BTreeSet<EventId> =
                    members.iter().filter_map(|member| keys::job_id(member)).map(|job| job.event).collect();
                Ok(events.into_iter().collect())
            }
            Walk::Listed(events) => {
                let ids: Vec<EventId> = events.iter().take(CHUNK).copied().collect();
                if let Some(last) = ids.last() {
                    *events = events.split_off(last);
                    events.remove(last);
                }
                Ok(ids)
            }
        }
    }
}

/// The jobs of a record that a query names.
fn named(record: Record, query: &JobQuery) -> Vec<Job> {
    let jobs = record.jobs.into_iter().map(|entry| entry.job);
    let text = |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|of| is == Some(of));
    jobs.filter(|job| {
        query.state.is_none_or(|state| job.state == state)
            && (query.ids.is_empty() || query.ids.contains(&job.id))
            && text(&query.route, Some(job.work.route()))
            && text(&query.destination, job.destination.as_deref())
            && query.cause.is_none_or(|cause| job.cause == Some(cause))
            && query.since.is_none_or(|since| job.due >= since)
            && query.until.is_none_or(|until| job.due < until)
            && query.after.is_none_or(|after| job.id > after)
    })
    .collect()
}
