//! What of a changed record is written, and to which sets around it.

use crate::{
    domain::{Body, JobState, Timestamp},
    store::StoreError,
};

use super::{
    desk::{Desk, Standing},
    keys::{self, Shard},
    record::{Entry, to_json},
};
use crate::decide::lease::SUSPECT_CRASHES;

/// Commands for a script, each led by its number of words.
#[derive(Debug, Default)]
pub(super) struct Commands(pub Vec<Vec<u8>>);

/// A word of a command.
pub(super) trait Word {
    fn into_word(self) -> Vec<u8>;
}

impl Commands {
    pub fn add<const N: usize>(&mut self, words: [Vec<u8>; N]) {
        self.0.push(N.to_string().into_bytes());
        self.0.extend(words);
    }
}

macro_rules! command {
    ($to:expr, $($word:expr),+) => {
        $to.add([$(Word::into_word($word)),+])
    };
}
pub(super) use command;

impl Word for &str {
    fn into_word(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Word for &String {
    fn into_word(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Word for String {
    fn into_word(self) -> Vec<u8> {
        self.into_bytes()
    }
}

impl Word for Vec<u8> {
    fn into_word(self) -> Vec<u8> {
        self
    }
}

impl Word for i64 {
    fn into_word(self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl Word for Timestamp {
    fn into_word(self) -> Vec<u8> {
        self.as_millis().into_word()
    }
}

/// States whose jobs are kept in a set of their own, since people ask for them.
const fn is_kept(state: JobState) -> bool {
    matches!(state, JobState::Blocked | JobState::Waiting | JobState::Dead)
}

const fn is_open(state: JobState) -> bool {
    matches!(state, JobState::Ready | JobState::Leased | JobState::Blocked)
}

/// Whether anything may be claimed now that could not be before.
pub(super) fn makes_work(desk: &Desk) -> bool {
    desk.touched.iter().any(|n| desk.job(*n).is_some_and(|job| job.state == JobState::Ready))
}

/// The commands that write what `desk` changed in `shard`.
pub(super) fn commands(desk: &Desk, shard: &Shard) -> Result<Commands, StoreError> {
    let mut to = Commands::default();
    let record = &desk.record;
    let event = shard.event(record.event.id);
    let hex = record.event.id.0.simple().to_string();
    if desk.removed {
        command!(to, "DEL", &event);
        command!(to, "DEL", shard.body(record.event.id));
        command!(to, "ZREM", shard.key("events"), hex);
        payload(desk, shard, 0, &mut to);
        return Ok(to);
    }
    // First what grows most: where there is no room, nothing was changed yet.
    if record.version == 0 {
        if let Body::Here(bytes) = &record.event.body {
            command!(to, "SET", shard.body(record.event.id), bytes.to_vec());
        }
        command!(to, "ZADD", shard.key("events"), 0, &hex);
    }
    if record.version == 0 || desk.event_changed {
        command!(to, "HSET", &event, "e", record.event_json()?);
        let body = match &record.event.body {
            Body::Here(_) => "here",
            Body::File(_) => "apart",
            Body::Gone => "gone",
        };
        command!(to, "HSET", &event, "b", body);
        if body == "gone" {
            command!(to, "DEL", shard.body(record.event.id));
        }
        payload(desk, shard, record.event.body.len(), &mut to);
    }
    for n in &desk.touched {
        if let Some(entry) = record.entry(*n) {
            command!(to, "HSET", &event, format!("j{n}"), entry.to_json()?);
            moved(desk, shard, entry, desk.before.get(*n as usize), &mut to);
        }
    }
    if desk.rest_changed {
        command!(to, "HSET", &event, "p", to_json(&record.purchases)?);
        command!(to, "HSET", &event, "d", to_json(&record.redeliveries)?);
        command!(to, "HSET", &event, "o", to_json(&record.errands)?);
        if record.errands.is_empty() {
            command!(to, "ZREM", shard.key("errands"), hex);
        } else {
            command!(to, "ZADD", shard.key("errands"), desk.now, hex);
        }
    }
    command!(to, "HINCRBY", &event, "v", 1);
    Ok(to)
}

/// Bytes of payload, by source and in all.
fn payload(desk: &Desk, shard: &Shard, bytes: u64, to: &mut Commands) {
    let by = i64::try_from(bytes).unwrap_or(i64::MAX) - i64::try_from(desk.bytes_before).unwrap_or(i64::MAX);
    if by != 0 {
        command!(to, "HINCRBY", shard.key("bytes"), &*desk.record.event.source, by);
        command!(to, "HINCRBY", shard.key("load"), "bytes", by);
    }
}

/// The sets around a job that has changed.
fn moved(desk: &Desk, shard: &Shard, entry: &Entry, before: Option<&Standing>, to: &mut Commands) {
    let (job, event) = (&entry.job, shard.event(entry.id().event));
    let (member, ticket, queue) = (keys::member(job.id), keys::ticket(job), keys::queue(job));
    let was = before.map(|before| before.job.state);
    let is = job.state;

    let was_alone = before.is_some_and(|before| before.job.crashes >= SUSPECT_CRASHES);
    let (was_ready, is_ready) = (was == Some(JobState::Ready), is == JobState::Ready);
    let alone = job.crashes >= SUSPECT_CRASHES;
    let same = was_ready && is_ready && before.is_some_and(|b| b.job.due == job.due) && was_alone == alone;
    if was_ready && !same {
        command!(to, "HDEL", &event, format!("r{}", job.id.n));
        command!(to, "ZREM", shard.key("alone"), &ticket);
        command!(to, "ZREM", shard.key(format_args!("aside:{queue}")), &ticket);
        command!(to, "HINCRBY", shard.key("ready"), &queue, -1);
    }
    if is_ready && !same {
        command!(to, "HSET", &event, format!("r{}", job.id.n), job.due);
        command!(to, "HINCRBY", shard.key("ready"), &queue, 1);
        if alone {
            command!(to, "ZADD", shard.key("alone"), job.due, ticket);
        } else {
            command!(to, if desk.belated { "ASIDE" } else { "READY" }, ticket, job.due);
        }
    }

    if let Some(held) = before.and_then(|before| before.held.as_ref()).filter(|_| entry.held.is_none()) {
        command!(to, "HDEL", &event, format!("l{}", job.id.n));
        command!(to, "ZREM", shard.key("leases"), &member);
        command!(to, "HDEL", shard.key("holders"), &member);
        command!(to, "HINCRBY", shard.key("leased"), keys::limited(job), -1);
        // It may have made room within a limit.
        command!(to, "FREE");
        if let Some((lane, id)) = &held.entry {
            let lane = shard.key(format_args!("lane:{lane}"));
            command!(to, "XACK", &lane, "workers", id);
            command!(to, "XDEL", lane, id);
        }
    }

    if was != Some(is) {
        if let Some(was) = was.filter(|was| is_kept(*was)) {
            command!(to, "ZREM", shard.key(format_args!("kept:{was}")), &member);
        }
        if is_kept(is) {
            command!(to, "ZADD", shard.key(format_args!("kept:{is}")), 0, &member);
        }
    }
    match (was.is_some_and(is_open), is_open(is)) {
        (false, true) => command!(to, "HINCRBY", shard.key("load"), "open", 1),
        (true, false) => command!(to, "HINCRBY", shard.key("load"), "open", -1),
        (true, true) | (false, false) => {}
    }
}

impl Commands {
    /// A dedupe key; it goes by itself once it is over.
    pub fn remember(&mut self, key: &str, value: &str, ms: i64) {
        command!(self, "SET", key, value, "PX", ms);
    }

    /// What was written ahead is wanted.
    pub fn persist(&mut self, key: String) {
        command!(self, "PERSIST", key);
    }

    /// A source was heard of, at `at` by the clock of who received it, and now.
    pub fn heard(&mut self, shard: &Shard, source: &str, at: Timestamp, now: Timestamp) {
        let value = format!("{} {}", now.as_millis(), at.as_millis());
        command!(self, "HSET", shard.key("heard"), source, value);
    }
}
