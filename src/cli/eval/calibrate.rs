//! `hookyard eval calibrate` and `hookyard eval threshold`: what a judge's confidence is worth, and how much of it to demand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use toml_edit::{DocumentMut, value};

use crate::{
    classify::{Calibrated, Calibrations, calibration_file},
    cli::{
        End,
        out::{self, several},
        project, runtime,
    },
    config::{CLASSIFIERS, Files, Split, Suite},
    decide::calibration::Scaling,
    engine::Engine,
    eval::{
        self, Measured, Request,
        metrics::{
            Marked,
            costs::Costs,
            threshold::{Measure, Pick, cheapest, in_thousandths, within},
        },
        report::{Report, percent},
    },
    host::SystemClock,
};

use super::{
    exit,
    suites::{self, Asked},
    write::write,
};

/// What both commands ask.
#[derive(Debug, Args)]
struct One {
    /// A folder of evals/.
    suite: String,
    #[command(flatten)]
    asked: Asked,
}

/// Measure what the confidence of each judge is worth, and use it from now on: written to evals/SUITE/calibration.json, and valid
/// for the prompts, schema and model that were measured.
#[derive(Debug, Args)]
pub(super) struct Calibrate {
    #[command(flatten)]
    one: One,
}

/// Pick the least confidence with which a judge's answers are taken. Pick on one split, and look at the figures of another.
#[derive(Debug, Args)]
pub(super) struct Threshold {
    #[command(flatten)]
    one: One,
    /// Most answers taken that may be wrong, 0 to 1.
    #[arg(long, value_name = "SHARE", required_unless_present = "cheapest")]
    risk_max: Option<f64>,
    /// Also what is merely likely, by the upper bound of the interval, must not be above it.
    #[arg(long, requires = "risk_max")]
    surely: bool,
    /// The threshold with which the cases cost least, by `[cost]` of suite.toml.
    #[arg(long, conflicts_with = "risk_max")]
    cheapest: bool,
    /// Write it into config/classifiers.toml.
    #[arg(long)]
    write: bool,
}

/// A judge asked alone, whatever its confidence.
struct Alone {
    judge: String,
    measured: Measured,
}

impl One {
    /// Each judge that may be unsure, asked alone.
    fn alone(
        &self,
        engine: &Engine,
        files: &Files,
        folder: &Path,
        suite: &Suite,
    ) -> anyhow::Result<Vec<Alone>> {
        anyhow::ensure!(
            self.asked.split.iter().all(|split| *split == Split::Dev),
            "measure confidence on dev: `local` has learned from train, and what was chosen on test cannot be measured there"
        );
        let classifier = engine.classifier(&suite.classifier).with_context(|| {
            format!("suite `{}`: no classifier is called `{}`", self.suite, suite.classifier)
        })?;
        let on_ladder = classifier.ladder().iter().filter(|rung| !rung.judge.reads_prompts());
        let mut judges: Vec<String> = match (&self.asked.judge, &suite.judges) {
            (asked, _) if !asked.is_empty() => asked.clone(),
            (_, named) if !named.is_empty() => named.clone(),
            _ => on_ladder.map(|rung| rung.judge.name().to_string()).collect(),
        };
        // Rules are exact.
        judges.retain(|judge| judge != "rules");
        let (runtime, clock) = (runtime()?, SystemClock::new());
        let purse = self.asked.purse();
        let mut found = Vec::new();
        for judge in judges {
            let names = [judge.clone()];
            let splits = if self.asked.split.is_empty() { &[Split::Dev][..] } else { &self.asked.split };
            let request = Request {
                judges: &names,
                splits,
                confidence_min: Some(0.0),
                ..self.asked.request(folder, &purse)
            };
            let measured = runtime.block_on(eval::measure(
                engine,
                files,
                &self.suite,
                suite,
                &request,
                &clock,
                eval::Progress::SILENT,
            ))?;
            found.push(Alone { judge, measured });
        }
        anyhow::ensure!(!found.is_empty(), "no judge of this suite is ever unsure");
        Ok(found)
    }

