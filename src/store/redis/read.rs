//! Questions that change nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{Body, Cause, EventId, Job, JobState, Lane, Name},
    store::{DeadGroup, EventQuery, EventSummary, JobQuery, ROWS_MAX, StoreError, Timeline},
};
use bytes::Bytes;

use super::{
    Core,
    keys::{self, Shard},
    record::Record,
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
    pub(super) async fn lane(
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
