//! What the service says of itself, as the type and body of an event.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    decide::{
        refusals::Refused,
        room::{Full, Room},
    },
    domain::{Cause, JobId, Name, Timestamp},
};

/// Groups of dead letters that one alarm lists; it counts them all.
pub(super) const GROUPS_MAX: usize = 20;

/// Groups of dead letters that its text tells of.
const GROUPS_TOLD: usize = 5;

/// Something an operator ought to know. Templates read its event's body as `event.body.text`, a sentence or two, and
/// `event.body.data`.
#[derive(Debug, Clone, PartialEq)]
pub enum Alarm {
    /// `hookyard.dead_letters`
    DeadLetters(DeadLetters),
    /// `hookyard.source_silent`
    SourceSilent { source: Name, last_heard: Option<Timestamp>, silence: Duration },
    /// `hookyard.source_back`
    SourceBack { source: Name, heard: Timestamp },
    /// `hookyard.breaker_opened`: nothing is sent there until then; `until` is `None` if that is over. It opened so many
    /// times since that was told last.
    BreakerOpened { of: Guarded, name: Name, reason: String, until: Option<Timestamp>, openings: u64 },
    /// `hookyard.breaker_closed`
    BreakerClosed { of: Guarded, name: Name },
    /// `hookyard.judge_refuses`: it refuses whatever a classifier asks, and its breaker stays closed.
    JudgeRefuses { name: Name, classifier: Name, refused: Refused },
    /// `hookyard.store_pressure`: deliveries are refused.
    StorePressure { full: Full, room: Room },
}

/// What a breaker guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarded {
    Destination,
    Judge,
}

/// Jobs that died within a time. Those of the service's own events are not among them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetters {
    /// How many died.
    pub new: u64,
    /// From then on, RFC 3339; `None` if this is the first alarm of its kind.
    pub since: Option<String>,
    pub until: String,
    /// What they have in common, the largest first.
    pub groups: Vec<Group>,
    /// Groups beyond those listed.
    pub groups_left_out: usize,
}

/// Dead letters with the same cause, route and destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    pub cause: Cause,
    pub route: Name,
    pub destination: Option<Name>,
    /// Died within the alarm's time.
    pub new: u64,
    /// Dead in all, those of the service's own events included.
    pub jobs: u64,
    /// When the first and the last of all of them died, RFC 3339.
    pub oldest: String,
    pub newest: String,
    /// The last one's.
    pub reason: String,
    /// One that died within the alarm's time.
    pub sample: Option<JobId>,
}

impl Alarm {
    pub const fn event_type(&self) -> &'static str {
        match self {
            Alarm::DeadLetters(_) => "hookyard.dead_letters",
            Alarm::SourceSilent { .. } => "hookyard.source_silent",
            Alarm::SourceBack { .. } => "hookyard.source_back",
            Alarm::BreakerOpened { .. } => "hookyard.breaker_opened",
            Alarm::BreakerClosed { .. } => "hookyard.breaker_closed",
            Alarm::JudgeRefuses { .. } => "hookyard.judge_refuses",
            Alarm::StorePressure { .. } => "hookyard.store_pressure",
        }
    }

    pub(super) fn body(&self) -> Value {
        let time = Timestamp::to_string;
        let data = match self {
            Alarm::DeadLetters(letters) => json!(letters),
            Alarm::SourceSilent { source, last_heard, silence } => json!({
                "source": source,
                "last_heard": last_heard.as_ref().map(time),
                "silence_ms": ms(*silence),
            }),
            Alarm::SourceBack { source, heard } => json!({ "source": source, "heard": time(heard) }),
            Alarm::BreakerOpened { of, name, reason, until, openings } => json!({
                "of": of,
                "name": name,
                "reason": reason,
                "until": until.as_ref().map(time),
                "openings": openings,
            }),
            Alarm::BreakerClosed { of, name } => json!({ "of": of, "name": name }),
            Alarm::JudgeRefuses { name, classifier, refused: Refused { in_a_row, reason } } => json!({
                "name": name,
                "classifier": classifier,
                "reason": reason,
                "in_a_row": in_a_row,
            }),
            Alarm::StorePressure { full, room } => json!({
                "full": full.as_str(),
                "disk_free_bytes": room.free,
                "disk_free_bytes_min": room.free_min,
                "payload_bytes": room.kept,
                "payload_bytes_max": room.kept_max,
            }),
        };
        json!({ "type": self.event_type(), "text": self.text(), "data": data })
    }

    /// For people to read.
    pub(super) fn text(&self) -> String {
        match self {
            Alarm::DeadLetters(letters) => letters.text(),
            Alarm::SourceSilent { source, last_heard: Some(heard), silence } => {
                let silence = humantime::format_duration(*silence);
                format!("{source} is silent: nothing came for {silence}; it was last heard at {heard}")
            }
            Alarm::SourceSilent { source, last_heard: None, silence } => {
                let silence = humantime::format_duration(*silence);
                format!("{source} is silent: nothing came for {silence}; it was never heard")
            }
            Alarm::SourceBack { source, heard } => format!("{source} is back: it was heard at {heard}"),
            Alarm::BreakerOpened { of, name, reason, until, openings } => {
                let of = of.as_str();
                let mut text = match until {
                    Some(until) => format!("nothing is sent to the {of} {name} until {until}: {reason}"),
                    None => format!("the {of} {name} was left alone for a while: {reason}"),
                };
                if *openings > 1 {
                    text.push_str(&format!("; it is the last of {openings} times since that was told of"));
                }
                text
            }
            Alarm::BreakerClosed { of, name } => format!("the {} {name} works again", of.as_str()),
            Alarm::JudgeRefuses { name, classifier, refused: Refused { in_a_row, reason } } => format!(
                "the judge {name} refuses whatever the classifier {classifier} asks, {in_a_row} questions in a row; see what it \
                 says in the record of one, and mend the configuration: {reason}"
            ),
            Alarm::StorePressure { full: Full::Disk, room } => format!(
                "deliveries are refused: {} bytes of the disk are free, and {} must be",
                room.free.unwrap_or_default(),
                room.free_min
            ),
            Alarm::StorePressure { full: Full::Bytes, room } => format!(
                "deliveries are refused: {} bytes of bodies are kept, and {} may be",
                room.kept, room.kept_max
            ),
        }
    }
}

impl DeadLetters {
    fn text(&self) -> String {
        let mut text = match self.new {
            1 => "1 job has died".to_owned(),
            new => format!("{new} jobs have died"),
        };
        for group in self.groups.iter().take(GROUPS_TOLD) {
            let to = group.destination.as_ref().map(|name| format!(" → {name}")).unwrap_or_default();
            text.push_str(&format!(
                "\n{} × {}: {}{to}: {}",
                group.new, group.cause, group.route, group.reason
            ));
        }
        let left_out = self.groups.len().saturating_sub(GROUPS_TOLD) + self.groups_left_out;
        if left_out > 0 {
            text.push_str(&format!("\nand {left_out} further groups"));
        }
        text
    }
}

impl Guarded {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Guarded::Destination => "destination",
            Guarded::Judge => "judge",
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
