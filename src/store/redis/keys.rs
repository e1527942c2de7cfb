//! Names of the keys. All keys of a shard share one hash tag, and so one slot of a cluster.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};

use crate::domain::{EventId, Job, JobId, Lane};

/// A part of the store that lives in one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shard {
    pub n: u16,
    tag: Arc<str>,
}

/// All shards of a store, under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Shards(Vec<Shard>);

impl Shards {
    pub fn new(prefix: &str, shards: u16) -> Self {
        let shard = |n| Shard { n, tag: format!("{{{prefix}:{n}}}").into() };
        Shards((0..shards.max(1)).map(shard).collect())
    }

    /// Where `name` is at home: the same in every process, whatever its version.
    pub fn home_of(&self, name: &str) -> &Shard {
        let digest = Sha256::digest(name.as_bytes());
        let number = digest.iter().take(4).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        &self.0[number % self.0.len()]
    }

    pub fn all(&self) -> impl Iterator<Item = &Shard> {
        self.0.iter()
    }

    /// How many there are.
    pub fn number(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, n: u16) -> Option<&Shard> {
        self.0.get(usize::from(n))
    }
}

impl Shard {
    pub fn tag(&self) -> &str {
        &self.tag
    }

    pub fn key(&self, name: impl fmt::Display) -> String {
        format!("{}:{name}", self.tag)
    }

    pub fn event(&self, id: EventId) -> String {
        self.key(format_args!("event:{}", id.0.simple()))
    }

    pub fn dedupe(&self, text: &str) -> String {
        self.key(format_args!("key:{text}"))
    }

    pub fn body(&self, id: EventId) -> String {
        self.key(format_args!("body:{}", id.0.simple()))
    }
}

/// A job's id as a member of sets: such members sort as the ids do.
pub(super) fn member(id: JobId) -> String {
    format!("{}.{:05}", id.event.0.simple(), id.n)
}

/// The field of an event's hash that says where job `n` stands: `@due` if it may be claimed from then on, or who holds it.
pub(super) fn stands(n: u32) -> String {
    format!("w{n}")
}

/// The id that a member or a ticket begins with.
pub(super) fn job_id(member: &str) -> Option<JobId> {
    let id = member.split('|').next()?;
    let (event, n) = id.split_once('.')?;
    Some(JobId { event: event_id(event)?, n: n.parse().ok()? })
}

pub(super) fn event_id(hex: &str) -> Option<EventId> {
    uuid::Uuid::try_parse(hex).ok().map(EventId)
}

/// What stands in lanes for a job: its id, and whatever tells whether it may be handed out now.
pub(super) fn ticket(job: &Job) -> String {
    format!("{}|{}", member(job.id), queue(job))
}

/// The queue a job stands in: one for each lane, route and destination.
pub(super) fn queue(job: &Job) -> String {
    let destination = job.destination.as_deref().unwrap_or_default();
    format!("{}|{}|{destination}", job.lane, job.work.route())
}

/// A queue by its name.
pub(super) fn queue_parts(queue: &str) -> Option<(Lane, &str, Option<&str>)> {
    let mut parts = queue.splitn(3, '|');
    let (lane, route, destination) = (parts.next()?, parts.next()?, parts.next()?);
    Some((lane.parse().ok()?, route, Some(destination).filter(|name| !name.is_empty())))
}

/// What a limit on jobs under way goes by.
pub(super) fn limited(job: &Job) -> String {
    match &job.destination {
        Some(destination) => format!("destination:{destination}"),
        None => format!("route:{}", job.work.route()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_home_in_a_shard_stays_there() {
        let shards = Shards::new("hookyard", 4);
        let homes: Vec<u16> = (0..8).map(|n| shards.home_of(&format!("stripe/evt_{n}")).n).collect();
        assert_eq!(homes, [2, 0, 3, 3, 3, 1, 3, 2]);
        assert_eq!(shards.home_of("a").tag(), format!("{{hookyard:{}}}", shards.home_of("a").n));
    }

    #[test]
    fn members_sort_as_ids_do() {
        let id = |event, n| JobId { event: EventId(uuid::Uuid::from_u128(event)), n };
        let sorted = [id(1, 2), id(1, 10), id(1, 65_535), id(2, 0), id(1 << 100, 1)];
        let members = sorted.map(member);
        assert!(members.is_sorted());
        assert_eq!(members.map(|text| job_id(&text)), sorted.map(Some));
    }
}
