//! More than there is room for.

use hookyard::config::SOURCES;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::house::{Delivery, House, Plan, Wire, note, payment};

/// A source that takes one event a minute in each class of lanes.
fn narrow(source: &str) -> Plan {
    let table = format!("[source.{source}]\n");
    let narrow = format!("{table}limit = {{ critical_per_min = 1, other_per_min = 1 }}\n");
    House::plan().edit(SOURCES, &table, &narrow).setting("concurrency = 0")
}

#[tokio::test]
async fn beyond_its_limit_a_sender_is_asked_to_come_again_and_known_events_pass() {
    let failed = |id| Delivery::forms(id, json!({ "type": "payment.failed", "data": {} }));
    for (source, first, more) in [
        ("forms", note("n-1"), note("n-2")),
        ("forms", failed("f-1"), failed("f-2")),
        ("stripe", payment("evt_1"), payment("evt_2")),
    ] {
        let house = narrow(source).start().await;
        let event = house.queue(&first).await;
        for _ in 0..2 {
            let refused = house.deliver(&more).await;
            assert_eq!((refused.status, refused.word()), (429, "rate_limited"), "{source}");
            let wait: u64 = refused.header("retry-after").and_then(|s| s.parse().ok()).unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert_eq!(refused.json["retry_after"], wait);
            let known = house.deliver(&first).await;
            assert_eq!((known.status, known.event()), (200, event), "{source}");
        }
        assert_eq!(house.events().await.len(), 1);
    }
}

#[tokio::test]
async fn the_critical_lane_has_a_limit_of_its_own() {
    let house = narrow("forms").start().await;
    let failed = Delivery::forms("f", json!({ "type": "payment.failed", "data": {} }));
    let statuses = [
        house.deliver(&note("n-1")).await.status,
        house.deliver(&note("n-2")).await.status,
        house.deliver(&failed).await.status,
        // Another source's is another.
        house.deliver(&payment("evt_1")).await.status,
    ];
    assert_eq!(statuses, [202, 429, 202, 202]);
}

#[tokio::test]
async fn githubs_excess_goes_to_the_bulk_lane_because_github_does_not_retry() {
    let house = narrow("github").start().await;
    for (n, lane) in ["normal", "bulk", "bulk"].into_iter().enumerate() {
        let body = json!({ "action": "opened", "pull_request": { "number": n } });
        let event = house.queue(&Delivery::github(&format!("d-{n}"), "pull_request", body)).await;
        let timeline = house.service.store.timeline(event).await.unwrap().unwrap();
        let lanes = [timeline.event.lane.as_str(), timeline.jobs[0].job.lane.as_str()];
        assert_eq!(lanes, [lane, lane], "{n}");
    }
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_a_sender_is_asked_to_come_again() {
    let house = House::plan()
        .setting("body_bytes_max = 32768")
        .setting("in_flight_bytes_max = 32768")
        .setting("concurrency = 0")
        .start()
        .await;
    let waiting = |n: usize| vec![("expect", "100-continue".to_owned()), ("x-n", n.to_string())];
    let mut slow = Wire::open(house.service.public).await;
    slow.head_of("POST", "/webhooks/forms", &waiting(1), Some(32_768)).await;
    assert_eq!(slow.status().await.0, 100, "its body is being waited for");
    let announced = house.deliver(&note("n-0")).await;
    assert_eq!(announced.status, 202, "who only announces takes nobody's room");

    // All but the last byte: as soon as they are read, there is room for nobody else.
    slow.say(&[b'x'; 32_767]).await;
    let mut n = 1;
    let refused = loop {
        let answer = house.deliver(&note(&format!("n-{n}"))).await;
        if answer.status != 202 || n == 1_000 {
            break answer;
        }
        n += 1;
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!((refused.word(), &refused.json["retry_after"]), ("refused", &5.into()));

    // Its bytes are given back with its answer.
    slow.say(b"x").await;
    assert_eq!(slow.answer().await.status, 401);
    assert_eq!(house.deliver(&note("n")).await.status, 202);
}

#[tokio::test]
async fn a_full_store_refuses_before_the_body_is_read() {
    let house = House::plan().setting("open_jobs_max = 2").setting("concurrency = 0").start().await;
    house.queue(&note("n-1")).await;
    house.queue(&note("n-2")).await;

    let delivery = note("n-3");
    let mut headers = delivery.headers(house.now());
    headers.push(("expect", "100-continue".to_owned()));
    let mut wire = Wire::open(house.service.public).await;
    wire.head_of("POST", "/webhooks/forms", &headers, Some(delivery.body.len())).await;
    let refused = wire.answer().await; // no 100 before it: the body was not asked for
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(refused.reason(), "too many jobs are waiting");
    assert_eq!(house.events().await.len(), 2);

    // Room is made by finishing or discarding work.
    let job =
        house.service.store.timeline(house.events().await[0].event.id).await.unwrap().unwrap().jobs[0].job.id;
    let claim = hookyard::store::ClaimRequest {
        shares: [1, 0, 0].map(|share| (hookyard::domain::Lane::Normal, share)),
        lease: std::time::Duration::from_secs(60),
        limits: hookyard::store::Limits::default(),
    };
    let claimed = house.service.store.claim(claim).await.unwrap().jobs.remove(0);
    let now = house.now();
    let attempt = hookyard::domain::Attempt {
        started_at: now,
        ended_at: now,
        outcome: hookyard::domain::AttemptOutcome::Done,
        detail: None,
        status: None,
    };
    let settlement = hookyard::store::Settlement {
        attempt,
        next: hookyard::domain::Next::Done,
        request: None,
        in_doubt: false,
        verdict: None,
        receipt: None,
        follow_up: Vec::new(),
        replaces: Vec::new(),
    };
    assert_ne!(claimed.job.id, job, "the older one is handed out first");
    house.service.store.settle(claimed.lease, settlement).await.unwrap();
    assert_eq!(house.deliver(&delivery).await.status, 202);
}

#[tokio::test]
async fn a_sender_that_never_ends_its_head_is_cut_off() {
    let house = House::plan().setting("request_timeout_ms = 100").setting("concurrency = 0").start().await;
    let mut slow = tokio::net::TcpStream::connect(house.service.public).await.unwrap();
    slow.write_all(b"POST /webhooks/forms HTTP/1.1\r\nhost: here\r\nx-slow").await.unwrap();
    let mut said = Vec::new();
    slow.read_to_end(&mut said).await.unwrap(); // ends only when the service hangs up
    assert!(!String::from_utf8_lossy(&said).contains(" 20"), "{said:?}");
}
