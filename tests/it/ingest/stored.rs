//! What is on disk once a delivery is answered.

use hookyard::{domain::EventId, store::sqlite};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::house::{Delivery, House, note, payment, stripe};

/// A second connection to the file, as `sqlite3` would open it.
fn connect(house: &House) -> Connection {
    let path = house.dir.path().join(sqlite::FILE);
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn stored(db: &Connection, event: EventId) -> (u32, u32) {
    let count = |sql| db.query_row(sql, [event.0.as_bytes().as_slice()], |row| row.get(0)).unwrap();
    let jobs = "SELECT count(*) FROM job JOIN event ON seq = job.id >> 16 WHERE event.id = ?1";
    (count("SELECT count(*) FROM event WHERE id = ?1"), count(jobs))
}

#[tokio::test]
async fn an_event_is_on_disk_with_its_jobs_before_it_is_acknowledged() {
    let house = House::plan().setting("concurrency = 0").start().await;
    let db = connect(&house);
    for n in 0..20 {
        let event = house.queue(&note(&format!("n{n}"))).await;
        assert_eq!(stored(&db, event), (1, 1));
    }
}

#[tokio::test]
async fn the_raw_bytes_are_kept_as_they_were_signed() {
    let house = House::plan().setting("concurrency = 0").start().await;
    let body = "\n{ \"type\":\t\"payment.failed\", \"data\": {\"n\": 1.50, \"s\": \"\\u00e9\"} }\r\n";
    let event = house.queue(&Delivery::forms("odd", body)).await;
    let (kept, received_at): (Vec<u8>, i64) = connect(&house)
        .query_row("SELECT body, received_at FROM event", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!((kept.as_slice(), received_at), (body.as_bytes(), house.now().as_millis()));
    assert_eq!(house.events().await[0].event.id, event);
}

#[tokio::test]
async fn only_allow_listed_headers_are_stored() {
    let house = House::plan().setting("concurrency = 0").start().await;
    let pull = json!({ "action": "opened", "pull_request": { "number": 1 } });
    let failed = json!({ "type": "payment.failed", "data": {} });
    for (delivery, kept) in [
        (note("n"), "x-webhook-timestamp x-event-id content-type user-agent"),
        (payment("evt_1"), "content-type user-agent"),
        (Delivery::partners("m", failed), "webhook-id webhook-timestamp content-type user-agent"),
        (
            Delivery::github("d", "pull_request", pull),
            "x-github-delivery x-github-event content-type user-agent",
        ),
    ] {
        let mut headers = delivery.headers(house.now());
        for (name, value) in [
            ("user-agent", "sender/1"),
            ("authorization", "Bearer tell-nobody"),
            ("cookie", "session=tell-nobody"),
            ("x-api-key", "tell-nobody"),
            ("x-forwarded-for", "192.0.2.1"),
        ] {
            headers.push((name, value.to_owned()));
        }
        let answer = house.post(&format!("/webhooks/{}", delivery.source), &headers, &delivery.body).await;
        let stored = house.service.store.timeline(answer.event()).await.unwrap().unwrap().event.headers;
        let mut names: Vec<&str> = stored.iter().map(|(name, _)| name.as_str()).collect();
        let mut want: Vec<&str> = kept.split(' ').collect();
        names.sort_unstable();
        want.sort_unstable();
        assert_eq!(names, want, "{}", delivery.source);
    }
    drop(house.service);
    for file in std::fs::read_dir(house.dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = if file.is_file() { std::fs::read(&file).unwrap() } else { continue };
        let found = bytes.windows(b"tell-nobody".len()).any(|part| part == b"tell-nobody");
        assert!(!found, "{} holds a secret header", file.display());
    }
}

/// Every type of the shipped filter, with its lane.
const LANES: [(&str, &str, &str); 13] = [
    ("stripe", "payment_intent.succeeded", "critical"),
    ("stripe", "payment_intent.payment_failed", "critical"),
    ("stripe", "customer.subscription.created", "critical"),
    ("stripe", "customer.subscription.deleted", "critical"),
    ("stripe", "refund.created", "critical"),
    ("forms", "payment.succeeded", "critical"),
    ("forms", "payment.failed", "critical"),
    ("forms", "subscription.created", "critical"),
    ("forms", "subscription.cancelled", "critical"),
    ("stripe", "invoice.payment_failed", "normal"),
    ("stripe", "customer.subscription.trial_will_end", "normal"),
    ("forms", "lead.form.submitted", "normal"),
    ("forms", "support.ticket.created", "normal"),
];

fn of_type<'a>(source: &str, id: &'a str, kind: &str) -> Delivery<'a> {
    match source {
        "stripe" => Delivery::stripe(stripe(id, kind, json!({ "id": "x_1" }))),
        "partners" => Delivery::partners(id, json!({ "type": kind, "data": {} })),
        _ => Delivery::forms(id, json!({ "type": kind, "data": {} })),
    }
}

#[tokio::test]
async fn every_type_of_the_default_filter_goes_to_its_lane() {
    let house = House::plan().setting("concurrency = 0").start().await;
    for (source, kind, lane) in LANES {
        let event = house.queue(&of_type(source, kind, kind)).await;
        let timeline = house.service.store.timeline(event).await.unwrap().unwrap();
        assert_eq!((&*timeline.event.event_type, timeline.event.lane.as_str()), (kind, lane));
        let lanes: Vec<&str> = timeline.jobs.iter().map(|entry| entry.job.lane.as_str()).collect();
        assert_eq!(lanes, [lane], "one route, in the event's lane: {kind}");
    }
    let partner = house.queue(&of_type("partners", "m", "payment.failed")).await;
    let timeline = house.service.store.timeline(partner).await.unwrap().unwrap();
    assert_eq!(timeline.event.lane.as_str(), "critical");
}

#[tokio::test]
async fn every_other_type_is_ignored() {
    let house = House::start().await;
    for (source, kind) in [
        ("stripe", "payment_intent.created"),
        ("stripe", "payment_intent.succeeded.late"),
        ("stripe", "customer.subscription.updated"),
        ("stripe", "customer.created"),
        ("stripe", "invoice.payment_succeeded"),
        ("stripe", "refund.updated"),
        ("stripe", "charge.refunded"),
        ("forms", "Payment.Succeeded"),
        ("forms", "support.ticket.closed"),
        ("partners", "ping"),
    ] {
        let answer = house.deliver(&of_type(source, kind, kind)).await;
        assert_eq!((answer.status, answer.word()), (200, "ignored"), "{kind}");
    }
    for (event, action) in
        [("push", Value::Null), ("pull_request", json!("closed")), ("issues", json!("opened"))]
    {
        let answer = house.deliver(&Delivery::github("d", event, json!({ "action": action }))).await;
        assert_eq!((answer.status, answer.word()), (200, "ignored"), "{event}");
    }
    assert_eq!(house.events().await.len(), 0);
}
