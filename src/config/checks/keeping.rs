//! How long things are kept, and when the service tells of itself.

use std::ops::RangeInclusive;

use super::{
    super::{
        bounds::{Unit, number_problem},
        codes,
        files::{SETTINGS, SOURCES},
        load::Config,
        problem::{At, Problems},
        tables::SourceTable,
    },
    DAY_MS,
};

/// Shortest and longest time between two looks or rounds, in ms.
const EVERY_MS: RangeInclusive<u64> = 1_000..=DAY_MS;
/// Shortest and longest time between two alerts about dead letters, in ms.
const ALERTS_MS: RangeInclusive<u64> = 1_000..=7 * DAY_MS;
/// Shortest and longest time that payloads are kept, in ms: a minute, and ten years.
const AGE_MS: RangeInclusive<u64> = 60_000..=3_660 * DAY_MS;
/// Fewest and most bytes of payload that are kept of a source: 1 MiB, and 1 PiB.
const BYTES: RangeInclusive<u64> = 1_048_576..=(1 << 50);
/// Shortest and longest silence that may be alarming, in ms.
const SILENCE_MS: RangeInclusive<u64> = 60_000..=366 * DAY_MS;

pub(super) fn alerts(config: &Config, problems: &mut Problems) {
    let alerts = &config.settings.alerts;
    let at = |field| config.at(SETTINGS, ["alerts", field]);
    problems.extend(number_problem(at("check_ms"), "check_ms", alerts.check_ms, EVERY_MS, Unit::Ms));
    problems.extend(number_problem(at("every_ms"), "every_ms", alerts.every_ms, ALERTS_MS, Unit::Ms));
}

pub(super) fn retention(config: &Config, problems: &mut Problems) {
    let table = &config.settings.retention;
    let at = |field: &'static str| config.at(SETTINGS, ["retention", field]);
    problems.extend(number_problem(at("every_ms"), "every_ms", table.every_ms, EVERY_MS, Unit::Ms));
    let kept = Kept {
        payload_age_ms: table.payload_age_ms,
        record_age_ms: table.record_age_ms,
        payload_bytes_max: table.payload_bytes_max,
    };
    kept.check(config, at, problems);
}

/// What a source says about its own events.
pub(super) fn of_source(config: &Config, name: &str, table: &SourceTable, problems: &mut Problems) {
    if let Some(silence) = table.silence_ms {
        let at = config.at(SOURCES, ["source", name, "silence_ms"]);
        problems.extend(number_problem(at, "silence_ms", silence, SILENCE_MS, Unit::Ms));
    }
    let (own, all) = (&table.retention, &config.settings.retention);
    if own.payload_age_ms.is_none() && own.record_age_ms.is_none() && own.payload_bytes_max.is_none() {
        return;
    }
    let kept = Kept {
        payload_age_ms: own.payload_age_ms.unwrap_or(all.payload_age_ms),
        record_age_ms: own.record_age_ms.unwrap_or(all.record_age_ms),
        payload_bytes_max: own.payload_bytes_max.unwrap_or(all.payload_bytes_max),
    };
    let at = |field: &'static str| config.at(SOURCES, ["source", name, "retention", field]);
    kept.check(config, at, problems);
}

/// What is kept of a source in the end.
struct Kept {
    payload_age_ms: u64,
    record_age_ms: u64,
    payload_bytes_max: u64,
}

impl Kept {
    fn check(&self, config: &Config, at: impl Fn(&'static str) -> At, problems: &mut Problems) {
        let payload =
            number_problem(at("payload_age_ms"), "payload_age_ms", self.payload_age_ms, AGE_MS, Unit::Ms);
        // A redelivery is known by the record of its event: without it the key says nothing.
        let record_ms = config.settings.store.dedupe_ms.min(*AGE_MS.end())..=*AGE_MS.end();
        let record =
            number_problem(at("record_age_ms"), "record_age_ms", self.record_age_ms, record_ms, Unit::Ms);
        if payload.is_none() && record.is_none() && self.payload_age_ms > self.record_age_ms {
            problems.push(at("payload_age_ms").error(
                codes::OUT_OF_BOUNDS,
                "`payload_age_ms` is longer than `record_age_ms`: a payload goes with its record at the latest",
                "shorten the one or lengthen the other",
            ));
        }
        problems.extend(payload.into_iter().chain(record));
        let bytes = self.payload_bytes_max;
        problems.extend(number_problem(
            at("payload_bytes_max"),
            "payload_bytes_max",
            bytes,
            BYTES,
            Unit::Bytes,
        ));
    }
}
