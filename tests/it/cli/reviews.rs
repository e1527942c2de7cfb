//! What waits for a person, and what a person says about it from the command line.

use hookyard::config::ACTIONS;
use serde_json::json;

use crate::support::process::{Project, Running};

use super::operated::{self, count, deliver, deliver_one, json_of, lines, on, well};

/// A classifier that never decides.
const CLASSIFIERS_UNSURE: &str = "[classifier.notes]\nprompts = \"triage\"\nschema = \"triage\"\n\
    text = \"{{ event.body.data.message }}\"\nfill = { urgency = \"normal\" }\nladder = [{ judge = \"rules\" }]\n\
    [[classifier.notes.rule]]\nwhen = \"event.test_mode\"\nlabel = \"spam\"\nreason = \"a test\"\n";

/// Payments want a yes, and notes a label.
const ROUTES_FOR_PEOPLE: &str = "[route.payments]\ntypes = [\"payment.succeeded\"]\n\
    action = [{ id = \"record\", use = \"log_payment\" },\
    { id = \"copy\", use = \"log_payment\", when = \"event.body.data.id == 'twice'\" }]\n\
    [route.notes]\ntypes = [\"lead.form.submitted\"]\nclassifier = \"notes\"\n\
    action = [{ id = \"note\", use = \"log_spam\", \
    when = \"verdict.label == 'spam' and verdict.output.urgency == 'low'\" }]\n";

fn project() -> Project {
    let project = operated::project_of(CLASSIFIERS_UNSURE, ROUTES_FOR_PEOPLE);
    project.edit(ACTIONS, "[action.log_payment]\n", "[action.log_payment]\nmode = \"review\"\n");
    project
}

/// A note that nobody could place; its event.
async fn note(service: &Running, id: &str) -> String {
    let data = json!({ "email": "ada@engines.example", "message": id });
    deliver_one(service, id, &json!({ "type": "lead.form.submitted", "data": data })).await
}

#[tokio::test]
async fn what_waits_is_listed_with_its_reason_and_goes_on_as_a_person_says() {
    let project = project();
    let service = project.start().await;
    let run = |arguments: &[&str]| on(&project, &service, arguments);
    assert_eq!(well(run(&["reviews", "list"])), "nothing waits for a person\n");
    let paid = deliver(&service, &["p1", "p2", "p3"]).await;
    let noted = note(&service, "n1").await;
    count(&service, "waiting", 4).await;

    let listed = well(run(&["reviews", "list"]));
    for event in &paid {
        let row = format!("{event}.1  payments  record  store        ");
        let row = listed.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("{listed}"));
        assert!(row.ends_with(" ago  the action asks for a person's yes"), "{listed}");
    }
    let row = format!("{noted}.0  notes     -       -            ");
    assert!(
        listed.lines().any(|line| line.starts_with(&row) && line.contains("no judge decided")),
        "{listed}"
    );
    let page = well(run(&["reviews", "list", "--route", "payments", "--limit", "2"]));
    assert!(
        page.ends_with(&format!("2 of 3; `--after {}.1` goes on, `--limit` shows more\n", paid[1])),
        "{page}"
    );
    let rest = json_of(run(&[
        "reviews",
        "list",
        "--json",
        "--destination",
        "store",
        "--after",
        &format!("{}.1", paid[1]),
    ]));
    assert_eq!((&rest["jobs"], rest["listed"].as_array().map(Vec::len)), (&json!(3), Some(1)));
    assert_eq!(rest["listed"][0]["id"], format!("{}.1", paid[2]));

    // By the job's own id, or by its event's.
    let job = format!("{}.1", paid[0]);
    for named in [&job, &paid[0]] {
        let shown = well(run(&["reviews", "show", named]));
        for part in [
            &format!("{job} · action record of payments (log_payment → store) · waiting"),
            "append to payments.jsonl",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }
    assert_eq!(
        well(run(&["reviews", "approve", &job, "--note", "Kim knows them"])),
        format!("{job} approved\n")
    );
    count(&service, "waiting", 3).await;
    count(&service, "done", 4).await;
    assert!(well(run(&["reviews", "show", &job])).contains("a person acted: Kim knows them"));
    assert_eq!(well(run(&["reviews", "done", &paid[1]])), format!("{}.1 marked as done\n", paid[1]));
    let told = json_of(run(&["reviews", "discard", &paid[2], "--note", "a test", "--json"]));
    assert_eq!(told, json!({ "job": format!("{}.1", paid[2]), "note": "a test" }));
    assert_eq!(lines(&project, "payments").len(), 1, "only the approved one");

    let (label, output) = (["--label", "spam"], ["--output", "{\"urgency\":\"low\"}"]);
    let approve = [&["reviews", "approve", &noted][..], &label, &output].concat();
    assert_eq!(well(run(&approve)), format!("{noted}.0 approved\n"));
    count(&service, "done", 7).await;
    assert_eq!(lines(&project, "spam").len(), 1);
    assert_eq!(well(run(&["reviews", "list"])), "nothing waits for a person\n");
}

