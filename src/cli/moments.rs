//! Times as people write and read them.

use std::time::{Duration, UNIX_EPOCH};

use crate::domain::Timestamp;

/// A moment on the command line: `2h` ago, or RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Ago(Duration),
    At(Timestamp),
}

impl When {
    pub fn read(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(When::Ago(ago));
        }
        let at = humantime::parse_rfc3339_weak(text).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let ms = at.and_then(|since| i64::try_from(since.as_millis()).ok());
        ms.map(|ms| When::At(Timestamp::from_millis(ms))).ok_or_else(|| {
            "write an age such as 2h or 3days, or a time such as 2026-01-31T12:00:00Z".to_owned()
        })
    }

    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            When::Ago(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(now.as_millis().saturating_sub(ago).max(0))
            }
            When::At(at) => at,
        }
    }
}

/// The time and its distance: `2026-01-31T12:00:00.000Z (5m ago)`.
pub(super) fn told(at: Timestamp, now: Timestamp) -> String {
    format!("{at} ({})", age(at, now))
}

/// As [`told`], of what is kept by the second.
pub(super) fn told_by_second(at: Timestamp, now: Timestamp) -> String {
    let second = UNIX_EPOCH + Duration::from_secs(u64::try_from(at.as_secs()).unwrap_or_default());
    format!("{} ({})", humantime::format_rfc3339_seconds(second), age(at, now))
}

/// How long ago, or how soon, in its largest unit.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    if at > now { format!("in {}", short(at.since(now))) } else { format!("{} ago", short(now.since(at))) }
}

/// A length of time in its largest unit.
pub(super) fn short(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3_600 => format!("{}m", s / 60),
        s @ 3_600..86_400 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times_are_read() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        for (text, ms) in [
            ("2h", Some(1_699_992_800_000)),
            ("1day 1s", Some(1_699_913_599_000)),
            ("100000days", Some(0)),
            ("2023-11-14T22:13:20.123Z", Some(1_700_000_000_123)),
            ("2023-11-14 22:13:20", Some(1_700_000_000_000)),
            ("yesterday", None),
            ("1969-01-01T00:00:00Z", None),
        ] {
            let read = When::read(text).ok().map(|when| when.at(now).as_millis());
            assert_eq!(read, ms, "{text}");
        }
    }

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let now = Timestamp::from_millis(1_000_000_000);
        for (ms, want) in [
            (1_000_000_000, "0s ago"),
            (999_941_000, "59s ago"),
            (999_940_000, "1m ago"),
            (996_400_000, "1h ago"),
            (800_000_000, "2d ago"),
            (1_000_061_000, "in 1m"),
        ] {
            assert_eq!(age(Timestamp::from_millis(ms), now), want, "{ms}");
        }
    }
}
