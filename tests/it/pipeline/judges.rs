//! Who decides, what it says, and that no answer is bought twice.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use hookyard::{
    classify::{Ledger, LedgerError, Recording},
    config::{JUDGES, ROUTES},
    decide::budget::Cost,
    domain::{
        Answer, Bill, EventState, JobState, Lane, Lease, Money, Name, Prior, PurchaseOrder, PurchaseState,
        RungOutcome, Verdict,
    },
    engine::RouteEnd,
    rate::Pace,
    sandbox::Reply,
    store::{Back, ClaimRequest, Claimed, Limits, RateDraw, Store, StoreError, Timeline},
};
use serde_json::{Value, json};

use crate::support::house::{Delivery, House, Plan, action, find, form, outcomes, route};

const CLAUDE: &str = "/llm/v1/messages";
const GPT: &str = "/llm/v1/chat/completions";

fn says(label: &str, confidence: f64) -> Reply {
    Reply::Output(output(label, confidence))
}

fn output(label: &str, confidence: f64) -> Value {
    json!({ "reason": "it reads like it", "label": label, "urgency": "low", "confidence": confidence })
}

fn verdict(timeline: &Timeline) -> &Verdict {
    route(timeline).job.verdict.as_ref().unwrap()
}

fn rungs(timeline: &Timeline) -> Vec<(&str, RungOutcome)> {
    verdict(timeline).rungs.iter().map(|rung| (&*rung.judge, rung.outcome)).collect()
}

/// Judge and state of every purchase.
fn purchases(timeline: &Timeline) -> Vec<(&str, PurchaseState)> {
    route(timeline).purchases.iter().map(|purchase| (&*purchase.judge, purchase.state)).collect()
}

/// Adds a line to the table of the first model.
fn with_claude(plan: Plan, line: &str) -> Plan {
    let table = "[judge.claude]\n";
    plan.edit(JUDGES, table, &format!("{table}{line}\n"))
}

#[tokio::test]
async fn the_local_model_says_that_it_is_no_llm_and_which_words_decided() {
    let house = House::plan().taught().start().await;
    let body = json!({ "type": "lead.form.submitted", "data": {
        "name": "Mara", "email": "mara@fjordfreight.example", "company": "Fjord Freight",
        "subject": "Pricing for 60 dispatchers",
        "message": "We would like to see a demo and a quote for the annual plan. We have budget approved and want to buy.",
    } });
    let timeline = house.run(&Delivery::forms("l", body)).await;
    assert_eq!(timeline.state, EventState::Done);
    let verdict = verdict(&timeline);
    assert_eq!((verdict.label.as_str(), &*verdict.judge), ("lead", "local"));
    assert_eq!((verdict.judged_by.as_str(), verdict.calibrated), ("local model, not an LLM", false));
    assert!(
        verdict.why[0].starts_with("words that decided: ") && verdict.why[0].contains('+'),
        "{:?}",
        verdict.why
    );
    assert!(verdict.model.starts_with("linear:") && verdict.confidence >= 0.5);
    assert_eq!((verdict.prompt_digest.len(), verdict.schema_digest.len()), (64, 64));
    assert_eq!(rungs(&timeline), [("rules", RungOutcome::Abstained), ("local", RungOutcome::Decided)]);
    assert_eq!(purchases(&timeline), []);
    assert_eq!(verdict.output["urgency"], "normal", "from the fill");
}

#[tokio::test]
async fn a_language_models_answer_decides_and_is_on_record_as_bought() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says("lead", 0.9));
    let timeline = house.run(&form("f")).await;
    assert_eq!(timeline.state, EventState::Done);
    let verdict = verdict(&timeline);
    assert_eq!(
        (verdict.label.as_str(), &*verdict.judge, verdict.judged_by.as_str()),
        ("lead", "claude", "LLM")
    );
    assert_eq!(
        (verdict.why.as_slice(), &verdict.output["urgency"]),
        (["it reads like it".to_owned()].as_slice(), &"low".into())
    );
    assert!(verdict.tokens.output > 0 && verdict.tokens.input_uncached > 0);
    assert_eq!(rungs(&timeline), [("rules", RungOutcome::Abstained), ("claude", RungOutcome::Decided)]);
    assert_eq!(purchases(&timeline), [("claude", PurchaseState::Answered)]);
    let bought = route(&timeline).purchases[0].answer.as_ref().unwrap();
    assert!(bought.raw.contains("it reads like it"));
    assert_eq!(outcomes(action(&timeline, "contact")), ["done"]);
    let asked = house.sandbox.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        !asked[0]["system"].to_string().contains("ada@engines.example"),
        "strangers' text is not in the system prompt"
    );
    assert!(asked[0]["messages"].to_string().contains("ada@engines.example"));
}