#[tokio::test]
async fn a_stopped_store_takes_decisions_too() {
    let project = project();
    let service = project.start().await;
    let paid = deliver(&service, &["p1"]).await;
    let noted = [note(&service, "n1").await, note(&service, "n2").await];
    count(&service, "waiting", 3).await;
    service.terminate();
    service.ended().await;
    let run = |arguments: &[&str]| project.run(arguments);

    assert_eq!(json_of(run(&["reviews", "list", "--json"]))["jobs"], 3);
    assert_eq!(well(run(&["reviews", "approve", &paid[0]])), format!("{}.1 approved\n", paid[0]));
    assert_eq!(well(run(&["reviews", "discard", &noted[0]])), format!("{}.0 discarded\n", noted[0]));
    let output = "{\"urgency\":\"low\"}";
    well(run(&["reviews", "approve", &noted[1], "--label", "spam", "--output", output]));
    assert_eq!(well(run(&["reviews", "list"])), "nothing waits for a person\n");
    assert!(lines(&project, "payments").is_empty(), "the service acts, not the command");

    let service = project.start().await;
    count(&service, "done", 4).await;
    assert_eq!((lines(&project, "payments").len(), lines(&project, "spam").len()), (1, 1));
}

#[tokio::test]
async fn a_decision_that_cannot_be_is_refused_and_changes_nothing() {
    let project = project();
    let service = project.start().await;
    let paid = deliver(&service, &["p1", "p2", "twice"]).await;
    let noted = note(&service, "n1").await;
    count(&service, "waiting", 5).await;
    let run = |arguments: &[&str]| on(&project, &service, &[&["reviews"], arguments].concat());
    let over = format!("{}.1", paid[1]);
    well(run(&["done", &over]));

    let unknown = format!("evt_{:032x}", 1);
    for verb in ["approve", "done", "discard"] {
        run(&[verb, &format!("{unknown}.1")]).assert_refused(&format!("there is no job {unknown}.1"));
        run(&[verb, &unknown]).assert_refused(&format!("there is no event {unknown}"));
        run(&[verb, &over]).assert_refused(&format!("{over} does not wait for a person: it is done"));
        run(&[verb, &paid[1]]).assert_refused(&format!("no job of {} waits for a person", paid[1]));
        let both = format!("wait for a person: name one of {0}.1, {0}.2", paid[2]);
        run(&[verb, &paid[2]]).assert_refused(&both);
        run(&[verb, "nonsense"]).assert_refused("`nonsense` is no id of ours");
        run(&[verb]).assert_refused("<JOB>");
    }
    for (output, why) in [("{urgency}", "key must be a string"), ("[1]", "expected a map"), ("", "EOF")] {
        let refused = run(&["approve", &noted, "--label", "spam", "--output", output]);
        refused.assert_refused(why);
        refused.assert_refused("write one JSON object, such as '{\"urgency\":\"high\"}'");
    }
    run(&["approve", &noted, "--output", "{}"]).assert_refused("--label <LABEL>");
    run(&["approve", &noted]).assert_refused("with `--label` and one of lead, support, internal, spam");
    run(&["approve", &noted, "--label", "ham"])
        .assert_refused("`ham` is no label of `notes`: choose among lead, support, internal, spam");
    let output = "{\"urgency\":\"at once\"}";
    run(&["approve", &noted, "--label", "spam", "--output", output]).assert_refused("/urgency: ");
    run(&["approve", &paid[0], "--label", "spam"]).assert_refused("is an action: it has no label to decide");
    assert_eq!(json_of(run(&["list", "--json"]))["jobs"], 4);
}