    fn open(&self, dir: Option<PathBuf>) -> anyhow::Result<(PathBuf, Files, Suite)> {
        let folder = project::folder(dir.clone())
            .context("there is no folder to write to: `hookyard init DIR` writes one, and --dir names it")?;
        let files = project::files(dir)?;
        let mut suites = suites::chosen(&files, std::slice::from_ref(&self.suite))?;
        let suite = suites.swap_remove(&self.suite).context("the suite was found a moment ago")?;
        Ok((folder, files, suite))
    }
}

impl Calibrate {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let (folder, files, suite) = self.one.open(dir)?;
        let engine = self.one.asked.engine(&files)?;
        let file = calibration_file(engine.cases_of(&suite.classifier).unwrap_or(&self.one.suite));
        let mut calibrations: Calibrations = match files.get(&file) {
            Some(text) => serde_json::from_str(text).with_context(|| format!("{file} is no calibration"))?,
            None => Calibrations::default(),
        };
        let (mut measured_any, mut unmeasured) = (false, false);
        for Alone { judge, measured } in self.one.alone(&engine, &files, &folder, &suite)? {
            let Measured { report, panel, trials, .. } = &measured;
            let raw = |trial: &eval::Trial| {
                // Of an event that reaches no judge, an answer is neither right nor wrong.
                panel.classifier.schema().confidence_in(&trial.verdict()?.output)
            };
            let answers: Vec<(f64, bool)> = trials
                .iter()
                .zip(&report.cases)
                .filter_map(|(trial, case)| Some((raw(trial)?, case.right)))
                .collect();
            let scaling = match Scaling::fit(&answers) {
                Ok(scaling) => scaling,
                Err(error) => {
                    let answers = several(answers.len() as u64, "answer");
                    out::note(format!("the confidence of {judge} cannot be measured on {answers}: {error}"));
                    unmeasured = true;
                    continue;
                }
            };
            measured_any = true;
            let of = panel.subject(&judge).context("the judge was asked a moment ago")?;
            let prompts: Vec<&str> = panel.classifier.variants().map(|variant| &*variant.digest).collect();
            calibrations.keep(&judge, Calibrated { of, splits: report.splits.clone(), scaling }, &prompts);
            out::say(format!(
                "{judge}: what it calls 0.50, 0.70 and 0.90 is right in {}, {} and {} ({} answers)",
                percent(scaling.apply(0.5)),
                percent(scaling.apply(0.7)),
                percent(scaling.apply(0.9)),
                answers.len()
            ))?;
        }
        if !measured_any {
            return Ok(End::Exit(exit::WRONG));
        }
        let text = serde_json::to_string_pretty(&calibrations)? + "\n";
        write(&folder.join(&file), &text)?;
        out::say(format!("written to {file}: a running service takes it up as it does every change"))?;
        Ok(if unmeasured { End::Exit(exit::WRONG) } else { End::Well })
    }
}

/// What a threshold is picked for.
enum Aim {
    /// The most that may be wrong.
    Risk(f64, Measure),
    /// As little cost as can be.
    Cost(Costs),
}

