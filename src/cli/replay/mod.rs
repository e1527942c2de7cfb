//! `hookyard replay`

mod foreseen;

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    domain::{Clock, EventId},
    host::{self, SystemClock},
    store::ROWS_MAX,
};

use super::{
    End,
    api::{self, Admin, Api, Refusal},
    events::Which,
    out, progress,
};

/// What the API answers where one event cannot be replayed: it is not on record (any more), or for the reason told.
const ONE_REFUSED: [u16; 2] = [404, 409];

/// Run stored events again under today's configuration. What had its effect with the same bytes is not done again.
#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    admin: Admin,
    /// These; without them, those that the filter takes.
    events: Vec<EventId>,
    #[command(flatten)]
    which: Which,
    /// All of them: what a command without events and filter must say.
    #[arg(long)]
    all: bool,
    #[arg(long, value_enum, default_value_t = Mode::Reuse)]
    mode: Mode,
    /// With `--mode dry-run`: show what `--mode reclassify` would do, as far as bought answers tell.
    #[arg(long)]
    reclassify: bool,
    /// Go on with an interrupted run, by the name it gave.
    #[arg(long)]
    sweep: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// What is done about verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Plan from the verdict on record: nobody is asked.
    Reuse,
    /// Ask the judges anew; a question that was answered before is not paid for again.
    Reclassify,
    /// Only show the difference; nothing is stored, bought or sent.
    DryRun,
}

/// How a run went.
#[derive(Debug, Default)]
struct Tally {
    queued: u64,
    already: u64,
    /// By reason: how many, and the first.
    refused: BTreeMap<String, (u64, EventId)>,
}

impl Replay {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let unbounded = self.events.is_empty() && self.which.is_all();
        anyhow::ensure!(
            !unbounded || self.all,
            "name the events, or say which with --source, --type, --since or --until, or all with --all"
        );
        anyhow::ensure!(
            self.events.is_empty() || self.which.is_all(),
            "name events or give a filter, not both"
        );
        anyhow::ensure!(unbounded || !self.all, "--all means all: leave out the events and the filter");
        let dry = self.mode == Mode::DryRun;
        anyhow::ensure!(dry || !self.reclassify, "--reclassify is for --mode dry-run: say --mode reclassify");
        anyhow::ensure!(!dry || self.sweep.is_none(), "a dry run has no sweep: leave out --sweep");
        self.admin.visit(dir, async |api| self.with(api).await)
    }

    async fn with(&self, api: &Api) -> anyhow::Result<End> {
        let events = if self.events.is_empty() { self.found(api).await? } else { self.events.clone() };
        match self.mode {
            Mode::DryRun => foreseen::show(api, &events, self.reclassify, self.admin.json).await,
            Mode::Reuse => self.sweep(api, &events, "reuse").await,
            Mode::Reclassify => self.sweep(api, &events, "reclassify").await,
        }
    }

    /// What the filter takes, oldest first.
    async fn found(&self, api: &Api) -> anyhow::Result<Vec<EventId>> {
        let now = SystemClock::new().now();
        let mut found: Vec<EventId> = Vec::new();
        loop {
            let page = self.which.page(api, now, found.last().copied(), ROWS_MAX).await?;
            let whole = page.len() == ROWS_MAX as usize;
            for entry in &page {
                found.push(api::read(&entry["id"])?);
            }
            if !whole {
                found.reverse();
                return Ok(found);
            }
        }
    }

    async fn sweep(&self, api: &Api, events: &[EventId], mode: &str) -> anyhow::Result<End> {
        let json = self.admin.json;
        let number = events.len() as u64;
        let sweep = self.sweep.clone().unwrap_or_else(host::unique_name);
        if number > 0 {
            let question = format!("Replay {} ({mode})?", out::several(number, "event"));
            let several_by_filter = self.events.is_empty() && number > 1;
            if !progress::confirmed(&question, self.yes, several_by_filter, "--mode dry-run")? {
                out::say("nothing was done")?;
                return Ok(End::Badly);
            }
        }
        if number > 1 && !json {
            out::note(format!(
                "sweep {sweep}: if this run is interrupted, the same command with --sweep {sweep} goes on"
            ));
        }
        let bar = progress::bar(number, "replayed", json);
        let mut tally = Tally::default();
        for event in events {
            let wish = json!({ "event": event, "mode": mode, "sweep": sweep });
            match api.post("/api/v1/replay", &wish).await {
                Ok(answer) if answer["status"] == "queued" => tally.queued += 1,
                Ok(_) => tally.already += 1,
                Err(error) => tally.refuse(*event, error)?,
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        if json {
            out::json(&tally.document(&sweep))?
        } else {
            out::say(tally.story(&sweep))?
        }
        Ok(if tally.refused.is_empty() { End::Well } else { End::Badly })
    }
}

impl Tally {
    /// One event that cannot be replayed does not hold up the others; every other failure ends the run.
    fn refuse(&mut self, event: EventId, error: anyhow::Error) -> anyhow::Result<()> {
        let refusal = error.downcast::<Refusal>()?;
        if !ONE_REFUSED.contains(&refusal.status) {
            return Err(refusal.into());
        }
        // The same reason for several events is told once, with the first of them.
        let reason = refusal.reason.replace(&format!("event {event}"), "such event");
        let reason = reason.replace(&event.to_string(), "it");
        self.refused.entry(reason).or_insert((0, event)).0 += 1;
        Ok(())
    }

    fn document(&self, sweep: &str) -> Value {
        let refused = self.refused.iter();
        let refused = refused
            .map(|(reason, (events, first))| json!({ "reason": reason, "events": events, "first": first }));
        let refused: Vec<Value> = refused.collect();
        json!({ "sweep": sweep, "queued": self.queued, "already": self.already, "refused": refused })
    }

    fn story(&self, sweep: &str) -> String {
        let mut lines =
            vec![format!("{} queued, sweep {}", out::several(self.queued, "event"), out::plain(sweep))];
        if self.already > 0 {
            lines.push(format!(
                "{} had been replayed by this sweep before",
                out::several(self.already, "event")
            ));
        }
        for (reason, (events, first)) in &self.refused {
            lines.push(format!(
                "{} refused, such as {first}: {}",
                out::several(*events, "event"),
                out::plain(reason)
            ));
        }
        lines.join("\n")
    }
}
