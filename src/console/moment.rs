//! A moment as callers write it.

use std::{fmt, time::UNIX_EPOCH};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use crate::domain::Timestamp;

use super::problem::{Problem, bad};

/// Refuses a range in which nothing can lie: rather a slip than a wish.
pub(super) fn in_order(since: Option<Moment>, until: Option<Moment>) -> Result<(), Problem> {
    match (since, until) {
        (Some(Moment(since)), Some(Moment(until))) if until <= since => {
            Err(bad(format!("`until` must be later than `since`: nothing lies between {since} and {until}")))
        }
        _ => Ok(()),
    }
}

/// Milliseconds since 1970, as a number or its digits, or RFC 3339: query strings know only text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reading)
    }
}

struct Reading;

impl Visitor<'_> for Reading {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time: milliseconds since 1970, or RFC 3339 such as 2026-01-31T12:00:00Z")
    }

    fn visit_u64<E: de::Error>(self, ms: u64) -> Result<Moment, E> {
        let ms = i64::try_from(ms).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(ms), &self))?;
        Ok(Moment(Timestamp::from_millis(ms)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
        if let Ok(ms) = text.parse::<u64>() {
            return self.visit_u64(ms);
        }
        let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
        let at = humantime::parse_rfc3339_weak(text).map_err(|_| wrong())?;
        let since_epoch = at.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
        let ms = i64::try_from(since_epoch.as_millis()).map_err(|_| wrong())?;
        Ok(Moment(Timestamp::from_millis(ms)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_digits_and_rfc_3339_are_read_and_nothing_else() {
        for (written, ms) in [
            (json!(1_700_000_000_123_u64), Some(1_700_000_000_123)),
            (json!("1700000000123"), Some(1_700_000_000_123)),
            (json!("2023-11-14T22:13:20.123Z"), Some(1_700_000_000_123)),
            (json!("2023-11-14 22:13:20"), Some(1_700_000_000_000)),
            (json!("2h"), None),
            (json!(""), None),
            (json!(-1), None),
            (json!(u64::MAX), None),
        ] {
            let read: Option<Moment> = serde_json::from_value(written.clone()).ok();
            assert_eq!(read.map(|moment| moment.0.as_millis()), ms, "{written}");
        }
    }
}
