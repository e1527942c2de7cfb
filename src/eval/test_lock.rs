//! Whether a suite's test cases are as they were locked, and whether what is learned from is nearly among them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{
    EvalError,
    lock::{self, Lock},
    near::{self, Compared, Leaks, Pair},
};
use crate::config::{self, At, Case, Files, Problems, Split, codes, quoted};

/// Pairs of near-duplicates that are told one by one; the others are counted.
const PAIRS_TOLD_MAX: usize = 20;

/// What to do about near-duplicates.
const NEAR_REMEDY: &str = "give both the same `split`, or remove one";

/// Path of a suite's lock.
pub fn file(suite: &str) -> String {
    format!("evals/{suite}/test.lock")
}

/// The lock of the test cases as they are now.
///
/// # Errors
/// The cases cannot be read.
pub fn of(files: &Files, suite: &str) -> Result<Lock, EvalError> {
    let (cases, problems) = config::cases(files, suite);
    problems.into_result().map_err(EvalError::Problems)?;
    Ok(locked(&cases))
}

/// The digest of a case, as its lock has it.
pub(super) fn digest(case: &Case) -> String {
    // A case that was read can be written.
    lock::digest(&serde_json::to_value(case).unwrap_or_default())
}

fn locked(cases: &[Case]) -> Lock {
    let test: Vec<(&str, Value)> = cases
        .iter()
        .filter(|case| case.split() == Split::Test)
        .map(|case| (case.id.as_str(), serde_json::to_value(case).unwrap_or_default()))
        .collect();
    Lock::of(test.iter().map(|(id, case)| (*id, case)))
}

/// What differs between a suite's test cases and its lock; of a suite without one, that its test cases are not locked. A test case that was changed after
/// somebody looked at the figures measures nothing.
pub fn check(files: &Files, suite: &str, cases: &[Case]) -> Problems {
    let file = file(suite);
    let mut problems = Problems::new();
    let Some(text) = files.get(&file) else {
        let test = cases.iter().filter(|case| case.split() == Split::Test).count();
        if test > 0 {
            let message =
                format!("there is no such file: test cases, {test} in all, may be changed unnoticed");
            let remedy = format!(
                "lock them with `hookyard eval lock {suite}`, or bring the file back if there was one"
            );
            problems.push(At::file(&file).warning(codes::UNLOCKED, message, remedy));
        }
        return problems;
    };
    let lock = match Lock::parse(text) {
        Ok(lock) => lock,
        Err(errors) => {
            for error in errors {
                let remedy = "bring the line back, or lock anew with `hookyard eval lock`";
                problems.push(At::line(&file, error.line).error(codes::UNLOCKED, error.message, remedy));
            }
            return problems;
        }
    };
    for difference in lock.compare(&locked(cases)) {
        let line = cases.iter().find(|case| case.id == difference.id()).map(|case| case.line);
        let at = At { file: config::cases_file(suite), line };
        let remedy = format!("bring it back, or lock anew with `hookyard eval lock {suite}` and say why");
        problems.push(at.error(codes::UNLOCKED, difference.to_string(), remedy));
    }
    problems
}

/// What lets a figure look better than it is: cases of different splits that say nearly the same, and relatives of which some
/// are in one split and some in another. What was learned from the one is measured on the other.
pub fn leaks(suite: &str, cases: &[Case]) -> Problems {
    let mut problems = near_duplicates(suite, cases);
    problems.extend(torn_clusters(suite, cases));
    problems
}

fn near_duplicates(suite: &str, cases: &[Case]) -> Problems {
    let judged: Vec<&Case> = cases.iter().filter(|case| case.is_judged()).collect();
    let said: Vec<Vec<String>> = judged.iter().map(|case| near::texts_of(case)).collect();
    let compared: Vec<Compared<'_>> = judged
        .iter()
        .zip(&said)
        .map(|(case, texts)| Compared { id: &case.id, split: case.split(), texts })
        .collect();
    let Leaks { pairs, is_cut } = near::leaks(&compared);
    let file = config::cases_file(suite);
    let mut problems = Problems::new();
    for Pair { first, second, .. } in pairs.iter().take(PAIRS_TOLD_MAX) {
        let line = cases.iter().find(|case| case.id == second.id).map(|case| case.line);
        let at = At { file: file.clone(), line };
        let message = format!(
            "case {} ({}) says nearly the same as case {} ({})",
            second.id,
            second.split.as_str(),
            first.id,
            first.split.as_str()
        );
        problems.push(at.warning(codes::NEAR_DUPLICATE, message, NEAR_REMEDY));
    }
    let more = pairs.len().saturating_sub(PAIRS_TOLD_MAX);
    if more > 0 {
        let least = if is_cut { "at least " } else { "" };
        let message =
            format!("and {least}{more} more pairs of cases in different splits that say nearly the same");
        problems.push(At::file(file).warning(codes::NEAR_DUPLICATE, message, NEAR_REMEDY));
    }
    problems
}

/// Clusters with cases in more than one split, each told once, at the first case that is elsewhere than those before it.
fn torn_clusters(suite: &str, cases: &[Case]) -> Problems {
    let mut firsts: HashMap<&str, &Case> = HashMap::new();
    let mut torn: HashSet<&str> = HashSet::new();
    let mut problems = Problems::new();
    for case in cases.iter().filter(|case| case.is_judged()) {
        let Some(cluster) = case.cluster.as_deref() else { continue };
        let first = *firsts.entry(cluster).or_insert(case);
        if first.split() != case.split() && torn.insert(cluster) {
            let message = format!(
                "case {} ({}) is of the cluster {}, and so is case {} ({})",
                case.id,
                case.split().as_str(),
                quoted(cluster),
                first.id,
                first.split().as_str()
            );
            let at = At::line(config::cases_file(suite), case.line);
            problems.push(at.warning(
                codes::TORN_CLUSTER,
                message,
                "give all cases of a cluster the same `split`",
            ));
        }
    }
    problems
}
