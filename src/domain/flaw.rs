//! Why an answer that was paid for is of no use.

use serde::{Deserialize, Serialize};

use super::words::words;

/// What is wrong with an answer of a language model, as a stable word for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The model would not answer.
    Refused,
    /// The vendor's filter stopped it.
    Filtered,
    /// It came to the end of the room it was given.
    Truncated,
    /// The question was longer than the model can read, or than its vendor ever lets through.
    Overlong,
    /// The vendor broke off, or answered in another shape than its API has.
    Broken,
    Empty,
    NotJson,
    /// A value that is none of those that the schema lists.
    WrongEnum,
    /// A field that the schema does not know.
    ExtraField,
    MissingField,
    /// Another demand of the schema is not met.
    OutOfSchema,
    /// It gives away what stands in the instructions: something in the event has made it.
    Leaked,
}

words!(Flaw {
    Refused = "refused",
    Filtered = "filtered",
    Truncated = "truncated",
    Overlong = "overlong",
    Broken = "broken",
    Empty = "empty",
    NotJson = "not_json",
    WrongEnum = "wrong_enum",
    ExtraField = "extra_field",
    MissingField = "missing_field",
    OutOfSchema = "out_of_schema",
    Leaked = "leaked",
});

impl Flaw {
    /// Whether the model may do better when it is told what was wrong. Once more in the same room it would be cut again, and
    /// what would not be answered is not asked for twice.
    pub const fn is_repairable(self) -> bool {
        match self {
            Flaw::Empty
            | Flaw::NotJson
            | Flaw::WrongEnum
            | Flaw::ExtraField
            | Flaw::MissingField
            | Flaw::OutOfSchema => true,
            Flaw::Refused
            | Flaw::Filtered
            | Flaw::Truncated
            | Flaw::Overlong
            | Flaw::Broken
            | Flaw::Leaked => false,
        }
    }

    /// Whether nobody wanted to answer, rather than that somebody answered badly.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Flaw::Refused | Flaw::Filtered)
    }
}
