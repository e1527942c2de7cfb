//! What a suite found: the one value that every form of report is made of.

mod facts;
mod html;
mod junit;
mod markdown;
#[cfg(test)]
mod sample;
mod text;
mod wording;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Relation;

pub use html::{PageError, html};
pub use junit::junit;
pub use markdown::markdown;
pub use text::{comparison_text, text};
pub use wording::{dollars, duration, grades, percent, several};

/// A figure with the interval that holds it with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// A suite's figures. Shares are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub suite: String,
    pub classifier: String,
    /// Who was asked: the judges, in the order of the ladder.
    pub judges: Vec<String>,
    /// offline | replay | record-missing | record | live
    pub mode: String,
    pub splits: Vec<String>, // "train" | "dev" | "test"
    pub seed: u64,
    /// Digests of what was measured.
    pub digests: Digests,
    pub labels: Vec<String>,
    pub figures: Figures,
    pub classes: Vec<Class>,
    pub calibration: Option<Calibration>,
    pub risk_coverage: Vec<RiskPoint>,
    /// The area under the whole curve as a share of the coverage it reaches: the mean risk over all coverages.
    #[serde(default)]
    pub mean_risk: Option<f64>,
    pub stability: Option<Stability>,
    pub answers: Answers,
    pub latency_ms: Option<Spread>,
    /// Of one event, as the service would ask about it: once, without grading.
    pub cost_usd: Option<Spread>,
    /// Of all that was asked here.
    #[serde(default)]
    pub paid_usd: Paid,
    pub actions: Option<ActionFigures>,
    pub findings: Option<FindingFigures>,
    /// Texts that a language model graded; none unless the suite asks for it.
    #[serde(default)]
    pub graded: Vec<GradedFigures>,
    /// Whether the same is said of cases in another form; none unless the suite asks for it.
    #[serde(default)]
    pub metamorphic: Vec<RelationFigures>,
    /// Cases that are not to be judged, and how they ended.
    #[serde(default)]
    pub arrivals: Vec<ArrivalReport>,
    pub gates: Vec<Gate>,
    pub verdict: Verdict,
    pub cases: Vec<CaseReport>,
    /// What else is to be known, such as recordings that are stale or unused: one sentence each.
    pub notes: Vec<String>,
    /// Recordings that no longer serve, of which the notes tell how many there are.
    #[serde(default)]
    pub leftovers: Vec<Leftover>,
}

/// Recordings of one judge for which nobody asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leftover {
    pub judge: String,
    /// There is such a judge today.
    pub known: bool,
    /// Their paths.
    pub files: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digests {
    pub prompt: String,
    pub schema: String,
    pub models: BTreeMap<String, String>,
    pub cases: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub cases: usize,
    pub decided: usize,
    pub correct: usize,
    /// Right among the decided ones (Wilson).
    pub accuracy: Option<Estimate>,
    /// Decided among all (Wilson).
    pub coverage: Estimate,
    /// Over all cases, where one left to a person counts as missed (bootstrap over clusters).
    pub macro_f1: Estimate,
    pub micro_f1: Estimate,
    pub weighted_f1: Estimate,
    /// Over the decided cases alone.
    pub macro_f1_decided: Option<Estimate>,
    /// Mean cost of an error per case, as suite.toml prices errors; `None` if it does not.
    pub error_cost: Option<Estimate>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    pub label: String,
    pub support: usize,
    pub said: usize,
    pub precision: Option<Estimate>,
    pub recall: Option<Estimate>,
    pub f1: f64,
    /// What cases of this label were said to be: one count per label in order, then those left to a person.
    pub confusion: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub ece: f64,
    pub brier: f64,
    pub auroc: Option<f64>,
    pub bins: Vec<Bin>,
}

/// Answers with a confidence in [low, high).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    pub low: f64,
    pub high: f64,
    pub count: usize,
    pub confidence: f64,
    pub accuracy: f64,
}

/// If only answers of at least this confidence were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskPoint {
    pub threshold: f64,
    pub coverage: f64,
    pub risk: f64,
}

