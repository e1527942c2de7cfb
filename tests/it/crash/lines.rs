//! Kills among deliveries of several kinds: events in lines, bodies in files, and an action that nothing protects from
//! being done twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{oneshot, watch};

use crate::support::process::{self, Project, Running};

use super::{
    Scene,
    lives::Lives,
    load::{CONNECTIONS, Sent, load},
    mixed::{self, FORMS_SECRET, Kind},
    recorder::{Arrival, Loss, Recorder, SLACK},
    rounds::all_at_their_end,
    tally::Tally,
    word,
};

/// Events of one round.
const EVENTS: usize = 120;
/// Where the action that comes first in a line goes.
const PAYMENTS: &str = "/crm/payments";
const DEPTHS: &str = "/api/v1/depths";

/// The service sends through a recorder to the sandbox.
pub(super) struct Stage {
    pub scene: Scene,
    pub recorder: Recorder,
}

impl Stage {
    pub async fn set() -> Self {
        let Scene { project, sandbox } = Scene::of(&mixed::files(8)).await;
        let recorder = Recorder::before(&sandbox).await;
        let at = |path: &str| format!("{}{path}", recorder.base);
        let project: Project = project
            .with_env("CRM_URL", &at("/crm"))
            .with_env("MAIL_URL", &at("/mail"))
            .with_env("SLACK_WEBHOOK_URL", &at(SLACK))
            .with_env("FORMS_WEBHOOK_SECRET", FORMS_SECRET);
        Stage { scene: Scene { project, sandbox }, recorder }
    }

    /// The files of bodies, by path below their folder.
    fn bodies(&self) -> BTreeSet<String> {
        let folder = self.scene.project.data().join("bodies");
        let found = if folder.exists() { process::files_below(&folder) } else { Vec::new() };
        found.into_iter().filter(|path| path.contains('/')).collect()
    }

    /// Looks until a file is being written: nothing tells of that.
    async fn part(&self) {
        while !self.bodies().iter().any(|path| path.ends_with(".part")) {
            tokio::task::yield_now().await;
        }
    }

    /// What took place, by kind and delivery, and how often.
    pub fn effects(&self) -> BTreeMap<(usize, &'static str), u32> {
        let mut done = BTreeMap::new();
        for effect in self.scene.sandbox.effects() {
            let n = mixed::number(effect.body.to_string().as_bytes()).expect("a delivery's");
            *done.entry((n, effect.kind)).or_default() += effect.done;
        }
        done
    }
}

/// What the kill certainly meets.
#[derive(Debug, Clone, Copy)]
enum Meets {
    /// What there happens to be.
    Anything,
    /// Requests to Slack of which nobody knows what became: from some delivery on, this was lost of them.
    Lost(Loss),
    /// The file of a body that is being written.
    Part,
}

const MEETS: [Meets; 4] =
    [Meets::Anything, Meets::Lost(Loss::Request), Meets::Lost(Loss::Answer), Meets::Part];

pub(super) async fn round(seed: u64) -> Tally {
    let mut rng = fastrand::Rng::with_seed(seed);
    let meets = rng.choice(MEETS).expect("there are some");
    // What it meets begins when there are enough deliveries to come.
    let begins = rng.usize(..EVENTS / 2);
    let after = match meets {
        Meets::Part => begins,
        Meets::Anything | Meets::Lost(_) => rng.usize(begins..EVENTS),
    };
    let context = format!("KILL_SEED={seed}, killed at {after} events, met {meets:?} from {begins} on");
    let stage = Stage::set().await;
    let service = stage.scene.project.start().await;

    let (ripe, ripens) = oneshot::channel();
    let counter = watch::Sender::new(0);
    let mut counted = counter.subscribe();
    let meeting = async {
        let begun = async { drop(counted.wait_for(|count| *count >= begins).await) };
        process::in_time("the first deliveries", begun).await;
        match meets {
            Meets::Anything => {}
            Meets::Lost(loss) => stage.recorder.lose(loss).await,
            Meets::Part => process::in_time("a file", stage.part()).await,
        }
        drop(ripe);
    };
    let loaded = load(service, EVENTS, mixed::delivery, after, counter, ripens);
    let ((sent, _), ()) = tokio::join!(loaded, meeting);
    let lost_on_the_way = stage.recorder.ended().await;
    let lives = Lives::ended(&stage.scene.sandbox).await;

    let service = stage.scene.project.start().await;
    let asked = decide(&stage, &service, &context).await;
    for n in &lost_on_the_way {
        assert!(asked.contains(n), "{context}: nobody knows what became of {n}, and nobody was asked");
    }
    finish(&stage, &service, &lives, &sent, &context).await
}

/// A person looks for each notice of which nobody knows whether it arrived, and says that it did or that it is to be
/// sent. The deliveries they were for.
pub(super) async fn decide(stage: &Stage, service: &Running, context: &str) -> BTreeSet<usize> {
    let quiet = |depths: &Value| {
        let ready = depths["lanes"].as_array().expect("lanes").iter().map(|lane| &lane["ready"]);
        ready.chain([&depths["leased"]]).all(|number| number == &json!(0))
    };
    service.until(DEPTHS, quiet).await;
    let there = stage.effects();
    let arrivals = stage.recorder.arrivals();
    let waiting = service.get("/api/v1/jobs?state=waiting").await;
    let mut asked = BTreeSet::new();
    let of = |job: &Value| mixed::number(job["request"].to_string().as_bytes()).expect("a delivery's");
    for job in waiting.as_array().expect("jobs") {
        let n = of(job);
        assert_eq!(job["request"]["class"], "bare", "{context}: {job:#}");
        let why = job["reason"].as_str().expect("a reason");
        assert!(why.starts_with("it is unknown whether it arrived"), "{context}: {job:#}");
        assert_eq!((&job["in_doubt"], &job["lost_leases"]), (&json!(true), &json!(1)), "{context}: {job:#}");
        assert!(asked.insert(n), "{context}: one notice each: {job:#}");
        let mut sent = arrivals.iter().filter(|arrival| arrival.n == n && arrival.path == SLACK);
        assert!(sent.all(|arrival| arrival.life == 0), "{context}: sent again unasked: {job:#}");
    }
    for job in waiting.as_array().expect("jobs") {
        let says = if there.contains_key(&(of(job), "slack.text")) { "done" } else { "approve" };
        let job = word(&job["id"]);
        let answer = service.post(&format!("/api/v1/jobs/{job}/{says}"), &json!({})).await;
        assert_eq!(answer.expect("an answer")["job"], json!(job), "{context}");
    }
    asked
}

