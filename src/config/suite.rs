//! `evals/NAME/suite.toml`: what an offline eval measures, and what it must reach.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    bounds::{Unit, empty_problem, number_problem, share_problem},
    cases::Split,
    codes,
    document::Document,
    files::Files,
    locate::Locator,
    metamorphic::{self, Metamorphic, MetamorphicGates},
    problem::{At, Problems},
};

/// One suite: a classifier, measured on labelled cases.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The `[classifier.NAME]` that is measured.
    pub classifier: String,
    /// Who is asked, in this order: judges of the classifier's ladder or of judges.toml. Left out: those of the ladder that
    /// work offline.
    #[serde(default)]
    pub judges: Vec<String>,
    /// Which cases are measured: `dev` if left out, `test`, or `train`, which `local` has seen.
    #[serde(default = "splits")]
    pub splits: Vec<Split>,
    /// What chance begins with: the same seed gives the same intervals.
    #[serde(default = "seed")]
    pub seed: u64,
    /// How often each case is asked about, to see whether answers change.
    #[serde(default = "samples")]
    pub samples: u32,
    #[serde(default)]
    pub gate: Gates,
    /// What errors cost, in any unit.
    pub cost: Option<ErrorCosts>,
    /// Differences of shares that do not matter, 0 to 1: what `--compare` calls equivalent.
    #[serde(default = "margin")]
    pub margin: f64,
    /// The array of the output that holds findings of a review, with `path`, `line` and perhaps `side`, `line_end`, `kind`.
    pub findings: Option<FindingsTable>,
    /// Texts of the output that a language model grades.
    #[serde(default)]
    pub graded: IndexMap<String, GradedTable>,
    /// Changes of the cases, or of the labels, that must not change what is said.
    pub metamorphic: Option<Metamorphic>,
}

/// What a suite must reach. Shares are from 0 to 1; what is left out is not demanded.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gates {
    /// Right among the decided cases.
    pub accuracy_min: Option<f64>,
    /// Decided, and not left to a person, among all cases.
    pub coverage_min: Option<f64>,
    /// Mean F1 of the labels over all cases; one that is left to a person is missed.
    pub macro_f1_min: Option<f64>,
    /// Least precision of a label.
    #[serde(default)]
    pub precision_min: IndexMap<String, f64>,
    /// Least recall of a label.
    #[serde(default)]
    pub recall_min: IndexMap<String, f64>,
    /// Most expected calibration error.
    pub ece_max: Option<f64>,
    /// Most actions that are planned though their case forbids them: 0 unless it is written.
    pub forbidden_actions_max: Option<u64>,
    /// Most actions that are planned though they are not among those that their case allows.
    pub not_allowed_actions_max: Option<u64>,
    /// Most actions that a case expects and that are not planned.
    pub missing_actions_max: Option<u64>,
    /// Most actions that would be done twice if each case came twice.
    pub duplicates_max: Option<u64>,
    /// Most cases not to be judged that end otherwise than they are to: 0 unless it is written.
    pub arrivals_missed_max: Option<u64>,
    /// Least share of answers that are valid at the first try.
    pub valid_min: Option<f64>,
    /// 95 of 100 answers take no longer.
    pub latency_p95_ms_max: Option<f64>,
    /// Mean cost of a case in dollars.
    pub cost_usd_max: Option<f64>,
    /// Least recall of the findings of a review.
    pub findings_recall_min: Option<f64>,
    /// Least precision of the findings of a review.
    pub findings_precision_min: Option<f64>,
    /// Least mean grade of a text, by the field of `[graded.FIELD]`.
    #[serde(default)]
    pub graded_mean_min: IndexMap<String, f64>,
    /// Least agreement of the grades with people's (Cohen's kappa), by field.
    #[serde(default)]
    pub graded_kappa_min: IndexMap<String, f64>,
    /// Least share of the cases of which the same is said, by relation.
    #[serde(default)]
    pub metamorphic: MetamorphicGates,
    /// Held against `baseline.json`, which must be there then, of the suite's judges and splits.
    #[serde(default)]
    pub baseline: BaselineGates,
}

/// How much worse than the blessed baseline is still well.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineGates {
    pub accuracy_drop_max: Option<f64>,
    pub macro_f1_drop_max: Option<f64>,
    /// Recall of any one label.
    pub recall_drop_max: Option<f64>,
    /// Cases that were well and are not any more.
    pub newly_failed_max: Option<u64>,
}

