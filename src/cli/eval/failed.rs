//! Which cases were not well the last time, for `--failed`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{
    cli::out,
    config::{self, Case, Files, Split},
    eval::{EvalError, report::Report},
};

use super::suites;

/// Hidden, so that it is no part of the configuration.
const FILE: &str = ".last-failed";

fn path(folder: &Path, suite: &str) -> PathBuf {
    folder.join("evals").join(suite).join(FILE)
}

/// Notes the cases that are not well: one id a line. What was not asked now stays as it was. A folder that cannot be written to
/// is told of, and changes nothing about what was found.
pub(super) fn note(folder: &Path, reports: &[Report]) {
    for report in reports {
        let path = path(folder, &report.suite);
        let judged = report.cases.iter().map(|case| (&case.id, case.passed));
        let ended: Vec<(&String, bool)> =
            judged.chain(report.arrivals.iter().map(|one| (&one.id, one.passed))).collect();
        let mut failed = read(&path);
        failed.retain(|id| !ended.iter().any(|(one, _)| *one == id));
        failed.extend(ended.iter().filter(|(_, passed)| !passed).map(|(id, _)| String::clone(id)));
        let text: String = failed.iter().map(|id| format!("{id}\n")).collect();
        if let Err(error) = fs::write(&path, text) {
            out::note(format!(
                "--failed will not know of this run: {} cannot be written: {error}",
                path.display()
            ));
        }
    }
}

/// By suite, the cases of `splits` that were not well the last time, or of the suite's own splits if none is named; suites of
/// which all were well are left out, and told of. Those of other splits are told of: they belong to another run.
///
/// # Errors
/// The suites or their cases cannot be read, there is nothing to ask and a suite was never measured, or only cases of other
/// splits failed.
pub(super) fn last(
    folder: &Path,
    files: &Files,
    names: &[String],
    splits: &[Split],
) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut failed = BTreeMap::new();
    let (mut others, mut well, mut never, mut unjudged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, suite) in suites::chosen(files, names)? {
        let (cases, problems) = config::cases(files, &name);
        problems.into_result().map_err(EvalError::Problems)?;
        let splits = if splits.is_empty() { &suite.splits } else { splits };
        let path = path(folder, &name);
        if !path.exists() {
            never.push(format!("{name}: no earlier run is known: `hookyard eval {name}` makes one"));
            continue;
        }
        let (here, elsewhere) = sorted(&read(&path), &cases, splits);
        let is_judged = |id: &String| cases.iter().any(|case| case.id == *id && case.is_judged());
        if !here.is_empty() && !here.iter().any(is_judged) {
            unjudged.push(name);
            continue;
        }
        if let Some(other) = elsewhere.first() {
            others.push(format!(
                "{name}: cases of other splits failed too: --split {} asks them",
                other.as_str()
            ));
        }
        if here.is_empty() && elsewhere.is_empty() {
            well.push(format!("{name}: no case failed the last time: there is nothing to ask again"));
        } else if !here.is_empty() {
            failed.insert(name, here);
        }
    }
    if failed.is_empty() && !never.is_empty() {
        anyhow::bail!("{}", never.join("; "));
    }
    if let Some(suite) = unjudged.first() {
        anyhow::bail!(
            "{}: what failed the last time is judged by nobody, and every run tries it: run `hookyard eval {suite}`",
            unjudged.join(", ")
        );
    }
    if failed.is_empty() && !others.is_empty() {
        anyhow::bail!("no case of these splits failed the last time; {}", others.join("; "));
    }
    never.iter().chain(&well).chain(&others).for_each(out::note);
    Ok(failed)
}

/// Those of the failed that are in `splits`, and the splits of the others. One that is no case any more is nowhere.
fn sorted(
    failed: &BTreeSet<String>,
    cases: &[Case],
    splits: &[Split],
) -> (BTreeSet<String>, BTreeSet<Split>) {
    let (here, elsewhere): (Vec<&Case>, Vec<&Case>) = cases
        .iter()
        .filter(|case| failed.contains(&case.id))
        .partition(|case| splits.contains(&case.split()));
    (here.iter().map(|case| case.id.clone()).collect(), elsewhere.iter().map(|case| case.split()).collect())
}

/// None where there was no run yet.
fn read(path: &Path) -> BTreeSet<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}
