//! What the admin API tells of events and jobs, and its switches.

use std::time::Duration;

use hookyard::domain::EventState;
use serde_json::{Value, json};

use crate::support::house::{House, Wire, action, note, payment, ticket};

async fn ids(house: &House, query: &str) -> Vec<String> {
    let answer = house.ask(&format!("/api/v1/events?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn events_are_found_by_source_type_and_time_and_in_pages() {
    let house = House::plan().setting("concurrency = 0").start().await;
    let began = house.now();
    let mut queued = Vec::new();
    for delivery in [note("n"), payment("evt_1"), ticket("t")] {
        queued.push(house.queue(&delivery).await.to_string());
        house.advance(Duration::from_secs(60));
    }
    let [form, paid, ticket] = [0, 1, 2].map(|n| queued[n].as_str());
    let minute = began.plus(Duration::from_secs(60));
    for (query, want) in [
        (String::new(), vec![ticket, paid, form]),
        ("source=stripe".to_owned(), vec![paid]),
        ("type=payment_intent.succeeded".to_owned(), vec![paid]),
        ("type=no.such.type".to_owned(), vec![]),
        (format!("since={minute}"), vec![ticket, paid]),
        (format!("since={}", minute.as_millis()), vec![ticket, paid]),
        (format!("until={minute}"), vec![form]),
        ("limit=1".to_owned(), vec![ticket]),
        (format!("before={ticket}&limit=1"), vec![paid]),
    ] {
        assert_eq!(ids(&house, &query).await, want, "{query}");
    }
    for query in ["since=yesterday", "before=nonsense", "sourse=stripe"] {
        assert_eq!(house.ask(&format!("/api/v1/events?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_job_is_shown_with_its_past_and_its_event_and_by_its_own_id() {
    let house = House::start().await;
    let done = house.run(&ticket("t")).await;
    let entry = action(&done, "ticket");
    let answer = house.ask(&format!("/api/v1/jobs/{}", entry.job.id)).await;
    let job = &answer.json["job"];
    assert_eq!((&answer.json["event"]["id"], &job["id"]), (&json!(done.event.id), &json!(entry.job.id)));
    assert_eq!(
        (&job["kind"], &job["route"], &job["action"]),
        (&json!("action"), &json!("triage"), &json!("ticket"))
    );
    assert_eq!(
        (&job["history"][0]["outcome"], &job["request"]["destination"]),
        (&json!("done"), &json!("helpdesk"))
    );
    // The text, not only what a parser makes of it: no field stands in it twice.
    assert_eq!(answer.text.matches("\"id\":\"ticket\"").count(), 0, "{}", answer.text);
    for (id, status) in [("nonsense".to_owned(), 400), (format!("{}.9", done.event.id), 404)] {
        assert_eq!(house.ask(&format!("/api/v1/jobs/{id}")).await.status, status, "{id}");
    }
}

#[tokio::test]
async fn jobs_are_counted_and_listed_by_destination_and_in_pages() {
    let house = House::start().await;
    house.run(&payment("evt_1")).await;
    house.run(&payment("evt_2")).await;
    for (query, number) in
        [("state=done", 10), ("destination=crm", 2), ("route=payment", 10), ("state=dead", 0)]
    {
        let answer = house.ask(&format!("/api/v1/jobs/count?{query}")).await;
        assert_eq!(answer.json, json!({ "jobs": number }), "{query}");
    }
    let page = house.ask("/api/v1/jobs?limit=7").await.json;
    let last = page[6]["id"].as_str().unwrap();
    let rest = house.ask(&format!("/api/v1/jobs?after={last}")).await.json;
    assert_eq!((page.as_array().unwrap().len(), rest.as_array().unwrap().len()), (7, 3));
}

#[tokio::test]
async fn a_paused_destination_holds_only_what_goes_there() {
    let house = House::start().await;
    assert_eq!(house.tell("/api/v1/pause", json!({ "destination": "crm" })).await.status, 200);
    assert_eq!(house.ask("/api/v1/pauses").await.json, json!([{ "destination": "crm" }]));
    let event = house.queue(&payment("evt_1")).await;
    let others = ["email", "database", "analytics"];
    let held = house
        .until(event, |t| t.jobs.len() == 5 && others.iter().all(|id| action(t, id).history.len() == 1))
        .await;
    assert!(action(&held, "crm").history.is_empty());
    assert_eq!(house.tell("/api/v1/resume", json!({ "destination": "crm" })).await.status, 200);
    assert_eq!(house.settled(event).await.state, EventState::Done);
    assert_eq!(house.ask("/api/v1/pauses").await.json, json!([]));
}

#[tokio::test]
async fn a_misspelt_name_pauses_nothing() {
    let house = House::start().await;
    for verb in ["pause", "resume"] {
        for (scope, status) in [
            (json!({ "route": "triag" }), 404),
            (json!({ "destination": "crmm" }), 404),
            (json!({ "route": "triage", "destination": "crm" }), 400),
            (json!({ "rout": "triage" }), 422),
        ] {
            let answer = house.tell(&format!("/api/v1/{verb}"), scope.clone()).await;
            assert_eq!(answer.status, status, "{verb} {scope}");
        }
    }
    assert_eq!(house.ask("/api/v1/pauses").await.json, json!([]));
}

#[tokio::test]
async fn what_is_paused_can_be_resumed_though_the_configuration_forgot_it() {
    let house = House::start().await;
    house.tell("/api/v1/pause", json!({ "route": "triage" })).await;
    let (types, without) = ("[route.triage]", "[route.other]");
    let plan = House::plan().edit(hookyard::config::ROUTES, types, without);
    let plan = plan.edit(hookyard::config::ROUTES, "[[route.triage.action]]", "[[route.other.action]]");
    house.reconfigure(&plan);
    assert_eq!(house.tell("/api/v1/pause", json!({ "route": "triage" })).await.status, 404);
    assert_eq!(house.tell("/api/v1/resume", json!({ "route": "triage" })).await.status, 200);
    assert_eq!(house.ask("/api/v1/pauses").await.json, json!([]));
}

#[tokio::test]
async fn the_stats_tell_how_much_is_where() {
    let house = House::plan().setting("concurrency = 0").start().await;
    house.queue(&note("n")).await;
    house.tell("/api/v1/pause", json!({})).await;
    let stats = house.ask("/api/v1/stats").await.json;
    assert_eq!(stats["pauses"], json!(["everything"]));
    assert_eq!(stats["load"]["open_jobs"], 1);
    assert!(stats["load"]["payload_bytes"].as_u64().unwrap() > 0);
    assert_eq!(stats["dead"], json!({ "jobs": 0, "groups": 0 }));
    assert_eq!(stats["depths"]["queues"][0]["route"], "triage");
    assert_eq!(stats["breakers"]["destinations"]["crm"]["state"], "closed");
    let heard: Vec<&Value> = stats["sources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|source| !source["last_heard"].is_null())
        .map(|source| &source["source"])
        .collect();
    assert_eq!((heard, stats["sources"].as_array().unwrap().len()), (vec![&json!("forms")], 4));
}

#[tokio::test]
async fn the_token_guards_every_path() {
    let house = House::plan().token("open sesame").start().await;
    for (method, paths) in [
        ("GET", &["events", "jobs", "jobs/count", "dead/groups", "pauses", "stats"][..]),
        ("POST", &["dead/redrive", "dead/discard", "replay", "pause", "resume"][..]),
    ] {
        for path in paths {
            let headers = [("content-type", "application/json".to_owned())];
            let path = format!("/api/v1/{path}");
            let answer = Wire::call(house.service.admin, method, &path, &headers, b"{}").await;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
}
