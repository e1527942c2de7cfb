//! The logs of `store.append`: each process writes those of its own data directory, and can look into no other.

use hookyard::{
    config::ROUTES,
    host::{FAIL_AT, FailPoint},
};
use serde_json::{Value, json};

use crate::support::{process::Running, redis::RedisServer};

use super::super::{Scene, accepted, settled};

const ROUTED: &str = "[route.payment]\ntypes = [\"payment_intent.succeeded\"]\n\
    action = [{ id = \"database\", use = \"log_payment\" }]\n";

/// Where a process works on what another one had done and not reported: in the other's directory, or in its own.
async fn taken_up(directory: &str) -> (String, String) {
    let (scene, server) = (Scene::set(4).await, RedisServer::start(&[]));
    let project = &scene.project;
    project.write(ROUTES, ROUTED);
    project.append(hookyard::config::SETTINGS, &format!("[store.redis]\nurls = [\"{}\"]\n", server.url()));
    let ingest = Running::start(project.serve_as("ingest", &project.path("ingest"))).await;
    let mut first = project.serve_as("worker", &project.path("first"));
    first.env(FAIL_AT, FailPoint::Sent.as_str());
    let first = Running::start(first).await;
    let event = accepted(&ingest, 1).await;
    assert!(!first.ended().await.success(), "it ends when it has written");
    let log =
        |of: &str| std::fs::read_to_string(project.path(of).join("logs/payments.jsonl")).unwrap_or_default();
    assert_eq!(log("first").lines().count(), 1);

    let _second = Running::start(project.serve_as("worker", &project.path(directory))).await;
    let timeline = settled(&ingest, &event).await;
    assert_eq!(timeline["state"], "done", "{timeline:#}");
    let job = &timeline["jobs"][1];
    assert_eq!((&job["lost_leases"], &job["request"]["class"]), (&json!(1), &json!("marked")), "{job:#}");
    let outcomes: Vec<&Value> =
        job["history"].as_array().expect("a history").iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["lease_lost", "done"], "{job:#}");
    (log("first"), log("second"))
}

#[tokio::test]
async fn a_line_that_was_not_reported_is_found_by_whoever_starts_in_its_directory() {
    let (first, second) = taken_up("first").await;
    assert_eq!((first.lines().count(), second.as_str()), (1, ""));
}

#[tokio::test]
async fn a_line_that_was_not_reported_is_written_by_another_process_too_and_known_by_its_key() {
    let (first, second) = taken_up("second").await;
    assert_eq!(first, second, "the same key and the same bytes, once in each log");
}
