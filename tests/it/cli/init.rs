//! `hookyard init`, and what a user then changes without touching Rust.

use serde_json::{Value, json};

use crate::support::process::{Ended, Project, hookyard};
use hookyard::config::{FILTER, Files, ROUTES, SETTINGS};

fn init(dir: &std::path::Path) -> Ended {
    let mut command = hookyard();
    command.arg("init").arg(dir);
    Ended::of(command)
}

#[test]
fn what_it_writes_passes_the_check_and_is_never_overwritten() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("yard");
    let written = init(&dir);
    assert_eq!(written.code, Some(0), "{written:?}");
    assert!(written.out.contains("check"), "it says what comes next: {}", written.out);
    let mut check = hookyard();
    check.arg("--dir").arg(&dir).arg("check");
    let check = Ended::of(check);
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.out.contains("examples did as expected"), "{}", check.out);

    let settings = dir.join(SETTINGS);
    std::fs::write(&settings, "# mine\n").expect("edited");
    init(&dir).assert_refused(SETTINGS);
    assert_eq!(std::fs::read_to_string(&settings).expect("there"), "# mine\n", "left as it was");
}

#[test]
fn every_file_it_writes_is_as_the_program_carries_it() {
    let home = tempfile::tempdir().expect("a folder");
    assert_eq!(init(home.path()).code, Some(0));
    assert_eq!(Files::read(home.path()).expect("readable"), Files::embedded());
}

#[test]
fn what_should_not_be_committed_is_ignored_and_an_own_list_is_left_alone() {
    let home = tempfile::tempdir().expect("a folder");
    let list = home.path().join("new/.gitignore");
    assert_eq!(init(&home.path().join("new")).code, Some(0));
    let written = std::fs::read_to_string(list).expect("a list");
    for line in ["/data/", "/evals/*/.last-failed"] {
        assert!(written.lines().any(|one| one == line), "{line}: {written}");
    }
    let (own, list) = (home.path().join("own"), home.path().join("own/.gitignore"));
    std::fs::create_dir(&own).expect("a folder");
    std::fs::write(&list, "/data/\n").expect("written");
    let beside = init(&own);
    assert_eq!(beside.code, Some(0), "{beside:?}");
    assert_eq!(std::fs::read_to_string(&list).expect("a list"), "/data/\n");
    assert!(beside.err.contains("/evals/*/.last-failed") && !beside.err.contains("/data/"), "{beside:?}");
}

/// Twenty-four labelled cases of two kinds.
fn cases() -> String {
    let words = [
        ("praise", ["love it", "great work", "thank you so much", "a joy to use"]),
        ("complaint", ["far too slow", "crashes daily", "nobody answers", "lost my data"]),
    ];
    let mut lines = String::new();
    for n in 0..12 {
        for (label, phrases) in &words {
            let text = format!("{} {} number {n}", phrases[n % 4], phrases[(n + 1) % 4]);
            let case = json!({
                "id": format!("{label}-{n}"), "author": "a user", "expect": { "label": label },
                "event": { "source": "forms", "type": "feedback.left", "body": { "data": { "text": text } } },
            });
            lines += &format!("{case}\n");
        }
    }
    lines
}

/// A new classifier with its route, as a newcomer adds it: data only.
fn add_feedback(project: &Project) {
    project.append(FILTER, "\n[[rule]]\ntypes = [\"feedback.left\"]\nlane = \"bulk\"\n");
    project.append(
        ROUTES,
        r#"
[route.feedback]
types = ["feedback.left"]
classifier = "feedback"

[[route.feedback.action]]
id = "record"
use = "log_feedback"
when = "verdict.label == 'complaint'"

[[example]]
name = "a complaint is recorded"
source = "forms"
type = "feedback.left"
body.data.text = "Crashes daily, far too slow, nobody answers"
lane = "bulk"
expect = [{ route = "feedback", actions = ["record"] }]
"#,
    );
    project.append(
        "config/actions.toml",
        "\n[action.log_feedback]\nkind = \"store.append\"\nwith.log = \"feedback\"\n\
         with.line.text = \"{{ event.body.data.text }}\"\n",
    );
    project.append(
        "config/classifiers.toml",
        "\n[classifier.feedback]\nladder = [{ judge = \"rules\" }, { judge = \"local\", confidence_min = 0.5 }]\n\
         text = \"{{ event.body.data.text }}\"\n",
    );
    project
        .write("prompts/feedback/system.j2", "Say whether a note is praise or a complaint: {{ labels }}\n");
    project.write("prompts/feedback/event.j2", "{{ event.body.data.text | untrusted(2000) }}\n");
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["reason", "label", "confidence"],
        "properties": {
            "reason": { "type": "string", "description": "Why." },
            "label": { "type": "string", "enum": ["praise", "complaint"], "description": "Which." },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1, "description": "How sure." },
        },
    });
    project.write("schemas/feedback.schema.json", &schema.to_string());
    project.write("evals/feedback/cases.jsonl", &cases());
    project.write(
        "evals/feedback/suite.toml",
        "classifier = \"feedback\"\nsplits = [\"dev\", \"test\"]\n[gate]\naccuracy_min = 0.9\ncoverage_min = 0.5\n",
    );
}

#[test]
fn a_prompt_is_edited_and_a_classifier_with_its_route_is_added_by_data_alone() {
    let project = Project::new(&Files::embedded());
    project.append("prompts/triage/system.j2", "\nWe also rent out bicycles.\n");
    add_feedback(&project);
    let check = project.run(&["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    let eval = project.run(&["eval", "feedback", "--json"]);
    assert_eq!(eval.code, Some(0), "{}{}", eval.out, eval.err);
    let reports = eval.json();
    assert_eq!(reports.as_array().map(Vec::len), Some(1), "only what was asked for");
    assert_eq!((&reports[0]["suite"], &reports[0]["verdict"]), (&json!("feedback"), &json!("passed")));
    let labels: Vec<&Value> =
        reports[0]["classes"].as_array().expect("classes").iter().map(|class| &class["label"]).collect();
    assert_eq!(labels, ["praise", "complaint"]);
}
