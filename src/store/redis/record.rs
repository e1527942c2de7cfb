//! An event with its jobs as one record: what Redis keeps in one hash, and what every change begins from.

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::{FromRedisValue, Value};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    domain::{
        Attempt, Body, BodyFile, Charge, Event, EventId, EventState, Job, JobState, Lane, Lease, Name,
        Purchase, PurchaseState, Timestamp,
    },
    store::{JobHistory, Redelivery, StoreError, Timeline},
};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Counts up with every change; 0 is one that is not kept yet.
    pub version: u64,
    pub event: Event,
    pub jobs: Vec<Entry>,
    pub purchases: Vec<Bought>,
    /// Deliveries of the event that came again, by the second.
    pub redeliveries: BTreeMap<i64, u32>,
    /// What is still to be done elsewhere.
    pub errands: Vec<Errand>,
}

/// A job with what only this backend knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub job: Job,
    #[serde(default)]
    pub history: Vec<Attempt>,
    /// An effect was begun under the present lease.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begun: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Place>,
    /// What it may be replaced under by a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    #[serde(skip)]
    pub held: Option<Held>,
}

/// A place in a line: of a route job, and of the actions that it planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub key: String,
    /// The number of the route job.
    pub route: u32,
    pub skip: bool,
}

/// Who works on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub token: u64,
    pub process: String,
    pub alone: bool,
}

/// A purchase and the job that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bought {
    pub n: u32,
    /// What it was ordered as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(flatten)]
    pub purchase: Purchase,
}

impl Bought {
    /// It was begun, and has not ended.
    pub fn is_open(&self) -> bool {
        self.purchase.state == PurchaseState::MaybeBilled
    }
}

/// A step in another slot that follows from a change here. Each may be done more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "errand", rename_all = "snake_case")]
pub(super) enum Errand {
    /// Stand route job `n` in its line, and let it go if it is at the head.
    Join { n: u32 },
    /// Let route job `n` go if nobody is before it in its line.
    Ask { n: u32 },
    /// Let route job `n` take the place of older ones on which no work has begun.
    Replace { n: u32 },
    /// Remember dedupe keys that are at home in other shards, where they were only held so far.
    Remember { keys: Vec<String>, at: Timestamp },
    /// Take route job `n` out of the line `key`, and let the next one go.
    Leave { key: String, n: u32 },
    /// Hand the place of route job `n` in the line `key` over to another event's.
    HandOver { key: String, n: u32, to: String },
    /// Write into the book of its day that the purchase ordered as `id` has begun, or that it has ended; and correct what was
    /// drawn for it.
    Account { id: String, step: Step, charges: Vec<Charge>, entry: Option<crate::domain::Entry> },
}

impl Errand {
    pub fn is_account(&self) -> bool {
        matches!(self, Errand::Account { .. })
    }
}

/// What is done for a purchase in another slot. Each step is done once there, however often it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Begin,
    End,
    /// It was not begun after all: as if nothing had been said.
    Back,
}

impl Step {
    /// As scripts know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Begin => "begin",
            Step::End => "end",
            Step::Back => "back",
        }
    }
}

/// An event as it is kept; its body is kept beside it.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: EventId,
    source: Name,
    #[serde(rename = "type")]
    event_type: std::sync::Arc<str>,
    lane: Lane,
    received_at: Timestamp,
    test_mode: bool,
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<KeptBody>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptBody {
    /// Handed out with the event.
    Here { bytes: u64 },
    /// Read on request.
    Apart(BodyFile),
}

impl Record {
    /// A new event, without jobs so far.
    pub fn new(event: Event) -> Self {
        Record {
            version: 0,
            event,
            jobs: Vec::new(),
            purchases: Vec::new(),
            redeliveries: BTreeMap::new(),
            errands: Vec::new(),
        }
    }

    pub fn entry(&self, n: u32) -> Option<&Entry> {
        self.jobs.get(n as usize)
    }

    pub fn entry_mut(&mut self, n: u32) -> Option<&mut Entry> {
        self.jobs.get_mut(n as usize)
    }

    /// Whether a job is held under this very lease.
    pub fn holds(&self, lease: Lease) -> bool {
        let held = self.entry(lease.job.n).and_then(|entry| entry.held.as_ref());
        held.is_some_and(|held| held.token == lease.token)
    }

    pub fn states(&self) -> impl Iterator<Item = JobState> {
        self.jobs.iter().map(|entry| entry.job.state)
    }

    pub fn state(&self) -> EventState {
        EventState::of(self.states())
    }

    pub fn timeline(self) -> Timeline {
        let state = self.state();
        let mut bought: BTreeMap<u32, Vec<Purchase>> = BTreeMap::new();
        for Bought { n, purchase, .. } in self.purchases {
            bought.entry(n).or_default().push(purchase);
        }
        let jobs = self.jobs.into_iter().map(|Entry { job, history, .. }| {
            let purchases = bought.remove(&job.id.n).unwrap_or_default();
            JobHistory { job, history, purchases }
        });
        let redeliveries = self.redeliveries.into_iter().map(|(second, times)| {
            let at = Timestamp::from_millis(second.saturating_mul(1_000));
            Redelivery { at, times }
        });
        Timeline { event: self.event, state, jobs: jobs.collect(), redeliveries: redeliveries.collect() }
    }

