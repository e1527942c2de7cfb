//! What is wrong with a file that is imported, where, and what to do about it.

use std::fmt;

use serde::Serialize;

use crate::config::quoted;

/// Faults that are told of one file; the rest are counted.
pub const FAULTS_MAX: usize = 50;

/// One thing wrong with one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// 1-based line on which the row begins, where it is about one.
    pub line: Option<usize>,
    /// Name of the column or field, where it is about one.
    pub column: Option<String>,
    pub message: String,
    /// What to write or do instead.
    pub remedy: String,
}

impl Fault {
    /// About the file or the options as a whole.
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Fault { line: None, column: None, message: message.into(), remedy: remedy.into() }
    }

    pub(super) fn at_line(self, line: usize) -> Self {
        Fault { line: Some(line), ..self }
    }

    pub(super) fn in_column(self, column: &str) -> Self {
        Fault { column: Some(column.to_owned()), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column.as_deref().map(quoted)) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, Some(column)) => write!(f, "column {column}: ")?,
            (None, None) => {}
        }
        write!(f, "{}\n    remedy: {}", self.message, self.remedy)
    }
}

/// The first [`FAULTS_MAX`] faults, and how many there were beyond.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    pub told: Vec<Fault>,
    /// Faults that are not in `told`.
    pub more: usize,
}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        if self.told.len() < FAULTS_MAX {
            self.told.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// Whether further ones are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.told.len() >= FAULTS_MAX
    }

    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }
}

impl Extend<Fault> for Faults {
    fn extend<I: IntoIterator<Item = Fault>>(&mut self, more: I) {
        more.into_iter().for_each(|fault| self.push(fault));
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.told.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more; correct those above first"),
        }
    }
}
