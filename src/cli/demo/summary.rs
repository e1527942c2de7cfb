//! What happened, told to a program.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::{
    domain::{EventId, EventState, JobState, Mode, Name, Work},
    store::{JobHistory, Timeline},
};

use super::deliveries::{Expected, Told};

#[derive(Serialize)]
pub(super) struct Summary<'a> {
    ok: bool,
    faults: &'a [String],
    took_ms: u128,
    events: Vec<EventLine<'a>>,
    /// Deliveries that were turned away.
    refused: Vec<RefusedLine<'a>>,
    /// Deliveries that were answered and became no event of their own: handshakes, duplicates, ignored ones.
    answered: Vec<RefusedLine<'a>>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    id: EventId,
    source: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    outcome: EventState,
    verdict: Option<&'a str>,
    confidence: Option<f64>,
    judge: Option<&'a str>,
    judged_by: Option<&'a str>,
    why: &'a [String],
    /// Why it waits for a person, if it does.
    reason: Option<&'a str>,
    /// The route job's attempts.
    attempts: u32,
    actions: Vec<ActionLine<'a>>,
    redeliveries: usize,
    timings: Timings,
}

#[derive(Serialize)]
struct ActionLine<'a> {
    id: &'a Name,
    action: &'a Name,
    destination: Option<&'a Name>,
    state: JobState,
    mode: Option<Mode>,
    attempts: u32,
    status: Option<u16>,
    idempotency_key: Option<&'a str>,
}

/// Milliseconds since receipt.
#[derive(Serialize)]
struct Timings {
    decided_ms: Option<u128>,
    settled_ms: Option<u128>,
}

#[derive(Serialize)]
struct RefusedLine<'a> {
    what: &'a str,
    source: &'a str,
    status: u16,
    outcome: &'a str,
    /// The event it repeats.
    event: Option<&'a str>,
    reason: &'a str,
}

impl<'a> Summary<'a> {
    pub fn new(told: &'a [Told], timelines: &'a [Timeline], faults: &'a [String], took: Duration) -> Self {
        let line = |one: &'a Told| RefusedLine {
            what: one.what,
            source: one.source,
            status: one.status,
            outcome: if one.word().is_empty() { "handshake" } else { one.word() },
            event: one.answer.get("event").and_then(Value::as_str),
            reason: one.reason(),
        };
        let of_no_event = || told.iter().filter(|one| !matches!(one.expected, Expected::Queued { .. }));
        Summary {
            ok: faults.is_empty(),
            faults,
            took_ms: took.as_millis(),
            events: timelines.iter().map(event).collect(),
            refused: of_no_event().filter(|one| one.status >= 400).map(line).collect(),
            answered: of_no_event().filter(|one| one.status < 400).map(line).collect(),
        }
    }
}

fn event(timeline: &Timeline) -> EventLine<'_> {
    let route = timeline.jobs.iter().find(|entry| matches!(entry.job.work, Work::Route { .. }));
    let verdict = route.and_then(|entry| entry.job.verdict.as_ref());
    let since = |entry: &JobHistory| {
        Some(entry.history.last()?.ended_at.since(timeline.event.received_at).as_millis())
    };
    EventLine {
        id: timeline.event.id,
        source: &timeline.event.source,
        event_type: &timeline.event.event_type,
        outcome: timeline.state,
        verdict: verdict.map(|v| v.label.as_str()),
        confidence: verdict.map(|v| v.confidence),
        judge: verdict.map(|v| &*v.judge),
        judged_by: verdict.map(|v| v.judged_by.as_str()),
        why: verdict.map_or(&[], |v| v.why.as_slice()),
        reason: route.and_then(|entry| entry.job.reason.as_deref()),
        attempts: route.map_or(0, |entry| entry.job.attempts),
        actions: timeline.jobs.iter().filter_map(action).collect(),
        redeliveries: timeline.redeliveries.len(),
        timings: Timings {
            decided_ms: route.and_then(since),
            settled_ms: timeline.jobs.iter().filter_map(since).max(),
        },
    }
}

fn action(entry: &JobHistory) -> Option<ActionLine<'_>> {
    let plan = entry.job.work.plan()?;
    let request = entry.job.request.as_ref();
    Some(ActionLine {
        id: &plan.id,
        action: &plan.uses,
        destination: request.map(|r| &r.destination),
        state: entry.job.state,
        mode: request.map(|r| r.mode),
        attempts: entry.job.attempts,
        status: entry.job.receipt.as_ref().and_then(|receipt| receipt.status),
        idempotency_key: request.map(|r| r.idempotency_key.as_str()),
    })
}
