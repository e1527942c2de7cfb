//! What an operator does from the command line, with a service running and with a stopped one.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use hookyard::config::SETTINGS;
use serde_json::{Value, json};

use crate::support::process::{Ended, Project, Running};

use super::operated::{NOWHERE, deliver, json_of, on, project, settled, well};

/// Where the action's lines should go stands a folder.
fn obstruct(project: &Project) {
    project.write("data/logs/payments.jsonl/obstacle", "");
}

fn clear(project: &Project) {
    std::fs::remove_dir_all(project.path("data/logs/payments.jsonl")).expect("it was there");
}

fn lines(project: &Project) -> usize {
    super::operated::lines(project, "payments").len()
}

#[tokio::test]
async fn dead_letters_are_seen_counted_and_sent_back_to_a_running_service() {
    let project = project();
    obstruct(&project);
    let service = project.start().await;
    let events = deliver(&service, &["p1", "p2", "p3"]).await;
    settled(&service, 3, 3).await;
    let run = |arguments: &[&str]| on(&project, &service, arguments);

    let listed = well(run(&["dead", "list"]));
    let group = listed.lines().nth(1).expect("a group");
    assert!(group.contains("3  exhausted  all") && group.contains("the log cannot be opened"), "{listed}");
    for event in &events {
        assert!(listed.contains(&format!("{event}.1  exhausted  all    record")), "{listed}");
    }
    let two = well(run(&["dead", "list", "--limit", "2"]));
    assert!(two.contains(&format!("2 of 3; `--after {}.1` goes on", events[1])), "{two}");
    let page = json_of(run(&["dead", "list", "--json", "--after", &format!("{}.1", events[1])]));
    assert_eq!((&page["jobs"], page["listed"].as_array().map(Vec::len)), (&json!(3), Some(1)));
    assert_eq!(page["groups"][0]["jobs"], 3);

    let job = format!("{}.1", events[0]);
    let shown = well(run(&["dead", "show", &job]));
    for part in [
        &format!("{job} · action record of all (log_payment → store) · dead"),
        "append to payments.jsonl",
        "idempotency key: ",
        "\"payment\": {",
        "dead letter: ",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }

    let counted = well(run(&["dead", "redrive", "--all", "--dry-run"]));
    assert!(
        counted.contains("\n   3  exhausted  all ")
            && counted.ends_with("\n3 dead letters meant, none redriven\n"),
        "{counted}"
    );
    run(&["dead", "redrive", "--all"]).assert_refused("3 dead letters? Nobody can be asked here: say --yes");
    run(&["dead", "redrive"]).assert_refused("all with --all");
    run(&["dead", "redrive", "--cause", "misfortune"])
        .assert_refused("possible values: unreadable, exhausted");
    settled(&service, 3, 3).await;

    clear(&project);
    assert_eq!(json_of(run(&["dead", "redrive", &job, "--json"])), json!({ "moved": 1 }));
    settled(&service, 2, 4).await;
    assert_eq!(
        well(run(&["dead", "redrive", "--route", "all", "--since", "1h", "--yes"])),
        "2 dead letters redriven\n"
    );
    settled(&service, 0, 6).await;
    assert_eq!(well(run(&["dead", "list"])), "no dead letters\n");
    assert_eq!(well(run(&["dead", "redrive", "--all"])), "no dead letters match\n");
    let unknown = "evt_00000000000000000000000000000001.1";
    for verb in ["redrive", "discard"] {
        let ended = run(&["dead", verb, unknown, &job]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), "no dead letters match\n"), "{ended:?}");
        assert_eq!(ended.err, format!("there is no job {unknown}\n{job} is done, and no dead letter\n"));
    }
    run(&["dead", "show", unknown]).assert_refused(&format!("there is no job {unknown}"));
    assert_eq!(lines(&project), 3, "each effect once");
}

