//! One body has one label.

use std::{collections::HashMap, fmt};

use crate::config::{Case, quoted};

/// The bodies of cases with their labels, so that the same body under another label is told: which is right cannot be both.
#[derive(Debug, Default)]
pub struct Labels(HashMap<String, Labelled>);

#[derive(Debug)]
struct Labelled {
    id: String,
    line: Option<usize>,
    label: String,
}

/// The body of a case is that of another one, under another label. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The id of the other case.
    pub like: String,
    /// That case's line if it is of the same file; else it was there before.
    pub like_line: Option<usize>,
    pub like_label: String,
    pub label: String,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contradiction { like, like_line, like_label, label } = self;
        write!(f, "its body is that of the case {}", quoted(like))?;
        if let Some(line) = like_line {
            write!(f, " on line {line}")?;
        }
        write!(f, ", which is labelled {}, not {}", quoted(like_label), quoted(label))
    }
}

impl Labels {
    /// Those of cases that are there.
    pub fn of(existing: &[Case]) -> Self {
        let mut labels = Labels::default();
        for case in existing {
            drop(labels.add(case, None));
        }
        labels
    }

    /// Adds a new case, of a line of a file if it is of one. A case that nobody judges says nothing of its body.
    ///
    /// # Errors
    /// Its body has another label already, and it was not added.
    pub fn add(&mut self, case: &Case, line: Option<usize>) -> Result<(), Contradiction> {
        if !case.is_judged() {
            return Ok(());
        }
        let label = &case.expect.label;
        let labelled = || Labelled { id: case.id.clone(), line, label: label.clone() };
        let known = self.0.entry(case.event.body.to_string()).or_insert_with(labelled);
        if known.label == *label {
            return Ok(());
        }
        Err(Contradiction {
            like: known.id.clone(),
            like_line: known.line,
            like_label: known.label.clone(),
            label: label.clone(),
        })
    }
}
