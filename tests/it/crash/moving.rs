//! Work is moved from SQLite to Redis, and whoever moves it is killed wherever that may be.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Stdio},
    sync::Arc,
    time::Duration,
};

use hookyard::{
    config::SETTINGS,
    domain::{Clock, EventId},
    host::{FAIL_AT, FailPoint, SystemClock},
    store::{
        Depths, EventQuery, Store, Timeline,
        redis::{OpenError, RedisOptions, RedisStore, StoreTime},
        sqlite::{self, SqliteOptions, SqliteStore},
    },
};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::support::{
    cut::Cut,
    process::{Ended, Project, Running, comes},
    redis::{RedisServer, store_at},
};

use super::{
    lines::{self, Stage},
    lives::Lives,
    load::load,
    mixed, points, word,
};

/// Parts of the store that the work is moved to.
const SHARDS: u16 = 2;

/// How long dedupe keys are remembered, as in the shipped settings.
const DEDUPE: Duration = Duration::from_hours(240);

/// The variable with the path of Redis's socket.
const SOCKET: &str = "REDIS_SOCKET";

const MIGRATE: [&str; 6] = ["migrate", "--from", "sqlite", "--to", "redis", "--json"];

/// Deliveries before the service is killed.
const EVENTS: usize = 48;

/// A migration that may be killed.
struct Run(Child);

impl Run {
    fn start(project: &Project, cut: &Cut) -> Self {
        let mut command = project.command(&MIGRATE);
        command.env(SOCKET, cut.socket()).stdout(Stdio::null()).stderr(Stdio::null());
        Run(command.spawn().expect("it starts"))
    }

    /// Killed as soon as it has said so much; whether it ended by itself before.
    async fn ended_before(mut self, cut: &mut Cut) -> bool {
        let reached = comes(async {
            tokio::select! {
                () = cut.reached() => {}
                () = ended(&mut self.0) => {}
            }
        });
        assert!(reached.await, "it neither goes on nor ends");
        let status = self.0.try_wait().expect("it is ours");
        let _ = self.0.kill(); // it may have ended by itself
        self.0.wait().expect("it is ours");
        status.is_some_and(|status| {
            assert!(status.success(), "{status}");
            true
        })
    }
}

async fn ended(child: &mut Child) {
    while child.try_wait().expect("it is ours").is_none() {
        tokio::task::yield_now().await;
    }
}

/// Has the next service of the project use Redis.
fn use_redis(project: &Project) {
    let table = format!(
        "[store.redis]\nurls = [\"redis+unix://${{{SOCKET}}}\"]\nshards = {SHARDS}\nconnections = 2\n"
    );
    project.append(SETTINGS, &table);
}

fn migrated(project: &Project) -> Value {
    let ended = project.run(&MIGRATE);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.json()
}

async fn work_is_moved(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let after = rng.usize(EVENTS / 4..EVENTS);
    let server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let Stage { scene, recorder } = Stage::set().await;
    let super::Scene { project, sandbox } = scene;
    let project = project.with_env(SOCKET, &server.socket().to_string_lossy());
    let stage = Stage { scene: super::Scene { project, sandbox }, recorder };
    let project = &stage.scene.project;
    let context = format!("seed {seed}, killed at {after} events");

    let service = project.start().await;
    let (ripe, ripens) = oneshot::channel();
    drop(ripe);
    let (sent, _) = load(service, EVENTS, mixed::delivery, after, watch::Sender::new(0), ripens).await;
    let lost = stage.recorder.ended().await;
    let lives = Lives::ended(&stage.scene.sandbox).await;

    use_redis(project);
    let (mut words, mut kills) = (rng.usize(0..8), 0);
    loop {
        let mut cut = Cut::after(words, rng.bool(), server.socket()).await;
        if Run::start(project, &cut).ended_before(&mut cut).await {
            break;
        }
        kills += 1;
        words += rng.usize(20..60);
    }
    assert!(kills > 1, "{context}: it was killed on the way");
    let told = migrated(project);
    assert!(told["events"].as_u64().is_some_and(|events| events >= after as u64), "{context}: {told:#}");

    let service = project.start().await;
    let asked = lines::decide(&stage, &service, &context).await;
    for n in &lost {
        assert!(asked.contains(n), "{context}: nobody knows what became of {n}, and nobody was asked");
    }
    lines::finish(&stage, &service, &lives, &sent, &context).await;
}

