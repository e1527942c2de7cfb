//! `hookyard migrate`: when it refuses, and what a user finds afterwards.

use hookyard::config::SETTINGS;
use serde_json::{Value, json};

use crate::support::{
    process::{Ended, Project, Running},
    redis::RedisServer,
};

use super::operated::{self, count, deliver, deliver_again, json_of, lines, on, settled, well};

const MIGRATE: [&str; 5] = ["migrate", "--from", "sqlite", "--to", "redis"];

/// Nothing is to be said of it.
const KEEPS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// Payments are written down and, on another route, want a yes.
const ROUTES: &str = "[route.record]\ntypes = [\"*\"]\naction = [{ id = \"record\", use = \"log_payment\" }]\n\
    [route.ask]\ntypes = [\"*\"]\naction = [{ id = \"sub\", use = \"log_subscription\" }]\n";

fn project() -> Project {
    let project = operated::project_of("", ROUTES);
    project.edit(
        hookyard::config::ACTIONS,
        "[action.log_subscription]\n",
        "[action.log_subscription]\nmode = \"review\"\n",
    );
    project
}

fn use_redis(project: &Project, server: &RedisServer) {
    project.append(SETTINGS, &format!("[store.redis]\nurls = [\"{}\"]\n", server.url()));
}

async fn stop(service: Running) {
    service.terminate();
    service.ended().await;
}

/// A stopped service with one event, on SQLite.
async fn with_an_event() -> (Project, String) {
    let project = project();
    let service = project.start().await;
    let events = deliver(&service, &["p1"]).await;
    count(&service, "waiting", 1).await;
    stop(service).await;
    (project, events[0].clone())
}

