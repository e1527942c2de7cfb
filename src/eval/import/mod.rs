//! Cases from a table: CSV, or lines of JSON.
//!
//! Every row becomes a [`Draft`], a case as it will stand on its line, or is told: as a [`Fault`] with line, column and
//! remedy, or as [`Refused`] because it says nearly the same as another case. One faulty row does not hide the next.
//! No file is read or written here, but every draft has been through the reader of cases: what that would not take from
//! the suite's file is a fault of its row.

mod bytes;
mod column;
mod csv;
mod draft;
mod fault;
mod fresh;
mod jsonl;
mod labels;
mod options;

pub use column::{Column, ColumnError, Place};
pub use csv::{CELL_BYTES_MAX, COLUMNS_MAX};
pub use draft::{Draft, ID_CHARS_MAX};
pub use fault::{FAULTS_MAX, Fault, Faults};
pub use fresh::Refused;
pub use jsonl::LINE_BYTES_MAX;
pub use labels::{Contradiction, Labels};
pub use options::{Given, Options};

use crate::config::Case;

/// Most rows of one file.
pub const ROWS_MAX: usize = 10_000;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table whose first row names the columns.
    Csv,
    /// One JSON object a line: a case, which stays as it is, or fields that are taken for columns.
    Jsonl,
}

/// What has become of a file's rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// In the order of the file, each with an id that no other case has.
    pub drafts: Vec<Draft>,
    /// Rows left out because they say nearly the same as another case.
    pub refused: Vec<Refused>,
    /// With faults the drafts are only a part of the file: better to correct it and import it whole.
    pub faults: Faults,
}

impl Imported {
    /// The drafts as lines of a `cases.jsonl`.
    pub fn jsonl(&self) -> String {
        self.drafts.iter().map(|draft| format!("{}\n", draft.case)).collect()
    }
}

/// Reads a file. `existing` are the cases that are there.
pub fn import(bytes: &[u8], format: Format, options: &Options, existing: &[Case]) -> Imported {
    let mut faults = Faults::default();
    faults.extend(options.faults());
    let text = bytes::without_mark(bytes).map_err(|fault| faults.push(fault));
    let Ok(text) = text else { return Imported { faults, ..Imported::default() } };
    if !faults.is_empty() {
        return Imported { faults, ..Imported::default() };
    }
    let drafts = match format {
        Format::Csv => csv::drafts(text, options, &mut faults),
        Format::Jsonl => jsonl::drafts(text, options, &mut faults),
    };
    let (drafts, refused) = fresh::fresh(drafts, existing, options.allow_near, &mut faults);
    faults.told.sort_by_key(|fault| fault.line);
    Imported { drafts, refused, faults }
}

#[cfg(test)]
mod tests;