/// What errors cost: of a label, by what was said instead.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorCosts {
    /// A case that is left to a person.
    pub person: f64,
    /// An error that is not listed.
    #[serde(default = "one")]
    pub otherwise: f64,
    /// `spam = { lead = 3.0 }`: spam that is taken for a lead.
    #[serde(default)]
    pub of: IndexMap<String, IndexMap<String, f64>>,
}

/// Where the findings of a review stand, and when two are the same.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingsTable {
    /// The field of the output.
    pub field: String,
    /// The value that `gathered.NAME` of a case has the diff under.
    #[serde(default = "diff")]
    pub diff: String,
    /// Lines by which a finding may miss the expected place.
    #[serde(default = "lines")]
    pub lines_max: u32,
    /// Whether it must be of the same kind as well.
    #[serde(default)]
    pub same_kind: bool,
}

/// A text that is graded by a language model, from 0 to 1.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GradedTable {
    /// A judge of judges.toml.
    pub judge: String,
    /// Another one, which grades the same texts: how far both agree is told. Off if left out.
    pub second: Option<String>,
    /// What is good, in words.
    pub rubric: String,
    /// Least grade that is well.
    pub grade_min: f64,
}

fn seed() -> u64 {
    1
}

fn samples() -> u32 {
    1
}

fn margin() -> f64 {
    0.05
}

fn one() -> f64 {
    1.0
}

fn diff() -> String {
    "diff".to_owned()
}

fn lines() -> u32 {
    3
}

fn splits() -> Vec<Split> {
    vec![Split::Dev]
}

/// Path of the suite in a folder of `evals/`.
pub fn suite_file(folder: &str) -> String {
    format!("evals/{folder}/suite.toml")
}

/// The suites of `evals/` that can be read, by their folder, and what is wrong with them and the others.
pub fn suites(files: &Files) -> (IndexMap<String, Suite>, Problems) {
    let mut suites = IndexMap::new();
    let mut problems = Problems::new();
    let folders = files
        .under("evals/")
        .filter_map(|(path, _)| path.strip_prefix("evals/")?.strip_suffix("/suite.toml"));
    for folder in folders {
        let file = suite_file(folder);
        let (suite, closed) = Document::open(files, &file).whole::<Suite>();
        problems.extend(closed.problems);
        if let Some(suite) = suite {
            check(&file, &closed.locator, &suite, &mut problems);
            suites.insert(folder.to_owned(), suite);
        }
    }
    (suites, problems)
}

/// Most samples of a case.
const SAMPLES_MAX: u64 = 100;

fn check(file: &str, locator: &Locator, suite: &Suite, problems: &mut Problems) {
    let at = |path: &[&str]| At { file: file.to_owned(), line: locator.line_of(path) };
    let no_name = suite.classifier.is_empty();
    problems.extend(empty_problem(at(&["classifier"]), "classifier", no_name, "name a `[classifier.NAME]`"));
    for (path, share) in shares(suite) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        problems.extend(share_problem(at(&path), &path.join("."), share));
    }
    problems.extend(empty_problem(
        at(&["splits"]),
        "splits",
        suite.splits.is_empty(),
        "write `[\"dev\", \"test\"]`",
    ));
    let tables = (suite.metamorphic.as_ref(), &suite.gate.metamorphic);
    problems.extend(metamorphic::check(file, locator, tables.0, tables.1));
    let samples = suite.samples.into();
    problems.extend(number_problem(at(&["samples"]), "samples", samples, 1..=SAMPLES_MAX, Unit::Plain));
    if suite.splits.contains(&Split::Train) {
        problems.push(at(&["splits"]).warning(
            codes::TRAIN_MEASURED,
            "`splits` has `train`, which `local` was trained on: its accuracy there says little",
            "leave `train` out, unless you look for wrong labels",
        ));
    }
}

