//! A suite from its files to its report.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{
    Baseline, EvalError, Graded, Mode, Panel, Purse, Shard, Tape, Trial, Vendor, Waits, arrivals,
    baseline::Standing,
    baseline_file, grade, grading,
    metamorphic::{self, Asking},
    report::{Digests, Leftover, Report, grades, several},
    run, sound, summary, test_lock, unread,
};
use crate::{
    classify::{Judge, recordings_folder},
    config::{self, Case, Files, GradedTable, Problem, Split, Suite},
    domain::{Clock, Money, Name},
    engine::Engine,
};

/// How a suite is to be measured. What is left out is as its `suite.toml` says.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    pub judges: &'a [String],
    pub variant: Option<&'a str>,
    pub mode: Mode,
    pub splits: &'a [Split],
    /// Ids of the cases that are asked about, if not all.
    pub only: Option<&'a BTreeSet<String>>,
    /// Which part of them.
    pub shard: Option<Shard>,
    pub samples: Option<u32>,
    pub seed: Option<u64>,
    /// The confidence that every judge needs, in place of that of its rung.
    pub confidence_min: Option<f64>,
    /// What language models are paid out of.
    pub purse: Arc<Purse>,
    /// The folder that holds `evals/`, if it is not that which was built in.
    pub dir: Option<&'a Path>,
    /// Who hears that a vendor is waited for.
    pub waits: Waits,
}

impl Request<'_> {
    /// All cases of the splits are asked about: of a part nobody can say what is missing or unused.
    const fn is_whole(&self) -> bool {
        self.only.is_none() && self.shard.is_none()
    }

    /// All of it is measured as `suite.toml` says.
    const fn is_the_suites_own(&self) -> bool {
        self.is_whole()
            && self.judges.is_empty()
            && self.splits.is_empty()
            && self.variant.is_none()
            && self.confidence_min.is_none()
    }
}

/// Who hears how far it has come.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    /// How many cases there are.
    pub begin: &'a (dyn Fn(usize) + Sync),
    /// Called after each.
    pub done: &'a (dyn Fn() + Sync),
}

impl Progress<'_> {
    /// Nobody does.
    pub const SILENT: Progress<'static> = Progress { begin: &|_| {}, done: &|| {} };
}

/// A suite that was measured.
#[derive(Debug)]
pub struct Measured {
    pub report: Report,
    pub panel: Panel,
    /// In the order of the report's cases.
    pub trials: Vec<Trial>,
    /// Answers that were bought, and what they cost.
    pub bought: (usize, Money),
    /// Why it says nothing about an edit of the prompts, if there was one. The report notes it too.
    pub unread: Option<String>,
}