#[tokio::test]
async fn whatever_the_first_model_gets_wrong_the_second_is_asked() {
    use RungOutcome::{Abstained, Invalid, Unavailable, Unsure};
    let house = with_claude(House::plan().llm(), "repair = false").start().await;
    for (n, (reply, outcome)) in [
        (Reply::Text("I would say lead.".to_owned()), Invalid),
        (Reply::WrongLabel, Invalid),
        (Reply::Truncated, Invalid),
        (Reply::Output(json!({ "label": "lead" })), Invalid),
        (Reply::Refusal, Abstained),
        (says("spam", 0.59), Unsure),
        (Reply::Overloaded, Unavailable),
        (Reply::RateLimited { retry_after_s: Some(9) }, Unavailable),
        (Reply::SpendLimit, Unavailable),
    ]
    .into_iter()
    .enumerate()
    {
        house.sandbox.reply_next(reply.clone());
        house.sandbox.reply_next(says("internal", 0.9));
        let timeline = house.run(&form(&format!("f{n}"))).await;
        assert_eq!(
            (timeline.state, verdict(&timeline).label.as_str()),
            (EventState::Done, "internal"),
            "{reply:?}"
        );
        let want = [("rules", Abstained), ("claude", outcome), ("gpt", RungOutcome::Decided)];
        assert_eq!(rungs(&timeline), want, "{reply:?}");
        let billed = if outcome == Unavailable { PurchaseState::NotBilled } else { PurchaseState::Answered };
        assert_eq!(purchases(&timeline), [("claude", billed), ("gpt", PurchaseState::Answered)], "{reply:?}");
        assert!(find(&timeline, "notice").is_some());
        // Whoever asked to be left alone is.
        house.advance(Duration::from_secs(9));
    }
}

#[tokio::test]
async fn while_no_model_can_be_reached_the_event_waits_and_is_asked_about_later() {
    let house = House::plan().llm().start().await;
    house.sandbox.fail_next(CLAUDE, 1, 529);
    house.sandbox.fail_next(GPT, 1, 503);
    let event = house.queue(&form("f")).await;
    let timeline = house.until(event, |t| route(t).history.len() == 1).await;
    assert_eq!((timeline.state, outcomes(route(&timeline))), (EventState::Open, vec!["retry"]));
    assert!(route(&timeline).job.reason.as_deref().unwrap().starts_with("claude: HTTP 529"));
    house.sandbox.reply_next(says("internal", 0.9));
    house.advance(Duration::from_secs(2));
    let done = house.settled(event).await;
    assert_eq!((done.state, outcomes(route(&done))), (EventState::Done, vec!["retry", "done"]));
    let states: Vec<_> = purchases(&done).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [PurchaseState::NotBilled, PurchaseState::NotBilled, PurchaseState::Answered]);
}

#[tokio::test]
async fn asked_to_wait_by_every_model_the_event_is_parked() {
    let house = House::plan().llm().start().await;
    for retry_after_s in [Some(90), Some(60)] {
        house.sandbox.reply_next(Reply::RateLimited { retry_after_s });
    }
    let event = house.queue(&form("f")).await;
    let parked = house.until(event, |t| route(t).history.len() == 1).await;
    let job = &route(&parked).job;
    assert_eq!((outcomes(route(&parked)), job.attempts), (vec!["parked"], 0));
    assert_eq!(job.due.since(house.now()), Duration::from_secs(60));
}

#[tokio::test]
async fn refused_without_a_time_to_wait_the_event_is_parked_as_often_as_it_takes() {
    let house = House::plan().llm().start().await;
    let busy = || Reply::RateLimited { retry_after_s: None };
    for _ in 0..2 * 8 {
        house.sandbox.reply_next(busy());
    }
    let event = house.queue(&form("f")).await;
    // More often than it may be tried.
    for times in 1..=6 {
        let parked = house.until(event, |t| route(t).history.len() == times).await;
        let job = &route(&parked).job;
        assert_eq!((outcomes(route(&parked)), job.attempts), (vec!["parked"; times], 0));
        let wait = job.due.since(house.now());
        assert!(wait >= Duration::from_secs(1), "it is left alone: {wait:?}");
        house.advance(wait);
    }
    for _ in 0..2 {
        house.sandbox.reply_next(says("internal", 0.9));
    }
    let done = house.driven(event).await;
    assert_eq!((done.state, route(&done).job.attempts), (EventState::Done, 1));
}

