//! Whether a suite's test cases are as they were locked, and whether what is learned from is nearly among them.

use serde_json::Value;

use super::{
    EvalError,
    lock::{self, Lock},
    near::{Pair, Text, near_pairs, text_of},
};
use crate::config::{self, At, Case, Files, Problems, Split, codes};

/// Pairs of near-duplicates that are told one by one.
const PAIRS_TOLD_MAX: usize = 20;

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

/// Cases of different splits that say nearly the same: what was learned from the one is measured on the other.
pub fn leaks(suite: &str, cases: &[Case]) -> Problems {
    let said: Vec<String> = cases.iter().map(|case| text_of(&case.event.body)).collect();
    let texts: Vec<Text<'_>> = cases
        .iter()
        .zip(&said)
        .filter(|(case, _)| case.is_judged())
        .map(|(case, text)| Text { id: &case.id, split: case.split(), text })
        .collect();
    let pairs = near_pairs(&texts);
    let leaking: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.leaks()).collect();
    let mut problems = Problems::new();
    for pair in leaking.iter().take(PAIRS_TOLD_MAX) {
        let line = cases.iter().find(|case| case.id == pair.second.id).map(|case| case.line);
        let at = At { file: config::cases_file(suite), line };
        let (first, second) = (&pair.first, &pair.second);
        let message = format!(
            "case {} ({}) says nearly the same as case {} ({})",
            second.id,
            second.split.as_str(),
            first.id,
            first.split.as_str()
        );
        problems.push(at.warning(
            codes::NEAR_DUPLICATE,
            message,
            "give both the same `split`, or remove one",
        ));
    }
    problems
}
