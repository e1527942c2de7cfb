//! `hookyard eval`

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::{
    config::{self, Files, FixedEnvironment, ProcessEnvironment, Suite},
    domain::Money,
    engine::{CompileOptions, Engine, Reach},
    eval::{self, Graded, Mode, Panel, Report, Tape},
    host::SystemClock,
};

use super::{End, logs, out, progress, project, runtime};

/// The most that one run may spend on language models, in dollars, unless it is told.
const SPEND_MAX_USD: f64 = 5.0;

/// Measure the classifiers on their labelled cases: offline by `rules` and `local`, or by what language models have answered.
#[derive(Debug, Args)]
pub(super) struct Eval {
    /// Folders of evals/; all if none is named.
    suites: Vec<String>,
    /// Ask this judge in place of `rules` and `local`; may be given several times, for a ladder.
    #[arg(long, value_name = "NAME")]
    judge: Vec<String>,
    /// Where the answers of language models come from.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// One of the classifier's variants.
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// The most that may be spent in this run, in dollars.
    #[arg(long, value_name = "USD", default_value_t = SPEND_MAX_USD)]
    spend_max: f64,
    /// One JSON array of reports.
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        logs::start("warn", None);
        let folder = project::folder(dir.clone());
        anyhow::ensure!(
            folder.is_some() || !self.mode.writes(),
            "there is no folder to record into: `hookyard init DIR` writes one, and --dir names it"
        );
        let files = project::files(dir)?;
        let engine = self.engine(&files)?;
        let (known, problems) = config::suites(&files);
        problems.into_result().map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let mut chosen = Vec::new();
        for name in if self.suites.is_empty() { known.keys().cloned().collect() } else { self.suites.clone() }
        {
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
        let runtime = runtime()?;
        let mut reports = Vec::new();
        for (name, suite) in chosen {
            let dir = folder.as_ref().map(|folder| folder.join(eval::recordings_folder(&name)));
            let tape = Tape::open(&files, &name, self.mode, dir, Money::of_dollars(self.spend_max))
                .map_err(|problems| anyhow::anyhow!("{problems}"))??;
            reports.push(runtime.block_on(self.suite(&engine, &files, &name, suite, &tape))?);
        }
        if self.json {
            out::json(&reports)?;
        } else {
            for report in &reports {
                out::say(report)?;
            }
        }
        Ok(if reports.iter().all(|report| report.passed) { End::Well } else { End::Badly })
    }

    /// Keys are looked at only where somebody may be paid.
    fn engine(&self, files: &Files) -> anyhow::Result<Engine> {
        let options = |reach| CompileOptions { reach, ..CompileOptions::default() };
        if self.mode.buys() {
            project::engine(files, &ProcessEnvironment, options(Reach::Judges))
        } else {
            project::engine(files, &FixedEnvironment::default(), options(Reach::Offline))
        }
    }

    async fn suite(
        &self,
        engine: &Engine,
        files: &Files,
        name: &str,
        suite: &Suite,
        tape: &Tape,
    ) -> anyhow::Result<Report> {
        let panel = Panel::new(engine, name, &suite.classifier, &self.judge, self.variant.as_deref())?;
        let cases = eval::cases(files, name, suite)?;
        let bar = progress::bar(cases.len() as u64, name, self.json);
        let clock = SystemClock::new();
        let trials = eval::run(engine, &panel, tape, &cases, 1, &clock, &|| bar.inc(1)).await;
        bar.finish_and_clear();
        let trials = trials?;
        if let Some(reason) = tape.unwritten() {
            anyhow::bail!("an answer was bought and could not be recorded: {reason}");
        }
        let (bought, spent) = tape.bought();
        if bought > 0 {
            out::note(format!("{name}: {bought} answers were bought for {spent}"));
        }
        for file in tape.unused(&panel.names()) {
            out::note(format!("{name}: nothing asked for {}/{file}", eval::recordings_folder(name)));
        }
        for file in tape.stale(|judge| engine.judge(judge).is_some()) {
            out::note(format!("{name}: no judge of today made {}/{file}", eval::recordings_folder(name)));
        }
        if !self.json {
            let asked: Vec<String> = panel
                .ladder
                .iter()
                .map(|rung| format!("{} ({})", rung.judge.name(), rung.judge.kind()))
                .collect();
            out::say(format!("{name}: asked are {}", asked.join(", then ")))?;
        }
        let graded = cases.iter().zip(&trials).map(|(case, trial)| Graded::new(case, trial)).collect();
        Ok(Report::new(name, suite, panel.classifier.schema().labels(), graded))
    }
}