#[tokio::test]
async fn one_that_is_busy_for_a_moment_and_does_not_say_how_long_is_waited_for_and_not_left_for_the_next() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(Reply::RateLimited { retry_after_s: None });
    house.sandbox.reply_next(says("lead", 0.9));
    let event = house.queue(&form("f")).await;
    let done = house.driven(event).await;
    assert_eq!(&*verdict(&done).judge, "claude");
    assert_eq!(house.sandbox.requests(GPT), 0);
}

#[tokio::test]
async fn siblings_that_wait_for_an_answer_take_no_requests_from_the_minute() {
    let second = "\n[route.second]\ntypes = [\"lead.form.submitted\"]\nclassifier = \"triage\"\n";
    let third = second.replace("second", "third");
    let house = House::plan().llm().append(ROUTES, &format!("{second}{third}")).start().await;
    // A limit that only the vendor tells of, with the first answer.
    let requests_per_min = NonZeroU32::new(50);
    house.sandbox.limit_llm(hookyard::sandbox::Limits { requests_per_min, ..Default::default() });
    for event in ["a", "b"] {
        house.sandbox.reply_next(says("lead", 0.9));
        let gate = house.sandbox.hold(CLAUDE);
        let event = house.queue(&form(event)).await;
        gate.arrived(1).await;
        let siblings =
            |t: &Timeline| t.jobs.iter().filter(|entry| outcomes(entry) == ["parked"]).count() == 2;
        house.until(event, siblings).await;
        gate.release();
        house.until(event, |t| t.jobs.iter().any(|entry| entry.job.verdict.is_some())).await;
        let minute = Duration::from_mins(1);
        let draw = RateDraw {
            rate: "out/judge/claude".to_owned(),
            pace: Pace::new(50, minute, 50),
            cells: 0,
            back: None,
            leave: None,
        };
        let all = house.service.store.draw_rate(RateDraw { cells: 50, ..draw.clone() }).await.unwrap();
        assert_eq!(all.cells, 49, "nobody has taken any but the one who asked");
        let back = Some(Back { cells: all.cells, drawn_at: all.at });
        house.service.store.draw_rate(RateDraw { back, ..draw }).await.unwrap();
        house.driven(event).await;
    }
}

#[tokio::test]
async fn unsure_to_the_last_a_person_decides_and_bought_answers_are_kept() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(says("lead", 0.4));
    house.sandbox.reply_next(says("spam", 0.5));
    let timeline = house.run(&form("f")).await;
    assert_eq!(timeline.state, EventState::Waiting);
    let reason = route(&timeline).job.reason.as_deref().unwrap();
    assert!(
        reason.contains("claude was unsure (lead 0.40)") && reason.contains("gpt was unsure (spam 0.50)"),
        "{reason}"
    );
    // Judged anew, the ladder reads what was bought.
    house
        .tell("/api/v1/replay", json!({ "event": timeline.event.id, "mode": "reclassify", "sweep": "again" }))
        .await;
    let again = house.until(timeline.event.id, |t| t.jobs.len() == 2 && t.state == EventState::Waiting).await;
    assert_eq!(house.sandbox.asked().len(), 2);
    assert_eq!(again.jobs[0].job.state, JobState::Discarded, "one run waits for a person, not two");
}

/// A worker that the test plays itself.
struct Played {
    store: Arc<dyn Store>,
    lease: Lease,
}

fn lost(error: StoreError) -> LedgerError {
    LedgerError::Unavailable { reason: error.to_string() }
}

#[async_trait]
impl Ledger for Played {
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError> {
        self.store.bought(self.lease.job.event, judge, digest).await.map_err(lost)
    }

    async fn begin(&self, cost: &Cost<'_>, digest: &str) -> Result<Prior, LedgerError> {
        self.store.begin_purchase(self.lease, &PurchaseOrder::new(cost.judge, digest)).await.map_err(lost)
    }

    async fn answered(
        &self,
        cost: &Cost<'_>,
        digest: &str,
        answer: &Answer,
        _paid: Money,
    ) -> Result<(), LedgerError> {
        self.store.end_purchase(self.lease, &Bill::new(cost.judge, digest, Some(answer))).await.map_err(lost)
    }

