//! How the rows of a file become cases.

use super::{
    column::{Column, Place},
    fault::Fault,
};
use crate::config::{Split, one_of, quoted};

/// What the rows of a file have in common, and which of their columns means what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The column with the expected label.
    pub label: String,
    /// The column with the id; without one, or where its cell is empty, the id is made from [`Options::prefix`] and the
    /// event.
    pub id: Option<String>,
    /// What made ids begin with.
    pub prefix: String,
    pub source: Given,
    pub event_type: Given,
    /// Where single columns go. The others go to `data.COLUMN`, but for those that have a meaning above.
    pub columns: Vec<Column>,
    /// Who labelled the rows.
    pub author: String,
    pub tags: Vec<String>,
    pub split: Option<Split>,
    /// No row may become a test case.
    pub test_is_locked: bool,
    /// The labels that the classifier knows; none is not looked at.
    pub labels: Vec<String>,
    /// What separates the fields of a CSV file.
    pub delimiter: u8,
    /// Takes rows that say nearly the same as another case.
    pub allow_near: bool,
}

/// A value that all rows share, or the column that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    Fixed(String),
    Column(String),
}

impl Given {
    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Given::Fixed(_) => None,
            Given::Column(name) => Some(name),
        }
    }
}

impl Options {
    /// Where a column goes.
    pub(super) fn place(&self, name: &str) -> Place {
        match self.columns.iter().find(|column| column.name == name) {
            Some(column) => column.place.clone(),
            None if self.meant().any(|(_, meant)| meant == name) => Place::LeftOut,
            None => Place::by_default(name),
        }
    }

    /// The columns with a meaning, and what they mean.
    pub(super) fn meant(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let meant = [
            ("label", Some(self.label.as_str())),
            ("id", self.id.as_deref()),
            ("source", self.source.column()),
            ("type", self.event_type.column()),
        ];
        meant.into_iter().filter_map(|(meaning, name)| Some((meaning, name?)))
    }

    /// What is wrong whatever the file holds.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let fixed = [("source", &self.source), ("type", &self.event_type)];
        let fixed = fixed.into_iter().filter_map(|(name, given)| match given {
            Given::Fixed(text) => Some((name, text)),
            Given::Column(_) => None,
        });
        for (name, text) in [("author", &self.author), ("prefix", &self.prefix)].into_iter().chain(fixed) {
            if text.trim().is_empty() || text.contains(char::is_control) {
                faults.push(Fault::new(format!("`{name}` is {}", quoted(text)), "write a word or a name"));
            }
        }
        if matches!(self.delimiter, b'"' | b'\r' | b'\n') || !self.delimiter.is_ascii() {
            let message = format!("the delimiter is {}", quoted(&char::from(self.delimiter).to_string()));
            faults.push(Fault::new(message, "write one of: `,`, `;`, a tab, `|`"));
        }
        for (at, column) in self.columns.iter().enumerate() {
            if self.columns.iter().take(at).any(|earlier| earlier.name == column.name) {
                faults.push(Fault::new("it is given two places", "give it one").in_column(&column.name));
            }
            if column.name == self.label && column.place != Place::LeftOut {
                let message = "it has the label, and the event would give the answer away";
                faults.push(Fault::new(message, "do not give it a place").in_column(&column.name));
            }
        }
        faults
    }

    /// Columns that are named here and are not among those of the file.
    pub(super) fn unknown(&self, known: &[&str]) -> Vec<Fault> {
        let named = self.columns.iter().map(|column| ("named", column.name.as_str()));
        let mut faults = Vec::new();
        for (meaning, name) in self.meant().chain(named) {
            if !known.contains(&name) {
                let message = match meaning {
                    "named" => "there is no such column".to_owned(),
                    meaning => format!("there is no such column for the {meaning}"),
                };
                faults.push(Fault::new(message, one_of(name, known.iter().copied())).in_column(name));
            }
        }
        faults
    }
}
