//! Which cases were not well the last time, for `--failed`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{cli::out, config::Files, eval::report::Report};

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
        let asked: BTreeSet<&str> = report.cases.iter().map(|case| case.id.as_str()).collect();
        let mut failed = read(&path);
        failed.retain(|id| !asked.contains(id.as_str()));
        failed.extend(report.cases.iter().filter(|case| !case.passed).map(|case| case.id.clone()));
        let text: String = failed.iter().map(|id| format!("{id}\n")).collect();
        if let Err(error) = fs::write(&path, text) {
            out::note(format!(
                "--failed will not know of this run: {} cannot be written: {error}",
                path.display()
            ));
        }
    }
}

/// By suite, the cases that were not well the last time; suites of which all were well are left out.
///
/// # Errors
/// The suites cannot be read, or none of their cases failed.
pub(super) fn last(
    folder: &Path,
    files: &Files,
    names: &[String],
) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let suites = suites::chosen(files, names)?;
    let failed: BTreeMap<String, BTreeSet<String>> = suites
        .into_keys()
        .map(|name| (name.clone(), read(&path(folder, &name))))
        .filter(|(_, ids)| !ids.is_empty())
        .collect();
    anyhow::ensure!(!failed.is_empty(), "no case failed the last time: there is nothing to ask again");
    Ok(failed)
}

/// None where there was no run yet.
fn read(path: &Path) -> BTreeSet<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}