#[tokio::test]
async fn a_stopped_store_is_operated_by_the_same_commands() {
    let project = project();
    obstruct(&project);
    let service = project.start().await;
    let events = deliver(&service, &["p1", "p2"]).await;
    settled(&service, 2, 2).await;
    service.terminate();
    service.ended().await;
    let run = |arguments: &[&str]| project.run(arguments);

    let listed = json_of(run(&["events", "list", "--json"]));
    let ids: Vec<&str> = listed.as_array().expect("a list").iter().filter_map(|e| e["id"].as_str()).collect();
    assert_eq!(ids, [&*events[1], &*events[0]], "newest first");
    let gone = format!("{}.1", events[0]);
    let note = "paid by hand";
    assert_eq!(well(run(&["dead", "discard", &gone, "--note", note])), "1 dead letter discarded\n");
    let shown = well(run(&["events", "show", &events[0]]));
    assert!(shown.contains(note) && shown.contains(" · done · "), "{shown}");
    let full = well(run(&["events", "show", &events[0], "--full"]));
    assert!(full.contains(r#"{"type":"payment.succeeded","data":{"id":"p1"}}"#), "{full}");
    assert_eq!(well(run(&["dead", "redrive", "--all"])), "1 dead letter redriven\n");
    let stats = well(run(&["stats"]));
    assert!(
        stats.contains("open jobs: 1,")
            && stats.contains("nothing is paused\n\nevery destination's breaker is closed"),
        "{stats}"
    );
    assert_eq!(well(run(&["pause", "--route", "all"])), "paused: route all\n");
    run(&["pause", "--destination", "nowhere"]).assert_refused("no destination is called `nowhere`");
    run(&["events", "tail"]).assert_refused("`hookyard events list` shows what is there");

    clear(&project);
    let service = project.start().await;
    assert_eq!(service.get("/api/v1/stats").await["depths"]["queues"][0]["ready"], 1, "it is held");
    assert_eq!(well(on(&project, &service, &["resume", "--route", "all"])), "nothing is paused\n");
    settled(&service, 0, 3).await;
    assert_eq!(lines(&project), 1);
}

#[tokio::test]
async fn events_are_replayed_once_a_sweep_and_a_dry_run_shows_what_would_be() {
    let project = project();
    let service = project.start().await;
    let events = deliver(&service, &["p1", "p2"]).await;
    settled(&service, 0, 4).await;
    service.terminate();
    service.ended().await;
    let actions = project.read("config/actions.toml");
    project.write("config/actions.toml", &actions.replace("with.line.test =", "with.line.is_test ="));
    let run = |arguments: &[&str]| project.run(arguments);

    let dry = well(run(&["replay", &events[0], "--mode", "dry-run"]));
    assert!(dry.contains("record (was done) asks a person: an earlier request had its effect"), "{dry}");
    assert!(
        dry.contains("/line/test: false → nothing") && dry.contains("/line/is_test: nothing → false"),
        "{dry}"
    );
    let dry = json_of(run(&["replay", "--all", "--mode", "dry-run", "--json"]));
    assert_eq!(dry[1]["routes"][0]["actions"][0]["fate"], "ask");
    run(&["replay", "--source", "forms"]).assert_refused("Replay 2 events (reuse)? Nobody can be asked here");
    run(&["replay", "--source", "forms"]).assert_refused("say --yes, or --mode dry-run");
    run(&["replay"]).assert_refused("all with --all");

    let service = project.start().await;
    let filter =
        ["replay", "--source", "forms", "--type", "payment.succeeded", "--yes", "--json", "--sweep", "s1"];
    let first = json_of(on(&project, &service, &filter));
    assert_eq!(first, json!({ "sweep": "s1", "queued": 2, "already": 0, "refused": [] }));
    let again = json_of(on(&project, &service, &filter));
    assert_eq!(again, json!({ "sweep": "s1", "queued": 0, "already": 2, "refused": [] }));
    service.until("/api/v1/jobs/count?state=waiting", |count| count["jobs"] == 2).await;
    assert_eq!(lines(&project), 2, "no effect was repeated");

    let unknown = "evt_00000000000000000000000000000001";
    let refused = on(&project, &service, &["replay", unknown]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.out.contains("1 event refused") && refused.out.contains(": there is no such event\n"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn events_are_found_by_type_and_time_as_configuration_and_clocks_have_it() {
    let project = project();
    let service = project.start().await;
    let events = deliver(&service, &["p1", "p2"]).await;
    super::operated::deliver_again(&service, "p1").await;
    settled(&service, 0, 4).await;
    let run = |arguments: &[&str]| on(&project, &service, arguments);

    for (pattern, found) in [
        ("payment.succeeded", 2),
        ("payment*", 2),
        ("*", 2),
        ("payment", 0),
        ("Payment*", 0),
        ("payment_*", 0),
    ] {
        let listed = json_of(run(&["events", "list", "--json", "--type", pattern]));
        assert_eq!(listed.as_array().map(Vec::len), Some(found), "{pattern}");
    }
    run(&["events", "list", "--type", "*.succeeded"]).assert_refused("`*` stands at the end of a type");

    let empty = ["--since", "1h", "--until", "2h"];
    for command in [
        &["events", "list"][..],
        &["replay", "--yes"],
        &["dead", "list"],
        &["dead", "redrive"],
        &["dead", "discard"],
    ] {
        run(&[command, &empty].concat()).assert_refused("`until` must be later than `since`");
    }
    well(run(&["events", "list", "--since", "2h", "--until", "1h"]));

    let shown = well(run(&["events", "show", &events[0]]));
    let again = shown.lines().find(|line| line.contains("delivered again")).expect("it came again");
    assert!(again.contains("Z (") && !again.contains('.'), "kept by the second: {again}");
}

#[tokio::test]
async fn tail_shows_events_as_they_come() {
    let project = project();
    let service = project.start().await;
    let before = deliver(&service, &["p0", "p1"]).await;
    let mut command = project.command(&["events", "tail", "--json", "-n", "1"]);
    command.args(["--admin", &format!("http://{}", service.admin)]);
    let mut tail = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut shown = BufReader::new(tail.stdout.take().expect("its stdout is piped")).lines();
    let mut next = || {
        let line: Value = serde_json::from_str(&shown.next().expect("a line").expect("text")).expect("JSON");
        line["id"].as_str().expect("an id").to_owned()
    };
    assert_eq!(next(), before[1], "the newest that was there");
    for id in ["p2", "p3"] {
        let fresh = deliver(&service, &[id]).await;
        assert_eq!([next()], fresh[..]);
    }
    tail.kill().expect("it runs");
    tail.wait().expect("it is ours");
}

#[tokio::test]
async fn the_token_is_taken_from_the_configuration_or_its_variable() {
    let project = project();
    project.append(SETTINGS, "[server]\nadmin_token = \"${OPERATORS_TOKEN}\"\n");
    let mut serve = project.serve();
    serve.env("OPERATORS_TOKEN", "open sesame");
    let service = Running::start(serve).await;
    let ask = |name: &str, token: &str| {
        let mut command =
            project.command(&["stats", "--json", "--admin", &format!("http://{}", service.admin)]);
        command.env(name, token);
        Ended::of(command)
    };
    assert_eq!(json_of(ask("OPERATORS_TOKEN", "open sesame"))["load"]["open_jobs"], 0);
    assert_eq!(json_of(ask("HOOKYARD_ADMIN_TOKEN", "open sesame"))["load"]["open_jobs"], 0);
    ask("HOOKYARD_ADMIN_TOKEN", "sesame").assert_refused("refuses the token: correct HOOKYARD_ADMIN_TOKEN");
    ask("OTHER", "open sesame").assert_refused("wants its token: set HOOKYARD_ADMIN_TOKEN");
}

#[tokio::test]
async fn whoever_cannot_be_reached_is_named_with_the_remedy() {
    let project = project();
    project.run(&["stats"]).assert_refused(&format!("no service answers at http://{NOWHERE}"));
    assert!(!project.data().exists(), "looking makes no store");
    project
        .run(&["stats", "--admin", "http://127.0.0.1:1"])
        .assert_refused("correct --admin or HOOKYARD_ADMIN");
    project.run(&["stats", "--admin", "nonsense"]).assert_refused("`nonsense` is no URL");

    let service = project.start().await;
    project.run(&["stats"]).assert_refused("say where its admin listener is with --admin");
    let wrong = format!("http://{}", service.public);
    project.run(&["stats", "--admin", &wrong]).assert_refused("is not Hookyard's admin listener");
}

#[test]
fn what_is_no_id_is_refused_before_anything_is_asked() {
    let project = project();
    for arguments in [["events", "show"], ["dead", "show"], ["dead", "redrive"]] {
        let mut arguments = arguments.to_vec();
        arguments.push("nonsense");
        project.run(&arguments).assert_refused("no id of ours");
    }
}
