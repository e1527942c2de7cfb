//! `hookyard eval`

mod bless;
mod calibrate;
mod compare;
mod failed;
mod figures;
mod forms;
mod import;
mod lock;
mod suites;
mod watch;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};

use crate::{
    config::Files,
    eval::{
        EvalError, Purse,
        report::{Change, Comparison, Report, Verdict},
    },
};

use super::{End, logs, out, project};

/// How `eval` ends, beside 0: everything is as it must be.
mod exit {
    /// A gate was missed.
    pub const FAILED: u8 = 1;
    /// The configuration, a case or the command is wrong.
    pub const WRONG: u8 = 2;
    /// Worse than the baseline, or than what it was compared with.
    pub const REGRESSED: u8 = 3;
    /// An answer is not recorded.
    pub const UNRECORDED: u8 = 4;
    /// A vendor could not be reached, or a file not be written.
    pub const BROKEN: u8 = 5;
}

/// How it ends, as its help tells it.
const EXIT_STATUS: &str = "\
Exit status:
  0  all gates hold; of --compare: B is not worse
  1  a gate is missed
  2  the configuration, a case, or the command is wrong
  3  worse than the baseline; of --compare: B is worse
  4  an answer is not recorded
  5  a vendor cannot be reached, --spend-max is used up, or a file cannot be written";

/// Measure the classifiers on their labelled cases: offline by `rules` and `local`, or by what language models have answered.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXIT_STATUS)]
pub(super) struct Eval {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(Box<import::Import>),
    Lock(lock::LockTest),
    Calibrate(calibrate::Calibrate),
    Threshold(calibrate::Threshold),
    #[command(hide = true)]
    Figures(figures::Figures),
}

#[derive(Debug, Args)]
struct Measure {
    /// Folders of evals/; all if none is named.
    suites: Vec<String>,
    #[command(flatten)]
    asked: suites::Asked,
    /// Measure two sides and say which is better: `judge=NAME[,NAME…]`, `variant=NAME`, `dir=FOLDER` (another project), or
    /// `report=FILE` (what --json wrote).
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Vec<compare::Side>,
    /// Ask about those cases only that were not well the last time.
    #[arg(long, conflicts_with_all = ["compare", "bless"])]
    failed: bool,
    /// Take the figures for the new baseline: what comes later is held against them.
    #[arg(long, conflicts_with_all = ["compare", "judge", "variant", "split", "shard", "samples"])]
    bless: bool,
    /// Measure again whenever a file changes, until Ctrl-C.
    #[arg(long, conflicts_with_all = ["json", "bless"])]
    watch: bool,
    #[command(flatten)]
    forms: forms::Forms,
}

impl Eval {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        if !matches!(self.command, Some(Command::Import(_))) {
            logs::start("warn", None);
        }
        let folder = project::folder(dir.clone());
        let end = match self.command {
            Some(Command::Import(import)) => import.run(dir),
            Some(Command::Lock(lock)) => lock.run(dir),
            Some(Command::Calibrate(calibrate)) => calibrate.run(dir),
            Some(Command::Threshold(threshold)) => threshold.run(dir),
            Some(Command::Figures(figures)) => figures.run(),
            None => self.measure.run(folder.as_deref(), dir),
        };
        // Each kind of failure has a status of its own.
        match end {
            Err(error) => match error.downcast_ref::<EvalError>().map(status) {
                Some(status) => {
                    out::note(format!("error: {error:#}"));
                    Ok(End::Exit(status))
                }
                None => Err(error),
            },
            end => end,
        }
    }
}

impl Measure {
    fn run(&self, folder: Option<&Path>, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let needs_folder = self.asked.mode().writes() || self.bless || self.failed || self.watch;
        anyhow::ensure!(
            folder.is_some() || !needs_folder,
            "there is no folder to write to or to look at: `hookyard init DIR` writes one, and --dir names it"
        );
        anyhow::ensure!(
            !self.watch || self.asked.mode().reads(),
            "--watch with --mode {} would buy everything again at each change: use record-missing",
            self.asked.mode().as_str()
        );
        let purse = self.asked.purse();
        if let (true, Some(folder)) = (self.watch, folder) {
            return watch::watch(folder, || self.once(Some(folder), Some(folder.to_owned()), &purse));
        }
        self.once(folder, dir, &purse)
    }

    fn once(&self, folder: Option<&Path>, dir: Option<PathBuf>, purse: &Arc<Purse>) -> anyhow::Result<End> {
        let files = project::files(dir)?;
        let comparisons = if let [a, b] = self.compare.as_slice() {
            Some(compare::sides(self, folder, &files, a, b, purse)?)
        } else {
            None
        };
        if let Some((reports, comparisons)) = comparisons {
            unless_unread(self.forms.give(&reports, &comparisons))?;
            return Ok(ended(&reports, &comparisons));
        }
        let reports = self.reports(folder, &files, purse)?;
        unless_unread(self.forms.give(&reports, &[]))?;
        if let Some(folder) = folder {
            failed::note(folder, &reports);
            if self.bless {
                bless::bless(folder, &reports)?;
            }
        }
        Ok(ended(&reports, &[]))
    }

    fn reports(
        &self,
        folder: Option<&Path>,
        files: &Files,
        purse: &Arc<Purse>,
    ) -> anyhow::Result<Vec<Report>> {
        let only = match folder.filter(|_| self.failed) {
            Some(folder) => Some(failed::last(folder, files, &self.suites, &self.asked.split)?),
            None => None,
        };
        suites::measured(&self.asked, &self.suites, folder, files, only.as_ref(), purse, self.forms.is_json())
    }
}

const fn status(error: &EvalError) -> u8 {
    match error {
        EvalError::Problems(_)
        | EvalError::Case { .. }
        | EvalError::NothingInPart { .. }
        | EvalError::Suite { .. } => exit::WRONG,
        EvalError::Unrecorded { .. } => exit::UNRECORDED,
        EvalError::OutOfReach { .. } | EvalError::Unwritten { .. } => exit::BROKEN,
    }
}

/// Whoever reads no further, such as `head`, still wants to know by the exit status how it ended.
fn unless_unread(given: anyhow::Result<()>) -> anyhow::Result<()> {
    match given {
        Err(error) if out::is_unread(&error) => Ok(()),
        given => given,
    }
}

/// A comparison speaks for itself: what its sides miss is not asked.
fn ended(reports: &[Report], comparisons: &[Comparison]) -> End {
    let worse = comparisons.iter().any(|comparison| comparison.verdict == Change::Worse);
    let any = |verdict| comparisons.is_empty() && reports.iter().any(|report| report.verdict == verdict);
    if any(Verdict::Failed) {
        End::Exit(exit::FAILED)
    } else if worse || any(Verdict::Regressed) {
        End::Exit(exit::REGRESSED)
    } else {
        End::Well
    }
}
