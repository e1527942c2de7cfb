//! What a judge's confidence is worth, as it was measured on labelled cases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decide::calibration::Scaling;

/// The measured scalings of one classifier's judges: `evals/NAME/calibration.json`, by judge, one for each of the prompts that it
/// is asked by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calibrations(BTreeMap<String, Vec<Calibrated>>);

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
        self.0.get(judge)?.iter().find(|found| found.of == *subject).map(|found| found.scaling)
    }

    /// Whether `judge` was measured once.
    pub fn know(&self, judge: &str) -> bool {
        self.0.contains_key(judge)
    }

    /// Takes `calibrated` for what `judge` is worth by these prompts. What was measured of others stays, if they are still
    /// among `prompts`, those that it is asked by today.
    pub fn keep(&mut self, judge: &str, calibrated: Calibrated, prompts: &[&str]) {
        let all = self.0.entry(judge.to_owned()).or_default();
        all.retain(|one| {
            let is_asked_by = one.of.prompt.as_deref().is_some_and(|prompt| prompts.contains(&prompt));
            is_asked_by && one.of.prompt != calibrated.of.prompt
        });
        all.push(calibrated);
    }
}

/// Path of the calibrations of the classifier whose cases are in this folder of `evals/`.
pub fn calibration_file(folder: &str) -> String {
    format!("evals/{folder}/calibration.json")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measured(model: &str, prompt: Option<&str>, a: f64) -> Calibrated {
        let (model, schema) = (model.to_owned(), "s".to_owned());
        let scaling = serde_json::from_value(json!({"a": a, "b": 0.0, "cases": 9})).expect("a scaling");
        let of = Subject { model, prompt: prompt.map(str::to_owned), schema };
        Calibrated { of, splits: vec!["dev".to_owned()], scaling }
    }

    #[test]
    fn a_judge_has_one_for_each_of_its_prompts_and_none_for_those_that_are_gone() {
        let mut all = Calibrations::default();
        let counts = |all: &Calibrations, one: &Calibrated| all.of("claude", &one.of) == Some(one.scaling);
        let (usual, other, anew) = (
            measured("m", Some("p-a"), 1.0),
            measured("m", Some("p-b"), 2.0),
            measured("m-2", Some("p-a"), 3.0),
        );
        all.keep("claude", usual.clone(), &["p-a", "p-b"]);
        all.keep("claude", other.clone(), &["p-a", "p-b"]);
        assert!(counts(&all, &usual) && counts(&all, &other));
        all.keep("claude", anew.clone(), &["p-a", "p-b"]);
        assert!(!counts(&all, &usual) && counts(&all, &other) && counts(&all, &anew));
        let edited = measured("m", Some("p-c"), 4.0);
        all.keep("claude", edited.clone(), &["p-c"]);
        assert!(!counts(&all, &other) && counts(&all, &edited));
        let learned = [measured("linear:1", None, 5.0), measured("linear:2", None, 6.0)];
        learned.iter().for_each(|one| all.keep("local", one.clone(), &[]));
        assert_eq!(learned.map(|one| all.of("local", &one.of).is_some()), [false, true]);
    }
}