/// `samples` answers per case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    pub samples: usize,
    /// Share of the cases whose answers differ among themselves.
    pub flip_rate: f64,
    /// Share of the cases that were right every time (pass^k).
    pub pass_all: f64,
}

/// What judges that make answers of their own did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    pub asked: usize,
    pub valid_first: usize,
    pub repaired: usize,
    /// By kind: truncated, refused, not_json, …
    pub flaws: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
    pub total: f64,
}

/// What answers cost at today's prices, in dollars, whether they were bought now or are recorded. An answer that several
/// questions of the run share counts once, where it was asked for first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Paid {
    /// Of the suite's judges, on all samples of all cases.
    pub asked: f64,
    /// Of those that grade texts.
    pub graded: f64,
    /// Of the suite's judges, on cases in another form.
    #[serde(default)]
    pub metamorphic: f64,
}

/// How often the same was said of a case in another form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelationFigures {
    pub relation: Relation,
    pub tried: usize,
    /// Decided, and alike.
    pub held: usize,
    /// Left to a person both times.
    #[serde(default)]
    pub undecided: usize,
    /// Held among those that were decided in one form at least (Wilson).
    pub share: Option<Estimate>,
    /// Cases that it cannot be tried on: they hold no mail, or rules decided them, which do not go by labels.
    pub left_out: usize,
    /// Nobody is asked who goes by labels.
    pub nobody: bool,
    pub broken: Vec<Broken>,
}

/// A case that ends before anybody is asked, and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArrivalReport {
    pub id: String,
    pub line: usize,
    /// refused | filtered | duplicate
    pub expected: String,
    /// Also `accepted`, and `review` where a person is to look whether it came before.
    pub got: String,
    pub why: String,
    pub passed: bool,
}

/// A case of which something else was said in another form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    pub case: String,
    /// The case that is its other form, if a person wrote that.
    pub other: Option<String>,
    /// Labels; `None`: left to a person.
    pub before: Option<String>,
    pub after: Option<String>,
    pub actions_before: Vec<String>,
    pub actions_after: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ActionFigures {
    /// Cases that say anything of actions.
    pub cases: usize,
    /// Those that expect some.
    #[serde(default)]
    pub expecting: usize,
    pub missing: usize,
    pub forbidden: usize,
    pub not_allowed: usize,
    /// Actions that were planned of a case, which was then delivered again.
    #[serde(default)]
    pub redelivered: usize,
    /// Those that were planned again under another key: they would be done twice.
    #[serde(default)]
    pub duplicates: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingFigures {
    pub cases: usize,
    pub expected: usize,
    pub told: usize,
    pub matched: usize,
    /// Findings whose place can carry a comment in the diff.
    pub anchored: usize,
    pub precision: Option<Estimate>,
    pub recall: Option<Estimate>,
    pub per_case: f64,
}

/// How good a text of the outputs is, as a language model sees it, and whether it sees that as people do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradedFigures {
    /// The field of the output.
    pub field: String,
    /// Who graded, with its model.
    pub judge: String,
    /// Texts that were graded.
    pub graded: usize,
    /// From 0 to 1.
    pub mean: Option<f64>,
    /// Texts whose grade is at least what the suite calls well.
    pub well: usize,
    /// Texts that a person graded too.
    pub by_people: usize,
    /// Cohen's kappa of both, for whether a text is well: what a grade is worth.
    pub agreement: Option<f64>,
    /// What all answers cost.
    #[serde(default)]
    pub cost_usd: f64,
    /// What another judge makes of the same texts, if one is asked.
    #[serde(default)]
    pub second: Option<SecondGrades>,
}

/// What a second judge makes of the texts that the first one graded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondGrades {
    /// Who graded, with its model.
    pub judge: String,
    pub graded: usize,
    /// From 0 to 1.
    pub mean: Option<f64>,
    pub well: usize,
    /// Texts that a person graded too.
    pub by_people: usize,
    /// Cohen's kappa with people.
    pub agreement: Option<f64>,
    /// Texts that both judges graded.
    pub by_both: usize,
    /// Cohen's kappa of both judges.
    pub with_first: Option<f64>,
}

/// One demand of suite.toml.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub name: String,
    pub wanted: String,
    pub got: String,
    pub held: Held,
}

