//! What a suite found.

use std::fmt;

use serde::Serialize;

use super::Trial;
use crate::config::{Case, Suite};

/// One case and what the ladder said about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Graded {
    pub case: String,
    pub expected: String,
    /// `None`: left to a person.
    pub got: Option<String>,
    pub judge: Option<String>,
    pub confidence: Option<f64>,
}

/// One class: how often it was expected and said, and how often both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    pub label: String,
    /// Cases that have the label.
    pub support: usize,
    /// Share of those that were said to have it and do; `None` if none was.
    pub precision: Option<f64>,
    /// Share of those that have it and were said to.
    pub recall: Option<f64>,
    /// What the cases with this label were said to be: one count per label in order, then those left to a person.
    pub confusion: Vec<usize>,
}

/// A suite's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub suite: String,
    pub cases: usize,
    pub decided: usize,
    pub correct: usize,
    /// Share of the decided cases that are right.
    pub accuracy: f64,
    pub accuracy_min: f64,
    /// Share of all cases that a judge decided.
    pub coverage: f64,
    pub coverage_min: f64,
    pub passed: bool,
    pub classes: Vec<Class>,
    /// Cases with the wrong label, and cases left to a person.
    pub missed: Vec<Graded>,
}

impl Graded {
    /// `trial` of a case.
    pub fn new(case: &Case, trial: &Trial) -> Self {
        let verdict = trial.said.verdict();
        Graded {
            case: case.id.clone(),
            expected: case.expect.label.clone(),
            got: verdict.map(|verdict| verdict.label.clone()),
            judge: verdict.map(|verdict| verdict.judge.to_string()),
            confidence: verdict.map(|verdict| verdict.confidence),
        }
    }
}

impl Report {
    pub fn new(name: &str, suite: &Suite, labels: &[String], graded: Vec<Graded>) -> Self {
        let right = |g: &&Graded| g.got.as_ref() == Some(&g.expected);
        let (cases, correct) = (graded.len(), graded.iter().filter(right).count());
        let decided = graded.iter().filter(|g| g.got.is_some()).count();
        let (accuracy, coverage) =
            (share(correct, decided).unwrap_or(0.0), share(decided, cases).unwrap_or(0.0));
        let coverage_min = suite.coverage_min.unwrap_or(0.0);
        Report {
            suite: name.to_owned(),
            cases,
            decided,
            correct,
            accuracy,
            accuracy_min: suite.accuracy_min,
            coverage,
            coverage_min,
            passed: accuracy >= suite.accuracy_min && coverage >= coverage_min,
            classes: labels.iter().map(|label| class(label, labels, &graded)).collect(),
            missed: graded.iter().filter(|g| !right(g)).cloned().collect(),
        }
    }
}

fn class(label: &str, labels: &[String], graded: &[Graded]) -> Class {
    let of: Vec<&Graded> = graded.iter().filter(|g| g.expected == label).collect();
    let said_of = |said: Option<&str>| of.iter().filter(|g| g.got.as_deref() == said).count();
    let hits = said_of(Some(label));
    let said = graded.iter().filter(|g| g.got.as_deref() == Some(label)).count();
    let mut confusion: Vec<usize> = labels.iter().map(|other| said_of(Some(other))).collect();
    confusion.push(said_of(None));
    Class {
        label: label.to_owned(),
        support: of.len(),
        precision: share(hits, said),
        recall: share(hits, of.len()),
        confusion,
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: Option<f64>| share.map_or("–".to_owned(), |s| format!("{:.0}%", s * 100.0));
        let verdict = if self.passed { "passed" } else { "FAILED" };
        writeln!(f, "{}: {verdict}", self.suite)?;
        writeln!(
            f,
            "  right {}/{} decided = {:.1}% (wanted {:.0}%), decided {}/{} = {:.1}% (wanted {:.0}%)",
            self.correct,
            self.decided,
            self.accuracy * 100.0,
            self.accuracy_min * 100.0,
            self.decided,
            self.cases,
            self.coverage * 100.0,
            self.coverage_min * 100.0
        )?;
        let width = self.classes.iter().map(|c| c.label.len()).max().unwrap_or(0).max(8);
        write!(f, "  {:width$}  cases  prec.  recall |", "label")?;
        for class in &self.classes {
            write!(f, " {:>width$}", class.label)?;
        }
        writeln!(f, " {:>width$}", "(person)")?;
        for class in &self.classes {
            let (precision, recall) = (percent(class.precision), percent(class.recall));
            write!(f, "  {:width$}  {:>5}  {precision:>5}  {recall:>6} |", class.label, class.support)?;
            for count in &class.confusion {
                write!(f, " {count:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Split;

    #[test]
    fn figures_follow_from_the_cases() {
        let graded = |expected: &str, got: Option<&str>| Graded {
            case: "c".to_owned(),
            expected: expected.to_owned(),
            got: got.map(str::to_owned),
            judge: None,
            confidence: None,
        };
        let suite = Suite {
            classifier: "c".to_owned(),
            accuracy_min: 0.6,
            coverage_min: Some(0.8),
            splits: vec![Split::Dev],
        };
        let labels = ["a", "b"].map(str::to_owned);
        let cases =
            vec![graded("a", Some("a")), graded("a", Some("b")), graded("b", Some("b")), graded("b", None)];
        let report = Report::new("s", &suite, &labels, cases);
        assert_eq!((report.decided, report.correct), (3, 2));
        assert!(report.accuracy > 0.66 && report.coverage < 0.8 && !report.passed);
        assert_eq!(report.classes[0].confusion, [1, 1, 0]);
        assert_eq!(report.classes[1].confusion, [0, 1, 1]);
        assert_eq!((report.classes[1].precision, report.classes[1].recall), (Some(0.5), Some(0.5)));
    }
}
