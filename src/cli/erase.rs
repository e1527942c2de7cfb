//! `hookyard erase`

use std::{io::BufRead, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    End,
    api::{self, Admin, Api},
    moments,
    out::{self, plain, several},
    progress,
};

/// Erase a person's data by what identifies them.
#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(flatten)]
    admin: Admin,
    /// What identifies the person, such as a mail address; `-` reads one line from standard input.
    key: String,
    /// Only count.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// The answer.
#[derive(Deserialize)]
struct Erasure {
    events: u64,
    discarded: u64,
    logs: Vec<Log>,
    files: Vec<String>,
    files_unread: Option<String>,
    dedupe_ms: u64,
}

#[derive(Deserialize)]
struct Log {
    log: String,
    lines: u64,
}

impl Erase {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let Erase { admin, key, dry_run, yes } = self;
        let key = if key == "-" { line()? } else { key };
        admin.visit(dir, async |api| erase(api, &key, dry_run, yes, admin.json).await)
    }
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("reading standard input")?;
    Ok(line)
}

/// Counts and asks, unless the answer is given; then erases.
async fn erase(api: &Api, key: &str, dry_run: bool, yes: bool, json: bool) -> anyhow::Result<End> {
    if dry_run || !yes {
        let answer = ask(api, key, true).await?;
        let found: Erasure = api::read(&answer)?;
        if dry_run || found.is_nothing() {
            tell(&answer, &found, "found, nothing erased", json)?;
            return Ok(End::Well);
        }
        let question = format!("Erase {}?", found.told());
        if !progress::confirmed(&question, yes, true, "--dry-run")? {
            out::say("nothing was done")?;
            return Ok(End::Badly);
        }
    }
    let answer = ask(api, key, false).await?;
    tell(&answer, &api::read(&answer)?, "erased", json)?;
    Ok(End::Well)
}

async fn ask(api: &Api, key: &str, dry_run: bool) -> anyhow::Result<Value> {
    api.sweep("/api/v1/erase", &json!({ "key": key, "dry_run": dry_run })).await
}

fn tell(answer: &Value, erasure: &Erasure, done: &str, json: bool) -> anyhow::Result<()> {
    if json {
        return out::json(answer);
    }
    out::say(if erasure.is_nothing() {
        "nothing on record holds it".to_owned()
    } else {
        format!("{}: {done}", erasure.told())
    })?;
    if !erasure.files.is_empty() {
        out::say("files of yours that hold it, for you to edit:")?;
    }
    for file in &erasure.files {
        out::say(format!("  {}", plain(file)))?;
    }
    if let Some(why) = &erasure.files_unread {
        out::say(format!("whether evals/ or prompts/ hold it could not be seen: {why}"))?;
    }
    let age = moments::short(Duration::from_millis(erasure.dedupe_ms));
    out::say(format!(
        "not searched: dedupe keys, which are the senders' ids of events; each is forgotten {age} after it came"
    ))
}

impl Erasure {
    fn is_nothing(&self) -> bool {
        self.events == 0 && self.logs.is_empty()
    }

    fn told(&self) -> String {
        let mut parts = vec![several(self.events, "event")];
        if self.discarded > 0 {
            parts.push(several(self.discarded, "open job"));
        }
        parts.extend(
            self.logs
                .iter()
                .map(|Log { log, lines }| format!("{} of {}.jsonl", several(*lines, "line"), plain(log))),
        );
        parts.join(", ")
    }
}
