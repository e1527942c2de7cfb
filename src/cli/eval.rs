//! `hookyard eval`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::{
    config::{self, FixedEnvironment},
    engine::{CompileOptions, Reach},
    eval::{self, Report},
    host::SystemClock,
};

use super::{End, logs, out, project, runtime};

/// Measure the classifiers on their labelled cases, offline: by `rules` and `local`.
#[derive(Debug, Args)]
pub(super) struct Eval {
    /// Folders of evals/; all if none is named.
    suites: Vec<String>,
    /// One JSON array of reports.
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        logs::start("warn", None);
        let files = project::files(dir)?;
        let options = CompileOptions { reach: Reach::Offline, ..CompileOptions::default() };
        let engine = project::engine(&files, &FixedEnvironment::default(), options)?;
        let (known, problems) = config::suites(&files);
        problems.into_result().map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let mut chosen = Vec::new();
        for name in if self.suites.is_empty() { known.keys().cloned().collect() } else { self.suites } {
            let suite = known.get(&name).with_context(|| {
                format!(
                    "no suite is called `{name}`: {}",
                    config::one_of(&name, known.keys().map(String::as_str))
                )
            })?;
            chosen.push((name, suite));
        }
        anyhow::ensure!(!chosen.is_empty(), "there are no suites: a suite is evals/NAME/suite.toml");
        drop(engine.train());
        let reports: Vec<Report> = runtime()?.block_on(async {
            let mut reports = Vec::new();
            for (name, suite) in chosen {
                reports.push(eval::run(&engine, &files, &name, suite, &SystemClock::new()).await?);
            }
            anyhow::Ok(reports)
        })?;
        if self.json {
            out::json(&reports)?;
        } else {
            for report in &reports {
                out::say(report)?;
            }
            out::say(
                "judges: rules in configuration, then the local model (not an LLM); no connection was opened",
            )?;
        }
        Ok(if reports.iter().all(|report| report.passed) { End::Well } else { End::Badly })
    }
}
