//! The process ends at every boundary between two steps, and at every pair of neighbouring ones.

use std::collections::BTreeSet;

use hookyard::{
    config::{ACTIONS, CLASSIFIERS, Files, JUDGES, ROUTES, SETTINGS},
    host::{FAIL_AT, FailPoint},
    sandbox::Sandbox,
};
use serde_json::{Value, json};

use crate::support::process::{Project, Running};

use super::word;

/// Questions that may be asked for one event when the process ends between asking and answering: the one whose answer
/// was lost, and one more.
const QUESTIONS_MAX: usize = 2;

/// Neighbours besides those that follow each other in [`FailPoint::ALL`]: an action passes some boundaries of a judge by.
const NEIGHBOURS_OF_ACTIONS: [[FailPoint; 2]; 2] =
    [[FailPoint::Claimed, FailPoint::ActBegun], [FailPoint::Sent, FailPoint::Settling]];

/// A cancellation that an LLM reads and that two actions follow: every boundary there is.
struct Scene {
    project: Project,
    sandbox: Sandbox,
}

impl Scene {
    async fn set() -> Self {
        let super::Scene { project, sandbox } = super::Scene::of(&files()).await;
        Scene { project, sandbox }
    }

    /// Starts the service, to end when it passes `point` for the first time.
    /// What is stored already may bring it there before it is ready.
    async fn start_until(&self, point: FailPoint) -> Running {
        let mut command = self.project.serve();
        command.env(FAIL_AT, point.as_str());
        Running::start_or_end(command).await
    }

    /// Delivers the event again and again, as a sender does that got no answer, until it is acknowledged.
    async fn deliver(&self, service: &Running) -> Option<String> {
        let body = cancellation(1);
        let (status, answer) = service.deliver("stripe", super::signed(&body), body).await?;
        assert!(matches!(status, 200 | 202), "{status}: {answer}");
        Some(word(&answer["event"]))
    }

    /// Every event is done, each effect happened once, and no answer was bought twice.
    async fn assert_all_well(&self, service: &Running, context: &str) {
        let event = self.deliver(service).await.expect("an answer");
        let path = super::path(&event);
        let timeline = service.until(&path, |answer| answer["timeline"]["state"] != "open").await;
        assert_eq!(timeline["timeline"]["state"], "done", "{context}: {timeline:#}");
        let events = service.get("/api/v1/events").await;
        assert_eq!(events.as_array().map(Vec::len), Some(1), "{context}: {events}");
        let effects = self.sandbox.effects();
        assert!(effects.iter().all(|effect| effect.done == 1), "{context}: {effects:?}");
        let kinds: BTreeSet<&str> = effects.iter().map(|effect| effect.kind).collect();
        assert_eq!((effects.len(), kinds.len()), (2, 2), "{context}: {effects:?}");
        let asked = self.sandbox.asked().len();
        assert!((1..=QUESTIONS_MAX).contains(&asked), "{context}: {asked} questions");
    }
}

/// The embedded files with one route whose classifier asks an LLM at once, and two actions of which one follows the other.
pub(super) fn files() -> Files {
    let files = Files::embedded();
    let text = |name| files.get(name).expect("a file").to_owned();
    let actions = text(ACTIONS).replace("\nurl = ", "\nallow_private = true\nurl = ");
    let judges = text(JUDGES).replace(
        "api_key = \"${ANTHROPIC_API_KEY}\"",
        "api_key = \"${ANTHROPIC_API_KEY}\"\nbase_url = \"${ANTHROPIC_URL}\"\nallow_private = true",
    );
    let classifiers = "[classifier.churn]\ntext = \"{{ event.type }}\"\nladder = [{ judge = \"claude\" }]\n";
    let routes = "[route.churn]\ntypes = [\"customer.subscription.deleted\"]\nclassifier = \"churn\"\naction = [\n\
        { id = \"payment\", use = \"crm_payment\" },\n\
        { id = \"call\", use = \"crm_checkin_call\", after = [\"payment\"] },\n]\n";
    let files = files.with(ACTIONS, actions).with(JUDGES, judges);
    let files = files.with(CLASSIFIERS, classifiers.to_owned()).with(ROUTES, routes.to_owned());
    files.with(SETTINGS, super::settings(4))
}

pub(super) fn cancellation(n: usize) -> Vec<u8> {
    let object = json!({
        "id": format!("sub_{n}"), "customer": "cus_1",
        "cancellation_details": { "feedback": "too_expensive", "comment": format!("too expensive for customer {n}") },
    });
    let event: Value = json!({
        "id": format!("evt_points_{n}"), "object": "event", "livemode": true,
        "type": "customer.subscription.deleted", "data": { "object": object },
    });
    event.to_string().into_bytes()
}

#[tokio::test]
async fn an_end_at_any_boundary_loses_and_repeats_nothing() {
    for point in FailPoint::ALL.iter().copied() {
        let scene = Scene::set().await;
        let service = scene.start_until(point).await;
        scene.deliver(&service).await;
        assert!(!service.ended().await.success(), "it ends at {point}");
        let service = scene.project.start().await;
        scene.assert_all_well(&service, point.as_str()).await;
    }
}

#[tokio::test]
async fn ends_at_neighbouring_boundaries_lose_and_repeat_nothing() {
    let of_actions = NEIGHBOURS_OF_ACTIONS.iter().map(|pair| &pair[..]);
    for pair in FailPoint::ALL.windows(2).chain(of_actions) {
        let scene = Scene::set().await;
        for point in pair.iter().copied() {
            let service = scene.start_until(point).await;
            // What is stored needs no sender to come so far; a boundary that lies behind is passed by another job.
            scene.deliver(&service).await;
            assert!(!service.ended().await.success(), "it ends at {point}");
        }
        let service = scene.project.start().await;
        scene.assert_all_well(&service, &format!("{} then {}", pair[0], pair[1])).await;
    }
}

#[tokio::test]
async fn an_event_that_ends_the_process_each_time_is_found_out_and_holds_nothing_up() {
    let scene = Scene::set().await;
    let mut service = scene.start_until(FailPoint::Gathered).await;
    // It is not taken up before it is acknowledged.
    service.post("/api/v1/pause", &json!({})).await.expect("it holds still");
    let event = scene.deliver(&service).await.expect("acknowledged");
    service.post("/api/v1/resume", &json!({})).await;
    for _ in 0..3 {
        assert!(!service.ended().await.success(), "the event ends the process");
        service = scene.start_until(FailPoint::Gathered).await;
    }
    // Whoever starts now settles it without running it, though it would end the process once more.
    let dead = |answer: &Value| answer["timeline"]["state"] == "dead";
    let timeline = service.until(&super::path(&event), dead).await;
    let job = &timeline["timeline"]["jobs"][0];
    assert_eq!((&job["cause"], &job["lost_leases"]), (&json!("poison"), &json!(3)), "{job:#}");
    let outcomes: Vec<&Value> =
        job["history"].as_array().expect("a history").iter().map(|line| &line["outcome"]).collect();
    assert_eq!(outcomes, ["lease_lost", "lease_lost", "lease_lost", "dead"]);
}
