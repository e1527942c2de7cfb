//! A breaker that opens or closes is told of: each outage once, and never for ever.

use std::time::Duration;

use hookyard::{
    config::ACTIONS,
    decide::breaker::Outcome,
    domain::{EventId, JobState},
    sandbox::Reply,
    service::Service,
    store::{EventQuery, Timeline},
};
use serde_json::{Value, json};

use crate::support::{
    house::{House, action, find, form, log, note, ticket},
    redis::RedisServer,
};

const OPENED: &str = "hookyard.breaker_opened";
const CLOSED: &str = "hookyard.breaker_closed";
const TICKETS: &str = "/helpdesk/tickets";
const SLACK: &str = "/slack/services/T/B/x";
const MINUTE: Duration = Duration::from_secs(60);
const QUARTER: Duration = Duration::from_mins(15);

/// A house that tells of alarms, and where a destination is tried again at once.
async fn impatient(name: &str) -> House {
    let table = format!("[destination.{name}]\n");
    let retry = "retry = { schedule_ms = [0], attempts_max = 50 }\n";
    House::plan().alarmed().edit(ACTIONS, &table, &format!("{table}{retry}")).start().await
}

/// The service's own events, the oldest first.
async fn alarms(house: &House) -> Vec<(EventId, String)> {
    let query = EventQuery { source: Some("hookyard".to_owned()), ..EventQuery::default() };
    let found = house.service.store.events(query).await.unwrap();
    found.into_iter().rev().map(|one| (one.event.id, one.event.event_type.to_string())).collect()
}

async fn types(house: &House) -> Vec<String> {
    alarms(house).await.into_iter().map(|(_, event_type)| event_type).collect()
}