/// Measures the suite called `name`; `progress` hears how far it has come.
///
/// # Errors
/// See [`EvalError`].
pub async fn measure(
    engine: &Engine,
    files: &Files,
    name: &str,
    suite: &Suite,
    request: &Request<'_>,
    clock: &dyn Clock,
    progress: Progress<'_>,
) -> Result<Measured, EvalError> {
    let mut suite = suite.clone();
    if !request.splits.is_empty() {
        suite.splits = request.splits.to_vec();
    }
    suite.samples = request.samples.unwrap_or(suite.samples);
    suite.seed = request.seed.unwrap_or(suite.seed);
    let judges = if request.judges.is_empty() { &suite.judges } else { request.judges };
    let mut panel = Panel::new(engine, name, &suite.classifier, judges, request.variant)?;
    if let Some(confidence_min) = request.confidence_min {
        panel.ladder.iter_mut().for_each(|rung| rung.confidence_min = confidence_min);
    }
    let Cases { all, mut cases, unjudged } = cases(engine, files, name, &suite)?;
    if let Some(only) = request.only {
        cases.retain(|case| only.contains(&case.id));
    }
    if cases.is_empty() {
        return Err(no(name, "it has no cases in its splits, or none of those that are asked for"));
    }
    if let Some(shard) = request.shard {
        cases.retain(|case| shard.holds(case));
        if cases.is_empty() {
            return Err(EvalError::NothingInPart { suite: name.to_owned() });
        }
    }
    let tape = tape(engine, files, name, request)?;
    (progress.begin)(cases.len());
    let trials = run(engine, &panel, &tape, &cases, suite.samples, clock, progress.done).await?;
    if let Some(reason) = tape.unwritten() {
        return Err(lost(reason));
    }
    // One that cannot be read is none: the gate says so, and --bless writes it anew.
    let (baseline, damaged) = match baseline(files, name) {
        Ok(baseline) => (baseline, None),
        Err(problem) => (None, Some(problem)),
    };
    // Figures of others are none of ours.
    let fitting = baseline.as_ref().filter(|baseline| baseline.is_of(&panel, &suite));
    let graded: Vec<Graded> = cases
        .iter()
        .zip(&trials)
        .map(|(case, trial)| {
            let digest = test_lock::digest(case);
            let before = fitting.and_then(|baseline| baseline.before(&case.id, Some(&digest))).cloned();
            let gives_fields = trial.said.verdict().is_some_and(|v| panel.gives_fields(&v.judge));
            grade(case, trial, gives_fields, suite.findings.as_ref(), before)
        })
        .collect();
    let whole = request.is_whole();
    let mut texts = Vec::new();
    for (field, table) in &suite.graded {
        texts.push(grading::graded(engine, name, (field, table), &tape, &cases, &trials, clock).await?);
    }
    // Whoever asks each judge alone does not ask about the suite.
    let relations = if request.confidence_min.is_none() {
        let (suite, cases, trials) = (&suite, &cases, &trials);
        metamorphic::relations(&Asking { engine, panel: &panel, tape: &tape, suite, cases, trials, clock })
            .await?
    } else {
        Default::default()
    };
    if let Some(reason) = tape.unwritten() {
        return Err(lost(reason));
    }
    // Nobody is asked about these: also of a part they are all tried.
    let arrived = arrivals::arrivals(engine, &suite.classifier, &unjudged, &all, clock);
    let notes_on_texts = texts.iter().map(grades).collect();
    let found = summary::report(summary::Run {
        name,
        suite: &suite,
        panel: &panel,
        mode: panel.reads_prompts().then_some(request.mode),
        cases: &cases,
        trials: &trials,
        graded,
        texts,
        relations,
        arrivals: arrived,
        standing: standing(name, request, baseline.as_ref(), fitting, damaged.as_ref()),
        whole,
        digests: digests(engine, &suite, &panel, &cases)?,
        notes: notes_on_texts,
    });
    let mut report = found
        .map_err(|error| no(name, &format!("its `cost` cannot be used: {error}")))?
        .ok_or_else(|| no(name, "it has no cases"))?;
    if baseline.is_some() && fitting.is_none() && !request.is_the_suites_own() {
        let file = baseline_file(name);
        report.notes.push(format!("{file} is of other judges or splits: nothing was held against it"));
    }
    let unread = fitting.and_then(|one| unread::since_baseline(&panel, &report.digests.prompt, one));
    if let Some(unread) = &unread {
        report.notes.insert(0, unread.clone());
    }
    report.leftovers = leftovers(engine, name, &tape, &panel, &suite, request);
    report.notes.extend(tape.moved());
    report.notes.extend(notes(name, &panel, &report.leftovers));
    Ok(Measured { report, panel, trials, bought: tape.bought(), unread })
}

fn standing<'a>(
    name: &str,
    request: &Request<'_>,
    baseline: Option<&Baseline>,
    fitting: Option<&'a Baseline>,
    damaged: Option<&Problem>,
) -> Standing<'a> {
    match (fitting, baseline) {
        (Some(fitting), _) if request.is_whole() => Standing::Against(fitting),
        _ if !request.is_the_suites_own() => Standing::Free,
        (_, None) => Standing::Lacking(match damaged {
            Some(problem) => format!("{} is none: {}", baseline_file(name), problem.message),
            None => format!("there is no {}", baseline_file(name)),
        }),
        (_, Some(Baseline { judges, splits, .. })) => {
            let (file, judges, splits) = (baseline_file(name), judges.join(", "), splits.join(", "));
            Standing::Lacking(format!("{file} is of {judges} on {splits}"))
        }
    }
}

fn lost(reason: String) -> EvalError {
    EvalError::Unwritten { reason: format!("an answer was bought and could not be recorded: {reason}") }
}

fn no(suite: &str, reason: &str) -> EvalError {
    EvalError::Suite { suite: suite.to_owned(), reason: reason.to_owned() }
}

/// A suite's cases.
struct Cases {
    /// Of all splits.
    all: Vec<Case>,
    /// Of the suite's splits, to be judged.
    cases: Vec<Case>,
    /// The others of these splits: they are to end before.
    unjudged: Vec<Case>,
}

fn cases(engine: &Engine, files: &Files, name: &str, suite: &Suite) -> Result<Cases, EvalError> {
    let (all, problems) = config::cases(files, name);
    for problem in &problems.into_result().map_err(EvalError::Problems)? {
        tracing::warn!(%problem, "a case is doubtful");
    }
    if suite.splits.contains(&Split::Test) {
        for problem in &test_lock::check(files, name, &all).into_result().map_err(EvalError::Problems)? {
            tracing::warn!(%problem, "the test cases are not held to a lock");
        }
    }
    let of_splits = all.iter().filter(|case| suite.splits.contains(&case.split())).cloned();
    let (cases, unjudged): (Vec<Case>, Vec<Case>) = of_splits.partition(Case::is_judged);
    sound(engine, name, suite, &cases).into_result().map_err(EvalError::Problems)?;
    Ok(Cases { all, cases, unjudged })
}

