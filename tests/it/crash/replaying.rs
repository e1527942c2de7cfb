//! Kills in the middle of a sweep that replays many events, by the command an operator would use.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::process::{Ended, Running, arrived};

use super::{
    Scene,
    lives::Lives,
    points::{cancellation, files},
    rounds::{Ends, all_at_their_end, open},
    signed,
    tally::Tally,
    word,
};

/// Events of one sweep, each with a paid verdict.
const EVENTS: usize = 40;
/// Attempts that a sweep leads to for each event: a route job and two actions.
const ATTEMPTS: usize = 3;

/// What the judge is asked.
const QUESTION: &str = "prompts/churn/event.j2";
const QUESTIONS: &str = "/llm/v1/messages";
const SWEEP: &str = "sweep-of-the-crash-tests";
/// One that comes before there is anything to replay.
const TOO_EARLY: &str = "too-early";
/// What the first action does at the sandbox, and where.
const PAYMENTS: &str = "/crm/payments";
/// What a replay of an event does.
const KINDS: [&str; 2] = ["crm.payment", "crm.task"];

/// Events whose first action was refused for good are replayed; the service is killed on the way, and the command given
/// once more.
pub(super) async fn round(seed: u64, mode: &'static str) -> Tally {
    let after = fastrand::Rng::with_seed(seed).usize(1..EVENTS * ATTEMPTS);
    let context = format!("KILL_SEED={seed}, {mode} killed after {after} attempts");
    let scene = Scene::of(&files()).await;
    scene.sandbox.fail_next(PAYMENTS, EVENTS as u32, 422);
    let questions = scene.sandbox.hold(QUESTIONS);
    let service = scene.project.start().await;
    let mut events = BTreeSet::new();
    for n in 0..EVENTS {
        let body = cancellation(n);
        let (status, answer) = service.deliver("stripe", signed(&body), body).await.expect("an answer");
        assert_eq!(status, 202, "{context}: {answer}");
        events.insert(word(&answer["event"]));
    }
    // Their first run has not ended: each is refused whole, and the run goes on as if nobody had asked.
    arrived(&questions, 1).await;
    let refused = sweep(&scene, &service, mode, TOO_EARLY).await.expect("the command ran");
    assert_eq!(refused.code, Some(1), "{context}: {refused:?}");
    let refused = refused.json();
    assert_eq!((&refused["queued"], &refused["already"]), (&json!(0), &json!(0)), "{context}: {refused}");
    questions.release();
    let ends = Ends::default();
    service
        .logged("its dead letters", |log| ends.count(log, |line| line["outcome"] == "dead") >= EVENTS)
        .await;
    service.until("/api/v1/depths", |depths| depths["dead"] == json!(EVENTS) && open(depths) == 0).await;
    service.terminate();
    assert!(service.ended().await.success(), "{context}: a drain");
    assert_eq!(scene.sandbox.asked().len(), EVENTS, "{context}: each bought once");
    if mode == "reclassify" {
        // Another question: what was bought does not answer it.
        scene.project.edit(QUESTION, "the subscription has ended", "the subscription is over");
    }

    let service = scene.project.start().await;
    let ends = Ends::default();
    let sweeping = sweep(&scene, &service, mode, SWEEP);
    service.logged(&context, |log| ends.count(log, |_| true) >= after).await;
    service.kill();
    // It may have come to its end before, or be broken off.
    sweeping.await.expect("the command ran");
    let lives = Lives::ended(&scene.sandbox).await;

    let service = scene.project.start().await;
    let told = sweep(&scene, &service, mode, SWEEP).await.expect("the command ran");
    assert_eq!(told.code, Some(0), "{context}: {told:?}");
    let told = told.json();
    let number = |name: &str| told[name].as_u64().expect("a number") as usize;
    assert_eq!(number("queued") + number("already"), EVENTS, "{context}: {told}");
    finish(&scene, &service, &lives, &events, mode, &context).await
}

/// `hookyard replay`, for everything of the source, beside the test.
fn sweep(scene: &Scene, service: &Running, mode: &str, name: &str) -> tokio::task::JoinHandle<Ended> {
    let admin = format!("http://{}", service.admin);
    let filter = ["replay", "--source", "stripe", "--mode", mode, "--sweep", name, "--yes", "--json"];
    let mut command = scene.project.command(&filter);
    command.args(["--admin", &admin]);
    tokio::task::spawn_blocking(|| Ended::of(command))
}

async fn finish(
    scene: &Scene,
    service: &Running,
    lives: &Lives,
    events: &BTreeSet<String>,
    mode: &str,
    context: &str,
) -> Tally {
    assert_eq!(&all_at_their_end(service, context).await, events, "{context}: nothing more, nothing less");
    for event in events {
        let timeline = service.get(&super::path(event)).await;
        let jobs = timeline["timeline"]["jobs"].as_array().expect("jobs");
        let of_sweep = |job: &&Value| job.to_string().contains(SWEEP);
        assert_eq!(jobs.iter().filter(of_sweep).count(), 1, "{context}: replayed once: {timeline:#}");
        assert!(!timeline.to_string().contains(TOO_EARLY), "{context}: refused, and done: {timeline:#}");
    }
    let effects = scene.sandbox.effects();
    for kind in KINDS {
        let of_kind = effects.iter().filter(|effect| effect.kind == kind);
        let mut done = BTreeSet::new();
        for effect in of_kind {
            assert_eq!(effect.done, 1, "{context}: {effect:?}");
            assert!(done.insert(super::event_of(effect)), "{context}: twice for one event: {effect:?}");
        }
        assert_eq!(&done, events, "{context}: {kind}");
    }
    assert_eq!(effects.len(), KINDS.len() * EVENTS, "{context}");
    let repeats = lives.assert_repeats_lie_across_the_kill(&scene.sandbox, context);
    let bought = if mode == "reclassify" { 2 * EVENTS } else { EVENTS };
    assert_eq!(scene.sandbox.asked().len(), bought + repeats.questions as usize, "{context}: questions");
    Tally {
        rounds: 1,
        acknowledged: EVENTS,
        kills: 1,
        lost: 0,
        repeated: 0,
        duplicated: repeats.requests,
        asked_again: repeats.questions,
    }
}
