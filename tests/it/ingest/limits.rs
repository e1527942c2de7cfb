//! More than there is room for, or than a sender's share.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use axum::body::Body;
use hookyard::{config::SOURCES, ingest::Ingest, store::sqlite::FILE};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::support::house::{Answer, Delivery, House, Plan, Wire, note, payment, stripe};

/// A source that takes one event a minute in each class of lanes.
fn narrow(source: &str) -> Plan {
    limited(source, "critical_per_min = 1, other_per_min = 1")
}

fn limited(source: &str, limit: &str) -> Plan {
    let table = format!("[source.{source}]\n");
    let with_limit = format!("{table}limit = {{ {limit} }}\n");
    House::plan().edit(SOURCES, &table, &with_limit).setting("concurrency = 0")
}

/// A source of which each account, or else each address, may send one event a minute in each class of lanes.
fn shared(source: &str) -> Plan {
    limited(source, "account_critical_per_min = 1, account_other_per_min = 1")
}

/// A payment at a connected account of Stripe.
fn payment_at(account: &str, id: &str) -> Delivery<'static> {
    let mut body = stripe(id, "payment_intent.succeeded", json!({ "id": "pi_1" }));
    body["account"] = account.into();
    Delivery::stripe(body)
}

/// A pull request in a repository of `owner`.
fn pull_of<'a>(owner: &str, id: &'a str) -> Delivery<'a> {
    let repository = json!({ "owner": { "login": owner } });
    let body = json!({ "action": "opened", "pull_request": { "number": id }, "repository": repository });
    Delivery::github(id, "pull_request", body)
}

/// Delivers by way of proxies that wrote `forwarded_for`.
async fn deliver_by(house: &House, forwarded_for: &[&str], delivery: &Delivery<'_>) -> Answer {
    let mut headers = delivery.headers(house.now());
    headers.extend(forwarded_for.iter().map(|list| ("x-forwarded-for", (*list).to_owned())));
    house.post(&format!("/webhooks/{}", delivery.source), &headers, &delivery.body).await
}

async fn lane(house: &House, delivery: &Delivery<'_>) -> &'static str {
    let event = house.queue(delivery).await;
    let timeline = house.service.store.timeline(event).await.unwrap().unwrap();
    assert!(timeline.jobs.iter().all(|entry| entry.job.lane == timeline.event.lane));
    timeline.event.lane.as_str()
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
    // A redelivery is no excess, and nobody was refused.
    let again = json!({ "action": "opened", "pull_request": { "number": 0 } });
    assert_eq!(house.deliver(&Delivery::github("d-0", "pull_request", again)).await.word(), "duplicate");
    let metrics = house.ask("/metrics").await.text;
    for line in [
        "hookyard_demoted_total{source=\"github\"} 2",
        "hookyard_demoted_total{source=\"forms\"} 0",
        "hookyard_refused_total{source=\"github\",reason=\"rate_limited\"} 0",
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "no `{line}` in:\n{metrics}");
    }
}

#[tokio::test]
async fn a_flood_of_one_account_leaves_the_others_served() {
    let limit = "critical_per_min = 10, account_critical_per_min = 1";
    let house = limited("stripe", limit).start().await;
    house.queue(&payment_at("acct_1", "evt_0")).await;
    for n in 1..=50 {
        let refused = house.deliver(&payment_at("acct_1", &format!("evt_{n}"))).await;
        assert_eq!((refused.status, refused.word()), (429, "rate_limited"), "{n}");
        assert_eq!(refused.reason(), "this account has sent as much as it may in a minute");
    }
    // More than the source's own ten were refused, and none of them was taken from it.
    house.queue(&payment_at("acct_2", "evt_a")).await;
    assert_eq!(house.deliver(&payment_at("acct_2", "evt_b")).await.status, 429);
    // An event that names no account goes by its address.
    house.queue(&payment("evt_c")).await;
    let refused = house.deliver(&payment("evt_d")).await;
    assert_eq!(refused.reason(), "this address has sent as much as it may in a minute");
}

#[tokio::test]
async fn the_source_has_a_limit_over_all_its_accounts() {
    let house = limited("stripe", "critical_per_min = 3, account_critical_per_min = 2").start().await;
    let mut told = Vec::new();
    for (n, account) in ["acct_1", "acct_1", "acct_1", "acct_2", "acct_3"].into_iter().enumerate() {
        let answer = house.deliver(&payment_at(account, &format!("evt_{n}"))).await;
        told.push((answer.status, answer.reason().split(' ').nth(1).unwrap_or_default().to_owned()));
    }
    let told: Vec<_> = told.iter().map(|(status, by)| (*status, by.as_str())).collect();
    assert_eq!(told, [(202, ""), (202, ""), (429, "account"), (202, ""), (429, "source")]);
}

