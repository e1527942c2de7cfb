//! `hookyard demo`: the first thing that a stranger runs.

use serde_json::Value;

use crate::support::process::{Ended, files_below, hookyard};

/// Plays it to its end, with a temporary folder of its own that must be empty afterwards.
fn play(arguments: &[&str]) -> Ended {
    let temporary = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = hookyard();
    command.arg("demo").args(arguments).env("TMPDIR", temporary.path()).current_dir(elsewhere.path());
    let ended = Ended::of(command);
    for dir in [&temporary, &elsewhere] {
        assert_eq!(files_below(dir.path()), Vec::<String>::new(), "nothing is left behind");
    }
    ended
}

#[test]
fn the_summary_tells_of_every_outcome_there_is() {
    let ended = play(&["--exit", "--json"]);
    let summary = ended.json();
    assert_eq!(summary["faults"], Value::Array(Vec::new()), "everything ended as it should");
    assert_eq!((&summary["ok"], ended.code), (&Value::Bool(true), Some(0)), "{}", ended.err);
    let list = |name: &str| summary[name].as_array().expect("a list").clone();
    let events = list("events");

    let outcomes: Vec<&str> = list_of(&events, "outcome");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "waiting").count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| ["done", "waiting"].contains(outcome)), "{outcomes:?}");
    for source in ["github", "stripe", "forms", "partners"] {
        assert!(list_of(&events, "source").contains(&source), "{source}");
    }
    for verdict in ["lead", "support", "internal", "spam", "price", "security"] {
        assert!(list_of(&events, "verdict").contains(&verdict), "{verdict}");
    }
    for event in events.iter().filter(|event| event["verdict"].is_string()) {
        let judge = event["judge"].as_str().expect("a judge");
        assert!(["rules", "local"].contains(&judge), "{event:#}");
        assert!(event["confidence"].as_f64().is_some_and(|c| (0.0..=1.0).contains(&c)), "{event:#}");
        assert!(event["why"].as_array().is_some_and(|why| !why.is_empty()), "{event:#}");
        assert!(event["actions"].as_array().is_some_and(|actions| !actions.is_empty()), "{event:#}");
        assert!(event["timings"]["settled_ms"].is_u64(), "{event:#}");
    }

    let actions: Vec<&Value> =
        events.iter().flat_map(|e| e["actions"].as_array().expect("actions")).collect();
    assert!(actions.iter().all(|action| action["state"] == "done"), "{actions:#?}");
    let thrice: Vec<&&Value> = actions.iter().filter(|action| action["attempts"] == 3).collect();
    assert_eq!(thrice.len(), 1, "one action fails twice: {actions:#?}");
    let again = events.iter().filter(|event| event["redeliveries"] == 1).count();
    assert_eq!(again, 1, "one event was delivered twice");

    let refused: Vec<Value> = list("refused").into_iter().chain(list("answered")).collect();
    for (outcome, status) in [("duplicate", 200), ("ignored", 200), ("refused", 401)] {
        let found = refused.iter().filter(|one| one["outcome"] == outcome && one["status"] == status).count();
        assert_eq!(found, 1, "{outcome}: {refused:#?}");
    }
    let ignored = refused.iter().find(|one| one["outcome"] == "ignored").expect("just seen");
    assert!(ignored["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{ignored}");
}

fn list_of<'v>(events: &'v [Value], field: &str) -> Vec<&'v str> {
    events.iter().filter_map(|event| event[field].as_str()).collect()
}

#[test]
fn the_stories_go_from_receipt_to_result() {
    let ended = play(&["--exit"]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    for words in [
        "The service listens at http://127.0.0.1:",
        "received, signature verified, stored; lane critical",
        "route triage",
        "says lead with confidence",
        "local model, not an LLM",
        "why: words that decided:",
        "rules in configuration",
        "delivered again: known, nothing is done twice",
        "/helpdesk/tickets",
        "attempt 1: failed, will try again",
        "answered 503",
        "attempt 3: done 201",
        "waits for a person",
        "Deliveries that became no event",
        "everything ended as it should",
    ] {
        assert!(ended.out.contains(words), "{words:?} is missing in:\n{}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}'), "no colours in a pipe");
}