fn sql(project: &Project, statement: &str) {
    let db = rusqlite::Connection::open(project.path("data/hookyard.db")).expect("it opens");
    db.execute_batch(statement).expect("it is done");
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_with_the_remedy() {
    let project = project();
    let run = |arguments: &[&str]| project.run(arguments);
    run(&["migrate", "--from", "redis", "--to", "sqlite"])
        .assert_refused("only --from sqlite --to redis is supported");
    run(&["migrate", "--from", "postgres", "--to", "redis"]).assert_refused("possible values: sqlite, redis");
    run(&MIGRATE).assert_refused("has no [store.redis]");
    let server = RedisServer::start(&KEEPS);
    let service = project.start().await;
    deliver(&service, &["p1"]).await;
    use_redis(&project, &server);
    run(&MIGRATE).assert_refused("stop the service, then migrate");
    stop(service).await;
    run(&[&MIGRATE[..], &["--abandon"]].concat()).assert_refused("no migration was begun");
    run(&[&MIGRATE[..], &["--data", "nowhere"]].concat()).assert_refused("nowhere holds no hookyard.db");
    assert!(!project.path("nowhere").exists());

    // Nothing was begun: the file is as good as before.
    let unreachable =
        format!("[store.redis]\nurls = [\"redis+unix://{}\"]\n", project.path("none").display());
    let settings = project.read(SETTINGS);
    project.write(SETTINGS, &unreachable);
    run(&MIGRATE).assert_refused("Redis");
    project.write(SETTINGS, "");
    stop(project.start().await).await;
    project.write(SETTINGS, &settings);
}

#[tokio::test]
async fn a_store_with_events_of_its_own_is_refused() {
    let server = RedisServer::start(&KEEPS);
    let (project, event) = with_an_event().await;
    let other = self::project();
    use_redis(&other, &server);
    let service = other.start().await;
    deliver(&service, &["p2"]).await;
    stop(service).await;
    use_redis(&project, &server);
    project.run(&MIGRATE).assert_refused("holds events of another origin");
    project.run(&MIGRATE).assert_refused("choose another store.redis.prefix");
    let with_redis = project.read(SETTINGS);
    project.write(SETTINGS, "");
    stop(project.start().await).await;
    project.write(SETTINGS, &with_redis);

    project.append(SETTINGS, "prefix = \"another\"\n");
    assert_eq!(json_of(project.run(&[&MIGRATE[..], &["--json"]].concat()))["events"], 1);
    // Another file's work to where this one's is.
    let (third, _) = with_an_event().await;
    third.append(SETTINGS, &project.read(SETTINGS).replace("[worker]\nretry.schedule_ms = []\n", ""));
    third.run(&MIGRATE).assert_refused("holds events of another origin");
    // And this file's to a second place.
    project.edit(SETTINGS, "\"another\"", "\"third\"");
    project.run(&MIGRATE).assert_refused("was moved to Redis (prefix another)");
    project.edit(SETTINGS, "\"third\"", "\"another\"");
    let service = project.start().await;
    assert_eq!(service.get(&format!("/api/v1/events/{event}")).await["timeline"]["state"], "waiting");
}

#[tokio::test]
async fn a_user_finds_everything_on_redis() {
    let server = RedisServer::start(&KEEPS);
    let project = project();
    let service = project.start().await;
    // Of p1 nothing is left to do, p2 is dead, p3 is held; each waits on the other route but p0, which is long over.
    let old = deliver(&service, &["p0"]).await;
    let first = deliver(&service, &["p1"]).await;
    count(&service, "waiting", 2).await;
    for event in [&old[0], &first[0]] {
        let job = format!("/api/v1/jobs/{}/discard", waiting(&service, event).await);
        service.post(&job, &json!({})).await.expect("an answer");
    }
    settled(&service, 0, 6).await;
    let log = project.path("data/logs/payments.jsonl");
    let kept = std::fs::read_to_string(&log).expect("two lines");
    std::fs::remove_file(&log).expect("it was there");
    std::fs::create_dir(&log).expect("an obstacle");
    let second = deliver(&service, &["p2"]).await;
    settled(&service, 1, 8).await;
    assert_eq!(well(on(&project, &service, &["pause", "--route", "record"])), "paused: route record\n");
    let third = deliver(&service, &["p3"]).await;
    count(&service, "waiting", 2).await;
    deliver_again(&service, "p1").await;
    stop(service).await;
    std::fs::remove_dir(&log).expect("it goes");
    std::fs::write(&log, kept).expect("as before");
    sql(&project, "UPDATE dedupe SET at = 1 WHERE event = 1");

    use_redis(&project, &server);
    let told = well(project.run(&MIGRATE));
    assert!(told.starts_with("moved to Redis (prefix hookyard): 3 events with 11 jobs ("), "{told}");
    assert!(told.contains("1 event older, at their end, stay in"), "{told}");
    let again = json_of(project.run(&[&MIGRATE[..], &["--json"]].concat()));
    let jobs = json!({ "dead": 1, "discarded": 1, "done": 6, "ready": 1, "waiting": 2 });
    assert_eq!((&again["jobs"], &again["events_left"]), (&jobs, &json!(1)), "{again:#}");

    // Two stores with the same jobs would do effects twice.
    let settings = project.read(SETTINGS);
    project.write(SETTINGS, "[worker]\nretry.schedule_ms = []\n");
    Ended::of(project.serve()).assert_refused("its work was moved to Redis (prefix hookyard)");
    project.run(&["dead", "redrive", "--all", "--yes"]).assert_refused("Start it with [store.redis]");
    project.run(&[&MIGRATE[..], &["--abandon"]].concat()).assert_refused("is done there");
    project.write(SETTINGS, &settings);

    let service = project.start().await;
    let answer = deliver_known(&service, "p1").await;
    assert_eq!((&answer["event"], &answer["state"]), (&json!(first[0]), &json!("done")), "{answer}");
    let timeline = service.get(&format!("/api/v1/events/{}", first[0])).await;
    let times: Vec<&Value> =
        timeline["timeline"]["redeliveries"].as_array().expect("a list").iter().collect();
    assert!(!times.is_empty(), "{timeline:#}");
    assert_eq!(service.get("/api/v1/stats").await["depths"]["queues"][0]["ready"], 1, "it is held");
    assert_eq!(well(on(&project, &service, &["resume", "--route", "record"])), "nothing is paused\n");
    assert_eq!(
        json_of(on(&project, &service, &["dead", "redrive", "--all", "--yes", "--json"])),
        json!({ "moved": 1 })
    );
    count(&service, "dead", 0).await;
    for event in second.iter().chain(&third) {
        let job = format!("/api/v1/jobs/{}/approve", waiting(&service, event).await);
        service.post(&job, &json!({})).await.expect("an answer");
    }
    count(&service, "done", 6 + 5).await;
    assert_eq!((lines(&project, "payments").len(), lines(&project, "subscriptions").len()), (4, 2));
    // Of what was left behind nothing is known.
    assert_ne!(deliver(&service, &["p0"]).await, old);
}

/// A redelivery's answer.
async fn deliver_known(service: &Running, id: &str) -> Value {
    operated::send_payment(service, id).await.1
}

/// The job of an event that waits for a person.
async fn waiting(service: &Running, event: &str) -> String {
    let jobs = service.get("/api/v1/jobs?state=waiting").await;
    let ids = jobs.as_array().expect("jobs").iter().filter_map(|job| job["id"].as_str());
    let mut of: Vec<&str> = ids.filter(|id| id.starts_with(event)).collect();
    of.pop().expect("one waits").to_owned()
}

#[tokio::test]
async fn who_serves_on_redis_without_moving_the_work_is_told() {
    let server = RedisServer::start(&KEEPS);
    let (project, _) = with_an_event().await;
    use_redis(&project, &server);
    let told = "there is unfinished work in the SQLite file";
    let is_told = |service: Running| {
        let log = service.kill();
        log.lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.starts_with(told)))
    };
    assert!(is_told(project.start().await));
    well(project.run(&MIGRATE));
    assert!(!is_told(project.start().await));
}

