//! What is acknowledged survives the death of the process: kill -9 at chosen and at random moments, then a restart; and that of the
//! machine, of which only what its disk was asked to keep comes back.

mod faults;
mod lines;
mod lives;
mod load;
mod mixed;
mod moving;
mod points;
mod power;
mod recorder;
mod redis;
mod replaying;
mod rounds;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use hookyard::{
    config::{ACTIONS, CLASSIFIERS, Files, JUDGES, ROUTES, SETTINGS},
    domain::Clock,
    host::{SystemClock, Tasks},
    sandbox::{Effect, Sandbox, SandboxOptions},
    source::{self, Scheme},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::process::{self, Headers, Project, Running, arrived};

const STRIPE_SECRET: &str = "whsec_of_the_crash_tests";
const TOKEN: &str = "token-of-the-crash-tests";
const SIGNING_SECRET: &str = "whsec_Y3Jhc2gtdGVzdHMtc2lnbmluZy1zZWNyZXQtMDEyMw==";

/// What a payment does at the sandbox; the fourth branch is the log of `store.append`.
const KINDS: [&str; 3] = ["mail.email", "crm.payment", "analytics.event"];
/// A route job and four actions.
const JOBS: usize = 5;
/// Where the action `email`, the second job of an event, goes.
const EMAILS: &str = "/mail/emails";
const EMAIL: usize = 1;

/// The shipped destinations and payment actions against a sandbox that outlives the service.
struct Scene {
    project: Project,
    sandbox: Sandbox,
}

impl Scene {
    async fn set(workers: u32) -> Self {
        Self::of(&fan_out(workers)).await
    }

