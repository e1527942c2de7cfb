//! Rounds of kill -9, and of power cuts, at random moments: under load, among lines and files, and in the middle of redriving, reviving and
//! replaying; and among processes that share a Redis.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::support::process::{self, Log, Running};

use super::{
    EMAIL, EMAILS, JOBS, Scene, lines,
    lives::Lives,
    load::{CONNECTIONS, Delivery, load},
    payment,
    power::Disk,
    redis, replaying, signed,
    tally::Tally,
    word,
};

/// Events of one round.
const EVENTS: usize = 200;

/// Dead letters of one round.
const DEAD: usize = 60;

/// Rounds of all kinds together, and as many on Redis; `KILLS=n` makes it n.
const ROUNDS: u64 = 30;

/// First seeds that nobody chose are below this: short enough to be read out.
const SEEDS: u64 = 1 << 32;

/// Runs rounds of one kind: `share` of every [`ROUNDS`]. Each begins with a seed of its own, counted on from the
/// first, which is `KILL_SEED` if that is set; `KILL_SEED=n` without `KILLS` repeats the one round that a failure names.
async fn rounds<Round: Future<Output = Tally>>(kind: &str, share: u64, round: impl Fn(u64) -> Round) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let (seed, kills) = (number("KILL_SEED"), number("KILLS"));
    let first = seed.unwrap_or_else(|| fastrand::u64(..SEEDS));
    let number = match (seed, kills) {
        (Some(_), None) => 1,
        (_, kills) => (kills.unwrap_or(ROUNDS) * share).div_ceil(ROUNDS),
    };
    let mut all = Tally::default();
    for n in 0..number {
        all.add(round(first + n).await);
    }
    all.record(kind, first);
}

