//! What a judge will never answer: one question, which goes on to the next one, or every question, which somebody is told of.

use std::{num::NonZeroU32, time::Duration};

use hookyard::{
    config::{CLASSIFIERS, JUDGES, MODELS},
    decide::refusals::IN_A_ROW,
    domain::{EventState, PurchaseState, RungOutcome},
    sandbox::{Limits, Reply},
    store::{EventQuery, Timeline},
};
use serde_json::{Value, json};

use crate::support::house::{Delivery, House, form, route};

const CLAUDE: &str = "/llm/v1/messages";
const GPT: &str = "/llm/v1/chat/completions";

fn says(label: &str) -> Reply {
    Reply::Output(
        json!({ "reason": "it reads like it", "label": label, "urgency": "low", "confidence": 0.9 }),
    )
}

/// A form with a message of so many words.
fn letter(id: &str, words: usize) -> Delivery<'_> {
    let message = "fruit ".repeat(words);
    let data =
        json!({ "name": "Ada", "email": "ada@engines.example", "subject": "Hello", "message": message });
    Delivery::forms(id, json!({ "type": "lead.form.submitted", "data": data }))
}

fn judge(timeline: &Timeline) -> &str {
    &route(timeline).job.verdict.as_ref().expect("a verdict").judge
}

#[tokio::test]
async fn a_question_larger_than_a_vendors_minute_is_asked_once_and_holds_up_nobody() {
    let house = House::plan().llm().start().await;
    // Of OpenAI's it is that of both sides.
    let input_tokens_per_min = NonZeroU32::new(2_000);
    house.sandbox.limit_llm(Limits { input_tokens_per_min, ..Limits::default() });
    let timeline = house.run(&letter("long", 3_000)).await;
    let job = &route(&timeline).job;
    let tries = route(&timeline).history.len();
    assert_eq!((timeline.state, tries), (EventState::Waiting, 1), "a person is asked, at once");
    let reason = job.reason.as_deref().expect("why");
    for judge in ["claude", "gpt"] {
        assert!(reason.contains(&format!("{judge} abstained (HTTP 429")), "{reason}");
    }
    assert_eq!(reason.matches("larger than all that passes in a minute").count(), 2, "{reason}");
    let states: Vec<_> = route(&timeline).purchases.iter().map(|bought| bought.state).collect();
    assert_eq!(states, [PurchaseState::NotBilled; 2]);
    assert_eq!((house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT)), (1, 1));
    let metrics = house.ask("/metrics").await.text;
    for judge in ["claude", "gpt"] {
        let line = format!(
            "hookyard_judge_answers_total{{judge=\"{judge}\",outcome=\"overlong\",attempt=\"first\"}} 1"
        );
        assert!(metrics.contains(&line), "{metrics}");
    }

    // Nobody rests because of it: a short one has its answer at the same moment.
    assert_eq!(house.ask("/api/v1/stats").await.json["rests"]["judges"], json!({}));
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("short")).await), "claude");
    assert_eq!((house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT)), (2, 1));
}

#[tokio::test]
async fn what_certainly_does_not_fit_into_a_minute_is_not_even_asked() {
    let table = "[judge.claude]\n";
    let narrow = format!("{table}input_tokens_per_min = 400\n");
    let house = House::plan().llm().edit(JUDGES, table, &narrow).start().await;
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&letter("long", 3_000)).await;
    assert_eq!(judge(&timeline), "gpt");
    let verdict = route(&timeline).job.verdict.as_ref().expect("a verdict");
    let rung = verdict.rungs.iter().find(|rung| &*rung.judge == "claude").expect("it had its turn");
    assert_eq!(rung.outcome, RungOutcome::Abstained);
    assert!(rung.said.contains("400 are all that pass in a minute"), "{}", rung.said);
    assert_eq!((house.sandbox.requests(CLAUDE), route(&timeline).purchases.len()), (0, 1));
    house.sandbox.reply_next(says("lead"));
    assert_eq!(judge(&house.run(&form("short")).await), "claude");
}

