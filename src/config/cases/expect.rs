//! What a case is to come to.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an event means, and what is to be done about it, as a person sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Empty in a case that is not to be judged.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// How it ends before anybody is asked; `None`: it is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Ending>,
    /// The case that came before, of which it is a duplicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Values of further fields of the output.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    #[serde(default, skip_serializing_if = "ExpectedActions::is_empty")]
    pub actions: ExpectedActions,
    /// Faults that a review is to find; `None` if the case says nothing about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// How good a text of the output is, in a person's eyes: what a grading judge is held against.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub graded: Map<String, Value>,
}

/// How an event ends that nobody judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its signature does not hold.
    Refused,
    /// The filter drops it, or no route takes it.
    Filtered,
    /// It came before.
    Duplicate,
}

impl Ending {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ending::Refused => "refused",
            Ending::Filtered => "filtered",
            Ending::Duplicate => "duplicate",
        }
    }
}

/// Actions by their ids within a route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedActions {
    /// Must be planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<String>,
    /// May be planned beside the expected ones, and no others; any may if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
    /// Must not be planned, whatever the label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<String>,
}

impl ExpectedActions {
    pub fn is_empty(&self) -> bool {
        *self == ExpectedActions::default()
    }
}

/// One fault at its place in a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub path: String,
    pub side: Side,
    /// 1-based, in the old file for `LEFT` and in the new one for `RIGHT`.
    pub line: u32,
    /// The last line, where it is several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_end: Option<u32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
}

/// The side of a diff, as GitHub names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    Left,
    Right,
}
