//! Typed ids: `evt_` + 32 hex digits for an event, and the event's id plus `.n` for its jobs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

const EVENT_PREFIX: &str = "evt_";

/// Names one accepted event. Version 7 UUIDs sort by time of acceptance, so a range of ids is a range of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub Uuid);

/// Names one job of an event: its route jobs and action jobs are numbered together, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId {
    pub event: EventId,
    pub n: u32,
}

/// What was given is not one of our ids.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no id of ours: an event is `evt_` and 32 hex digits, a job the same and `.` with its number"
)]
pub struct IdError(pub String);

impl EventId {
    /// Before all others; no event has it.
    pub const FIRST: EventId = EventId(Uuid::nil());
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{EVENT_PREFIX}{}", self.0.simple())
    }
}

impl FromStr for EventId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(EVENT_PREFIX)
            .and_then(|hex| Uuid::try_parse(hex).ok())
            .map(EventId)
            .ok_or_else(|| IdError(text.to_owned()))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.event, self.n)
    }
}

impl FromStr for JobId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError(text.to_owned());
        let (event, n) = text.split_once('.').ok_or_else(wrong)?;
        Ok(JobId { event: event.parse().map_err(|_| wrong())?, n: n.parse().map_err(|_| wrong())? })
    }
}

/// Both ids travel as their text: in JSON, in logs, and as `Debug`.
macro_rules! as_text {
    ($id:ty) => {
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(EventId);
as_text!(JobId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text() {
        let event = EventId(Uuid::from_u128(0x0192_7f00_0000_7000_8000_0000_0000_0001));
        let job = JobId { event, n: 3 };
        assert_eq!(event.to_string(), "evt_01927f00000070008000000000000001");
        assert_eq!(event.to_string().parse(), Ok(event));
        assert_eq!(job.to_string().parse(), Ok(job));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "evt_",
            "evt_zz",
            "01927f00000070008000000000000001",
            "evt_01927f00000070008000000000000001.x",
        ] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}