    /// The files against a sandbox of every vendor.
    async fn of(files: &Files) -> Self {
        let tasks = Tasks::default();
        let options = SandboxOptions::new(
            std::sync::Arc::new(SystemClock::new()),
            TOKEN.into(),
            SecretString::from(SIGNING_SECRET),
        );
        let sandbox = Sandbox::start(options, |work| tasks.spawn("sandbox", work)).await.expect("a sandbox");
        let urls = sandbox.urls();
        let project = Project::new(files)
            .with_env("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET)
            .with_env("ANTHROPIC_API_KEY", TOKEN)
            .with_env("ANTHROPIC_URL", &urls.anthropic)
            .with_env("MAIL_URL", &urls.mail)
            .with_env("MAIL_TOKEN", TOKEN)
            .with_env("CRM_URL", &urls.crm)
            .with_env("CRM_TOKEN", TOKEN)
            .with_env("ANALYTICS_URL", &urls.analytics)
            .with_env("ANALYTICS_SIGNING_SECRET", SIGNING_SECRET);
        Scene { project, sandbox }
    }

    fn employ(&self, workers: u32) {
        self.project.write(SETTINGS, &settings(workers));
    }

    /// Everything that happened, each once; how many events it was for.
    fn assert_each_effect_once(&self, context: &str) -> BTreeSet<String> {
        let mut events: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for effect in self.sandbox.effects() {
            assert!(KINDS.contains(&effect.kind), "{context}: {effect:?}");
            assert_eq!(effect.done, 1, "{context}: {effect:?}");
            assert!(
                events.entry(effect.kind).or_default().insert(event_of(&effect)),
                "{context}: {effect:?}"
            );
        }
        let logged = self.logged("payments");
        let of_log: BTreeSet<String> = logged.iter().cloned().collect();
        assert_eq!(of_log.len(), logged.len(), "{context}: payments.jsonl has each event once");
        for kind in KINDS {
            assert_eq!(events.get(kind).unwrap_or(&BTreeSet::new()), &of_log, "{context}: {kind}");
        }
        of_log
    }

    /// The events in a log that `store.append` writes, one for each line.
    fn logged(&self, log: &str) -> Vec<String> {
        let path = self.project.data().join(format!("logs/{log}.jsonl"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = |line: &str| -> Value { serde_json::from_str(line).expect("a whole line of JSON") };
        text.lines().map(|text| word(&line(text)["line"]["event"])).collect()
    }

    fn effect(&self, kind: &str) -> Option<Effect> {
        self.sandbox.effects().into_iter().find(|effect| effect.kind == kind)
    }
}

/// The embedded files with the payment route alone, and destinations on this machine.
fn fan_out(workers: u32) -> Files {
    let files = Files::embedded();
    let actions = files.get(ACTIONS).expect("actions").replace("\nurl = ", "\nallow_private = true\nurl = ");
    let routes = "[route.payment]\ntypes = [\"payment_intent.succeeded\"]\naction = [\n\
        { id = \"email\", use = \"mail_receipt\" },\n{ id = \"crm\", use = \"crm_payment\" },\n\
        { id = \"database\", use = \"log_payment\" },\n{ id = \"analytics\", use = \"analytics_payment\" },\n]\n";
    // Without classifiers nothing is trained, and a start takes no time.
    let files = files.with(ACTIONS, actions).with(ROUTES, routes).with(CLASSIFIERS, "").with(JUDGES, "");
    files.with(SETTINGS, settings(workers))
}

fn settings(workers: u32) -> String {
    format!("[worker]\nconcurrency = {workers}\n")
}

fn payment(n: usize) -> Vec<u8> {
    let object = json!({
        "id": format!("pi_{n}"), "object": "payment_intent", "amount": 1_000 + n, "currency": "eur",
        "receipt_email": format!("customer{n}@shop.example"),
    });
    let event = json!({
        "id": format!("evt_crash_{n}"), "object": "event", "livemode": true, "type": "payment_intent.succeeded",
        "data": { "object": object },
    });
    event.to_string().into_bytes()
}

fn signed(body: &[u8]) -> Headers {
    let secret = SecretString::from(STRIPE_SECRET);
    source::sign(Scheme::Stripe, &secret, "", body, None, SystemClock::new().now()).expect("a key")
}

/// Delivers payment `n`; the event that it was acknowledged as.
async fn accepted(service: &Running, n: usize) -> String {
    let body = payment(n);
    let (status, answer) = service.deliver("stripe", signed(&body), body).await.expect("an answer");
    assert_eq!((status, &answer["status"]), (202, &json!("queued")), "{answer}");
    word(&answer["event"])
}

fn word(value: &Value) -> String {
    value.as_str().expect("a word").to_owned()
}

/// The event that an effect was for: idempotency keys begin with it.
fn event_of(effect: &Effect) -> String {
    let key = effect.key.as_deref().expect("every effect has a key");
    key.split('-').next().expect("a first part").to_owned()
}

fn path(event: &str) -> String {
    format!("/api/v1/events/{event}")
}

/// The timeline, once every job of the event has ended.
async fn settled(service: &Running, event: &str) -> Value {
    service.until(&path(event), |answer| answer["timeline"]["state"] != "open").await["timeline"].take()
}

/// The event's jobs, once all but the email are done.
async fn all_but_the_email(service: &Running, event: &str) -> Vec<Value> {
    let done = |jobs: &Value| jobs.as_array().expect("jobs").iter().filter(|j| j["state"] == "done").count();
    let others = |answer: &Value| done(&answer["timeline"]["jobs"]) == JOBS - 1;
    let mut answer = service.until(&path(event), others).await;
    match answer["timeline"]["jobs"].take() {
        Value::Array(jobs) => jobs,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn events_accepted_before_a_kill_are_done_after_it() {
    let scene = Scene::set(0).await;
    let service = scene.project.start().await;
    let mut events = Vec::new();
    for n in 0..5 {
        events.push(accepted(&service, n).await);
    }
    service.kill();
    assert!(scene.sandbox.effects().is_empty(), "nobody worked yet");

    scene.employ(4);
    let service = scene.project.start().await;
    for event in &events {
        let timeline = settled(&service, event).await;
        assert_eq!(timeline["state"], "done", "{timeline:#}");
        assert!(timeline["jobs"].as_array().is_some_and(|jobs| jobs.len() == JOBS), "{timeline:#}");
    }
    let of = scene.assert_each_effect_once("");
    assert_eq!(of, events.into_iter().collect());
}

#[tokio::test]
async fn a_request_that_had_no_effect_before_the_kill_has_it_after_the_restart() {
    let scene = Scene::set(4).await;
    let gate = scene.sandbox.hold(EMAILS);
    let service = scene.project.start().await;
    let event = accepted(&service, 1).await;
    arrived(&gate, 1).await;
    all_but_the_email(&service, &event).await;
    assert_eq!(scene.effect("mail.email"), None, "held before its effect");
    service.kill();

    let service = scene.project.start().await;
    arrived(&gate, 2).await;
    gate.release();
    let timeline = settled(&service, &event).await;
    assert_eq!(timeline["state"], "done", "{timeline:#}");
    scene.assert_each_effect_once("");
    assert_eq!(scene.sandbox.requests(EMAILS), 2);
}

#[tokio::test]
async fn an_effect_whose_answer_was_lost_in_a_kill_is_asked_for_again_by_the_same_key_and_bytes() {
    let scene = Scene::set(4).await;
    let gate = scene.sandbox.hold_answer(EMAILS);
    let service = scene.project.start().await;
    let event = accepted(&service, 1).await;
    arrived(&gate, 1).await;
    let jobs = all_but_the_email(&service, &event).await;
    let first = scene.effect("mail.email").expect("it took place; only its answer is held");
    service.kill();
    gate.release();

    let service = scene.project.start().await;
    let timeline = settled(&service, &event).await;
    assert_eq!(timeline["state"], "done", "{timeline:#}");
    let again = scene.effect("mail.email").expect("still there");
    // The mail service refuses other bytes under a known key: seen twice and done once means that they were the same.
    assert_eq!((&again.key, &again.body, again.done, again.seen), (&first.key, &first.body, 1, 2));
    let email = &timeline["jobs"][EMAIL];
    assert_eq!(email["request"], jobs[EMAIL]["request"], "frozen before its first attempt");
    assert_eq!(email["request"]["idempotency_key"].as_str(), first.key.as_deref());
    assert_eq!(email["lost_leases"], 1, "{email:#}");
    let outcomes: Vec<&Value> =
        email["history"].as_array().expect("a history").iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["lease_lost", "done"]);
    scene.assert_each_effect_once("");
}

#[tokio::test]
async fn a_second_process_is_refused_the_data_directory_and_does_not_disturb_the_first() {
    let scene = Scene::set(4).await;
    let service = scene.project.start().await;
    let before = accepted(&service, 1).await;
    let second = process::Ended::of(scene.project.serve());
    second.assert_refused("another process uses");
    second.assert_refused("stop it, or talk to it through its admin listener");
    second.assert_refused(&scene.project.data().display().to_string());
    let after = accepted(&service, 2).await;
    for event in [&before, &after] {
        assert_eq!(settled(&service, event).await["state"], "done");
    }
    assert_eq!(scene.assert_each_effect_once(""), BTreeSet::from([before, after]));
}

#[tokio::test]
async fn sigterm_lets_an_action_under_way_finish() {
    let scene = Scene::set(4).await;
    let gate = scene.sandbox.hold_answer(EMAILS);
    let service = scene.project.start().await;
    let event = accepted(&service, 1).await;
    arrived(&gate, 1).await;
    service.terminate();
    service.closed().await;
    gate.release();
    assert_eq!(service.ended().await.code(), Some(0));

    scene.employ(0);
    let service = scene.project.start().await;
    let answer = service.get(&path(&event)).await;
    let email = &answer["timeline"]["jobs"][EMAIL];
    assert_eq!((&email["state"], &email["attempts"]), (&json!("done"), &json!(1)), "{email:#}");
    assert_eq!(email["lost_leases"], 0, "{email:#}");
}
