//! Which deliveries are worth a job: rules that a user writes.

use hookyard::{
    config::FILTER,
    domain::{Cause, EventState},
};
use serde_json::{Value, json};

use crate::support::house::{Delivery, House, Plan, payment, route};

/// The shipped filter with further rules before its own.
fn rules(rules: &[(&str, &str)]) -> Plan {
    let written: String = rules
        .iter()
        .map(|(rule, reason)| format!("[[rule]]\n{rule}\nlane = \"ignore\"\nreason = \"{reason}\"\n\n"))
        .collect();
    let first = "# Money and customers coming or going";
    House::plan().edit(FILTER, first, &format!("{written}{first}")).setting("concurrency = 0")
}

fn failed<'a>(id: &'a str, data: Value) -> Delivery<'a> {
    Delivery::forms(id, json!({ "type": "payment.failed", "data": data }))
}

/// How often the filter dropped something of `source` for `reason`, by the metrics.
async fn counted(house: &House, source: &str, reason: &str) -> u32 {
    let series = format!("hookyard_ignored_total{{source=\"{source}\",reason=\"{reason}\"}} ");
    let page = house.ask("/metrics").await.text;
    page.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_rule_may_speak_of_source_type_headers_and_body() {
    let house = rules(&[
        ("types = [\"*\"]\nsources = [\"partners\"]", "partners are muted"),
        ("types = [\"payment.*\"]\nwhen = \"event.source == 'forms' and event.body.data.amount | default(0) < 100\"", "small change"),
        ("types = [\"*\"]\nwhen = \"event.type is endingwith('.opened') and event.body.pull_request.draft | default(false)\"", "a draft"),
        ("types = [\"*\"]\nwhen = \"event.headers['user-agent'] | default('') is startingwith('probe/')\"", "a probe"),
        ("types = [\"*\"]\nwhen = \"event.test_mode and event.headers['content-type'] == 'application/json'\"", "a test"),
    ])
    .start()
    .await;
    let pull = |id, draft: bool| {
        let body = json!({ "action": "opened", "pull_request": { "number": 7, "draft": draft } });
        Delivery::github(id, "pull_request", body)
    };
    let test = json!({ "id": "evt_2", "type": "payment_intent.succeeded", "livemode": false });
    for (delivery, agent, reason) in [
        (Delivery::partners("m", json!({ "type": "payment.failed", "data": {} })), "x", "partners are muted"),
        (failed("f-1", json!({ "amount": 99 })), "x", "small change"),
        (failed("f-2", json!({})), "x", "small change"),
        (failed("f-3", json!({ "amount": 100 })), "x", ""),
        (pull("d-1", true), "x", "a draft"),
        (pull("d-2", false), "x", ""),
        (payment("evt_1"), "probe/1.0", "a probe"),
        (payment("evt_1"), "prober", ""),
        (Delivery::stripe(test), "x", "a test"),
    ] {
        let mut headers = delivery.headers(house.now());
        headers.push(("user-agent", agent.to_owned()));
        let answer = house.post(&format!("/webhooks/{}", delivery.source), &headers, &delivery.body).await;
        let status = if reason.is_empty() { 202 } else { 200 };
        assert_eq!((answer.status, answer.reason()), (status, reason), "{answer:?}");
    }
    assert_eq!(house.events().await.len(), 3);
    for (source, reason, times) in [
        ("partners", "partners are muted", 1),
        ("forms", "small change", 2),
        ("github", "a draft", 1),
        ("stripe", "a probe", 1),
        ("stripe", "a test", 1),
        ("stripe", "small change", 0),
    ] {
        assert_eq!(counted(&house, source, reason).await, times, "{source}: {reason}");
    }
}

#[tokio::test]
async fn what_is_ignored_takes_nothing_from_the_senders_limit() {
    let table = "[source.forms]\n";
    let narrow = format!("{table}limit = {{ critical_per_min = 1, other_per_min = 1 }}\n");
    let house = rules(&[("types = [\"payment.failed\"]\nwhen = \"event.body.data.noise\"", "noise")])
        .edit(hookyard::config::SOURCES, table, &narrow)
        .start()
        .await;
    for _ in 0..5 {
        assert_eq!(house.deliver(&failed("f", json!({ "noise": true }))).await.word(), "ignored");
    }
    house.queue(&failed("g", json!({ "noise": false }))).await;
    assert_eq!(house.deliver(&failed("h", json!({ "noise": false }))).await.status, 429);
}

/// Better a dead letter than an event that a mistyped rule threw away.
#[tokio::test]
async fn an_event_on_which_a_rule_fails_is_kept() {
    let house =
        rules(&[("types = [\"payment.*\"]\nwhen = \"event.body.data.amount < 100\"", "small change")])
            .start()
            .await;
    let event = house.queue(&failed("f", json!({}))).await;
    let timeline = house.settled(event).await;
    assert_eq!((timeline.state, route(&timeline).job.cause), (EventState::Dead, Some(Cause::Unrenderable)));
    assert!(route(&timeline).job.reason.as_deref().unwrap_or_default().starts_with("the filter failed: "));
    assert_eq!(counted(&house, "forms", "small change").await, 0);
}