impl Gate {
    /// Cases of the baseline may not be missing.
    /// That there is one, of the same judges and splits.
    pub const BASELINE: &str = "baseline";
    pub const BASELINE_CASES: &str = "baseline.cases";
    /// How many forbidden actions may be planned.
    pub const FORBIDDEN_ACTIONS: &str = "forbidden_actions_max";
    /// How many actions may be planned that are not among those allowed.
    pub const NOT_ALLOWED: &str = "not_allowed_actions_max";
    /// How many expected actions may be left out.
    pub const MISSING_ACTIONS: &str = "missing_actions_max";
    /// How many actions may be done twice of what comes twice.
    pub const DUPLICATES: &str = "duplicates_max";
    /// How many cases that are not to be judged may end otherwise than they are to.
    pub const ARRIVALS: &str = "arrivals_missed_max";
    /// How many cases may have got worse since the baseline.
    pub const NEWLY_FAILED: &str = "baseline.newly_failed";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    Passed,
    Failed,
    Regressed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Passed,
    Failed,
    Regressed,
}

/// One case, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    pub id: String,
    pub line: usize,
    pub split: String,
    pub tags: Vec<String>,
    pub cluster: String,
    /// Digest of what it asks and what is right; `None` in reports of before there was one.
    #[serde(default)]
    pub digest: Option<String>,
    pub expected: String,
    /// `None`: left to a person.
    pub got: Option<String>,
    pub judge: Option<String>,
    pub confidence: Option<f64>,
    /// In the judge's words, or why nobody decided.
    pub why: Vec<String>,
    pub right: bool,
    /// The label is right, and so is everything else the case asks for.
    pub passed: bool,
    /// Everything that is not as the case wants it, one sentence each.
    pub faults: Vec<String>,
    pub actions: Vec<String>,
    /// Those of the actions that the case forbids.
    #[serde(default)]
    pub forbidden: Vec<String>,
    /// Those that a second delivery would do again.
    #[serde(default)]
    pub duplicates: Vec<String>,
    /// Labels of further samples, if several were asked for.
    pub samples: Vec<Option<String>>,
    pub latency_ms: Option<f64>,
    /// Of one sample, on average.
    pub cost_usd: Option<f64>,
    /// What a language model would read, or read: system, then event.
    pub prompt: Option<Prompt>,
    /// What the judge answered, as JSON.
    pub output: Option<serde_json::Value>,
    /// What the baseline says of this case, if there is one.
    pub before: Option<Before>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    pub system: String,
    pub event: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    pub got: Option<String>,
    pub passed: bool,
    /// Of the case as it was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Two runs of one suite on the same cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub suite: String,
    pub a: String,
    pub b: String,
    pub cases: usize,
    /// Groups of cases that hang together; one that stands alone is its own.
    pub clusters: usize,
    /// Right in both, only in A, only in B, in neither.
    pub both: usize,
    pub only_a: usize,
    pub only_b: usize,
    pub neither: usize,
    /// Exact McNemar.
    pub p_value: f64,
    /// Share right of B less that of A (paired bootstrap over clusters).
    pub accuracy_delta: Estimate,
    pub macro_f1_delta: Estimate,
    /// Per class: recall's change with Holm's corrected p.
    pub classes: Vec<ClassChange>,
    /// The smallest difference that this many cases would have shown with a power of 80 %.
    pub detectable: f64,
    /// δ: differences below it do not matter.
    pub margin: f64,
    pub verdict: Change,
    /// Cases that one of them has right and the other one not.
    pub changed: Vec<Changed>,
    /// Cases of which B plans what they forbid, and A does not.
    #[serde(default)]
    pub newly_forbidden: Vec<String>,
    /// What else is to be known before it is believed: one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassChange {
    pub label: String,
    pub support: usize,
    pub recall_a: Option<f64>,
    pub recall_b: Option<f64>,
    pub p_value: f64,
    pub p_corrected: f64,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Better,
    Worse,
    Equivalent,
    Inconclusive,
}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    pub id: String,
    pub expected: String,
    pub a: Option<String>,
    pub b: Option<String>,
}
