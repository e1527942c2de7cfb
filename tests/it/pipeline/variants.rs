//! Several sets of prompts: each event is asked by one of them, and a shadow is heard and changes nothing.

use hookyard::{
    config::CLASSIFIERS,
    domain::{EventState, JobState, PurchaseState},
    sandbox::Reply,
    store::{JobHistory, Timeline},
};
use serde_json::json;

use crate::support::house::{House, Plan, form, outcomes, route};

const NEXT: &str = "Sort anew into {{ labels | join(', ') }}.";

/// A house whose forms are sorted by several sets of prompts.
fn with(variants: &str) -> Plan {
    let table = "[classifier.triage]\n";
    House::plan()
        .llm()
        .edit(CLASSIFIERS, table, &format!("{table}{variants}\n"))
        .with("prompts/next/system.j2", NEXT)
        .with("prompts/next/event.j2", "{{ event.body.data.message | untrusted(500) }}")
}

fn says(label: &str) -> Reply {
    Reply::Output(
        json!({ "reason": "it reads like it", "label": label, "urgency": "low", "confidence": 0.9 }),
    )
}

fn shadow(timeline: &Timeline) -> &JobHistory {
    timeline.jobs.iter().find(|entry| entry.job.work.is_shadow()).expect("it is shown to the shadow")
}

#[tokio::test]
async fn a_shadow_is_heard_and_changes_nothing() {
    let house = with("variants.shadow = { prompts = \"next\" }").start().await;
    house.sandbox.reply_next(says("lead"));
    house.sandbox.reply_next(says("spam"));
    let timeline = house.run(&form("f")).await;
    assert_eq!(timeline.state, EventState::Done);

    let asked = house.sandbox.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1]["system"].to_string().contains("Sort anew into lead, support"), "{}", asked[1]);
    let decided = route(&timeline).job.verdict.as_ref().expect("a verdict");
    assert_eq!((decided.label.as_str(), decided.variant.as_deref()), ("lead", None));
    let heard = shadow(&timeline);
    let verdict = heard.job.verdict.as_ref().expect("a verdict");
    assert_eq!((verdict.label.as_str(), verdict.variant.as_deref()), ("spam", Some("shadow")));
    assert_ne!(verdict.prompt_digest, decided.prompt_digest);
    assert_eq!((heard.job.lane.as_str(), outcomes(heard)), ("bulk", vec!["done"]));
    assert_eq!(heard.purchases.len(), 1, "it is on record as bought");

    // The form's own actions took place once, and none of the other label's.
    let actions: Vec<_> = timeline.jobs.iter().filter_map(|entry| entry.job.work.plan()).collect();
    assert!(actions.iter().all(|plan| plan.version == 1));
    assert_eq!(house.sandbox.effects().iter().filter(|effect| effect.kind == "crm.contact").count(), 1);
    let again = house.deliver(&form("f")).await;
    assert_eq!(again.word(), "duplicate");
    assert!(!again.text.contains("spam"), "what it became is told without the shadow: {}", again.text);
}

#[tokio::test]
async fn a_shadow_that_cannot_say_anything_is_no_dead_letter() {
    let house = with("variants.shadow = { prompts = \"next\" }").start().await;
    house.sandbox.reply_next(says("lead"));
    for _ in 0..2 {
        house.sandbox.reply_next(Reply::Refusal);
    }
    let timeline = house.run(&form("f")).await;
    assert_eq!(timeline.state, EventState::Done);
    let heard = shadow(&timeline);
    assert_eq!((heard.job.state, heard.job.verdict.as_ref()), (JobState::Done, None));
    let told = heard.history[0].detail.as_deref().unwrap_or_default();
    assert!(told.starts_with("the shadow: no judge decided"), "{told}");
}

#[tokio::test]
async fn what_rules_decide_is_not_shown_to_a_shadow() {
    let house = with("variants.shadow = { prompts = \"next\" }").start().await;
    let timeline = house.run(&crate::support::house::lead("l")).await;
    assert!(timeline.jobs.iter().all(|entry| !entry.job.work.is_shadow()));
    assert!(house.sandbox.asked().is_empty());
}

#[tokio::test]
async fn an_event_stays_with_its_variant_when_it_runs_again() {
    let house = with("variants = { a = {}, b = { prompts = \"next\" } }").start().await;
    let mut seen = std::collections::BTreeSet::new();
    // An event's place is drawn with its id: that 64 of them all have the same one will not be seen.
    for n in 0..64 {
        house.sandbox.reply_next(says("spam"));
        let timeline = house.run(&form(&format!("f-{n}"))).await;
        let variant = |timeline: &Timeline| {
            let verdicts = timeline.jobs.iter().filter_map(|entry| entry.job.verdict.as_ref());
            verdicts.filter_map(|verdict| verdict.variant.as_deref().map(str::to_owned)).collect::<Vec<_>>()
        };
        let first = variant(&timeline);
        seen.extend(first.clone());
        let wish = json!({ "event": timeline.event.id, "mode": "reclassify" });
        assert_eq!(house.tell("/api/v1/replay", wish).await.status, 200);
        let again = house.settled(timeline.event.id).await;
        assert_eq!(variant(&again), [first.clone(), first].concat());
        let bought = again.jobs.iter().flat_map(|entry| &entry.purchases);
        assert_eq!(bought.filter(|bought| bought.state == PurchaseState::Answered).count(), 1, "asked once");
        if seen.len() == 2 {
            return;
        }
    }
    panic!("all events were asked by one: {seen:?}");
}
