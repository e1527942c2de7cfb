//! Retries, breakers and how much may be under way.

use super::{
    super::{
        bounds::{Unit, number_problem, rate_problem, share_problem},
        codes,
        load::Config,
        problem::Problems,
        tables::{BreakerTable, RetryTable},
    },
    DAY_MS,
    values::schedule,
};

/// Jobs or calls that may be under way at one time.
const CONCURRENCY: std::ops::RangeInclusive<u64> = 1..=4_096;
/// Attempts in all.
const ATTEMPTS: std::ops::RangeInclusive<u64> = 1..=1_000;
/// Time after which a job is given up, in ms.
pub(super) const AGE_MS: std::ops::RangeInclusive<u64> = 1_000..=30 * DAY_MS;

/// The table `retry` at `path`: the first of `tables`. What it leaves out is as in the next ones.
pub(super) fn retry(
    config: &Config,
    file: &str,
    path: &[&str],
    tables: &[&RetryTable],
    problems: &mut Problems,
) {
    let Some(table) = tables.first() else { return };
    let with = |field| path.iter().copied().chain([field]).collect::<Vec<_>>();
    let at = |field| config.at(file, with(field));
    if let Some(waits) = &table.schedule_ms {
        schedule(config, file, &with("schedule_ms"), waits, problems);
    }
    let waits = tables.iter().find_map(|table| table.schedule_ms.as_ref());
    if let Some(attempts @ 2..) = table.attempts_max
        && waits.is_some_and(Vec::is_empty)
    {
        problems.push(at("attempts_max").error(
            codes::OUT_OF_BOUNDS,
            format!(
                "`attempts_max` is {attempts}, but `schedule_ms` has no wait to come before another attempt"
            ),
            "write a wait in ms into `schedule_ms`, such as [1_000], or leave out `attempts_max`",
        ));
    }
    problems.extend(table.jitter.and_then(|jitter| share_problem(at("jitter"), "jitter", jitter)));
    let number = |field, number: Option<u64>, bounds, unit| {
        number.and_then(|number| number_problem(at(field), field, number, bounds, unit))
    };
    problems.extend(number("attempts_max", table.attempts_max.map(u64::from), ATTEMPTS, Unit::Plain));
    problems.extend(number("age_max_ms", table.age_max_ms, AGE_MS, Unit::Ms));
}

/// The table `breaker` of a destination or judge.
pub(super) fn breaker(
    config: &Config,
    file: &str,
    owner: [&str; 2],
    table: &BreakerTable,
    problems: &mut Problems,
) {
    let [kind, name] = owner;
    let at = |field| config.at(file, [kind, name, "breaker", field]);
    let number = |field, number, bounds, unit| number_problem(at(field), field, number, bounds, unit);
    problems.extend(number("failures", table.failures.into(), 1..=1_000, Unit::Plain));
    problems.extend(number("open_ms", table.open_ms, 100..=DAY_MS, Unit::Ms));
    problems.extend(number("window_ms", table.window_ms, 1_000..=DAY_MS, Unit::Ms));
    problems.extend(number("calls_min", table.calls_min.into(), 1..=1_000_000, Unit::Plain));
    // Of 0 it would open whatever the answers are.
    problems.extend(rate_problem(at("rate"), "rate", table.rate));
}

/// The field `concurrency` of a route, destination or judge.
pub(super) fn concurrency(
    config: &Config,
    file: &str,
    owner: [&str; 2],
    number: Option<u32>,
    problems: &mut Problems,
) {
    let [kind, name] = owner;
    problems.extend(number.and_then(|number| {
        let at = config.at(file, [kind, name, "concurrency"]);
        number_problem(at, "concurrency", number.into(), CONCURRENCY, Unit::Plain)
    }));
}
