//! What a judge will never answer: one question, which goes on to the next one.

use std::num::NonZeroU32;

use hookyard::{
    config::JUDGES,
    domain::{EventState, PurchaseState, RungOutcome},
    sandbox::{Limits, Reply},
    store::Timeline,
};
use serde_json::json;

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
