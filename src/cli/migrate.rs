//! `hookyard migrate`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::{
    config::ProcessEnvironment,
    engine::CompileOptions,
    host::SystemClock,
    service,
    store::{Migrated, sqlite::FILE},
};

use super::{
    End, logs,
    out::{self, several},
    progress, project, runtime,
};

/// Move the work of a stopped service to another store: what is unfinished, dead letters, and the dedupe keys that still
/// count, with their events. Run it again if it was interrupted: it ends as if it had not been.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Where the work is.
    #[arg(long, value_enum)]
    from: Kind,
    /// Where it is to go: what [store.redis] names in config/hookyard.toml.
    #[arg(long, value_enum)]
    to: Kind,
    /// Stay with the file instead: take back a migration that has not ended.
    #[arg(long)]
    abandon: bool,
    /// Data directory, instead of the configured one.
    #[arg(long, env = "HOOKYARD_DATA", value_name = "DIR", display_order = 902)]
    data: Option<PathBuf>,
    /// JSON for scripts, instead of a sentence for people.
    #[arg(long, display_order = 903)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The file in the data directory.
    Sqlite,
    Redis,
}

impl Migrate {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let Migrate { from, to, abandon, data, json } = self;
        anyhow::ensure!(
            (from, to) == (Kind::Sqlite, Kind::Redis),
            "only --from sqlite --to redis is supported: other ways there are none"
        );
        logs::start("warn", None);
        let files = project::files(dir.clone())?;
        let options = CompileOptions { base: dir, data_dir: data, ..CompileOptions::default() };
        let engine = project::engine_quietly(&files, &ProcessEnvironment, options)?;
        let clock = Arc::new(SystemClock::new());
        if abandon {
            runtime()?.block_on(service::abandon(&engine, clock))?;
            return told(
                json,
                &json!({ "abandoned": true }),
                "the work stays in the file: `hookyard serve` without [store.redis] goes on with it",
            );
        }
        let bar = progress::bar(0, "events moved", json);
        let advance = |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        };
        let migrated = runtime()?.block_on(service::migrate(&engine, clock, &advance));
        bar.finish_and_clear();
        let (migrated, file) = (migrated?, engine.data_dir.join(FILE));
        let mut document = serde_json::to_value(&migrated)?;
        document["file"] = json!(file);
        told(json, &document, &story(&migrated, &file))
    }
}

fn told(json: bool, document: &serde_json::Value, story: &str) -> anyhow::Result<End> {
    if json {
        out::json(document)?
    } else {
        out::say(story)?
    }
    Ok(End::Well)
}

fn story(migrated: &Migrated, file: &Path) -> String {
    let Migrated { to, moved, dedupe_keys, events_left } = migrated;
    let jobs: u64 = moved.jobs.values().sum();
    let states: Vec<String> = moved.jobs.iter().map(|(state, jobs)| format!("{jobs} {state}")).collect();
    let states = if states.is_empty() { String::new() } else { format!(" ({})", states.join(", ")) };
    format!(
        "moved to {to}: {} with {}{states} and {}\n\
         {} older, at their end, stay in {}: the file is kept, and no service starts from it any more\n\
         `hookyard serve` goes on with [store.redis] as it is set",
        several(moved.events, "event"),
        several(jobs, "job"),
        several(*dedupe_keys, "dedupe key"),
        several(*events_left, "event"),
        file.display(),
    )
}
