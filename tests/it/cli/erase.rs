//! A person's data is erased from the command line.

use std::{io::Write, process::Stdio};

use serde_json::json;

use crate::support::process::{Project, Running};

use super::operated::{count, deliver_one, json_of, lines, on, project, well};

const ADA: &str = "ada@engines.example";

const CASES: &str = "evals/triage/cases.jsonl";

/// Two payments by Ada and one by somebody else, and a case that names her.
async fn paid(project: &Project, service: &Running) -> Vec<String> {
    project.append(CASES, &format!("{}\n", CASE.replace("WHO", ADA)));
    let mut events = Vec::new();
    for (id, who) in [("p1", ADA), ("p2", "bob@engines.example"), ("p3", "Ada@Engines.example")] {
        let body = json!({ "type": "payment.succeeded", "data": { "id": id, "email": who } });
        events.push(deliver_one(service, id, &body).await);
    }
    count(service, "done", 6).await;
    events
}

const CASE: &str = r#"{"id":"t-1","event":{"source":"forms","type":"support.ticket.created","body":{"type":"support.ticket.created","data":{"email":"WHO","subject":"Export","message":"It stops."}}},"expect":{"label":"support"},"author":"test"}"#;

const FOUND: &str = "2 events, 2 lines of payments.jsonl";

#[tokio::test]
async fn a_persons_data_is_counted_and_then_erased_of_a_running_service() {
    let project = project();
    let service = project.start().await;
    let events = paid(&project, &service).await;
    let run = |arguments: &[&str]| on(&project, &service, &[&["erase"], arguments].concat());

    let keys = "not searched: dedupe keys, which are the senders' ids of events; each is forgotten 10d after it came\n";
    let files = format!("files of yours that hold it, for you to edit:\n  {CASES}\n{keys}");
    assert_eq!(well(run(&[ADA, "--dry-run"])), format!("{FOUND}: found, nothing erased\n{files}"));
    run(&[ADA]).assert_refused(&format!("Erase {FOUND}? Nobody can be asked here: say --yes"));
    run(&[ADA, "--json"]).assert_refused("Nobody can be asked here");
    run(&["ad", "--yes"]).assert_refused("4 to 255 bytes");
    run(&[]).assert_refused("<KEY>");
    assert_eq!(lines(&project, "payments").len(), 3, "nothing was done");

    assert_eq!(well(run(&[ADA, "--yes"])), format!("{FOUND}: erased\n{files}"));
    let left = lines(&project, "payments");
    assert!(left.len() == 1 && left[0].contains("bob@engines.example"), "{left:?}");
    for event in [&events[0], &events[2]] {
        let shown = well(on(&project, &service, &["events", "show", event, "--full"]));
        assert!(
            !shown.to_lowercase().contains(ADA) && shown.contains("a person's data was erased"),
            "{shown}"
        );
    }
    // Nothing is left to ask about.
    assert_eq!(well(run(&[ADA])), format!("nothing on record holds it\n{files}"));
    assert_eq!(well(run(&["carl@engines.example"])), format!("nothing on record holds it\n{keys}"));
}

#[tokio::test]
async fn a_stopped_store_forgets_too() {
    let project = project();
    let service = project.start().await;
    paid(&project, &service).await;
    on(&project, &service, &["pause", "--everything"]);
    let body = json!({ "type": "payment.succeeded", "data": { "id": "p4", "email": ADA } });
    let open = deliver_one(&service, "p4", &body).await;
    service.terminate();
    service.ended().await;

    let logs = json!([{ "log": "payments", "lines": 2 }]);
    let want = |dry_run: bool| json!({ "dry_run": dry_run, "events": 3, "discarded": 1, "logs": logs, "files": [CASES], "dedupe_ms": 864_000_000 });
    assert_eq!(json_of(project.run(&["erase", ADA, "--dry-run", "--json"])), want(true));
    project.run(&["erase", ADA]).assert_refused("Erase 3 events, 1 open job, 2 lines of payments.jsonl?");
    // What is read from standard input stands in no list of processes and no history.
    let mut command = project.command(&["erase", "-", "--yes", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    writeln!(child.stdin.take().expect("it is piped"), "{ADA}").expect("it reads");
    let out = child.wait_with_output().expect("it ends").stdout;
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).expect("JSON"), want(false));
    assert_eq!(lines(&project, "payments").len(), 1);
    let shown = well(project.run(&["events", "show", &open, "--full"]));
    assert!(!shown.contains(ADA) && shown.contains("discarded"), "{shown}");
}