    async fn not_billed(&self, cost: &Cost<'_>, digest: &str) -> Result<(), LedgerError> {
        self.store.end_purchase(self.lease, &Bill::new(cost.judge, digest, None)).await.map_err(lost)
    }
}

const LEASE: Duration = Duration::from_secs(60);

async fn claim(house: &House) -> Claimed {
    let request = ClaimRequest {
        shares: [(Lane::Normal, 1), (Lane::Critical, 0), (Lane::Bulk, 0)],
        lease: LEASE,
        limits: Limits::default(),
    };
    house.service.store.claim(request).await.unwrap().jobs.remove(0)
}

async fn judge(house: &House, claimed: &Claimed) -> RouteEnd {
    let engine = house.service.engine.now();
    let ledger = Played { store: Arc::clone(&house.service.store), lease: claimed.lease };
    engine.run_route("triage", &claimed.event, None, 1, &ledger, house.clock.as_ref()).await.unwrap()
}

#[tokio::test]
async fn routes_that_ask_the_same_buy_one_answer() {
    let second = "\n[route.second]\ntypes = [\"lead.form.submitted\"]\nclassifier = \"triage\"\n";
    let third = second.replace("second", "third");
    let house = House::plan().llm().append(ROUTES, &format!("{second}{third}")).start().await;
    house.sandbox.reply_next(says("lead", 0.9));
    house.sandbox.reply_next(says("spam", 0.9));
    let event = house.queue(&form("f")).await;
    let timeline = house.driven(event).await;
    let verdicts = timeline.jobs.iter().filter_map(|entry| entry.job.verdict.as_ref());
    assert_eq!(verdicts.map(|verdict| &*verdict.label).collect::<Vec<_>>(), ["lead"; 3]);
    assert_eq!(house.sandbox.requests(CLAUDE), 1);
}

#[tokio::test]
async fn an_answer_that_is_under_way_is_waited_for_though_another_judge_would_be_quicker() {
    let second = "\n[route.second]\ntypes = [\"lead.form.submitted\"]\nclassifier = \"triage\"\n";
    let house = House::plan().llm().append(ROUTES, second).start().await;
    house.sandbox.reply_next(says("lead", 0.9));
    let gate = house.sandbox.hold(CLAUDE);
    let event = house.queue(&form("f")).await;
    gate.arrived(1).await;
    let looked = |times: usize| {
        move |timeline: &Timeline| timeline.jobs.iter().any(|entry| entry.history.len() == times)
    };
    for times in 1..5 {
        house.until(event, looked(times)).await;
        house.advance(Duration::from_secs(1));
    }
    gate.release();
    let timeline = house.driven(event).await;
    let verdicts = timeline.jobs.iter().filter_map(|entry| entry.job.verdict.as_ref());
    assert_eq!(verdicts.map(|verdict| &*verdict.judge).collect::<Vec<_>>(), ["claude"; 2]);
    assert_eq!((house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT)), (1, 0));
}

#[tokio::test]
async fn an_answer_is_bought_once_though_the_worker_vanishes_before_it_settles() {
    let house = House::plan().llm().setting("concurrency = 0").start().await;
    let event = house.queue(&form("f")).await;
    house.sandbox.reply_next(says("lead", 0.9));
    let vanished = claim(&house).await;
    let RouteEnd::Planned { verdict: Some(first), .. } = judge(&house, &vanished).await else {
        panic!("no verdict")
    };
    house.advance(LEASE);
    let RouteEnd::Planned { verdict: Some(second), .. } = judge(&house, &claim(&house).await).await else {
        panic!("no verdict")
    };
    assert_eq!((second.label, second.model, second.tokens), (first.label, first.model, first.tokens));
    assert_eq!(house.sandbox.requests(CLAUDE), 1);
    let timeline = house.service.store.timeline(event).await.unwrap().unwrap();
    assert_eq!(purchases(&timeline), [("claude", PurchaseState::Answered)]);
}

#[tokio::test]
async fn a_question_that_may_have_been_billed_is_asked_at_most_once_more() {
    let house = House::plan().llm().setting("concurrency = 0").start().await;
    let event = house.queue(&form("f")).await;
    for n in 1..=3 {
        let claimed = claim(&house).await;
        let gate = house.sandbox.hold(CLAUDE);
        house.sandbox.fail_next(GPT, 1, 503);
        // The worker is gone while the question is on its way: its future is dropped.
        tokio::select! {
            _ = judge(&house, &claimed) => assert_eq!(n, 3, "claude did not hold"),
            () = gate.arrived(1) => assert!(n < 3, "asked a third time"),
        }
        house.advance(LEASE);
    }
    assert_eq!(house.sandbox.requests(CLAUDE), 2);
    let timeline = house.service.store.timeline(event).await.unwrap().unwrap();
    let maybe = ("claude", PurchaseState::MaybeBilled);
    assert_eq!(purchases(&timeline), [maybe, maybe, ("gpt", PurchaseState::NotBilled)]);
}

