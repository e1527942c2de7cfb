//! How long the steps of one event's walk take, each by itself. Run with `cargo bench`.
#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot run should stop")]

use std::{sync::Arc, time::Duration};

use divan::{Bencher, counter::ItemsCount};
use hookyard::{
    config::{Files, FixedEnvironment},
    domain::{Clock, Delivery, Event, EventId, Lane, Unverified, Work},
    engine::{self, Admitted, CompileOptions, Engine},
    host::{self, SystemClock},
    source::{self, Reading, Scheme, Verified},
    store::{
        Admission, DedupeKey, NewJob, OnMatch, Store,
        sqlite::{SqliteOptions, SqliteStore},
    },
};
use secrecy::SecretString;
use tokio::runtime::Runtime;

/// Size of the event that is measured, in bytes.
const BODY_BYTES: usize = 3_000;

/// Deliveries that are accepted at one time: they share commits.
const TOGETHER: usize = 64;

const SECRET: &str = "bench-secret";

fn main() {
    divan::main();
}

/// The shipped configuration, with only the `forms` source on.
fn engine() -> Engine {
    let env =
        FixedEnvironment([("FORMS_WEBHOOK_SECRET".to_owned(), SECRET.to_owned())].into_iter().collect());
    let (engine, problems) = engine::compile(&Files::embedded(), &env, CompileOptions::default());
    engine.unwrap_or_else(|| panic!("{problems}"))
}

fn body() -> Vec<u8> {
    let mut items = String::new();
    while items.len() < BODY_BYTES - 200 {
        items.push_str(r#"{"sku":"A-1","name":"Item \"one\"","amount":137,"active":true,"tags":["a","b"]},"#);
    }
    format!(
        r#"{{"id":"evt_1","type":"payment.succeeded","data":{{"amount_cents":4900,"items":[{}]}}}}"#,
        items.trim_end_matches(',')
    )
    .into_bytes()
}

fn delivery() -> Delivery<Unverified> {
    let (body, now) = (body(), SystemClock::new().now());
    let signed = source::sign(Scheme::Generic, &SecretString::from(SECRET), "evt_1", &body, None, now);
    let mut headers = http::HeaderMap::new();
    for (name, value) in signed.expect("signed") {
        headers.insert(name, value.parse().expect("a header"));
    }
    Delivery::new("forms".into(), headers, body.into(), now)
}

fn verified(engine: &Engine) -> Delivery<Verified> {
    let source = engine.source("forms").expect("on");
    source.verifier.verify(delivery(), SystemClock::new().now()).expect("signed by us")
}

/// Checks the signature and reads id and type.
#[divan::bench]
fn verify_and_read(bencher: Bencher) {
    let engine = engine();
    let source = engine.source("forms").expect("on");
    let now = SystemClock::new().now();
    bencher.with_inputs(delivery).bench_values(|delivery| {
        let verified = source.verifier.verify(delivery, now).expect("signed by us");
        source.verifier.read(&verified)
    });
}

/// Filter and route: from a verified delivery to an event with its jobs.
#[divan::bench]
fn filter_and_route(bencher: Bencher) {
    let engine = engine();
    let source = engine.source("forms").expect("on");
    let verified = verified(&engine);
    let Reading::Event(identity) = source.verifier.read(&verified) else { panic!("an event") };
    bencher.bench(|| {
        matches!(engine.admit(source, &verified, &identity, host::event_id()), Admitted::Event { .. })
    });
}

/// Accepts 64 events at one time, each answered after an fsync.
#[divan::bench(sample_count = 50)]
fn accept_64_events(bencher: Bencher) {
    let engine = engine();
    let proof = verified(&engine);
    let dir = tempfile::tempdir().expect("a directory");
    let options = SqliteOptions {
        dir: dir.path().to_owned(),
        dedupe: Duration::from_secs(8 * 24 * 3600),
        on_commit: Arc::new(|_, _| {}),
    };
    let store = Arc::new(SqliteStore::open(options, Arc::new(SystemClock::new())).expect("opens"));
    let runtime = Runtime::new().expect("a runtime");
    bencher.counter(ItemsCount::new(TOGETHER)).bench(|| {
        runtime.block_on(async {
            let mut waiting = tokio::task::JoinSet::new();
            for _ in 0..TOGETHER {
                let (store, admission) = (Arc::clone(&store), admission(&proof, host::event_id()));
                waiting.spawn(async move { store.accept(admission).await.expect("accepted") });
            }
            waiting.join_all().await.len()
        })
    });
}

fn admission(proof: &Delivery<Verified>, id: EventId) -> Admission {
    let event = Event {
        id,
        source: "forms".into(),
        event_type: "payment.succeeded".into(),
        lane: Lane::Critical,
        received_at: proof.received_at(),
        test_mode: false,
        headers: Vec::new(),
        body: proof.body().clone().into(),
    };
    let key = DedupeKey { text: format!("forms/{id}"), on_match: OnMatch::Duplicate };
    let work = Work::Route { route: "payment".into(), replay: None };
    let job = NewJob::new(Lane::Critical, work, "bench".into());
    Admission::new(proof.trust(), event, vec![key], vec![job])
}

/// Teaches the local judges of all three shipped classifiers.
#[divan::bench(sample_count = 10)]
fn train_local_judges(bencher: Bencher) {
    let engine = engine();
    bencher.bench(|| engine.train());
}
