//! Rounds of kill -9 at random moments: under load, and in the middle of redriving and reviving.

use std::{collections::BTreeSet, sync::mpsc};

use serde_json::{Value, json};

use crate::support::process::{self, Log, Running};

use super::{EMAIL, EMAILS, JOBS, Scene, payment, signed, tally::Tally, word};

/// Events of one round, and connections they come by.
const EVENTS: usize = 200;
const CONNECTIONS: usize = 4;

/// Dead letters of one round.
const DEAD: usize = 60;

/// Rounds of each kind; `KILLS=n` makes it n.
const ROUNDS: u32 = 10;

/// Tells how many rounds, and what chance each begins with: `KILL_SEED=n` repeats the one that a failure names.
async fn rounds<Round: Future<Output = Tally>>(kind: &str, round: impl Fn(u64) -> Round) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("KILL_SEED") {
        round(seed).await;
        return;
    }
    let mut all = Tally::default();
    for _ in 0..number("KILLS").unwrap_or(ROUNDS.into()) {
        all.add(round(fastrand::u64(..)).await);
    }
    all.record(kind);
}

#[tokio::test]
async fn a_kill_under_load_loses_nothing_acknowledged_and_repeats_no_effect() {
    rounds("under load", under_load).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_redriving_loses_and_repeats_nothing() {
    rounds("in the middle of redriving", |seed| with_dead_letters(seed, Again::Redrive)).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_reviving_loses_and_repeats_nothing() {
    rounds("in the middle of reviving", |seed| with_dead_letters(seed, Again::Deliver)).await;
}

async fn under_load(seed: u64) -> Tally {
    let after = fastrand::Rng::with_seed(seed).usize(1..EVENTS);
    let context = format!("KILL_SEED={seed}, killed at {after} acknowledged events");
    let scene = Scene::set(8).await;
    let service = scene.project.start().await;
    let (events, earlier) = load(service, after).await;
    assert!(events.len() >= after, "{context}: {}", events.len());

    let service = scene.project.start().await;
    service
        .logged(&format!("the end of everything ({context})"), |log| all_done(log, &earlier, &events))
        .await;
    finish(&scene, &service, &events, &context).await
}

/// How dead letters get their second chance.
#[derive(Debug, Clone, Copy)]
enum Again {
    /// A person redrives them.
    Redrive,
    /// The sender delivers the events again.
    Deliver,
}

async fn with_dead_letters(seed: u64, again: Again) -> Tally {
    let after = fastrand::Rng::with_seed(seed).usize(1..DEAD);
    let context = format!("KILL_SEED={seed}, {again:?} killed after {after}");
    let scene = Scene::set(8).await;
    // The mail service refuses every mail for good, once.
    scene.sandbox.fail_next(EMAILS, DEAD as u32, 422);
    let service = scene.project.start().await;
    let mut events = Vec::new();
    for n in 0..DEAD {
        events.push(super::accepted(&service, n).await);
    }
    let dead = |depths: &Value| depths["dead"] == json!(DEAD) && open(depths) == 0;
    service.until("/api/v1/depths", dead).await;

    // Killed once so many of the dead mails have gone out.
    let begun = second_chance(&service, again);
    let gone = |log: &Log| {
        let mails = log.lines.iter().filter(|line| line["message"] == "attempt ended" && is_mail(line));
        mails.filter(|line| line["outcome"] == "done").count() >= after
    };
    let ((), _) = tokio::join!(service.logged(&context, gone), begun);
    service.kill();

    let service = scene.project.start().await;
    second_chance(&service, again).await;
    finish(&scene, &service, &events, &context).await
}

fn is_mail(line: &Value) -> bool {
    line["job"].as_str().is_some_and(|job| job.ends_with(&format!(".{EMAIL}")))
}

/// Asks for all of them; how far it came when the process ended does not matter.
async fn second_chance(service: &Running, again: Again) {
    match again {
        Again::Redrive => {
            let _ = service.post("/api/v1/dead/redrive", &json!({})).await;
        }
        Again::Deliver => {
            let url = service.webhook("stripe");
            let client = process::client();
            for n in 0..DEAD {
                let body = payment(n);
                if process::deliver(&client, &url, signed(&body), body).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Jobs that workers still have to do.
fn open(depths: &Value) -> u64 {
    let lanes = depths["lanes"].as_array().expect("lanes").iter().map(|lane| &lane["ready"]);
    lanes.chain([&depths["leased"], &depths["blocked"]]).filter_map(Value::as_u64).sum()
}

/// Waits for the end of everything, and holds it against what was acknowledged.
async fn finish(scene: &Scene, service: &Running, events: &[String], context: &str) -> Tally {
    let depths = service.until("/api/v1/depths", |depths| open(depths) == 0).await;
    assert_eq!((&depths["dead"], &depths["waiting"]), (&json!(0), &json!(0)), "{context}");
    let listed = service.get("/api/v1/events").await;
    let listed = listed.as_array().expect("events");
    let mut known = BTreeSet::new();
    for event in listed {
        assert_eq!((&event["state"], &event["jobs"]), (&json!("done"), &json!(JOBS)), "{context}: {event}");
        known.insert(word(&event["id"]));
    }
    assert_eq!(known.len(), listed.len(), "{context}");
    let lost: Vec<&String> = events.iter().filter(|event| !known.contains(*event)).collect();
    assert!(lost.is_empty(), "{context}: acknowledged and lost: {lost:?}");
    assert!(
        known.len() <= events.len() + CONNECTIONS,
        "{context}: one unanswered delivery a connection at the most"
    );
    assert_eq!(scene.assert_each_effect_once(context), known, "{context}: all four actions or none");
    let effects = scene.sandbox.effects();
    Tally {
        rounds: 1,
        acknowledged: events.len(),
        kills: 1,
        lost: lost.len(),
        asked_again: effects.iter().map(|effect| effect.seen - 1).sum(),
        repeated: effects.iter().filter(|effect| effect.done > 1).count(),
    }
}

/// Delivers by several connections, and kills the service once `kill_after` events are acknowledged: those acknowledged,
/// and what was logged.
async fn load(service: Running, kill_after: usize) -> (Vec<String>, Log) {
    let url = service.webhook("stripe");
    let (acknowledged, counted) = mpsc::channel::<()>();
    let killer = std::thread::spawn(move || {
        counted.iter().take(kill_after).for_each(drop);
        service.kill()
    });
    let mut senders = tokio::task::JoinSet::new();
    for first in 0..CONNECTIONS {
        senders.spawn(send_every_fourth(url.clone(), first, acknowledged.clone()));
    }
    drop(acknowledged);
    let events = senders.join_all().await.concat();
    (events, killer.join().expect("the service is killed"))
}

/// Delivers by one connection until it breaks; the events acknowledged.
async fn send_every_fourth(url: String, first: usize, acknowledged: mpsc::Sender<()>) -> Vec<String> {
    let client = process::client();
    let mut events = Vec::new();
    for n in (first..EVENTS).step_by(CONNECTIONS) {
        let body = payment(n);
        let Some((status, answer)) = process::deliver(&client, &url, signed(&body), body).await else {
            break;
        };
        assert_eq!(status, 202, "{answer}");
        events.push(word(&answer["event"]));
        // The killer listens no longer once it has done its work.
        let _ = acknowledged.send(());
    }
    events
}

/// Whether the log says of every job of the events that it is done.
fn all_done(log: &Log, earlier: &Log, events: &[String]) -> bool {
    let done = |log: &Log| -> BTreeSet<String> {
        let ended = log.lines.iter().filter(|l| l["message"] == "attempt ended" && l["outcome"] == "done");
        ended.map(|line| word(&line["job"])).collect()
    };
    let done: BTreeSet<String> = done(log).union(&done(earlier)).cloned().collect();
    events.iter().all(|event| (0..JOBS).all(|n| done.contains(&format!("{event}.{n}"))))
}
