//! Dead letters are told of: at once, in one alert that counts, and never about alerts.

use std::time::Duration;

use hookyard::{
    domain::{Cause, EventState, JobState, Next},
    store::Start,
};

use crate::support::house::{House, action, log, outcomes, ticket};

use super::yard::Yard;

const DEAD_LETTERS: &str = "hookyard.dead_letters";
const LOOK: Duration = Duration::from_secs(10);
const QUARTER: Duration = Duration::from_mins(15);

fn dead(cause: Cause) -> Start {
    Start::Dead { cause, reason: "it was refused".to_owned() }
}

#[tokio::test]
async fn ten_thousand_dead_letters_are_one_alert_that_counts() {
    let yard = Yard::new();
    for n in 0..100 {
        let cause = if n < 75 { Cause::Refused } else { Cause::Exhausted };
        yard.accept(&format!("e{n}"), Vec::new(), &vec![dead(cause); 100]).await;
    }
    yard.look_after(LOOK).await;
    let alarms = yard.alarms(DEAD_LETTERS).await;
    let [(id, alarm)] = alarms.as_slice() else { panic!("one alert: {alarms:?}") };
    assert_eq!(alarm["type"], DEAD_LETTERS);
    assert_eq!(alarm["data"]["new"], 10_000);
    let groups = alarm["data"]["groups"].as_array().unwrap();
    let told = |at: usize| (groups[at]["cause"].as_str().unwrap(), groups[at]["new"].as_u64().unwrap());
    assert_eq!((told(0), told(1), groups.len()), (("refused", 7_500), ("exhausted", 2_500), 2));
    assert_eq!(groups[0]["route"], "triage");
    assert!(groups[0]["sample"].as_str().is_some_and(|job| job.starts_with("evt_")), "{alarm}");
    assert!(
        alarm["text"].as_str().is_some_and(|text| text.starts_with("10000 jobs have died\n7500 × refused"))
    );
    assert_eq!(yard.in_state(*id, JobState::Ready).await, 1, "the job of its route");
}

#[tokio::test]
async fn what_dies_within_a_quarter_of_an_hour_after_an_alert_is_gathered_into_the_next() {
    let yard = Yard::new();
    yard.accept("first", Vec::new(), &[dead(Cause::Refused)]).await;
    yard.look_after(LOOK).await;
    for n in 0..3 {
        yard.accept(&format!("e{n}"), Vec::new(), &[dead(Cause::Refused)]).await;
        yard.look_after(LOOK).await;
    }
    assert_eq!(yard.alarms(DEAD_LETTERS).await.len(), 1, "they are gathered");
    yard.look_after(QUARTER).await;
    let news: Vec<_> =
        yard.alarms(DEAD_LETTERS).await.iter().map(|(_, alarm)| alarm["data"]["new"].clone()).collect();
    assert_eq!(news, [1, 3]);
    yard.look_after(QUARTER).await;
    assert_eq!(yard.alarms(DEAD_LETTERS).await.len(), 2, "nothing new, nothing told");
}

#[tokio::test]
async fn a_clock_set_back_puts_no_alert_off() {
    let yard = Yard::new();
    for (n, set_by_ms) in [0, -86_400_000].into_iter().enumerate() {
        yard.clock.set_by(set_by_ms);
        yard.accept(&format!("e{n}"), Vec::new(), &[dead(Cause::Refused)]).await;
        yard.look_after(QUARTER).await;
        let alarms = yard.alarms(DEAD_LETTERS).await;
        assert_eq!((alarms.len(), &alarms[n].1["data"]["new"]), (n + 1, &1.into()));
    }
}

#[tokio::test]
async fn a_restart_neither_repeats_nor_forgets() {
    let yard = Yard::new();
    yard.accept("before", Vec::new(), &[dead(Cause::Refused)]).await;
    yard.look_after(LOOK).await;
    yard.accept("between", Vec::new(), &[dead(Cause::Refused)]).await;
    let yard = yard.restart();
    yard.look_after(LOOK).await;
    assert_eq!(yard.alarms(DEAD_LETTERS).await.len(), 1, "not a second time");
    yard.look_after(QUARTER).await;
    let alarms = yard.alarms(DEAD_LETTERS).await;
    assert_eq!((alarms.len(), &alarms[1].1["data"]["new"]), (2, &1.into()));
}

#[tokio::test]
async fn an_alert_whose_cursor_did_not_move_before_the_end_is_not_given_twice() {
    let yard = Yard::new();
    yard.accept("before", Vec::new(), &[dead(Cause::Refused)]).await;
    yard.look_after(LOOK).await;
    let stands = yard.keeper.store.cursor("alerts/dead letters").await.unwrap().unwrap();
    // As a kill between the two leaves it.
    yard.keeper.store.move_cursor("alerts/dead letters", Some(&stands), "0/0").await.unwrap();
    yard.accept("after", Vec::new(), &[dead(Cause::Refused)]).await;
    let yard = yard.restart();
    yard.look_after(LOOK).await;
    assert_eq!(yard.alarms(DEAD_LETTERS).await.len(), 1);
    yard.look_after(QUARTER).await;
    let alarms = yard.alarms(DEAD_LETTERS).await;
    assert_eq!((alarms.len(), &alarms[1].1["data"]["new"]), (2, &1.into()), "{alarms:?}");
}

#[tokio::test]
async fn an_alert_that_dies_makes_no_alert() {
    let yard = Yard::new();
    yard.accept("first", Vec::new(), &[dead(Cause::Refused)]).await;
    yard.look_after(LOOK).await;
    let refused = || Next::Dead { cause: Cause::Refused, reason: "Slack is gone".to_owned() };
    assert_eq!(yard.work(|_| refused()).await, 1);
    for _ in 0..3 {
        yard.look_after(QUARTER).await;
    }
    assert_eq!(yard.alarms(DEAD_LETTERS).await.len(), 1);
    let counted = yard.keeper.metrics.render();
    assert!(counted.contains("hookyard_alarms_dead_total 1\n"), "but it is counted:\n{counted}");

    // Others that die meanwhile are told of without it.
    yard.accept("second", Vec::new(), &[dead(Cause::Refused)]).await;
    yard.look_after(QUARTER).await;
    let alarms = yard.alarms(DEAD_LETTERS).await;
    assert_eq!((alarms.len(), &alarms[1].1["data"]["new"]), (2, &1.into()));
}

#[tokio::test]
async fn an_alert_goes_the_way_of_any_event() {
    let house = House::plan().alarmed().start().await;
    house.sandbox.fail_next("/helpdesk/tickets", 1, 422);
    house.sandbox.fail_next("/slack/services/T/B/x", 1, 503);
    let dead = house.run(&ticket("t")).await;
    assert_eq!(dead.state, EventState::Dead);
    let event = house.alarm(DEAD_LETTERS).await;
    let told = house.driven(event).await;
    assert_eq!(told.state, EventState::Done);
    assert_eq!(outcomes(action(&told, "tell")), ["retry", "done"]);
    let effects = house.sandbox.effects();
    let text = effects[0].body["text"].as_str().unwrap();
    for words in ["*dead letters*: 1 job has died", "1 × refused: triage → helpdesk", "answered 422"] {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
    let lines = log(&house, "alerts");
    assert_eq!((lines.len(), &lines[0]["line"]["data"]["new"]), (1, &1.into()));
}