fn tape(engine: &Engine, files: &Files, name: &str, request: &Request<'_>) -> Result<Tape, EvalError> {
    let vendor = |judge: &Name| {
        let llm = engine.judge(judge)?;
        Some((judge.clone(), Vendor { price: *llm.price(), host: llm.host() }))
    };
    let vendors = engine.judges().filter_map(vendor).collect::<BTreeMap<_, _>>();
    let dir = request.dir.map(|dir| dir.join(recordings_folder(name)));
    Tape::open(files, name, request.mode, dir, Arc::clone(&request.purse), vendors)
        .map(|tape| tape.map(|tape| tape.telling(request.waits.clone())))
        .map_err(EvalError::Problems)?
        .map_err(|error| EvalError::Unwritten { reason: error.to_string() })
}

/// The blessed baseline of a suite, if it has one.
///
/// # Errors
/// The file is none.
pub fn baseline(files: &Files, name: &str) -> Result<Option<Baseline>, Problem> {
    let file = baseline_file(name);
    let Some(text) = files.get(&file) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| {
        let at = config::At::line(&file, error.line());
        let remedy = "bring it back, or write it anew with `hookyard eval --bless`";
        at.error(config::codes::BAD_BASELINE, error.to_string(), remedy)
    })
}

/// The names of those who grade a text.
fn graders(table: &GradedTable) -> impl Iterator<Item = &str> {
    std::iter::once(&table.judge).chain(&table.second).map(String::as_str)
}

fn digests(engine: &Engine, suite: &Suite, panel: &Panel, cases: &[Case]) -> Result<Digests, EvalError> {
    let mut hasher = Sha256::new();
    for case in cases {
        // A case that was read can be written.
        hasher.update(serde_json::to_vec(case).unwrap_or_default());
        hasher.update([0]);
    }
    let model = |rung: &crate::classify::LadderRung| (rung.judge.name().to_string(), rung.judge.model());
    let grading = suite.graded.values().flat_map(graders).filter_map(|name| {
        let judge: &dyn Judge = &**engine.judge(name)?;
        Some((name.to_owned(), judge.model()))
    });
    Ok(Digests {
        prompt: panel.variant()?.digest.clone(),
        schema: panel.classifier.schema().digest().to_owned(),
        models: panel.ladder.iter().map(model).chain(grading).collect(),
        cases: hex::encode(hasher.finalize()),
    })
}

/// Recordings that nobody asked for, and those of judges that are gone.
fn leftovers(
    engine: &Engine,
    name: &str,
    tape: &Tape,
    panel: &Panel,
    suite: &Suite,
    request: &Request<'_>,
) -> Vec<Leftover> {
    let Request { variant, splits, samples, .. } = request;
    let whole = request.is_whole() && splits.is_empty() && samples.is_none() && variant.is_none();
    let folder = recordings_folder(name);
    let of = |known: bool, found: BTreeMap<String, Vec<String>>| {
        let path = |file: String| format!("{folder}/{file}");
        let leftover = move |(judge, files): (String, Vec<String>)| Leftover {
            judge,
            known,
            files: files.into_iter().map(path).collect(),
        };
        found.into_iter().map(leftover).collect::<Vec<_>>()
    };
    let mut leftovers = Vec::new();
    if whole {
        let graders = suite.graded.values().flat_map(graders).map(Into::into);
        let asked: Vec<_> = panel.names().into_iter().chain(graders).collect();
        leftovers.extend(of(true, tape.unused(&asked)));
    }
    leftovers.extend(of(false, tape.stale(|judge| engine.judge(judge).is_some())));
    leftovers
}

fn notes(name: &str, panel: &Panel, leftovers: &[Leftover]) -> Vec<String> {
    let folder = recordings_folder(name);
    let (unused, stale): (Vec<&Leftover>, Vec<_>) = leftovers.iter().partition(|leftover| leftover.known);
    let count = |leftover: &Leftover| {
        let recordings = several(leftover.files.len(), "recording");
        format!("{recordings} of {} in {folder}/", leftover.judge)
    };
    let mut notes: Vec<String> =
        unused.into_iter().map(|one| format!("this run did not ask for {}", count(one))).collect();
    if let Ok(variant) = panel.variant() {
        notes.extend(panel.classifier.uncalibrated(variant).map(|judge| {
            format!("{judge} has changed since its confidence was measured: `hookyard eval calibrate {name}`")
        }));
    }
    notes.extend(stale.into_iter().map(|one| format!("no judge of today made {}", count(one))));
    notes
}