#[tokio::test]
async fn a_label_that_nobody_knows_is_asked_for_once_more_and_both_answers_are_on_record_and_counted() {
    let house = House::plan().llm().start().await;
    house.sandbox.reply_next(Reply::WrongLabel);
    house.sandbox.reply_next(says("lead", 0.9));
    let timeline = house.run(&form("f")).await;
    assert_eq!((verdict(&timeline).label.as_str(), &*verdict(&timeline).judge), ("lead", "claude"));
    let said = &verdict(&timeline).rungs.last().unwrap().said;
    assert!(said.contains("second try"), "{said}");
    assert_eq!(
        purchases(&timeline),
        [("claude", PurchaseState::Answered), ("claude", PurchaseState::Answered)]
    );
    let asked = house.sandbox.asked();
    assert_eq!((asked.len(), &asked[0]["system"]), (2, &asked[1]["system"]));
    assert!(!asked[1].to_string().contains("no_such_label"), "nothing that the model wrote comes back to it");
    let metrics = house.ask("/metrics").await.text;
    for line in [
        "hookyard_judge_answers_total{judge=\"claude\",outcome=\"wrong_enum\",attempt=\"first\"} 1",
        "hookyard_judge_answers_total{judge=\"claude\",outcome=\"valid\",attempt=\"repair\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn openais_responses_are_asked_where_the_table_says_so() {
    let table = "[judge.gpt]\n";
    let told = format!("{table}api = \"responses\"\neffort = \"low\"\n");
    let plan = with_claude(House::plan().llm(), "repair = false").edit(JUDGES, table, &told);
    let house = plan.start().await;
    house.sandbox.reply_next(Reply::WrongLabel);
    house.sandbox.reply_next(says("lead", 0.9));
    let timeline = house.run(&form("f")).await;
    assert_eq!((verdict(&timeline).label.as_str(), &*verdict(&timeline).judge), ("lead", "gpt"));
    assert_eq!((house.sandbox.requests("/llm/v1/responses"), house.sandbox.requests(GPT)), (1, 0));
    let asked = &house.sandbox.asked()[1];
    assert_eq!((&asked["reasoning"]["effort"], &asked["store"]), (&json!("low"), &json!(false)));
    assert!(!asked["instructions"].to_string().contains("ada@engines.example"));
}

#[tokio::test]
async fn what_was_recorded_is_answered_again_and_nobody_is_asked() {
    let live = House::plan().llm().start().await;
    live.sandbox.reply_next(says("lead", 0.9));
    let timeline = live.run(&form("f")).await;
    let bought = &route(&timeline).purchases[0];
    assert!(live.sandbox.asked()[0].to_string().contains("<untrusted "), "its markers are each event's own");
    let answer = bought.answer.as_ref().unwrap();
    let recording = Recording::new(bought.digest.clone(), "claude", answer, live.now());

    let plan = with_claude(House::plan().llm(), "replay = \"triage\"");
    let at = format!("evals/triage/recordings/{}", recording.file_name());
    let house = plan.with(&at, &recording.text().unwrap()).start().await;
    let recorded_of = timeline.event.id;
    let timeline = house.run(&form("f")).await;
    assert_ne!(timeline.event.id, recorded_of);
    assert_eq!((verdict(&timeline).label.as_str(), &*verdict(&timeline).judge), ("lead", "claude"));
    assert_eq!(verdict(&timeline).judged_by, "LLM, as it was recorded");
    assert_eq!(verdict(&timeline).tokens, answer.tokens);
    assert_eq!((house.sandbox.asked().len(), purchases(&timeline).len()), (0, 0));
    // Another event was not recorded: the next judge is asked.
    house.sandbox.reply_next(says("spam", 0.9));
    let asks = json!({ "type": "lead.form.submitted", "data": { "message": "Do you sell oil?" } });
    let other = house.run(&Delivery::forms("g", asks)).await;
    let miss = &verdict(&other).rungs[1].said;
    assert!(miss.contains("recorded in evals/triage/recordings"), "{miss}");
}
