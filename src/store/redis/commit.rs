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
    let record = &desk.record;
    let event = shard.event(record.event.id);
    let hex = record.event.id.0.simple().to_string();
    let mut sheet = Sheet::default();
    let to = &mut sheet.around;
    if desk.removed {
        command!(to, "DEL", &event);
        command!(to, "DEL", shard.body(record.event.id));
        command!(to, "ZREM", shard.key("events"), hex);
        payload(desk, 0, &mut sheet);
        return Ok(sheet.commands(&event, Commands::default()));
    }
    // First what grows most: where there is no room, nothing was changed yet.
    let mut first = Commands::default();
    if record.version == 0 {
        if let Body::Here(bytes) = &record.event.body {
            command!(first, "SET", shard.body(record.event.id), bytes.to_vec());
        }
        command!(to, "ZADD", shard.key("events"), 0, &hex);
    }
    if record.version == 0 || desk.event_changed {
        let body = match &record.event.body {
            Body::Here(_) => "here",
            Body::File(_) => "apart",
            Body::Gone => "gone",
        };
        if body == "gone" {
            command!(to, "DEL", shard.body(record.event.id));
        }
        sheet.set("e", record.event_json()?);
        sheet.set("b", body);
        payload(desk, record.event.body.len(), &mut sheet);
    }
    for n in &desk.touched {
        if let Some(entry) = record.entry(*n) {
            sheet.set(format!("j{n}"), entry.to_json()?);
            moved(desk, shard, entry, desk.before.get(*n as usize), &mut sheet);
        }
    }
    if desk.rest_changed {
        sheet.set("p", to_json(&record.purchases)?);
        sheet.set("d", to_json(&record.redeliveries)?);
        sheet.set("o", to_json(&record.errands)?);
        let to = &mut sheet.around;
        if record.errands.is_empty() {
            command!(to, "ZREM", shard.key("errands"), hex);
        } else {
            command!(to, "ZADD", shard.key("errands"), desk.now, hex);
        }
    }
    sheet.set("v", (record.version + 1).to_string());
    Ok(sheet.commands(&event, first))
}

/// Words of one command: a script can hand on 8,000. An even number, as each field has its value beside it.
const WORDS_MAX: usize = 4_000;

/// What is written of one event. Each command costs the server a line in its log, so they are as few as can be.
#[derive(Default)]
struct Sheet {
    /// Fields of the event's hash, each with its value.
    fields: Vec<Vec<u8>>,
    /// What changes in the sets around it.
    around: Commands,
    /// By how much there are more open jobs, and bytes of payload.
    open_jobs: i64,
    bytes: i64,
}

impl Sheet {
    fn set(&mut self, field: impl Word, value: impl Word) {
        self.fields.extend([field.into_word(), value.into_word()]);
    }

    fn commands(self, event: &str, first: Commands) -> Commands {
        let mut to = first;
        for words in self.fields.chunks(WORDS_MAX) {
            to.0.push((words.len() + 2).to_string().into_bytes());
            to.0.extend(["HSET".into_word(), event.into_word()]);
            to.0.extend_from_slice(words);
        }
        to.0.extend(self.around.0);
        if (self.open_jobs, self.bytes) != (0, 0) {
            command!(to, "LOAD", self.open_jobs, self.bytes);
        }
        to
    }
}

/// Bytes of payload, by source and in all.
fn payload(desk: &Desk, bytes: u64, sheet: &mut Sheet) {
    let by = i64::try_from(bytes).unwrap_or(i64::MAX) - i64::try_from(desk.bytes_before).unwrap_or(i64::MAX);
    if by != 0 {
        let to = &mut sheet.around;
        command!(to, "COUNT", "bytes", &*desk.record.event.source, by);
        sheet.bytes += by;
    }
}

/// Where a job stands and the sets around it, when it has changed.
fn moved(desk: &Desk, shard: &Shard, entry: &Entry, before: Option<&Standing>, sheet: &mut Sheet) {
    let job = &entry.job;
    let (member, ticket, queue) = (keys::member(job.id), keys::ticket(job), keys::queue(job));
    let was = before.map(|before| before.job.state);
    let is = job.state;
    let stands = keys::stands(job.id.n);

    let was_alone = before.is_some_and(|before| before.job.crashes >= SUSPECT_CRASHES);
    let (was_ready, is_ready) = (was == Some(JobState::Ready), is == JobState::Ready);
    let alone = job.crashes >= SUSPECT_CRASHES;
    let same = was_ready && is_ready && before.is_some_and(|b| b.job.due == job.due) && was_alone == alone;
    let held = before.is_some_and(|before| before.held.is_some()) && entry.held.is_none();
    if is_ready && !same {
        sheet.set(stands, format!("@{}", job.due.as_millis()));
    } else if held || was_ready && !is_ready {
        sheet.set(stands, "");
    }
    let to = &mut sheet.around;
    if was_ready && !same {
        command!(to, "ZREM", shard.key("alone"), &ticket);
        command!(to, "ZREM", shard.key(format_args!("aside:{queue}")), &ticket);
        command!(to, "COUNT", "ready", &queue, -1);
    }
    if is_ready && !same {
        command!(to, "COUNT", "ready", &queue, 1);
        if alone {
            command!(to, "ZADD", shard.key("alone"), job.due, ticket);
        } else {
            command!(to, if desk.belated { "ASIDE" } else { "READY" }, ticket, job.due);
        }
    }
    if held {
        command!(to, "END", &member);
        command!(to, "COUNT", "leased", keys::limited(job), -1);
    }
    if was != Some(is) {
        if let Some(was) = was.filter(|was| is_kept(*was)) {
            command!(to, "ZREM", shard.key(format_args!("kept:{was}")), &member);
        }
        if is_kept(is) {
            command!(to, "ZADD", shard.key(format_args!("kept:{is}")), 0, &member);
        }
    }
    sheet.open_jobs += i64::from(is_open(is)) - i64::from(was.is_some_and(is_open));
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