#[tokio::test]
async fn every_scheme_may_name_the_account() {
    let body = |account: &str| json!({ "type": "payment.failed", "account": account, "data": {} });
    let forms = |account: &str, id| Delivery::forms(id, body(account));
    let partners = |account: &str, id| Delivery::partners(id, body(account));
    let house = shared("forms").start().await;
    for (account, id, status) in [("a", "1", 202), ("a", "2", 429), ("b", "3", 202), ("b", "4", 429)] {
        assert_eq!(house.deliver(&forms(account, id)).await.status, status, "{id}");
    }
    let house = shared("partners").start().await;
    for (account, id, status) in [("a", "1", 202), ("a", "2", 429), ("b", "3", 202), ("b", "4", 429)] {
        assert_eq!(house.deliver(&partners(account, id)).await.status, status, "{id}");
    }
}

#[tokio::test]
async fn githubs_excess_of_one_account_goes_to_the_bulk_lane_alone() {
    let house = shared("github").start().await;
    let mut lanes = Vec::new();
    for (owner, id) in
        [("ada", "d-1"), ("ada", "d-2"), ("charles", "d-3"), ("ada", "d-4"), ("charles", "d-5")]
    {
        lanes.push(lane(&house, &pull_of(owner, id)).await);
    }
    assert_eq!(lanes, ["normal", "bulk", "normal", "bulk", "bulk"]);
}

