//! Changes of an event, or of a configuration, that must not change what is said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two cases that ask the same in another form. What is said of both is to be the same, whether or not it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// An earlier mail about nothing is quoted below.
    Quoting,
    /// A signature that says nothing stands below.
    Signature,
    /// The text is HTML, or the HTML text.
    Html,
    /// The labels stand in the opposite order, in the schema and among the instructions.
    Reordered,
    /// The labels have other names.
    Renamed,
    /// It is written in another language: only a person can make such a pair.
    Language,
}

impl Relation {
    pub const ALL: [Relation; 6] = [
        Relation::Quoting,
        Relation::Signature,
        Relation::Html,
        Relation::Reordered,
        Relation::Renamed,
        Relation::Language,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Relation::Quoting => "quoting",
            Relation::Signature => "signature",
            Relation::Html => "html",
            Relation::Reordered => "reordered",
            Relation::Renamed => "renamed",
            Relation::Language => "language",
        }
    }
}