impl Threshold {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        let (folder, files, suite) = self.one.open(dir)?;
        let engine = self.one.asked.engine(&files)?;
        let aim = self.aim(&engine, &suite)?;
        let mut missed = false;
        for Alone { judge, measured } in self.one.alone(&engine, &files, &folder, &suite)? {
            let (pick, says) = aim.pick(&marked(&measured.report));
            out::say(format!("{judge}: {says}"))?;
            match pick {
                Some(pick) if self.write => {
                    demand(&folder, &suite.classifier, &judge, pick.threshold)?;
                    out::say(format!("{judge}: written to {CLASSIFIERS}"))?;
                }
                Some(_) => {}
                None => missed = true,
            }
        }
        Ok(if missed { End::Badly } else { End::Well })
    }

    fn aim(&self, engine: &Engine, suite: &Suite) -> anyhow::Result<Aim> {
        if let Some(risk_max) = self.risk_max {
            anyhow::ensure!((0.0..=1.0).contains(&risk_max), "--risk-max is a share, from 0 to 1");
            return Ok(Aim::Risk(risk_max, if self.surely { Measure::Bound } else { Measure::Counted }));
        }
        let classifier = engine.classifier(&suite.classifier);
        let labels = classifier.map(|found| found.schema().labels()).unwrap_or_default();
        let costs = eval::costs(suite, labels)?.with_context(|| {
            format!(
                "suite `{}` has no `[cost]`: write there what errors cost, or say --risk-max",
                self.one.suite
            )
        })?;
        Ok(Aim::Cost(costs))
    }
}

impl Aim {
    /// The threshold, if there is one, and what is to be said.
    fn pick(&self, marked: &[Marked<'_>]) -> (Option<Pick>, String) {
        let told = |Pick { threshold, coverage, risk }: Pick| {
            let [wrong, low, high] = [risk.value, risk.low, risk.high].map(percent);
            let coverage = percent(coverage);
            format!(
                "from {threshold} on it decides {coverage} of the cases, and {wrong} of these wrongly ({low} to {high})"
            )
        };
        match self {
            Aim::Risk(risk_max, measure) => match within(marked, *risk_max, *measure) {
                Some(pick) => (Some(pick), told(pick)),
                None => (None, format!("no threshold keeps its errors at or below {}", percent(*risk_max))),
            },
            Aim::Cost(costs) => match cheapest(marked, costs) {
                Some((pick, cost)) => {
                    let person = costs.person();
                    let told = told(pick);
                    (
                        Some(pick),
                        format!("{told}; a case costs {cost:.3}, instead of {person:.3} by a person"),
                    )
                }
                None => (None, "no threshold costs less than leaving every case to a person".to_owned()),
            },
        }
    }
}

/// The cases as thresholds see them: a threshold is written in thousandths.
fn marked(report: &Report) -> Vec<Marked<'_>> {
    let index = |label: &str| report.labels.iter().position(|known| known == label);
    report
        .cases
        .iter()
        .filter_map(|case| {
            let (expected, got) = (index(&case.expected)?, case.got.as_deref().and_then(index));
            let confidence = case.confidence.map(in_thousandths);
            Some(Marked { expected, got, confidence, cluster: &case.cluster })
        })
        .collect()
}

/// Has the rung of `judge` demand this confidence, and leaves everything else of the file as it is.
fn demand(folder: &Path, classifier: &str, judge: &str, threshold: f64) -> anyhow::Result<()> {
    let path = folder.join(CLASSIFIERS);
    let text = fs::read_to_string(&path).with_context(|| format!("{CLASSIFIERS} cannot be read"))?;
    let mut document: DocumentMut = text.parse().with_context(|| format!("{CLASSIFIERS} cannot be read"))?;
    let ladder = document
        .get_mut("classifier")
        .and_then(|classifiers| classifiers.get_mut(classifier))
        .and_then(|classifier| classifier.get_mut("ladder"));
    let inline = ladder.and_then(|ladder| ladder.as_array_mut()).with_context(|| {
        format!("{CLASSIFIERS} has no ladder of `{classifier}` written as an array: set it there yourself")
    })?;
    let rung = inline
        .iter_mut()
        .filter_map(|rung| rung.as_inline_table_mut())
        .find(|rung| rung.get("judge").and_then(|name| name.as_str()) == Some(judge))
        .with_context(|| format!("`{judge}` is on no rung of `{classifier}`"))?;
    match value(threshold).into_value() {
        Ok(number) => drop(rung.insert("confidence_min", number)),
        Err(_) => anyhow::bail!("{threshold} cannot be written"),
    }
    Ok(write(&path, &document.to_string())?)
}