async fn body(house: &House, timeline: &Timeline) -> Value {
    let body = house.service.store.body(&timeline.event).await.unwrap().unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn attempts(timeline: &Timeline, id: &str) -> usize {
    find(timeline, id).map_or(0, |entry| entry.history.len())
}

#[tokio::test]
async fn an_outage_of_a_destination_is_one_alarm_and_its_end_another() {
    let house = impatient("helpdesk").await;
    house.sandbox.fail_next(TICKETS, 6, 503);
    let event = house.queue(&ticket("t")).await;
    house.until(event, |t| attempts(t, "ticket") == 5).await;
    let opened = house.alarm(OPENED).await;
    let told = house.settled(opened).await;
    let told = body(&house, &told).await;
    assert_eq!((&told["data"]["of"], &told["data"]["name"]), (&"destination".into(), &"helpdesk".into()));
    assert_eq!(told["data"]["reason"], "5 failures in a row; the last one: answered 503");
    assert_eq!(told["data"]["openings"], 1);
    assert_eq!(
        told["text"],
        "nothing is sent to the destination helpdesk until 2026-01-01T00:01:00.000Z: 5 failures in a row; the last one: answered 503"
    );
    assert_eq!(log(&house, "alerts").len(), 1, "it goes the way of any alarm");

    // One finds out that it still fails: no news.
    house.advance(MINUTE);
    house.until(event, |t| attempts(t, "ticket") == 6).await;
    house.service.keeper.look().await;
    assert_eq!(types(&house).await, [OPENED]);

    house.advance(MINUTE);
    house.settled(event).await;
    let closed = house.alarm(CLOSED).await;
    let told = house.settled(closed).await;
    assert_eq!(body(&house, &told).await["text"], "the destination helpdesk works again");
    house.service.keeper.look().await;
    assert_eq!(types(&house).await, [OPENED, CLOSED]);
}

#[tokio::test]
async fn one_that_flaps_is_told_of_every_quarter_of_an_hour_with_its_number() {
    let house = House::plan().alarmed().setting("concurrency = 0").start().await;
    let engine = house.service.engine.now();
    let helpdesk = engine.destination("helpdesk").unwrap();
    let call = |outcome: Outcome| {
        let elapsed = hookyard::domain::Clock::monotonic(&*house.clock);
        helpdesk.ready(elapsed).unwrap().unwrap().tell(&outcome, elapsed);
    };
    let keeper = &house.service.keeper;
    let mut told = Vec::new();
    for round in 0..20 {
        for _ in 0..5 {
            call(Outcome::Failed { reason: "answered 503".to_owned() });
        }
        keeper.look().await;
        house.advance(MINUTE);
        call(Outcome::Answered);
        keeper.look().await;
        let events = alarms(&house).await;
        let new = events.get(told.len()..).unwrap_or_default();
        told.extend(new.iter().map(|(id, event_type)| (round, *id, event_type.clone())));
    }
    let types: Vec<_> = told.iter().map(|(_, _, event_type)| event_type.as_str()).collect();
    assert_eq!(types, [OPENED, CLOSED, OPENED, CLOSED]);
    assert_eq!((told[0].0, told[1].0, told[2].0), (0, 0, 14), "the second one a quarter of an hour later");
    let again = house.service.store.timeline(told[2].1).await.unwrap().unwrap();
    let again = body(&house, &again).await;
    assert_eq!((&again["data"]["openings"], &again["data"]["until"]), (&14.into(), &Value::Null), "{again}");
}

#[tokio::test]
async fn an_alarm_whose_own_sending_opens_a_breaker_makes_no_alarm() {
    let house = impatient("oncall").await;
    house.sandbox.fail_next(TICKETS, 1, 422);
    house.sandbox.fail_next(SLACK, 1_000, 503);
    house.run(&ticket("t")).await;
    let alarm = house.alarm("hookyard.dead_letters").await;
    house.until(alarm, |t| attempts(t, "tell") == 5).await;
    for round in 1..=8 {
        house.service.keeper.look().await;
        house.advance(QUARTER);
        house.until(alarm, |t| attempts(t, "tell") == 5 + round).await;
    }
    house.service.keeper.look().await;
    assert_eq!(types(&house).await, ["hookyard.dead_letters"], "only what others met is told");
}

#[tokio::test]
async fn when_the_alarms_own_destination_fails_for_others_it_is_told_once() {
    let house = impatient("oncall").await;
    house.sandbox.fail_next(SLACK, 1_000, 503);
    for n in 0..5 {
        house.run(&note(&format!("n{n}"))).await;
    }
    let opened = house.alarm(OPENED).await;
    let waits =
        house.until(opened, |t| find(t, "record").is_some_and(|a| a.job.state == JobState::Done)).await;
    assert_eq!(action(&waits, "tell").job.state, JobState::Ready, "it waits like all that go there");
    assert_eq!(log(&house, "alerts").len(), 1, "the other way of telling is open");
    for _ in 0..8 {
        house.advance(QUARTER);
        house.service.keeper.look().await;
    }
    assert_eq!(types(&house).await, [OPENED]);
}

#[tokio::test]
async fn an_outage_of_a_judge_is_an_alarm_too() {
    let house = House::plan().alarmed().llm().start().await;
    house.sandbox.fail_next("/llm/v1/messages", 5, 529);
    for n in 0..5 {
        house.sandbox.reply_next(Reply::Output(json!({
            "reason": "so it reads", "label": "internal", "urgency": "low", "confidence": 0.9
        })));
        house.run(&form(&format!("f{n}"))).await;
    }
    let opened = house.alarm(OPENED).await;
    let told = house.settled(opened).await;
    let told = body(&house, &told).await;
    assert_eq!((&told["data"]["of"], &told["data"]["name"]), (&"judge".into(), &"claude".into()));
    assert_eq!(types(&house).await, [OPENED]);
}

#[tokio::test]
async fn an_outage_that_several_processes_meet_is_one_alarm() {
    let server = RedisServer::start(&[]);
    let plan = House::plan().alarmed().setting("concurrency = 0").on_redis(&server);
    let house = plan.clone().start().await;
    let other = house.beside(&plan).await;
    let look = async || {
        house.service.keeper.look().await;
        other.service.keeper.look().await;
    };
    let call = |service: &Service, outcome: &Outcome| {
        let engine = service.engine.now();
        let elapsed = hookyard::domain::Clock::monotonic(&*house.clock);
        let pass = engine.destination("helpdesk").unwrap().ready(elapsed).unwrap().unwrap();
        pass.tell(outcome, elapsed);
    };
    for service in [&house.service, &other.service] {
        for _ in 0..5 {
            call(service, &Outcome::Failed { reason: "answered 503".to_owned() });
        }
    }
    look().await;
    let told = alarms(&house).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let timeline = house.service.store.timeline(told[0].0).await.unwrap().unwrap();
    assert_eq!(body(&house, &timeline).await["data"]["openings"], 1);

    house.advance(MINUTE);
    call(&other.service, &Outcome::Answered);
    look().await;
    look().await;
    assert_eq!(types(&house).await, [OPENED, CLOSED]);
}