#[tokio::test]
async fn a_kill_under_load_loses_nothing_acknowledged_and_repeats_no_effect() {
    rounds("under load", 6, |seed| under_load(seed, End::Kill)).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_power_cut_under_load_loses_nothing_acknowledged_and_repeats_no_effect() {
    rounds("power cuts", 3, |seed| under_load(seed, End::PowerCut)).await;
}

#[tokio::test]
async fn a_kill_among_lines_and_files_keeps_their_order_and_sends_nothing_twice_unasked() {
    rounds("in lines", 5, lines::round).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_redriving_loses_and_repeats_nothing() {
    rounds("redriving", 5, |seed| with_dead_letters(seed, Again::Redrive)).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_reviving_loses_and_repeats_nothing() {
    rounds("reviving", 5, |seed| with_dead_letters(seed, Again::Deliver)).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_replaying_loses_and_repeats_nothing() {
    rounds("replaying (reuse)", 3, |seed| replaying::round(seed, "reuse")).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_reclassifying_loses_and_repeats_nothing() {
    rounds("replaying (reclassify)", 3, |seed| replaying::round(seed, "reclassify")).await;
}

#[tokio::test]
async fn on_redis_a_kill_of_a_worker_loses_nothing_acknowledged_and_repeats_no_effect() {
    rounds("Redis: a worker", 8, |seed| redis::under_load(seed, redis::Kill::Worker)).await;
}

#[tokio::test]
async fn on_redis_a_kill_of_who_takes_in_loses_nothing_acknowledged_and_repeats_no_effect() {
    rounds("Redis: ingest", 7, |seed| redis::under_load(seed, redis::Kill::Ingest)).await;
}

#[tokio::test]
async fn a_kill_of_redis_loses_nothing_acknowledged_and_repeats_no_effect() {
    rounds("Redis: Redis itself", 8, |seed| redis::under_load(seed, redis::Kill::Redis)).await;
}

#[tokio::test]
async fn on_redis_a_kill_among_lines_keeps_their_order_in_all_processes() {
    rounds("Redis: in lines", 7, redis::in_lines).await;
}

#[tokio::test]
async fn on_redis_lines_keep_their_order_in_two_and_in_four_processes() {
    let roles: [&[&str]; 2] = [&["all", "all"], &["all", "worker", "worker", "worker"]];
    for roles in roles {
        redis::in_peace(fastrand::u64(..SEEDS), roles).await;
    }
}

/// Counts the ends of attempts in a log that grows, reading each line once.
#[derive(Default)]
pub(super) struct Ends(RefCell<(usize, BTreeSet<String>)>);

impl Ends {
    /// How many jobs have come to an end that `wanted` takes.
    pub fn count(&self, log: &Log, wanted: impl Fn(&Value) -> bool) -> usize {
        let (read, jobs) = &mut *self.0.borrow_mut();
        for line in &log.lines[*read..] {
            if line["message"] == "attempt ended" && wanted(line) {
                jobs.insert(word(&line["job"]));
            }
        }
        *read = log.lines.len();
        jobs.len()
    }

    /// Goes on with another log from its beginning.
    fn next_log(&self) {
        self.0.borrow_mut().0 = 0;
    }
}

/// What ends with the service.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The process alone.
    Kill,
    /// The machine: what its disk was not asked to keep is gone.
    PowerCut,
}

async fn under_load(seed: u64, end: End) -> Tally {
    let after = fastrand::Rng::with_seed(seed).usize(1..EVENTS);
    let context = format!("KILL_SEED={seed}, {end:?} at {after} acknowledged events");
    let scene = Scene::set(8).await;
    let disk = matches!(end, End::PowerCut).then(Disk::new);
    let service = match &disk {
        Some(disk) => disk.start(&scene.project).await,
        None => scene.project.start().await,
    };
    let delivery = |n| {
        let body = payment(n);
        Delivery { source: "stripe", headers: signed(&body), body }
    };
    let (at_once, ripens) = oneshot::channel();
    drop(at_once);
    let (sent, earlier) = load(service, EVENTS, delivery, after, watch::Sender::new(0), ripens).await;
    let events: Vec<String> = sent.into_iter().filter_map(|sent| Some(sent.acknowledged?.0)).collect();
    let lives = Lives::ended(&scene.sandbox).await;
    if let Some(disk) = disk {
        disk.cut(&scene.project);
    }
    assert!(events.len() >= after, "{context}: {}", events.len());

    let service = scene.project.start().await;
    let listed = service.get("/api/v1/events").await;
    let there: BTreeSet<String> = listed.as_array().expect("events").iter().map(|e| word(&e["id"])).collect();
    let lost: Vec<&String> = events.iter().filter(|event| !there.contains(*event)).collect();
    assert!(lost.is_empty(), "{context}: acknowledged and lost: {lost:?}");
    // Waiting by the log costs the service nothing; the last word has `finish`.
    let ends = Ends::default();
    ends.count(&earlier, is_done);
    ends.next_log();
    service.logged(&context, |log| ends.count(log, is_done) >= events.len() * JOBS).await;
    finish(&scene, &service, &lives, &events, &context).await
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
    let ends = Ends::default();
    service.logged("its dead letters", |log| ends.count(log, |line| line["outcome"] == "dead") >= DEAD).await;
    let dead = |depths: &Value| depths["dead"] == json!(DEAD) && open(depths) == 0;
    service.until("/api/v1/depths", dead).await;

    // Killed once so many of the dead mails have gone out.
    let begun = second_chance(&service, again);
    let ends = Ends::default();
    let gone = |log: &Log| ends.count(log, |line| is_mail(line) && is_done(line)) >= after;
    let ((), _) = tokio::join!(service.logged(&context, gone), begun);
    service.kill();
    let lives = Lives::ended(&scene.sandbox).await;

    let service = scene.project.start().await;
    second_chance(&service, again).await;
    finish(&scene, &service, &lives, &events, &context).await
}

fn is_done(line: &Value) -> bool {
    line["outcome"] == "done"
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
pub(super) fn open(depths: &Value) -> u64 {
    let lanes = depths["lanes"].as_array().expect("lanes").iter().map(|lane| &lane["ready"]);
    lanes.chain([&depths["leased"], &depths["blocked"]]).filter_map(Value::as_u64).sum()
}

/// Waits for the end of everything, and holds it against what was acknowledged.
async fn finish(scene: &Scene, service: &Running, lives: &Lives, events: &[String], context: &str) -> Tally {
    let known = all_at_their_end(service, context).await;
    let lost: Vec<&String> = events.iter().filter(|event| !known.contains(*event)).collect();
    assert!(lost.is_empty(), "{context}: acknowledged and lost: {lost:?}");
    assert!(
        known.len() <= events.len() + CONNECTIONS,
        "{context}: one unanswered delivery a connection at the most"
    );
    assert_eq!(scene.assert_each_effect_once(context), known, "{context}: all four actions or none");
    let repeats = lives.assert_repeats_lie_across_the_kill(&scene.sandbox, context);
    Tally {
        rounds: 1,
        acknowledged: events.len(),
        kills: 1,
        lost: lost.len(),
        repeated: scene.sandbox.effects().iter().filter(|effect| effect.done > 1).count(),
        duplicated: repeats.requests,
        asked_again: repeats.questions,
    }
}

/// Waits until nothing is left to do, and sees that every event has come to exactly one end; those events.
pub(super) async fn all_at_their_end(service: &Running, context: &str) -> BTreeSet<String> {
    let depths = service.until("/api/v1/depths", |depths| open(depths) == 0).await;
    assert_eq!((&depths["dead"], &depths["waiting"]), (&json!(0), &json!(0)), "{context}");
    let listed = service.get("/api/v1/events").await;
    let listed = listed.as_array().expect("events");
    let mut known = BTreeSet::new();
    for event in listed {
        assert_eq!(event["state"], "done", "{context}: {event}");
        let id = word(&event["id"]);
        let timeline = service.get(&super::path(&id)).await;
        for job in timeline["timeline"]["jobs"].as_array().expect("jobs") {
            let ends = job["history"].as_array().expect("a history");
            let done = ends.iter().filter(|attempt| attempt["outcome"] == "done").count();
            // Of what a person says that it is done, no attempt does.
            let told = ends.last().is_some_and(|last| last["outcome"] == "person");
            assert_eq!(
                done,
                usize::from(job["state"] == "done" && !told),
                "{context}: one end each: {job:#}"
            );
        }
        known.insert(id);
    }
    assert_eq!(known.len(), listed.len(), "{context}: each event is there once");
    known
}
