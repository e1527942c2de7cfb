//! `hookyard eval import`: cases from files, reviews and dead letters.

use std::fs;

use hookyard::config::Files;
use serde_json::{Value, json};

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
