//! A rolling deploy: for a while processes with two configurations share a Redis.

use std::collections::{BTreeMap, BTreeSet};

use hookyard::config::{ACTIONS, Files, ROUTES, SETTINGS};
use serde_json::{Value, json};

use crate::support::{
    process::{Running, arrived, comes},
    redis::RedisServer,
};

use super::super::{
    EMAIL, EMAILS, JOBS, KINDS, Scene, accepted, event_of, fan_out, mixed, path, settled, word,
};

/// Payments that one configuration knows and the other does not.
const PAYMENTS: usize = 6;

/// What both know.
const SHOP: &str = "[route.shop]\ntypes = [\"payment.succeeded\"]\n\
    action = [{ id = \"email\", use = \"mail_receipt\" }]\n";

/// A delivery that the route `shop` takes.
const SHOP_DELIVERY: usize = 16;

const CRM: usize = 2;

/// The configuration without the route of payments, the destination `crm`, and what goes there.
fn older(files: &Files) -> Files {
    let actions = files.get(ACTIONS).expect("actions");
    let goes = |table: &&str| table.starts_with("destination.crm]") || table.contains("\nto = \"crm\"");
    let kept: Vec<&str> = actions.split("\n[").filter(|table| !goes(table)).collect();
    files.clone().with(ACTIONS, kept.join("\n[")).with(ROUTES, SHOP)
}

async fn jobs(service: &Running, event: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let jobs = |answer: &Value| answer["timeline"]["jobs"].as_array().expect("jobs").clone();
    jobs(&service.until(&path(event), |answer| wanted(&jobs(answer))).await)
}

/// Whether it was handed back without an attempt, since `name` is unknown.
fn is_handed_back(job: &Value, name: &str) -> bool {
    let why = job["reason"].as_str().unwrap_or_default();
    job["state"] == "ready" && job["attempts"] == 0 && why.contains(name) && why.contains("today")
}

#[tokio::test]
async fn what_one_configuration_does_not_know_is_handed_back_and_done_by_the_other() {
    let newer = fan_out(8);
    let newer = newer.clone().with(ROUTES, format!("{}{SHOP}", newer.get(ROUTES).expect("routes")));
    let Scene { project, sandbox } = Scene::of(&newer).await;
    let newer_project = project.with_env("FORMS_WEBHOOK_SECRET", mixed::FORMS_SECRET);
    let older_project = newer_project.beside(&older(&newer));
    let server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    for project in [&newer_project, &older_project] {
        project.append(SETTINGS, &format!("[store.redis]\nurls = [\"{}\"]\n", server.url()));
    }
    let newer = |role, dir: &str| Running::start(newer_project.serve_as(role, &newer_project.path(dir)));

    // Of half of the payments the newer configuration has made jobs for `crm` when only the older one is at work; of the
    // others nothing is done then.
    let ingest = newer("ingest", "ingest").await;
    let told = ingest.post("/api/v1/pause", &json!({ "destination": "crm" })).await;
    assert_eq!(told, Some(json!({ "paused": true })));
    let first = newer("worker", "first").await;
    let mut payments = Vec::new();
    for n in 0..PAYMENTS / 2 {
        payments.push(accepted(&ingest, n).await);
    }
    for event in &payments {
        let done = |jobs: &[Value]| jobs.iter().filter(|job| job["state"] == "done").count() == JOBS - 1;
        jobs(&ingest, event, done).await;
    }
    first.terminate();
    assert_eq!(first.ended().await.code(), Some(0));
    let gate = sandbox.hold_answer(EMAILS);
    let old = Running::start(older_project.serve_as("worker", &older_project.path("old"))).await;
    ingest.post("/api/v1/resume", &json!({ "destination": "crm" })).await.expect("resumed");
    for n in PAYMENTS / 2..PAYMENTS {
        payments.push(accepted(&ingest, n).await);
    }
    let delivery = mixed::delivery(SHOP_DELIVERY);
    let shop = ingest.deliver(delivery.source, delivery.headers, delivery.body).await.expect("an answer");
    let shop = word(&shop.1["event"]);
    arrived(&gate, 1).await;
    for (n, event) in payments.iter().enumerate() {
        let (at, name) = if n < PAYMENTS / 2 { (CRM, "`crm`") } else { (0, "`payment`") };
        jobs(&ingest, event, |jobs| jobs.get(at).is_some_and(|job| is_handed_back(job, name))).await;
    }

    // The newer one comes, and the older one goes in the middle of its work.
    let _second = newer("worker", "second").await;
    old.terminate();
    old.closed().await;
    // For as long as that takes the others hear that it is alive.
    let name = std::fs::read_to_string(older_project.path("old").join("process")).expect("its name");
    let last_sign = async || -> f64 { server.ask(&["ZSCORE", "{hookyard:0}:processes", name.trim()]).await };
    let before = last_sign().await;
    let signs = async {
        while last_sign().await <= before {
            tokio::task::yield_now().await;
        }
    };
    assert!(comes(signs).await, "nothing is heard of it any more");
    gate.release();
    assert_eq!(old.ended().await.code(), Some(0));
    let timeline = ingest.get(&path(&shop)).await["timeline"].take();
    let email = &timeline["jobs"][EMAIL];
    assert_eq!((&email["state"], &email["attempts"]), (&json!("done"), &json!(1)), "{email:#}");

    for event in payments.iter().chain([&shop]) {
        let timeline = settled(&ingest, event).await;
        assert_eq!(timeline["state"], "done", "{timeline:#}");
        for job in timeline["jobs"].as_array().expect("jobs") {
            let ends = (&job["state"], &job["attempts"], &job["lost_leases"]);
            assert_eq!(ends, (&json!("done"), &json!(1), &json!(0)), "{job:#}");
        }
    }
    let mut effects: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for effect in sandbox.effects() {
        assert_eq!((effect.done, effect.seen), (1, 1), "{effect:?}");
        assert!(effects.entry(effect.kind).or_default().insert(event_of(&effect)), "{effect:?}");
    }
    let of_payments: BTreeSet<String> = payments.iter().cloned().collect();
    for kind in KINDS {
        let mut wanted = of_payments.clone();
        wanted.extend((kind == "mail.email").then(|| shop.clone()));
        assert_eq!(effects.get(kind), Some(&wanted), "{kind}");
    }
    let depths = ingest.get("/api/v1/depths").await;
    assert_eq!((&depths["dead"], &depths["leased"]), (&json!(0), &json!(0)), "{depths:#}");
}
