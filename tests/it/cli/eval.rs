//! `hookyard eval`: figures for every class, and gates that decide its exit code.

use hookyard::config::Files;
use serde_json::Value;

use crate::support::process::Project;

fn project() -> Project {
    Project::new(&Files::embedded())
}

#[test]
fn people_read_figures_for_every_class() {
    let eval = project().run(&["eval", "churn"]);
    assert_eq!(eval.code, Some(0), "{}{}", eval.out, eval.err);
    assert!(eval.out.contains("churn: passed") && !eval.out.contains("triage"), "{}", eval.out);
    let table: Vec<&str> = eval.out.lines().skip_while(|line| !line.contains("recall |")).collect();
    for label in ["price", "service", "onboarding", "product_gap", "payment"] {
        assert!(table[0].contains(label), "a column: {}", eval.out);
        assert!(table.iter().any(|line| line.trim_start().starts_with(label)), "a row: {}", eval.out);
    }
    assert!(eval.out.contains("not an LLM"), "{}", eval.out);
}

#[test]
fn every_suite_passes_as_shipped_and_its_confusion_adds_up() {
    let eval = project().run(&["eval", "--json"]);
    assert_eq!(eval.code, Some(0), "{}{}", eval.out, eval.err);
    let reports = eval.json();
    let names: Vec<&Value> =
        reports.as_array().expect("reports").iter().map(|report| &report["suite"]).collect();
    assert_eq!(names, ["churn", "pull_request", "triage"]);
    for report in reports.as_array().expect("reports") {
        assert_eq!(report["passed"], true, "{report:#}");
        let classes = report["classes"].as_array().expect("classes");
        let mut cases = 0;
        for class in classes {
            let confusion: Vec<u64> =
                class["confusion"].as_array().expect("counts").iter().filter_map(Value::as_u64).collect();
            assert_eq!(confusion.len(), classes.len() + 1, "one for each label, and one for a person");
            assert_eq!(confusion.iter().sum::<u64>(), class["support"], "{class:#}");
            cases += confusion.iter().sum::<u64>();
        }
        assert_eq!(cases, report["cases"], "{report:#}");
    }
}

#[test]
fn a_gate_that_is_missed_fails() {
    let project = project();
    let suite = "classifier = \"churn\"\naccuracy_min = 1.0\nsplits = [\"dev\", \"test\"]\n";
    project.write("evals/churn/suite.toml", suite);
    let eval = project.run(&["eval", "churn"]);
    assert_eq!(eval.code, Some(1), "{}{}", eval.out, eval.err);
    assert!(eval.out.contains("churn: FAILED") && eval.out.contains("(wanted 100%)"), "{}", eval.out);
    project.run(&["eval", "chrun"]).assert_refused("did you mean `churn`");
}
