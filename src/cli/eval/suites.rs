//! Measuring the suites that are asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use indexmap::IndexMap;
use indicatif::ProgressBar;

use crate::{
    cli::{out, progress, project, runtime},
    config::{self, Files, FixedEnvironment, ProcessEnvironment, Split, Suite},
    domain::Money,
    engine::{CompileOptions, Engine, Reach},
    eval::{self, EvalError, Mode, Progress, Purse, Request, Shard, Waits, report::Report},
    host::SystemClock,
};

/// The most that one run may spend on language models, in dollars, unless it is told.
const SPEND_MAX_USD: f64 = 5.0;

/// Who is asked about which cases.
#[derive(Debug, Clone, Args)]
pub(super) struct Asked {
    /// Ask this judge in place of those that the suite names; may be given several times, for a ladder.
    #[arg(long, value_name = "NAME")]
    pub judge: Vec<String>,
    /// Where the answers of language models come from.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// One of the classifier's variants.
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Measure this split in place of those that the suite names; may be given several times.
    #[arg(long, value_enum, value_name = "SPLIT")]
    pub split: Vec<Split>,
    /// Ask about part K of N only, such as 1/4: for several machines that record a suite at one time.
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Ask about each case so often.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    samples: Option<u32>,
    /// What chance begins with.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The most that this run may spend in all, in dollars. Nothing else bounds it: it is not charged to the
    /// budgets of judges.toml, which are the service's.
    #[arg(long, value_name = "USD", default_value_t = SPEND_MAX_USD, value_parser = dollars)]
    spend_max: f64,
}

fn dollars(text: &str) -> Result<f64, String> {
    let amount: Option<f64> = text.parse().ok().filter(|amount: &f64| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| "write an amount in dollars, such as 2.50".to_owned())
}

impl Asked {
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What all suites and sides of a run are paid out of.
    pub fn purse(&self) -> Arc<Purse> {
        Arc::new(Purse::new(Money::of_dollars(self.spend_max)))
    }

    /// What is asked, of all cases.
    pub fn request<'a>(&'a self, folder: impl Into<Option<&'a Path>>, purse: &Arc<Purse>) -> Request<'a> {
        Request {
            judges: &self.judge,
            variant: self.variant.as_deref(),
            mode: self.mode,
            splits: &self.split,
            only: None,
            shard: self.shard,
            samples: self.samples,
            seed: self.seed,
            confidence_min: None,
            purse: Arc::clone(purse),
            dir: folder.into(),
            waits: Waits::default(),
        }
    }

    /// Keys are looked at only where somebody may be paid.
    pub fn engine(&self, files: &Files) -> anyhow::Result<Engine> {
        let options = |reach| CompileOptions { reach, ..CompileOptions::default() };
        let engine = if self.mode.buys() {
            project::engine(files, &ProcessEnvironment, options(Reach::Judges))?
        } else {
            project::engine(files, &FixedEnvironment::default(), options(Reach::Offline))?
        };
        drop(engine.train());
        Ok(engine)
    }
}

/// The suites called `names`, or all.
///
/// # Errors
/// One cannot be read or does not exist, or there are none.
pub(super) fn chosen(files: &Files, names: &[String]) -> anyhow::Result<IndexMap<String, Suite>> {
    let (mut known, problems) = config::suites(files);
    problems.into_result().map_err(|problems| anyhow::anyhow!("{problems}"))?;
    anyhow::ensure!(!known.is_empty(), "there are no suites: a suite is evals/NAME/suite.toml");
    if names.is_empty() {
        return Ok(known);
    }
    let mut chosen = IndexMap::new();
    for name in names {
        let suite = known.swap_remove(name).or_else(|| chosen.get(name).cloned()).with_context(|| {
            format!("no suite is called `{name}`: {}", config::one_of(name, known.keys().map(String::as_str)))
        })?;
        chosen.insert(name.clone(), suite);
    }
    Ok(chosen)
}

/// Measures the suites called `names`, of each only the cases that `only` names, if it names any suite.
///
/// # Errors
/// The first that hinders it.
pub(super) fn measured(
    asked: &Asked,
    names: &[String],
    folder: Option<&Path>,
    files: &Files,
    only: Option<&BTreeMap<String, BTreeSet<String>>>,
    purse: &Arc<Purse>,
    quiet: bool,
) -> anyhow::Result<Vec<Report>> {
    let engine = asked.engine(files)?;
    let suites = chosen(files, names)?;
    let runtime = runtime()?;
    let clock = SystemClock::new();
    let mut reports = Vec::new();
    for (name, suite) in &suites {
        let only = match only {
            Some(only) => match only.get(name) {
                Some(ids) => Some(ids),
                None => continue,
            },
            None => None,
        };
        let bar: ProgressBar = progress::bar(0, name, quiet);
        let (shown, suite_of) = (bar.clone(), name.clone());
        let waits = Waits::told_to(move |says| shown.suspend(|| out::note(format!("{suite_of}: {says}"))));
        let request = Request { only, waits, ..asked.request(folder, purse) };
        let begin = |cases: usize| bar.set_length(cases as u64);
        let done = || bar.inc(1);
        let measured = runtime.block_on(eval::measure(
            &engine,
            files,
            name,
            suite,
            &request,
            &clock,
            Progress { begin: &begin, done: &done },
        ));
        bar.finish_and_clear();
        let measured = match measured {
            Err(nothing @ EvalError::NothingInPart { .. }) => {
                out::note(nothing.to_string());
                continue;
            }
            measured => measured?,
        };
        let (bought, spent) = measured.bought;
        if bought > 0 {
            out::note(format!("{name}: {} bought for {spent}", out::several(bought as u64, "answer")));
        }
        reports.push(measured.report);
    }
    Ok(reports)
}
