//! Checks that several tables share.

use std::ops::RangeInclusive;

use super::{
    super::{
        bounds::{Unit, empty_problem, number_problem, type_problem},
        codes,
        load::Config,
        problem::{At, Problem, Problems},
        reference::{FixedEnvironment, ReferenceError, check_secret, setting},
    },
    DAY_MS,
};

/// Longest wait between attempts, in ms.
const RETRY_WAIT_MS_MAX: u64 = 7 * DAY_MS;
/// Most entries of a retry schedule.
const RETRIES_MAX: usize = 20;
/// Time to wait for an answer, in ms.
pub(super) const TIMEOUT_MS: RangeInclusive<u64> = 100..=600_000;
/// Limits per minute.
pub(super) const PER_MIN: RangeInclusive<u64> = 1..=100_000_000;

/// US dollars that may be spent in a day or month.
const DOLLARS_MAX: f64 = 1_000_000.0;

/// An amount that is none.
pub(super) fn dollars_problem(at: At, field: &str, dollars: f64) -> Option<Problem> {
    (!(0.0..=DOLLARS_MAX).contains(&dollars)).then(|| {
        at.error(
            codes::OUT_OF_BOUNDS,
            format!("`{field}` is {dollars}"),
            format!("write US dollars from 0 to {DOLLARS_MAX}, such as 5.0"),
        )
    })
}

/// The event types of a filter's rule or a route.
pub(super) fn types(
    config: &Config,
    file: &str,
    path: &[&str],
    patterns: &[String],
    problems: &mut Problems,
) {
    let none = patterns.is_empty();
    problems.extend(empty_problem(
        config.at(file, path),
        "types",
        none,
        "write event types, or `[\"*\"]` for all",
    ));
    for (index, pattern) in patterns.iter().enumerate() {
        let index = index.to_string();
        let path: Vec<&str> = path.iter().copied().chain([index.as_str()]).collect();
        problems.extend(type_problem(config.at(file, path), pattern));
    }
}

/// The field `schedule_ms` of a table `retry`.
pub(super) fn schedule(config: &Config, file: &str, path: &[&str], waits: &[u64], problems: &mut Problems) {
    if waits.len() > RETRIES_MAX {
        problems.push(config.at(file, path).error(
            codes::OUT_OF_BOUNDS,
            format!("`schedule_ms` has {} waits", waits.len()),
            format!("write at most {RETRIES_MAX}"),
        ));
    }
    for (index, wait) in waits.iter().enumerate() {
        let index = index.to_string();
        let at = config.at(file, path.iter().copied().chain([index.as_str()]).collect::<Vec<_>>());
        problems.extend(number_problem(at, "schedule_ms", *wait, 0..=RETRY_WAIT_MS_MAX, Unit::Ms));
    }
}

pub(super) fn per_min(at: At, limit: Option<u32>) -> Option<Problem> {
    limit.and_then(|limit| number_problem(at, "limit_per_min", limit.into(), PER_MIN, Unit::Plain))
}

/// A secret that is not given by reference.
pub(super) fn secret(at: At, text: &str) -> Option<Problem> {
    check_secret(text).err().map(|error| reference(at, &error))
}

/// A plain setting that may hold references.
pub(super) fn plain(at: At, text: &str) -> Option<Problem> {
    setting(text, &FixedEnvironment::default()).err().map(|error| reference(at, &error))
}

fn reference(at: At, error: &ReferenceError) -> Problem {
    let code = match error {
        ReferenceError::Literal => codes::LITERAL_SECRET,
        ReferenceError::Malformed
        | ReferenceError::Unreadable { .. }
        | ReferenceError::TooLarge { .. }
        | ReferenceError::NotUtf8 { .. } => codes::BAD_REFERENCE,
    };
    at.error(code, error.to_string(), error.remedy())
}
