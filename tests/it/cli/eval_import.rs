//! `hookyard eval import`: cases from files, reviews and dead letters.

use std::fs;

use hookyard::config::{FILE_BYTES_MAX, Files};
use serde_json::{Value, json};

use super::eval::{CASES, ruled};
use crate::support::{
    house::{FORMS_SECRET, form, without_local},
    process::{Ended, Project},
};
use hookyard::{domain::Clock, host::SystemClock};

fn project() -> Project {
    Project::new(&Files::embedded()).with_env("FORMS_WEBHOOK_SECRET", FORMS_SECRET)
}

fn import(project: &Project, text: &str, more: &[&str]) -> Ended {
    let file = project.path("rows.csv");
    fs::write(&file, text).expect("written");
    let file = file.display().to_string();
    let arguments =
        ["eval", "import", "file", "triage", &file, "--type", "lead.form.submitted", "--author", "me"];
    project.run(&[&arguments[..], more].concat())
}

fn last_case(project: &Project) -> Value {
    let cases = project.read("evals/triage/cases.jsonl");
    serde_json::from_str(cases.lines().last().expect("a case")).expect("JSON")
}

#[test]
fn rows_become_cases_that_are_measured() {
    let project = project();
    let rows = "label,subject,message\nsupport,Kiosk,\"Since the storm our kiosk prints every ticket upside down, twice\"\n";
    let ended = import(&project, rows, &["--split", "dev", "--tag", "imported"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let case = last_case(&project);
    assert_eq!(case["event"]["body"]["data"]["subject"], "Kiosk");
    assert_eq!(
        (&case["expect"]["label"], &case["split"], &case["tags"]),
        (&json!("support"), &json!("dev"), &json!(["imported"]))
    );
    let eval = project.run(&["eval", "triage", "--json"]);
    let cases = &eval.json()[0]["cases"];
    assert_eq!(cases.as_array().expect("cases").last().expect("one")["tags"], json!(["imported"]));
    // What says nearly the same is refused, and a fault stops all of it.
    let again = import(&project, &rows.replace("twice", "always"), &["--split", "dev"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains(case["id"].as_str().expect("an id")), "{}", again.err);
    let nothing = import(&project, &rows.replace("twice", "always"), &["--split", "dev", "--dry-run"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(1), ""), "{nothing:?}");
    assert!(nothing.err.contains("no case would be added"), "{nothing:?}");
    let wrong =
        import(&project, "label,message\nsuport,Where is my parcel to be found\n", &["--split", "dev"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("line 2") && wrong.err.contains("support"), "{}", wrong.err);
}

/// Imports lines of JSON into a small suite of its own.
fn import_lines(project: &Project, lines: &[Value], more: &[&str]) -> Ended {
    let file = project.path("rows.jsonl");
    fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("written");
    let file = file.display().to_string();
    let arguments =
        ["eval", "import", "file", "few", &file, "--type", "lead.form.submitted", "--author", "me"];
    project.run(&[&arguments[..], more].concat())
}

fn labelled(more: &Value) -> Value {
    let mut case = json!({
        "event": {"source": "forms", "type": "lead.form.submitted", "body": {"data": {"message": more.to_string()}}},
        "expect": {"label": "lead"},
    });
    case.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    case
}

#[test]
fn nothing_is_written_that_could_not_be_read() {
    let project = ruled(&CASES);
    let before = project.read("evals/few/cases.jsonl");
    let body = json!({"source": "forms", "type": "lead.form.submitted", "body": {"data": {"message": "hi"}}});
    for (lines, told) in [
        (vec![json!({}), json!({"lable": "lead"})], "rows.jsonl: line 2: `lable`: unknown field"),
        (vec![json!({"weight": -3})], "rows.jsonl: line 1: `weight` is -3"),
        (vec![json!({"event": {"body": 1}})], "rows.jsonl: line 1: `event`: missing field `source`"),
        (
            vec![
                json!({"event": body, "id": "x"}),
                json!({"event": body, "id": "y", "expect": {"label": "spam"}}),
            ],
            "rows.jsonl: line 2: its body is that of the case `x` on line 1, which is labelled `lead`, not `spam`",
        ),
    ] {
        let lines: Vec<Value> = lines.iter().map(labelled).collect();
        let ended = import_lines(&project, &lines, &["--split", "dev"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(told) && ended.err.contains("nothing was added"), "{}", ended.err);
        assert_eq!(project.read("evals/few/cases.jsonl"), before);
    }
}

#[test]
fn a_file_does_not_grow_beyond_what_is_read() {
    let project = ruled(&CASES);
    let long = labelled(&json!({"id": "long", "author": "me", "split": "dev"}));
    let room = usize::try_from(FILE_BYTES_MAX).expect("fits") - long.to_string().len() - 300;
    let padded = long.to_string().replacen("\\\"author\\\"", &"x".repeat(room), 1);
    project.write("evals/few/cases.jsonl", &padded);
    let rows = [labelled(&json!({"id": "one", "tags": ["t".repeat(400)]}))];
    let ended = import_lines(&project, &rows, &["--split", "dev"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.err.contains("nothing was added") && ended.err.contains("may have 8388608"),
        "{}",
        ended.err
    );
    assert_eq!(project.read("evals/few/cases.jsonl").len(), padded.len());
}

#[test]
fn a_locked_test_split_takes_nothing_in() {
    let project = ruled(&CASES);
    let one_of_test = project.read("evals/few/cases.jsonl").replacen("\"dev\"", "\"test\"", 1);
    project.write("evals/few/cases.jsonl", &one_of_test);
    assert_eq!(project.run(&["eval", "lock", "few"]).code, Some(0));
    let before = project.read("evals/few/cases.jsonl");
    let lines = [labelled(&json!({"id": "x"})), labelled(&json!({"id": "y", "split": "test"}))];
    let ended = import_lines(&project, &lines, &["--split", "dev", "--allow-near"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("line 2, column `split`: it would be a test case"), "{}", ended.err);
    assert_eq!(project.read("evals/few/cases.jsonl"), before);
}

#[tokio::test]
async fn what_a_person_decided_becomes_a_case_without_what_identifies_people() {
    let project = project();
    // Nobody but a person decides.
    let classifiers = project.read("config/classifiers.toml");
    let without = without_local(&classifiers);
    project.write("config/classifiers.toml", &without);
    let service = project.start().await;
    let delivery = form("f");
    let headers = delivery.headers(SystemClock::new().now());
    let (status, queued) = service.deliver("forms", headers, delivery.body).await.expect("an answer");
    assert_eq!(status, 202, "{queued}");
    let event = queued["event"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/events/{event}");
    let shown = service.until(&path, |shown| shown["timeline"]["jobs"][0]["state"] == "waiting").await;
    let job = shown["timeline"]["jobs"][0]["id"].as_str().expect("an id").to_owned();
    let admin = format!("http://{}", service.admin);
    let approved = project.run(&["reviews", "approve", &job, "--label", "support", "--admin", &admin]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    service.until(&path, |shown| shown["timeline"]["jobs"][0]["state"] == "done").await;
    let taken = project.run(&[
        "eval", "import", "reviews", "triage", "--author", "me", "--split", "train", "--admin", &admin,
    ]);
    assert_eq!(taken.code, Some(0), "{taken:?}");
    let case = last_case(&project);
    assert_eq!(
        (&case["id"], &case["expect"]["label"]),
        (&json!(format!("triage-{event}")), &json!("support"))
    );
    assert!(!case.to_string().contains("ada@"), "{case:#}");
    assert!(case["event"]["body"]["data"]["email"].as_str().is_some_and(|email| email.starts_with("[email")));
    let again = project.run(&[
        "eval", "import", "reviews", "triage", "--author", "me", "--split", "train", "--admin", &admin,
    ]);
    assert!(again.out.contains("nothing new"), "{again:?}");
}

#[test]
fn a_label_that_does_not_exist_is_refused_before_anything_is_looked_at() {
    let project = project();
    let data = project.data().display().to_string();
    let arguments = [
        "eval", "import", "dead", "triage", "--author", "me", "--split", "train", "--data", &data, "--label",
    ];
    project.run(&[&arguments[..], &["suport"]].concat()).assert_refused("did you mean `support`");
}
