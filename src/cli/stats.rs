//! `hookyard stats`

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::{Lane, Timestamp};

use super::{
    End,
    api::{self, Admin},
    moments, out, pause,
    table::{Cell, Column, Table},
};

/// See how much waits where, what is paused, and when each source was last heard of.
#[derive(Debug, Args)]
pub(super) struct Stats {
    #[command(flatten)]
    admin: Admin,
}

/// The answer, as far as it is shown.
#[derive(Deserialize)]
struct View {
    now: Timestamp,
    depths: DepthsView,
    pauses: Vec<Value>,
    load: LoadView,
    breakers: BreakersView,
    rests: RestsView,
    sources: Vec<SourceView>,
}

#[derive(Deserialize)]
struct DepthsView {
    lanes: Vec<LaneView>,
    leased: u64,
    blocked: u64,
    waiting: u64,
    dead: u64,
    queues: Vec<QueueView>,
}

#[derive(Deserialize)]
struct LaneView {
    lane: Lane,
    ready: u64,
    oldest_due: Option<Timestamp>,
}

#[derive(Deserialize)]
struct QueueView {
    lane: Lane,
    route: String,
    destination: Option<String>,
    ready: u64,
}

#[derive(Deserialize)]
struct LoadView {
    open_jobs: u64,
    payload_bytes: u64,
}

#[derive(Deserialize)]
struct BreakersView {
    destinations: BTreeMap<String, BreakerView>,
    judges: BTreeMap<String, BreakerView>,
    refusing: BTreeMap<String, BTreeMap<String, RefusedView>>,
}

/// It refuses whatever a classifier asks.
#[derive(Deserialize)]
struct RefusedView {
    in_a_row: u32,
    reason: String,
}

#[derive(Deserialize)]
struct RestsView {
    judges: BTreeMap<String, RestView>,
}

/// Someone asked to be left alone.
#[derive(Deserialize)]
struct RestView {
    until: Timestamp,
    reason: String,
}

#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum BreakerView {
    Closed {},
    Open { left_ms: u64, reason: String },
    HalfOpen { reason: String },
}

#[derive(Deserialize)]
struct SourceView {
    source: String,
    last_heard: Option<Timestamp>,
}

impl Stats {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        self.admin.visit(dir, async |api| {
            let answer = api.get("/api/v1/stats", &[]).await?;
            if self.admin.json {
                out::json(&answer)?;
            } else {
                out::say(story(&api::read(&answer)?))?;
            }
            Ok(End::Well)
        })
    }
}

fn story(view: &View) -> String {
    let View { now, depths, pauses, load, breakers, rests, sources } = view;
    let mut lanes = Table::new(&[Column::whole("LANE"), Column::number("READY"), Column::whole("HEAD DUE")]);
    for LaneView { lane, ready, oldest_due } in &depths.lanes {
        let head = oldest_due.map_or_else(|| "-".to_owned(), |due| moments::age(due, *now));
        lanes.row(vec![Cell::new(lane), Cell::new(ready), Cell::new(head)]);
    }
    let mut parts = vec![
        format!(
            "open jobs: {}, of them under way {} and blocked {}; waiting for a person: {}; dead letters: {}; bytes of payload: {}",
            load.open_jobs, depths.leased, depths.blocked, depths.waiting, depths.dead, load.payload_bytes
        ),
        pause::told(pauses),
        breakers_told(&breakers.destinations),
        lanes.show(),
    ];
    if !breakers.judges.is_empty() {
        parts.push(judges(breakers, &rests.judges, *now));
    }
    if !depths.queues.is_empty() {
        parts.push(queues(&depths.queues));
    }
    if !sources.is_empty() {
        let mut heard = Table::new(&[Column::whole("SOURCE"), Column::whole("LAST HEARD")]);
        for SourceView { source, last_heard } in sources {
            let at = last_heard.map_or_else(|| "never".to_owned(), |at| moments::told(at, *now));
            heard.row(vec![Cell::new(source), Cell::new(at)]);
        }
        parts.push(heard.show());
    }
    parts.join("\n\n")
}

/// The destinations whose breakers are not closed.
fn breakers_told(breakers: &BTreeMap<String, BreakerView>) -> String {
    let lines: Vec<String> = breakers
        .iter()
        .filter(|(_, breaker)| !matches!(breaker, BreakerView::Closed {}))
        .map(|(name, breaker)| format!("breaker of destination {name} {}", breaker_told(breaker)))
        .collect();
    if lines.is_empty() { "every destination's breaker is closed".to_owned() } else { lines.join("\n") }
}

fn breaker_told(breaker: &BreakerView) -> String {
    match breaker {
        BreakerView::Closed {} => "closed".to_owned(),
        BreakerView::Open { left_ms, reason } => {
            let left = humantime::format_duration(Duration::from_secs(left_ms.div_ceil(1_000)));
            format!("open for {left}: {}", out::plain(reason))
        }
        BreakerView::HalfOpen { reason } => format!("tries one call: {}", out::plain(reason)),
    }
}

fn judges(
    BreakersView { judges, refusing, .. }: &BreakersView,
    rests: &BTreeMap<String, RestView>,
    now: Timestamp,
) -> String {
    let mut table = Table::new(&[Column::whole("JUDGE"), Column::text("RESTS"), Column::text("BREAKER")]);
    for (name, breaker) in judges {
        let rest = rests.get(name).map_or_else(
            || "no".to_owned(),
            |RestView { until, reason }| {
                format!("until {}: {}", moments::told_by_second(*until, now), out::plain(reason))
            },
        );
        let mut told = breaker_told(breaker);
        for (classifier, RefusedView { in_a_row, reason }) in refusing.get(name).into_iter().flatten() {
            let reason = out::plain(reason);
            told.push_str(&format!("; refused the last {in_a_row} questions of {classifier}: {reason}"));
        }
        table.row(vec![Cell::new(name), Cell::new(rest), Cell::new(told)]);
    }
    table.show()
}

fn queues(queues: &[QueueView]) -> String {
    let mut table = Table::new(&[
        Column::text("ROUTE"),
        Column::text("DESTINATION"),
        Column::whole("LANE"),
        Column::number("READY"),
    ]);
    for QueueView { lane, route, destination, ready } in queues {
        let destination = destination.as_deref().unwrap_or("-");
        table.row(vec![Cell::new(route), Cell::new(destination), Cell::new(lane), Cell::new(ready)]);
    }
    table.show()
}