/// Every field that is a share, with its path.
fn shares(suite: &Suite) -> Vec<(Vec<String>, f64)> {
    let gate = &suite.gate;
    let one = |path: &[&str], share: Option<f64>| {
        share.map(|share| (path.iter().map(|&part| part.to_owned()).collect(), share))
    };
    let each = |field: &'static str, of: &IndexMap<String, f64>| {
        let path = |label: &String| vec!["gate".to_owned(), field.to_owned(), label.clone()];
        of.iter().map(|(label, share)| (path(label), *share)).collect::<Vec<_>>()
    };
    let plain = [
        one(&["gate", "accuracy_min"], gate.accuracy_min),
        one(&["gate", "coverage_min"], gate.coverage_min),
        one(&["gate", "macro_f1_min"], gate.macro_f1_min),
        one(&["gate", "ece_max"], gate.ece_max),
        one(&["gate", "valid_min"], gate.valid_min),
        one(&["gate", "findings_recall_min"], gate.findings_recall_min),
        one(&["gate", "findings_precision_min"], gate.findings_precision_min),
        one(&["gate", "baseline", "accuracy_drop_max"], gate.baseline.accuracy_drop_max),
        one(&["gate", "baseline", "macro_f1_drop_max"], gate.baseline.macro_f1_drop_max),
        one(&["gate", "baseline", "recall_drop_max"], gate.baseline.recall_drop_max),
        one(&["margin"], Some(suite.margin)),
    ];
    let graded = suite
        .graded
        .iter()
        .map(|(field, of)| (["graded", field, "grade_min"].map(str::to_owned).to_vec(), of.grade_min));
    let named = [
        ("precision_min", &gate.precision_min),
        ("recall_min", &gate.recall_min),
        ("graded_mean_min", &gate.graded_mean_min),
        ("graded_kappa_min", &gate.graded_kappa_min),
    ];
    let named = named.into_iter().flat_map(|(field, of)| each(field, of));
    plain.into_iter().flatten().chain(named).chain(graded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Suite>, String) {
        let (mut suites, problems) = suites(&Files::default().with("evals/triage/suite.toml", text));
        (suites.swap_remove("triage"), problems.to_string())
    }

    #[test]
    fn reads_a_suite() {
        let (suite, problems) = read(
            "classifier = \"triage\"\nseed = 7\n[gate]\naccuracy_min = 0.8\nrecall_min = { lead = 0.5 }\n\
             [gate.baseline]\naccuracy_drop_max = 0.02\n[cost]\nperson = 0.5\nof = { spam = { lead = 3.0 } }\n",
        );
        assert_eq!(problems, "");
        let suite = suite.expect("a suite");
        assert_eq!((suite.classifier.as_str(), suite.seed, suite.samples), ("triage", 7, 1));
        assert_eq!(suite.splits, [Split::Dev]);
        assert_eq!((suite.gate.accuracy_min, suite.gate.recall_min["lead"]), (Some(0.8), 0.5));
        assert_eq!(suite.gate.baseline.accuracy_drop_max, Some(0.02));
        let cost = suite.cost.expect("costs");
        assert_eq!((cost.person, cost.otherwise, cost.of["spam"]["lead"]), (0.5, 1.0, 3.0));
    }

    #[test]
    fn tells_all_that_is_wrong() {
        let (suite, problems) =
            read("splits = [\"tset\"]\n[gate]\naccuracy_mn = 0.8\ncoverage_min = \"x\"\n");
        assert_eq!(suite, None);
        for part in [
            "evals/triage/suite.toml:1: error[HY0007]: this file has no `classifier`",
            "did you mean `accuracy_min`?",
            "error[HY0009]: `splits.0` cannot be `tset`\n    remedy: did you mean `test`?",
            "`gate.coverage_min` must be a number, not a string",
        ] {
            assert!(problems.contains(part), "{part}: {problems}");
        }
    }

    #[test]
    fn no_relation_is_tried_on_no_case() {
        let (_, problems) =
            read("classifier = \"triage\"\n[metamorphic]\nrelations = [\"html\"]\ncases_max = 0\n");
        let told = "evals/triage/suite.toml:4: error[HY0010]: `metamorphic.cases_max` is 0\n    remedy: write a number from 1";
        assert!(problems.contains(told), "{problems}");
    }

    #[test]
    fn bounds_are_checked() {
        let (_, problems) = read(
            "classifier = \"\"\nsplits = [\"train\"]\nsamples = 0\n[gate]\naccuracy_min = 80\n\
             recall_min = { spam = -1 }\n",
        );
        for part in [
            "evals/triage/suite.toml:1: error[HY0012]: `classifier` is empty",
            "evals/triage/suite.toml:2: warning[HY0505]: `splits` has `train`",
            "evals/triage/suite.toml:3: error",
            "evals/triage/suite.toml:5: error[HY0010]: `gate.accuracy_min` is 80",
            "evals/triage/suite.toml:6: error[HY0010]: `gate.recall_min.spam` is -1",
        ] {
            assert!(problems.contains(part), "{part}: {problems}");
        }
    }
}
