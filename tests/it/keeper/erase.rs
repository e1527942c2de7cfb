//! A person's data goes wherever it stands, and the record says so.

use hookyard::{
    domain::EventState,
    store::{EraseStep, EventQuery, Start, Store, sqlite::FILE},
};
use serde_json::json;

use crate::support::house::{Delivery, House, lead, log};

use super::yard::Yard;

const ADA: &str = "ada@engines.example";

/// A payment by Ada, which is also a line in a log.
fn paid_by(id: &str, who: &str) -> Delivery<'static> {
    let data = json!({ "id": id, "amount_cents": 4_200, "currency": "EUR", "customer": { "email": who } });
    Delivery::partners(
        Box::leak(id.to_owned().into_boxed_str()),
        json!({ "type": "payment.succeeded", "data": data }),
    )
}

#[tokio::test]
async fn events_requests_and_log_lines_go_and_what_is_the_users_is_named() {
    let house = House::start().await;
    let cases = house.dir.path().join("evals/triage/cases.jsonl");
    std::fs::create_dir_all(cases.parent().unwrap()).unwrap();
    std::fs::write(&cases, "{\"from\":\"Ada@Engines.example\"}\n").unwrap();
    std::fs::create_dir_all(house.dir.path().join("config")).unwrap();
    std::fs::write(house.dir.path().join("config/hookyard.toml"), "").unwrap();

    let hers = house.run(&paid_by("p-1", ADA)).await;
    let others = house.run(&paid_by("p-2", "bob@engines.example")).await;
    house.sandbox.fail_next("/crm/contacts", 1, 422);
    let dead = house.run(&lead("l")).await;
    assert_eq!((hers.state, dead.state), (EventState::Done, EventState::Dead));
    assert_eq!(log(&house, "payments").len(), 2);

    let want = |dry_run: bool| {
        json!({
            "dry_run": dry_run, "events": 2, "discarded": 1, "logs": [{ "log": "payments", "lines": 1 }],
            "files": ["evals/triage/cases.jsonl"], "dedupe_ms": 864_000_000,
        })
    };
    let told = house.tell("/api/v1/erase", json!({ "key": "ADA@engines.example", "dry_run": true })).await;
    assert_eq!((told.status, &told.json), (200, &want(true)));
    assert_eq!(house.service.store.timeline(hers.event.id).await.unwrap().unwrap(), hers, "nothing was done");

    let told = house.tell("/api/v1/erase", json!({ "key": ADA })).await;
    assert_eq!((told.status, &told.json), (200, &want(false)));
    for event in [hers.event.id, dead.event.id] {
        let page = house.ask(&format!("/api/v1/events/{event}")).await;
        assert!(page.status == 200 && !page.text.contains("engines.example"), "{}", page.text);
        assert!(page.text.contains("a person's data was erased"), "{}", page.text);
    }
    let left = house.service.store.timeline(others.event.id).await.unwrap().unwrap();
    assert_eq!(left, others, "nobody else's is touched");
    let lines = log(&house, "payments");
    assert_eq!(
        (lines.len(), &lines[0]["line"]["payment"]["customer"]["email"]),
        (1, &"bob@engines.example".into())
    );
    let letters = house.ask("/api/v1/jobs?state=dead").await;
    assert_eq!(letters.json, json!([]), "nothing is left to redrive");
    assert_eq!(
        house.run(&paid_by("p-3", "bob@engines.example")).await.state,
        EventState::Done,
        "the log takes lines as before"
    );
    assert_eq!(log(&house, "payments").len(), 2);
    let again = house.tell("/api/v1/erase", json!({ "key": ADA })).await;
    assert_eq!((&again.json["events"], &again.json["logs"]), (&0.into(), &json!([])));
}

#[tokio::test]
async fn the_file_itself_forgets() {
    let yard = Yard::new();
    for (n, padding) in [10, 9_000].into_iter().enumerate() {
        let body = format!("{} {ADA} {}", "x".repeat(padding), "x".repeat(padding));
        yard.accept(&format!("e{n}"), body.into_bytes(), &[Start::Ready]).await;
    }
    let holds = |yard: &Yard| {
        let files =
            ["", "-wal", "-shm"].map(|end| std::fs::read(yard.path(&format!("{FILE}{end}"))).unwrap());
        files.concat().windows(ADA.len()).any(|part| part == ADA.as_bytes())
    };
    // Closing the store moves what is in the write-ahead log into the file; then it stands in both.
    let yard = yard.restart();
    yard.accept("e2", ADA.into(), &[Start::Ready]).await;
    assert!(holds(&yard) && !yard.store.events(EventQuery::default()).await.unwrap().is_empty());
    let erased =
        yard.store.erase(EraseStep { key: ADA.to_owned(), after: None, dry_run: false }).await.unwrap();
    assert_eq!((erased.events, erased.discarded, erased.next), (3, 3, None));
    assert!(!holds(&yard), "its bytes are still in a file");
    assert!(!holds(&yard.restart()));
}

#[tokio::test]
async fn a_key_that_would_be_found_everywhere_is_refused() {
    let house = House::plan().setting("concurrency = 0").start().await;
    for body in [json!({ "key": "" }), json!({ "key": " ad " }), json!({ "key": "x".repeat(256) })] {
        let refused = house.tell("/api/v1/erase", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(
            refused.json["error"].as_str().is_some_and(|told| told.contains("4 to 255 bytes")),
            "{refused:?}"
        );
    }
    assert_eq!(house.tell("/api/v1/erase", json!({ "keys": ADA })).await.status, 422);
}
