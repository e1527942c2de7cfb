//! `--compare A B`

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use anyhow::Context;

use crate::{
    cli::project,
    config::Files,
    eval::{
        Purse, between,
        compare::{Answered, Run, Terms, compare},
        report::{Comparison, Report},
        stats::bootstrap::Plan,
    },
};

use super::{Measure, suites};

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// As it was written.
    name: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Judges(Vec<String>),
    Variant(String),
    /// Another project.
    Dir(PathBuf),
    /// What `--json` wrote.
    Report(PathBuf),
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let what = match text.split_once('=') {
            Some(("judge", names)) => What::Judges(names.split(',').map(str::to_owned).collect()),
            Some(("variant", name)) => What::Variant(name.to_owned()),
            Some(("dir", path)) => What::Dir(path.into()),
            Some(("report", path)) => What::Report(path.into()),
            _ => return Err("write judge=NAME[,NAME…], variant=NAME, dir=FOLDER or report=FILE".to_owned()),
        };
        Ok(Side { name: text.to_owned(), what })
    }
}

/// Measures both sides; the reports of B, and what differs, by suite.
///
/// # Errors
/// A side cannot be measured, or they do not have the same cases.
pub(super) fn sides(
    measure: &Measure,
    folder: Option<&Path>,
    files: &Files,
    a: &Side,
    b: &Side,
    purse: &Arc<Purse>,
) -> anyhow::Result<(Vec<Report>, Vec<Comparison>)> {
    let known = suites::chosen(files, &measure.suites)?;
    let (before, after) =
        (reports(measure, folder, files, a, purse)?, reports(measure, folder, files, b, purse)?);
    let mut comparisons = Vec::new();
    for report in &after {
        let Some(other) = before.iter().find(|other| other.suite == report.suite) else { continue };
        let notes = between(other, report).into_iter().collect();
        let (cases_a, cases_b) = (answered(other), answered(report));
        let margin = known.get(&report.suite).map_or(0.0, |suite| suite.margin);
        let terms = Terms { margin, plan: Plan::seeded(report.seed) };
        let a = Run { name: &a.name, cases: &cases_a };
        let b = Run { name: &b.name, cases: &cases_b };
        let compared = compare(&report.suite, &report.labels, a, b, terms);
        let compared = compared.with_context(|| format!("suite `{}`", report.suite))?;
        comparisons.push(Comparison { notes, ..compared });
    }
    anyhow::ensure!(!comparisons.is_empty(), "the two sides have no suite in common");
    Ok((after, comparisons))
}

fn answered(report: &Report) -> Vec<Answered<'_>> {
    report.cases.iter().map(Answered::from).collect()
}

fn reports(
    measure: &Measure,
    folder: Option<&Path>,
    files: &Files,
    side: &Side,
    purse: &Arc<Purse>,
) -> anyhow::Result<Vec<Report>> {
    let mut asked = measure.asked.clone();
    let run = |asked: &suites::Asked, folder: Option<&Path>, files: &Files| {
        suites::measured(asked, &measure.suites, folder, files, None, purse, measure.forms.is_json())
    };
    match &side.what {
        What::Judges(names) => asked.judge.clone_from(names),
        What::Variant(name) => asked.variant = Some(name.clone()),
        What::Dir(dir) => {
            let files = project::files(Some(dir.clone()))?;
            return run(&asked, Some(dir), &files);
        }
        What::Report(file) => {
            let text =
                fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
            let mut reports: Vec<Report> = serde_json::from_str(&text)
                .with_context(|| format!("{} is not what `hookyard eval --json` writes", file.display()))?;
            reports.retain(|report| measure.suites.is_empty() || measure.suites.contains(&report.suite));
            return Ok(reports);
        }
    }
    run(&asked, folder, files)
}