pub(super) async fn finish(
    stage: &Stage,
    service: &Running,
    lives: &Lives,
    sent: &[Sent],
    context: &str,
) -> Tally {
    let known = all_at_their_end(service, context).await;
    let acknowledged: Vec<&String> =
        sent.iter().filter_map(|sent| sent.acknowledged.as_ref()).map(|(event, _)| event).collect();
    let lost: Vec<&&String> = acknowledged.iter().filter(|event| !known.contains(**event)).collect();
    assert!(lost.is_empty(), "{context}: acknowledged and lost: {lost:?}");
    assert!(known.len() <= acknowledged.len() + CONNECTIONS, "{context}: one unanswered delivery each");

    let deliveries = assert_bodies_are_there(stage, service, &known, context).await;
    let wanted: BTreeMap<_, _> =
        deliveries.iter().flat_map(|n| mixed::effects(*n).iter().map(|kind| ((*n, *kind), 1))).collect();
    assert_eq!(stage.effects(), wanted, "{context}: everything once");
    assert_logged_once(stage, service, "payments", "refund.created", context).await;
    assert_logged_once(stage, service, "subscriptions", "subscription.created", context).await;
    assert_in_line(&stage.recorder.arrivals(), sent, context);
    let repeats = lives.assert_repeats_lie_across_the_kill(&stage.scene.sandbox, context);
    Tally {
        rounds: 1,
        acknowledged: acknowledged.len(),
        kills: 1,
        lost: lost.len(),
        repeated: 0,
        duplicated: repeats.requests,
        asked_again: repeats.questions,
    }
}

/// Every body reads as it was sent, and there are files for the large ones and no others. The deliveries that were
/// numbered.
async fn assert_bodies_are_there(
    stage: &Stage,
    service: &Running,
    known: &BTreeSet<String>,
    context: &str,
) -> BTreeSet<usize> {
    let a_copy = (0..EVENTS).find(|n| mixed::kind(*n) == Kind::Copy).expect("copies");
    let (mut numbered, mut files) = (BTreeSet::new(), BTreeSet::new());
    for event in known {
        let body = word(&service.get(&super::path(event)).await["body"]);
        let n = mixed::number(body.as_bytes());
        // Not `assert_eq`, which would show both.
        assert!(body.as_bytes() == mixed::body(n.unwrap_or(a_copy)), "{context}: another body: {event}");
        if n.is_none_or(mixed::is_large) {
            let name = hex::encode(Sha256::digest(body.as_bytes()));
            files.insert(format!("{}/{name}", &name[..2]));
        }
        assert!(n.is_none_or(|n| numbered.insert(n)), "{context}: {n:?} is there twice");
    }
    assert_eq!(stage.bodies(), files, "{context}: the files of bodies");
    numbered
}

/// A log has one line for each event of a type.
async fn assert_logged_once(stage: &Stage, service: &Running, log: &str, event_type: &str, context: &str) {
    let listed = service.get(&format!("/api/v1/events?type={event_type}")).await;
    let mut events: Vec<String> =
        listed.as_array().expect("events").iter().map(|event| word(&event["id"])).collect();
    let mut logged = stage.scene.logged(log);
    events.sort();
    logged.sort();
    assert_eq!(logged, events, "{context}: {log}");
}

/// What the sink saw of each customer's line: one event at a time, and none before one that was acknowledged before it
/// was sent.
pub(super) fn assert_in_line(arrivals: &[Arrival], sent: &[Sent], context: &str) {
    let sent: BTreeMap<usize, &Sent> = sent.iter().map(|sent| (sent.n, sent)).collect();
    let is_before = |one: usize, other: usize| {
        let answered: Option<Instant> = sent[&one].acknowledged.as_ref().map(|(_, at)| *at);
        answered.is_some_and(|at| at < sent[&other].at)
    };
    let in_line: Vec<&Arrival> =
        arrivals.iter().filter(|arrival| mixed::kind(arrival.n) == Kind::Line).collect();
    for (at, earlier) in in_line.iter().enumerate() {
        for later in &in_line[at + 1..] {
            if mixed::customer(earlier.n) != mixed::customer(later.n) {
                continue;
            }
            assert!(!is_before(later.n, earlier.n), "{context}: {later:?} came too late, after {earlier:?}");
            // Only a kill cuts a request off.
            let over = earlier.ended.map_or(earlier.life < later.life, |ended| ended < later.began);
            assert!(over, "{context}: two at once: {earlier:?} and {later:?}");
            let follows = earlier.n != later.n || !(earlier.path == SLACK && later.path == PAYMENTS);
            assert!(follows, "{context}: the second action before the first: {earlier:?} and {later:?}");
        }
    }
}
