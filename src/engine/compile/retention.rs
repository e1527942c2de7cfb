//! How long things of each source are kept.

use std::time::Duration;

use crate::{
    config::{Config, tables::SourceRetention},
    store::Retention,
};

use super::super::RetentionRules;

pub(super) fn rules(config: &Config) -> RetentionRules {
    let table = &config.settings.retention;
    let otherwise = Retention {
        payload_age: Duration::from_millis(table.payload_age_ms),
        record_age: Duration::from_millis(table.record_age_ms),
        payload_bytes_max: table.payload_bytes_max,
    };
    let sources =
        config.sources.iter().map(|(name, table)| (name.as_str().into(), own(otherwise, &table.retention)));
    RetentionRules { otherwise, sources: sources.collect() }
}

/// What a source says of its own, over what holds for all.
fn own(otherwise: Retention, table: &SourceRetention) -> Retention {
    let age = |own: Option<u64>, otherwise| own.map_or(otherwise, Duration::from_millis);
    Retention {
        payload_age: age(table.payload_age_ms, otherwise.payload_age),
        record_age: age(table.record_age_ms, otherwise.record_age),
        payload_bytes_max: table.payload_bytes_max.unwrap_or(otherwise.payload_bytes_max),
    }
}