    /// Reads a hash; `None` if there is none. `body` are the event's bytes where they came along.
    ///
    /// # Errors
    /// It is not what this program writes.
    pub fn read(hash: Value, body: Option<Bytes>) -> Result<Option<Self>, StoreError> {
        let fields: Vec<(String, Vec<u8>)> = FromRedisValue::from_redis_value(hash).map_err(unreadable)?;
        let mut kept: Option<Kept> = None;
        let mut record: Option<Record> = None;
        let (mut jobs, mut held) = (BTreeMap::new(), BTreeMap::new());
        let (mut version, mut purchases, mut redeliveries, mut errands) =
            (0, Vec::new(), BTreeMap::new(), Vec::new());
        for (field, value) in &fields {
            match (field.as_str(), field.split_at_checked(1)) {
                ("v", _) => version = text(value)?.parse().map_err(unreadable)?,
                ("e", _) => kept = Some(json(value)?),
                ("p", _) => purchases = json(value)?,
                ("d", _) => redeliveries = json(value)?,
                ("o", _) => errands = json(value)?,
                (_, Some(("j", n))) => drop(jobs.insert(number(n)?, json::<Entry>(value)?)),
                // A time it waits for, or nothing where it has ended.
                (_, Some(("w", n))) if value.first().is_some_and(u8::is_ascii_digit) => {
                    held.insert(number(n)?, lease(text(value)?)?);
                }
                _ => {}
            }
        }
        if let Some(kept) = kept {
            let mut entries: Vec<Entry> = jobs.into_values().collect();
            for (n, held) in held {
                if let Some(entry) = entries.get_mut(n as usize) {
                    entry.job.state = JobState::Leased;
                    entry.held = Some(held);
                }
            }
            record = Some(Record {
                version,
                event: kept.into_event(body),
                jobs: entries,
                purchases,
                redeliveries,
                errands,
            });
        }
        Ok(record)
    }

    /// The event for its field; the body is not in it.
    pub fn event_json(&self) -> Result<Vec<u8>, StoreError> {
        let event = &self.event;
        let body = match &event.body {
            Body::Here(bytes) => Some(KeptBody::Here { bytes: bytes.len() as u64 }),
            Body::File(file) => Some(KeptBody::Apart(file.clone())),
            Body::Gone => None,
        };
        to_json(&Kept {
            id: event.id,
            source: Name::clone(&event.source),
            event_type: event.event_type.clone(),
            lane: event.lane,
            received_at: event.received_at,
            test_mode: event.test_mode,
            headers: event.headers.clone(),
            body,
        })
    }
}

impl Kept {
    fn into_event(self, bytes: Option<Bytes>) -> Event {
        let body = match (self.body, bytes) {
            (Some(KeptBody::Here { .. }), Some(bytes)) => Body::Here(bytes),
            // Nobody who reads without the body looks at more than its length.
            (Some(KeptBody::Here { bytes }), None) => Body::File(BodyFile { sha256: String::new(), bytes }),
            (Some(KeptBody::Apart(file)), _) => Body::File(file),
            (None, _) => Body::Gone,
        };
        Event {
            id: self.id,
            source: self.source,
            event_type: self.event_type,
            lane: self.lane,
            received_at: self.received_at,
            test_mode: self.test_mode,
            headers: self.headers,
            body,
        }
    }
}

impl Entry {
    /// The job as it is kept: who holds it is told by another field.
    pub fn to_json(&self) -> Result<Vec<u8>, StoreError> {
        to_json(self)
    }
}

/// `token process alone`
fn lease(text: &str) -> Result<Held, StoreError> {
    let wrong = || StoreError::Unavailable(format!("a lease that nobody understands: {text}"));
    let mut words = text.split(' ');
    let token = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    let process = words.next().ok_or_else(wrong)?.to_owned();
    Ok(Held { token, process, alone: words.next() == Some("1") })
}

fn number(text: &str) -> Result<u32, StoreError> {
    text.parse().map_err(unreadable)
}

fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(unreadable)
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(unreadable)
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// What is there is not what this program writes.
pub(super) fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("what Redis holds cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job as versions wrote it that named what is empty.
    const NAMED: &str = r#"{"job":{"id":"evt_01a2162ccd38719786906f49aa6612f3.0","lane":"normal","kind":"route","route":"noop","destination":null,"state":"ready","due":7,"fresh_at":7,"attempts":0,"lost_leases":0,"crashes":0,"config":"c","reason":null,"request":null,"first_begun_at":null,"in_doubt":false,"approved":false,"cause":null,"verdict":null,"receipt":null},"history":[],"begun":false,"line":null,"newest":null}"#;

    #[test]
    fn what_other_versions_wrote_is_read_and_theirs_read_what_is_written() {
        let entry: Entry = json(NAMED.as_bytes()).expect("reads");
        let written = to_json(&entry).expect("writes");
        assert_eq!(json::<Entry>(&written).expect("reads"), entry);
        // What they demand, though it is empty.
        let written: serde_json::Value = json(&written).expect("JSON");
        assert!(written.get("history").is_some(), "{written}");
    }
}