#[tokio::test]
async fn without_an_account_each_address_behind_a_trusted_proxy_has_its_share() {
    let house = shared("forms").setting("trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]").start().await;
    for (forwarded_for, id, status) in [
        (&["198.51.100.1"] as &[&str], "1", 202),
        (&["198.51.100.1"], "2", 429),
        (&["198.51.100.2"], "3", 202),
        // What a client makes up stands left of what the proxy saw.
        (&["203.0.113.1, 198.51.100.1"], "4", 429),
        (&["203.0.113.2", "198.51.100.1"], "5", 429),
        (&["203.0.113.3, 198.51.100.1, 10.1.1.1"], "6", 429),
        // One customer's many IPv6 addresses are one.
        (&["2001:db8:0:1::1"], "7", 202),
        (&["2001:db8:0:1::2"], "8", 429),
        (&["2001:db8:0:2::1"], "9", 202),
    ] {
        let answer = deliver_by(&house, forwarded_for, &note(id)).await;
        assert_eq!(answer.status, status, "{forwarded_for:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_stranger_cannot_say_where_it_comes_from() {
    for proxies in ["trusted_proxies = []", "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]"] {
        let house = shared("forms").setting(proxies).start().await;
        for (n, status) in [202, 429, 429].into_iter().enumerate() {
            let made_up = format!("198.51.100.{n}");
            let answer = deliver_by(&house, &[&made_up], &note(&n.to_string())).await;
            assert_eq!(answer.status, status, "{proxies} {n}");
        }
    }
}

#[tokio::test]
async fn a_sender_that_comes_again_when_it_was_told_to_is_let_in() {
    for plan in [narrow("forms"), shared("forms")] {
        let house = plan.start().await;
        house.queue(&note("n-1")).await;
        let refused = house.deliver(&note("n-2")).await;
        let wait: u64 = refused.header("retry-after").and_then(|s| s.parse().ok()).unwrap();
        house.advance(Duration::from_secs(wait - 1));
        assert_eq!(house.deliver(&note("n-2")).await.status, 429, "too early");
        house.advance(Duration::from_secs(1));
        house.queue(&note("n-2")).await;
        assert_eq!(house.deliver(&note("n-3")).await.status, 429);
    }
}

#[tokio::test]
async fn a_redelivery_takes_nothing_from_the_minutes_share() {
    let two = "other_per_min = 20, account_other_per_min = 2";
    for plan in [limited("forms", "other_per_min = 2"), limited("forms", two)] {
        let house = plan.start().await;
        let first = house.queue(&note("n-1")).await;
        for _ in 0..30 {
            assert_eq!(house.deliver(&note("n-1")).await.event(), first);
        }
        house.queue(&note("n-2")).await;
        assert_eq!(house.deliver(&note("n-3")).await.status, 429);
        assert_eq!(house.deliver(&note("n-1")).await.event(), first, "beyond the limit, too");
    }
}

/// As many bytes may be in flight as one body may have.
fn one_large_body_at_a_time() -> Plan {
    House::plan()
        .setting("body_bytes_max = 32768")
        .setting("in_flight_bytes_max = 32768")
        .setting("concurrency = 0")
}

#[tokio::test]
async fn beyond_the_bytes_in_flight_a_sender_is_asked_to_come_again() {
    let house = one_large_body_at_a_time().start().await;
    let waiting = |n: usize| vec![("expect", "100-continue".to_owned()), ("x-n", n.to_string())];
    let mut slow = Wire::open(house.public()).await;
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
async fn the_bytes_of_a_sender_that_hung_up_are_in_flight_until_the_store_lets_go_of_them() {
    let house = one_large_body_at_a_time().start().await;
    let service = &house.service;
    let (engine, store) = (service.engine.clone(), Arc::clone(&service.store));
    let router =
        Ingest::new(engine, store, house.clock.clone(), service.metrics.clone(), Arc::default()).router();
    let data = json!({ "message": "x".repeat(20_000) });
    let delivery = Delivery::forms("n", json!({ "type": "lead.form.submitted", "data": data }));
    let request = |headers: &[(&str, String)]| {
        let request = http::Request::post("/webhooks/forms");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        request.body(Body::from(delivery.body.clone())).unwrap()
    };
    let unsigned = async || router.clone().oneshot(request(&[])).await.unwrap().status().as_u16();
    assert_eq!(unsigned().await, 401, "there is room for one");

    let file = rusqlite::Connection::open(house.dir.path().join(FILE)).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap(); // the writer waits for us
    let mut signed = Box::pin(router.clone().oneshot(request(&delivery.headers(house.now()))));
    // All is at hand: it goes as far as the writer.
    assert!(poll_fn(|cx| Poll::Ready(signed.as_mut().poll(cx))).await.is_pending());
    drop(signed); // as the listener does when the sender hangs up
    assert_eq!(unsigned().await, 503, "the writer holds the bytes");

    file.execute_batch("ROLLBACK").unwrap();
    assert!(!service.store.knows(&[]).await.unwrap(), "whatever came before it is done");
    assert_eq!(unsigned().await, 401);
    assert_eq!(house.events().await.len(), 1, "what was handed in is stored");
}

#[tokio::test]
async fn a_full_store_refuses_before_the_body_is_read() {
    let house = House::plan().setting("open_jobs_max = 2").setting("concurrency = 0").start().await;
    house.queue(&note("n-1")).await;
    house.queue(&note("n-2")).await;

    let delivery = note("n-3");
    let refused = house.announce(&delivery).await.answer().await; // no 100 before it: the body was not asked for
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(refused.reason(), "too many jobs are waiting");
    let ready = house.ask("/readyz").await;
    assert_eq!((ready.status, ready.text.as_str()), (503, "too many jobs are waiting\n"));
    assert_eq!(house.events().await.len(), 2);

    // Room is made by finishing or discarding work.
    let job =
        house.service.store.timeline(house.events().await[0].event.id).await.unwrap().unwrap().jobs[0].job.id;
    let claim = hookyard::store::ClaimRequest {
        shares: [1, 0, 0].map(|share| (hookyard::domain::Lane::Normal, share)),
        lease: Duration::from_secs(60),
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
        afresh: false,
        request: None,
        in_doubt: false,
        verdict: None,
        receipt: None,
        follow_up: Vec::new(),
        replaces: Vec::new(),
        bill: None,
    };
    assert_ne!(claimed.job.id, job, "the older one is handed out first");
    house.service.store.settle(claimed.lease, settlement).await.unwrap();
    assert_eq!(house.deliver(&delivery).await.status, 202);
}

#[tokio::test]
async fn when_more_waits_than_is_stored_in_good_time_only_senders_that_come_again_are_refused() {
    let house = House::plan().setting("concurrency = 0").start().await;
    let file = rusqlite::Connection::open(house.dir.path().join(FILE)).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap(); // the writer waits for us
    let mut waiting = tokio::task::JoinSet::new();
    let mut hand_in = async || {
        let store = std::sync::Arc::clone(&house.service.store);
        waiting.spawn(async move { store.knows(&[]).await });
        tokio::task::yield_now().await;
        waiting.len()
    };
    let mut burst = 0;
    while !house.service.store.congested() {
        assert!(burst < 10_000, "whatever waits is not too much");
        burst = hand_in().await;
    }
    assert!(burst > 1_000, "a burst is no congestion: {burst}");
    // It stays too much also if the writer takes its first batch only now.
    while hand_in().await < 2 * burst {}

    let delivery = note("n");
    let refused = house.announce(&delivery).await.answer().await; // no 100 before it: the body was not asked for
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(refused.reason(), "more comes than can be stored in good time");
    let pull = pull_of("ada", "d-1");
    let mut githubs = house.announce(&pull).await;
    assert_eq!(githubs.status().await.0, 100, "it is let wait");
    file.execute_batch("ROLLBACK").unwrap();
    githubs.say(&pull.body).await;
    assert_eq!(githubs.answer().await.status, 202);
    assert!(waiting.join_all().await.iter().all(Result::is_ok));
    house.queue(&delivery).await;
}

#[tokio::test]
async fn a_sender_that_never_ends_its_head_is_cut_off() {
    let house = House::plan().setting("request_timeout_ms = 100").setting("concurrency = 0").start().await;
    let mut slow = tokio::net::TcpStream::connect(house.public()).await.unwrap();
    slow.write_all(b"POST /webhooks/forms HTTP/1.1\r\nhost: here\r\nx-slow").await.unwrap();
    let mut said = Vec::new();
    slow.read_to_end(&mut said).await.unwrap(); // ends only when the service hangs up
    assert!(!String::from_utf8_lossy(&said).contains(" 20"), "{said:?}");
}