#[tokio::test]
async fn moved_work_is_done_once_and_in_line_however_often_the_move_was_killed() {
    for _ in 0..2 {
        work_is_moved(fastrand::u64(..1 << 32)).await;
    }
}

#[tokio::test]
async fn an_answer_that_was_bought_before_the_move_is_not_bought_again() {
    // The answer is on record and was not read; or it is not known whether it was billed: then it is asked once more.
    for (point, asked) in [(FailPoint::AnswerCommitted, 1), (FailPoint::JudgeBegun, 1)] {
        let server = RedisServer::start(&[]);
        let super::Scene { project, sandbox } = super::Scene::of(&points::files()).await;
        let project = project.with_env(SOCKET, &server.socket().to_string_lossy());
        let mut command = project.serve();
        command.env(FAIL_AT, point.as_str());
        let service = Running::start(command).await;
        let body = points::cancellation(1);
        let headers = super::signed(&body);
        service.deliver("stripe", headers.clone(), body.clone()).await;
        assert!(!service.ended().await.success(), "it ends at {point}");
        use_redis(&project);
        let told = migrated(&project);
        assert_eq!((&told["events"], &told["purchases"]), (&json!(1), &json!(1)), "{point}: {told:#}");
        let service = project.start().await;
        let answer = service.deliver("stripe", headers, body).await.expect("an answer");
        let timeline = super::settled(&service, &word(&answer.1["event"])).await;
        assert_eq!(timeline["state"], "done", "{point}: {timeline:#}");
        assert_eq!(sandbox.asked().len(), asked, "{point}");
        let purchases = timeline["jobs"][0]["purchases"].as_array().map(Vec::len);
        assert_eq!(purchases, Some(if point == FailPoint::JudgeBegun { 2 } else { 1 }), "{point}");
        assert!(sandbox.effects().iter().all(|effect| effect.done == 1), "{point}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

async fn timelines(store: &dyn Store) -> BTreeMap<EventId, Timeline> {
    let mut all = BTreeMap::new();
    for summary in store.events(EventQuery::default()).await.expect("an answer") {
        let id = summary.event.id;
        all.insert(id, store.timeline(id).await.expect("an answer").expect("just seen"));
    }
    all
}

async fn depths(store: &dyn Store) -> Depths {
    let mut depths = store.depths().await.expect("an answer");
    depths.queues.sort_by_key(|queue| (queue.lane, queue.route.clone(), queue.destination.clone()));
    depths
}

async fn on_redis(server: &RedisServer) -> Result<RedisStore, OpenError> {
    let options = RedisOptions {
        shards: SHARDS,
        dedupe: DEDUPE,
        time: StoreTime::Server,
        ..store_at(vec![server.url()])
    };
    RedisStore::open(options, Arc::new(SystemClock::new()) as Arc<dyn Clock>).await
}

/// A stopped service whose work is moved again and again, from the same beginning.
struct Ground {
    project: Project,
    server: RedisServer,
    wanted: BTreeMap<EventId, Timeline>,
    depths: Depths,
}

impl Ground {
    async fn set() -> Self {
        let server = RedisServer::start(&[]);
        let super::Scene { project, .. } = Stage::set().await.scene;
        let project = project.with_env(SOCKET, &server.socket().to_string_lossy());
        // Nobody works: what comes in is all there is, in each state that it begins in.
        project.write(SETTINGS, &super::settings(0));
        let service = project.start().await;
        for n in [0, 1, 2, 4, 5, 6, 12, 16, 20] {
            let delivery = mixed::delivery(n);
            let answer = service.deliver(delivery.source, delivery.headers, delivery.body).await;
            assert_eq!(answer.expect("an answer").0, 202);
        }
        service.kill();
        let file = on_file(&project).expect("it opens");
        let (wanted, depths) = (timelines(&file).await, depths(&file).await);
        file.close();
        copy(&project.data(), &project.path("whole"));
        use_redis(&project);
        Ground { project, server, wanted, depths }
    }

    async fn begin_anew(&self) {
        std::fs::remove_dir_all(self.project.data()).expect("it goes");
        copy(&self.project.path("whole"), &self.project.data());
        self.flush().await;
    }

    async fn flush(&self) {
        let _: String = self.server.ask(&["FLUSHALL"]).await;
    }

    /// Kills a run; at no moment both stores may be worked from, and neither before all is there.
    async fn cut(&self, words: usize, answered: bool, context: &str) {
        let mut cut = Cut::after(words, answered, self.server.socket()).await;
        Run::start(&self.project, &cut).ended_before(&mut cut).await;
        match (on_file(&self.project), on_redis(&self.server).await) {
            // Nothing was begun; what the test made of it goes.
            (Ok(file), Ok(redis)) => {
                assert!(timelines(&redis).await.is_empty(), "{context}: both could be worked from");
                file.close();
                self.flush().await;
            }
            (Ok(file), Err(error)) => panic!("{context}: {error}; {:?}", file.close()),
            (Err(sqlite::OpenError::Left { .. }), Ok(redis)) => {
                assert_eq!(timelines(&redis).await, self.wanted, "{context}: all or nothing");
            }
            // Noted in the file, and nothing more.
            (Err(error), Ok(redis)) => {
                assert!(timelines(&redis).await.is_empty(), "{context}: {error}");
                self.flush().await;
            }
            (Err(_), Err(error)) => assert!(matches!(error, OpenError::Migrating), "{context}: {error}"),
        }
    }

    /// Goes on to the end, which is told and compared with what the file held.
    async fn end(&self, context: &str) -> Value {
        let told = migrated(&self.project);
        let redis = on_redis(&self.server).await.expect("it is open");
        assert_eq!(timelines(&redis).await, self.wanted, "{context}");
        assert_eq!(depths(&redis).await, self.depths, "{context}");
        let bodies: Vec<String> = self.server.ask(&["KEYS", "*:body:*"]).await;
        assert_eq!(bodies.len(), self.wanted.len(), "{context}");
        for body in bodies {
            assert_eq!(self.server.ask::<i64>(&["TTL", &body]).await, -1, "{context}: {body} stays");
        }
        told
    }
}

fn on_file(project: &Project) -> Result<SqliteStore, sqlite::OpenError> {
    let options = SqliteOptions { dir: project.data(), dedupe: DEDUPE, on_commit: Arc::new(|_, _| {}) };
    SqliteStore::open(options, Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn a_move_ends_the_same_wherever_it_was_killed() {
    let ground = Ground::set().await;
    let mut whole = Cut::after(usize::MAX, true, ground.server.socket()).await;
    assert!(Run::start(&ground.project, &whole).ended_before(&mut whole).await);
    let (all, told) = (whole.passed(), ground.end("not killed").await);
    assert!(all > 20, "it says more than {all} words");
    assert_eq!(word(&told["to"]), "Redis (prefix hookyard)");

    // Here and there on the way; and wherever it may be at the end, where one step follows the other.
    let mut points: Vec<(usize, bool)> = Vec::new();
    let mut at = fastrand::usize(..4);
    while at < all {
        points.push((at, fastrand::bool()));
        at += fastrand::usize(3..7);
    }
    points.extend((all - 6..all + 2).flat_map(|words| [(words, false), (words, true)]));
    for (words, answered) in points {
        let context = format!("killed after {words} words of {all}, the last answered: {answered}");
        ground.begin_anew().await;
        ground.cut(words, answered, &context).await;
        assert_eq!(ground.end(&context).await, told, "{context}");
    }
    // The file is refused where Redis is not configured.
    ground.project.write(SETTINGS, &super::settings(0));
    Ended::of(ground.project.serve()).assert_refused("its work was moved to Redis (prefix hookyard)");
}