/// Alarms about judges that refuse, the oldest first.
async fn alarms(house: &House) -> Vec<Value> {
    let query = EventQuery { source: Some("hookyard".to_owned()), ..EventQuery::default() };
    let mut told = Vec::new();
    for found in house.service.store.events(query).await.unwrap().into_iter().rev() {
        let timeline = house.service.store.timeline(found.event.id).await.unwrap().expect("a stored event");
        let body = house.service.store.body(&timeline.event).await.unwrap().expect("it is here");
        told.push(serde_json::from_slice(&body).unwrap());
    }
    told
}

#[tokio::test]
async fn a_judge_that_refuses_whatever_it_is_asked_is_told_of_once_until_it_answers() {
    let mended = House::plan().llm().alarmed().edit(
        CLASSIFIERS,
        "    { judge = \"claude\", confidence_min = 0.6 },\n",
        "",
    );
    // Its model takes no temperature.
    let row = "id = \"gpt-6-luna\"\n";
    let broken = mended.clone().edit(MODELS, row, &format!("{row}sampling = true\n"));
    let house = broken.clone().start().await;
    let refuse = async |round: &str, times: u32| {
        for n in 0..times {
            let timeline = house.run(&form(&format!("{round}-{n}"))).await;
            assert_eq!(timeline.state, EventState::Waiting, "for a person");
        }
    };
    let shown = async || house.ask("/api/v1/breakers").await.json;
    refuse("a", IN_A_ROW - 1).await;
    house.service.keeper.look_for_refusals().await;
    assert_eq!((alarms(&house).await.len(), &shown().await["refusing"]), (0, &json!({})));
    refuse("b", 1).await;
    house.alarm("hookyard.judge_refuses").await;
    let told = alarms(&house).await.remove(0);
    assert_eq!(
        told["data"].as_object().map(|data| (&data["name"], &data["classifier"], &data["in_a_row"])),
        Some((&json!("gpt"), &json!("triage"), &json!(IN_A_ROW)))
    );
    let reason = told["data"]["reason"].as_str().expect("why");
    assert!(reason.starts_with("HTTP 400 (invalid_request_error"), "{reason}");
    assert!(
        told["text"].as_str().is_some_and(|text| text.contains("judge gpt") && text.contains(reason)),
        "{told}"
    );
    assert!(!told.to_string().contains("temperature"), "what the vendor wrote is not quoted: {told}");

    // Further ones are no news, and its breaker stays closed.
    refuse("c", 2).await;
    house.service.keeper.look_for_refusals().await;
    assert_eq!(alarms(&house).await.len(), 1);
    let breakers = shown().await;
    assert_eq!(breakers["judges"]["gpt"]["state"], "closed");
    assert_eq!(
        breakers["refusing"],
        json!({ "gpt": { "triage": { "in_a_row": IN_A_ROW + 2, "reason": reason } } })
    );
    let metrics = house.ask("/metrics").await.text;
    let line =
        format!("hookyard_judge_unavailable_total{{judge=\"gpt\",reason=\"refused\"}} {}", IN_A_ROW + 2);
    assert!(metrics.contains(&line), "{metrics}");

    house.reload(&mended);
    house.sandbox.reply_next(says("spam"));
    assert_eq!(judge(&house.run(&form("mended")).await), "gpt");
    assert_eq!(shown().await["refusing"], json!({}));
    house.service.keeper.look_for_refusals().await;
    house.reload(&broken);
    refuse("d", IN_A_ROW).await;
    house.service.keeper.look_for_refusals().await;
    assert_eq!(alarms(&house).await.len(), 1, "it was told a moment ago");
    house.advance(Duration::from_mins(15));
    house.service.keeper.look_for_refusals().await;
    assert_eq!(alarms(&house).await.len(), 2);
}
