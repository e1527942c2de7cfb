//! What a blessed baseline says of a later run, and where it can say nothing.

use serde_json::{Value, json};

use super::eval::{CASES, eval, report, ruled};
use crate::support::process::Project;

const SUITE: &str = "evals/few/suite.toml";
const BASELINE: &str = "evals/few/baseline.json";

fn demanding() -> Project {
    let project = ruled(&CASES);
    project.append(SUITE, "[gate.baseline]\nnewly_failed_max = 0\naccuracy_drop_max = 0.0\n");
    project
}

/// What the gate `name` got.
fn got(report: &Value, name: &str) -> Option<String> {
    let gates = report["gates"].as_array().expect("gates");
    Some(gates.iter().find(|gate| gate["name"] == name)?["got"].as_str()?.to_owned())
}

#[test]
fn a_baseline_that_is_demanded_must_be_there() {
    let project = demanding();
    let without = eval(&project, &["--json"]);
    assert_eq!(without.code, Some(1), "{without:?}");
    let told = got(&report(&without), "baseline").expect("a gate");
    assert!(told.contains("there is no evals/few/baseline.json"), "{told}");
    let check = project.run(&["check", "--eval"]);
    assert!(check.code == Some(1) && check.out.contains("there is no evals/few/baseline.json"), "{check:?}");
    // Of a part, or of other judges, it says nothing, and nothing is demanded.
    for own in [&["--shard", "1/1"][..], &["--judge", "rules"], &["--split", "dev"]] {
        assert_eq!(eval(&project, own).code, Some(0), "{own:?}");
    }
    assert_eq!(eval(&project, &["--bless"]).code, Some(1), "it was missed");
    assert_eq!(eval(&project, &[]).code, Some(0), "and is there from then on");
}

#[test]
fn a_change_of_the_ladder_does_not_end_what_its_baseline_demands() {
    let project = demanding();
    project.edit(SUITE, "judges = [\"rules\"]\n", "");
    eval(&project, &["--bless"]);
    assert_eq!(eval(&project, &[]).code, Some(0));
    let config = project.read("config/classifiers.toml");
    let rung = "{ judge = \"local\"";
    let begin = config.find(rung).expect("a rung");
    let end = begin + config[begin..].find('}').expect("its end") + 1;
    let fewer = [&config[..begin], config[end..].trim_start_matches([',', ' ', '\n'])].concat();
    project.write("config/classifiers.toml", &fewer);
    let other = eval(&project, &["--json"]);
    assert_eq!(other.code, Some(1), "{other:?}");
    let told = got(&report(&other), "baseline").expect("a gate");
    assert!(told.contains("is of rules, local on dev"), "{told}");
    assert_eq!(project.run(&["check", "--eval"]).code, Some(1));
}

#[test]
fn a_case_that_was_changed_is_not_the_one_that_was_measured() {
    let project = demanding();
    eval(&project, &["--bless"]);
    // It was missed, and is relabelled to what is said.
    project.edit("evals/few/cases.jsonl", "noon", "noon, of a demo");
    let changed = eval(&project, &["--json"]);
    assert_eq!(changed.code, Some(1), "{changed:?}");
    assert_eq!(got(&report(&changed), "baseline.cases").as_deref(), Some("1 changed, such as c"));
    assert_eq!(report(&changed)["cases"][2]["before"], json!(null), "what became of another says nothing");
}

#[test]
fn cases_that_are_new_hide_no_drop() {
    let project = demanding();
    project.edit(SUITE, "accuracy_drop_max = 0.0\n", "macro_f1_drop_max = 0.01\n");
    project.edit(SUITE, "newly_failed_max = 0\n", "newly_failed_max = 9\n");
    eval(&project, &["--bless"]);
    let lines = project.read("evals/few/cases.jsonl");
    let line = |n: usize| lines.lines().next().expect("a case").replace("\"a\"", &format!("\"new-{n}\""));
    project.append("evals/few/cases.jsonl", &(0..40).map(|n| line(n) + "\n").collect::<String>());
    assert_eq!(eval(&project, &[]).code, Some(0), "more of the same");
    project.edit(
        "config/classifiers.toml",
        "'backlink' in event.body.data.message",
        "'nothing' in event.body.data.message",
    );
    let worse = eval(&project, &["--json"]);
    assert_eq!(worse.code, Some(3), "{worse:?}");
}

#[test]
fn one_that_cannot_be_read_is_told_by_the_check_and_written_anew() {
    let project = demanding();
    project.write(BASELINE, "{");
    let check = project.run(&["check"]);
    assert!(
        check.code == Some(1) && check.out.contains("evals/few/baseline.json:1: error[HY0507]"),
        "{check:?}"
    );
    let run = eval(&project, &["--json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(got(&report(&run), "baseline").is_some_and(|told| told.contains("baseline.json is none")));
    eval(&project, &["--bless"]);
    assert_eq!(eval(&project, &[]).code, Some(0));
    assert_eq!(project.run(&["check"]).code, Some(0));
}

#[test]
fn a_suite_that_fails_is_not_blessed_and_ends_as_one_that_fails() {
    let project = demanding();
    project.edit(SUITE, "[gate.baseline]\n", "[gate]\ncoverage_min = 0.9\n[gate.baseline]\n");
    let failed = eval(&project, &["--bless"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.err.contains("few fails by coverage_min"), "{failed:?}");
    assert!(!project.path(BASELINE).exists());
}