#[tokio::test]
async fn a_migration_that_has_not_ended_is_told_and_can_be_abandoned() {
    let mut server = Some(RedisServer::start(&[&KEEPS[..], &["--maxmemory", "3mb"]].concat()));
    let (project, event) = with_an_event().await;
    let service = project.start().await;
    for n in 0..5 {
        let body = json!({ "type": "payment.succeeded", "data": { "id": n, "large": "x".repeat(900_000) } });
        operated::deliver_one(&service, &format!("large {n}"), &body).await;
    }
    stop(service).await;
    use_redis(&project, server.as_ref().expect("it runs"));
    project.run(&MIGRATE).assert_refused("OOM");
    let with_redis = project.read(SETTINGS);
    Ended::of(project.serve()).assert_refused("a migration into this store has not ended");
    project.write(SETTINGS, "");
    Ended::of(project.serve()).assert_refused("moving its work to Redis (prefix hookyard) has not ended");
    Ended::of(project.serve()).assert_refused("run `hookyard migrate --from sqlite --to redis` again");

    assert!(
        well(project.run(&[&MIGRATE[..], &["--abandon"]].concat())).contains("the work stays in the file")
    );
    let service = project.start().await;
    assert_eq!(service.get(&format!("/api/v1/events/{event}")).await["timeline"]["state"], "waiting");
    stop(service).await;
    // What was begun there is not gone on with: the file has been worked from since.
    project.write(SETTINGS, &with_redis);
    project.run(&MIGRATE).assert_refused("holds events of another origin");
    drop(server.take());
    let larger = RedisServer::start(&KEEPS);
    project.write(SETTINGS, "");
    use_redis(&project, &larger);
    assert_eq!(json_of(project.run(&[&MIGRATE[..], &["--json"]].concat()))["events"], 6);
    let service = project.start().await;
    let body = service.get(&format!("/api/v1/events/{event}")).await["body"].clone();
    assert!(body.as_str().is_some_and(|body| body.contains("p1")), "{body}");
    count(&service, "waiting", 6).await;
}
