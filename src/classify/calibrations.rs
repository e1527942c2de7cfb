//! What a judge's confidence is worth, as it was measured on labelled cases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decide::calibration::Scaling;

/// The measured scalings of one classifier's judges: `evals/NAME/calibration.json`, by judge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calibrations(BTreeMap<String, Calibrated>);

/// The scaling of one judge, and what it was measured of: it counts for nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibrated {
    pub of: Subject,
    /// Splits of the cases it was measured on.
    pub splits: Vec<String>,
    pub scaling: Scaling,
}

/// What a confidence depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// As the judge names it: a vendor's model, or the digest of what the local one has learned.
    pub model: String,
    /// SHA-256 (hex) of the prompts; `None` for a judge that reads none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// SHA-256 (hex) of the schema.
    pub schema: String,
}

impl Calibrations {
    /// The scaling of `judge`, if it was measured of `subject`.
    pub fn of(&self, judge: &str, subject: &Subject) -> Option<Scaling> {
        self.0.get(judge).filter(|found| found.of == *subject).map(|found| found.scaling)
    }

    /// Whether `judge` was measured once.
    pub fn know(&self, judge: &str) -> bool {
        self.0.contains_key(judge)
    }

    /// Takes `calibrated` for what `judge` is worth.
    pub fn keep(&mut self, judge: &str, calibrated: Calibrated) {
        self.0.insert(judge.to_owned(), calibrated);
    }
}

/// Path of the calibrations of the classifier whose cases are in this folder of `evals/`.
pub fn calibration_file(folder: &str) -> String {
    format!("evals/{folder}/calibration.json")
}
