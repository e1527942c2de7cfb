//! `hookyard demo`: the real service in a temporary directory, the sandbox standing in for every destination, and
//! signed deliveries of each kind of source.

mod deliveries;
mod stage;
mod story;
mod summary;

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    domain::{EventId, EventState},
    store::{Store, Timeline},
};

use super::{End, logs, out, runtime, serve::told_to_stop};
use deliveries::Told;
use stage::Stage;
use summary::Summary;

/// Longest time for everything to settle: two retries of one action take about 5 s of it.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// See it work: real deliveries against stand-ins on this machine, with nothing to set up.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End when everything is settled, instead of staying up until Ctrl-C.
    #[arg(long)]
    exit: bool,
    /// Print one JSON summary instead of the stories, and end.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub fn run(self) -> anyhow::Result<End> {
        logs::start("error", None);
        runtime()?.block_on(async {
            let stage = Stage::build().await?;
            // Whoever breaks off ends the service properly too.
            let played = tokio::select! {
                played = self.play(&stage) => played,
                told = told_to_stop() => told.map(|()| End::Well),
            };
            stage.strike().await;
            played
        })
    }

    async fn play(&self, stage: &Stage) -> anyhow::Result<End> {
        let begun = Instant::now();
        if !self.json {
            out::say(format!(
                "The service listens at http://{}/webhooks/…, and keeps its events in",
                stage.public
            ))?;
            out::say(format!(
                "{}. Everything it acts on is a stand-in on this machine.\n",
                stage.data.path().display()
            ))?;
        }
        let told = deliveries::send_all(stage).await?;
        let timelines = self.settle(stage, &told).await?;
        let faults = deliveries::faults(&told, &timelines);
        let well = faults.is_empty();
        if self.json {
            let summary = Summary::new(&told, &timelines, &faults, begun.elapsed());
            out::json(&summary)?;
        } else {
            for timeline in &timelines {
                out::say(story::tell(timeline))?;
            }
            out::say(story::refusals(&told))?;
            out::say(story::closing(&timelines, &faults, begun.elapsed()))?;
        }
        if !self.exit && !self.json {
            let admin = stage.service.admin;
            out::say(format!(
                "The service stays up until Ctrl-C. Its admin listener: http://{admin}/metrics"
            ))?;
            out::say(format!("  hookyard events list --admin http://{admin}"))?;
            std::future::pending::<()>().await;
        }
        Ok(if well { End::Well } else { End::Badly })
    }

    /// Waits until no event that was taken in has work left, and shows how far it got.
    async fn settle(&self, stage: &Stage, told: &[Told]) -> anyhow::Result<Vec<Timeline>> {
        let ids: Vec<EventId> = told.iter().filter_map(Told::queued).collect();
        let store = stage.service.store.as_ref();
        let bar = self.bar(ids.len());
        let mut changes = store.changes();
        let deadline = tokio::time::Instant::now() + SETTLE_MAX;
        loop {
            changes.mark_unchanged();
            let timelines = timelines(store, &ids).await?;
            let open = timelines.iter().filter(|t| t.state == EventState::Open).count();
            bar.set_position((timelines.len() - open) as u64);
            if open == 0 || tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                bar.finish_and_clear();
                return Ok(timelines);
            }
        }
    }

    fn bar(&self, events: usize) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(events as u64);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos}/{len} events settled; one action fails twice")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}

async fn timelines(store: &dyn Store, ids: &[EventId]) -> anyhow::Result<Vec<Timeline>> {
    let mut timelines = Vec::with_capacity(ids.len());
    for id in ids {
        timelines.extend(store.timeline(*id).await?);
    }
    Ok(timelines)
}
