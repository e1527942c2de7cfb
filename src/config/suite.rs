//! `evals/NAME/suite.toml`: what an offline eval measures, and what it must reach.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    bounds::{empty_problem, share_problem},
    cases::Split,
    codes,
    document::Document,
    files::Files,
    locate::Locator,
    problem::{At, Problems},
};

/// One suite: a classifier, measured on labelled cases.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The `[classifier.NAME]` that is measured.
    pub classifier: String,
    /// Share of the decided cases, 0 to 1, that must have the right label.
    pub accuracy_min: f64,
    /// Share of all cases, 0 to 1, that a judge must decide rather than leave to a person.
    pub coverage_min: Option<f64>,
    /// Which cases are measured: `dev`, `test`, or `train`, which `local` has seen.
    #[serde(default = "splits")]
    pub splits: Vec<Split>,
}

fn splits() -> Vec<Split> {
    vec![Split::Dev, Split::Test]
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

fn check(file: &str, locator: &Locator, suite: &Suite, problems: &mut Problems) {
    let at = |field| At { file: file.to_owned(), line: locator.line_of(&[field]) };
    let no_name = suite.classifier.is_empty();
    problems.extend(empty_problem(at("classifier"), "classifier", no_name, "name a `[classifier.NAME]`"));
    problems.extend(share_problem(at("accuracy_min"), "accuracy_min", suite.accuracy_min));
    problems.extend(
        suite.coverage_min.and_then(|share| share_problem(at("coverage_min"), "coverage_min", share)),
    );
    problems.extend(empty_problem(
        at("splits"),
        "splits",
        suite.splits.is_empty(),
        "write `[\"dev\", \"test\"]`",
    ));
    if suite.splits.contains(&Split::Train) {
        problems.push(at("splits").warning(
            codes::TRAIN_MEASURED,
            "`splits` has `train`, which `local` was trained on: its accuracy there says little",
            "leave `train` out, unless you look for wrong labels",
        ));
    }
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
        let (suite, problems) = read("classifier = \"triage\"\naccuracy_min = 0.8\n");
        assert_eq!(problems, "");
        let wanted = Suite {
            classifier: "triage".to_owned(),
            accuracy_min: 0.8,
            coverage_min: None,
            splits: vec![Split::Dev, Split::Test],
        };
        assert_eq!(suite, Some(wanted));
    }

    #[test]
    fn tells_all_that_is_wrong() {
        let (suite, problems) = read("accuracy_mn = 0.8\nsplits = [\"tset\"]\ncoverage_min = \"x\"\n");
        assert_eq!(suite, None);
        assert_eq!(
            problems,
            "evals/triage/suite.toml:1: error[HY0007]: this file has no `classifier`\n    remedy: add `classifier = …` to \
             it\n\
             evals/triage/suite.toml:1: error[HY0006]: this file has no field `accuracy_mn`\n    remedy: did you mean \
             `accuracy_min`? Write one of: classifier, accuracy_min, coverage_min, splits\n\
             evals/triage/suite.toml:2: error[HY0009]: `splits.0` cannot be `tset`\n    remedy: did you mean `test`? \
             Write one of: train, dev, test\n\
             evals/triage/suite.toml:3: error[HY0008]: `coverage_min` must be a number, not a string\n    remedy: \
             write a number"
        );
    }

    #[test]
    fn bounds_are_checked() {
        let (_, problems) =
            read("classifier = \"\"\naccuracy_min = 80\ncoverage_min = -1\nsplits = [\"train\"]\n");
        assert_eq!(
            problems,
            "evals/triage/suite.toml:1: error[HY0012]: `classifier` is empty\n    remedy: name a `[classifier.NAME]`\n\
             evals/triage/suite.toml:2: error[HY0010]: `accuracy_min` is 80\n    remedy: write a number from 0 to 1, \
             such as 0.8\n\
             evals/triage/suite.toml:3: error[HY0010]: `coverage_min` is -1\n    remedy: write a number from 0 to 1, \
             such as 0.8\n\
             evals/triage/suite.toml:4: warning[HY0505]: `splits` has `train`, which `local` was trained on: its \
             accuracy there says little\n    remedy: leave `train` out, unless you look for wrong labels"
        );
    }
}
