//! A verdict in time: a judge that would be too slow is left for one that is not, and a busy one is waited for while it pays.

use std::time::Duration;

use hookyard::{
    config::{CLASSIFIERS, JUDGES},
    domain::{EventState, PurchaseState, RungOutcome, Verdict},
    sandbox::Reply,
    store::Timeline,
};
use serde_json::{Value, json};

use crate::support::{
    house::{House, Plan, form, outcomes, route},
    process::{arrived, in_time},
};

const CLAUDE: &str = "/llm/v1/messages";
const GPT: &str = "/llm/v1/chat/completions";

const MINUTE: Duration = Duration::from_mins(1);

/// A house whose forms are to have their verdicts in so many ms.
fn within(ms: u64) -> Plan {
    House::plan().llm().edit(CLASSIFIERS, "objective_ms = 3_000", &format!("objective_ms = {ms}"))
}

fn says(label: &str) -> Reply {
    Reply::Output(
        json!({ "reason": "it reads like it", "label": label, "urgency": "low", "confidence": 0.9 }),
    )
}

fn verdict(timeline: &Timeline) -> &Verdict {
    route(timeline).job.verdict.as_ref().expect("a verdict")
}

fn rungs(timeline: &Timeline) -> Vec<(&str, RungOutcome)> {
    verdict(timeline).rungs.iter().map(|rung| (&*rung.judge, rung.outcome)).collect()
}

/// Has the first model be known as one that takes nine seconds.
async fn slow(house: &House) {
    let gate = house.sandbox.hold(CLAUDE);
    house.sandbox.reply_next(says("lead"));
    let event = house.queue(&form("slow")).await;
    arrived(&gate, 1).await;
    house.advance(Duration::from_secs(9));
    gate.release();
    assert_eq!(&*verdict(&house.settled(event).await).judge, "claude");
}

#[tokio::test]
async fn a_judge_that_hangs_is_left_while_the_next_one_is_still_in_time() {
    // Each is expected to take a second: the first one is given what the second one leaves.
    let house = within(2_100).start().await;
    let gate = house.sandbox.hold(CLAUDE);
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&form("f")).await;
    drop(gate);
    assert_eq!((timeline.state, &*verdict(&timeline).judge), (EventState::Done, "gpt"));
    assert!(!verdict(&timeline).late);
    let states: Vec<PurchaseState> = route(&timeline).purchases.iter().map(|bought| bought.state).collect();
    assert_eq!(
        states,
        [PurchaseState::MaybeBilled, PurchaseState::Answered],
        "what was cut short may be billed"
    );
    let breakers = house.ask("/api/v1/breakers").await.json;
    let known = &breakers["judges"]["claude"]["failures_in_a_row"];
    assert_eq!(*known, 0, "nobody knows yet whether it is slow or dead: {breakers}");
}

/// Five events whose first model has not answered by the time that the next one has to be asked.
async fn five_cut_short(house: &House) {
    let mut events = Vec::new();
    for id in ["a", "b", "c", "d", "e"] {
        house.sandbox.reply_next(says("lead"));
        events.push(house.queue(&form(id)).await);
    }
    for event in events {
        assert_eq!(&*verdict(&house.settled(event).await).judge, "gpt");
    }
}

/// Waits until the breaker of the first model is shown as wanted.
async fn shown(house: &House, wanted: impl Fn(&Value) -> bool) {
    let looking = async {
        while !wanted(&house.ask("/api/v1/breakers").await.json["judges"]["claude"]) {
            tokio::task::yield_now().await;
        }
    };
    in_time("a breaker as it is to be", looking).await;
}

#[tokio::test]
async fn a_vendor_that_hangs_opens_its_breaker_though_nobody_waited_to_the_end() {
    let short = "timeout_ms = 2_000         # then";
    let house = within(2_100).edit(JUDGES, "timeout_ms = 20_000         # then", short).start().await;
    let gate = house.sandbox.hold(CLAUDE);
    five_cut_short(&house).await;
    shown(&house, |claude| claude["state"] == "open").await;
    house.sandbox.reply_next(says("lead"));
    assert_eq!(&*verdict(&house.run(&form("f")).await).judge, "gpt");
    assert_eq!(house.sandbox.requests(CLAUDE), 5, "it is left alone");
    drop(gate);
    house.advance(MINUTE);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(&*verdict(&house.run(&form("g")).await).judge, "claude", "one may find out");
}

#[tokio::test]
async fn a_vendor_that_is_slow_and_answers_stays_with_those_who_have_the_time() {
    let house = within(2_100).start().await;
    // It fails once: that is known until an answer comes.
    house.sandbox.fail_next(CLAUDE, 1, 500);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(&*verdict(&house.run(&form("first")).await).judge, "gpt");
    let gate = house.sandbox.hold(CLAUDE);
    five_cut_short(&house).await;
    shown(&house, |claude| claude["failures_in_a_row"] == 1).await;
    gate.release();
    shown(&house, |claude| claude["failures_in_a_row"] == 0).await;
    let late = async {
        let answered =
            || house.sandbox.llm_calls().iter().filter(|call| call.model.contains("claude")).count();
        while answered() < 5 {
            tokio::task::yield_now().await;
        }
    };
    in_time("what nobody waited for", late).await;
    house.reload(&House::plan().llm().edit(CLASSIFIERS, "objective_ms = 3_000\n", ""));
    house.sandbox.reply_next(says("lead"));
    assert_eq!(&*verdict(&house.run(&form("f")).await).judge, "claude");
    assert_eq!(house.sandbox.requests(CLAUDE), 7);
}

#[tokio::test]
async fn what_a_vendor_says_of_itself_is_heeded_though_nobody_waited_for_it() {
    let house = within(2_100).start().await;
    let gate = house.sandbox.hold(CLAUDE);
    house.sandbox.reply_next(says("lead"));
    assert_eq!(&*verdict(&house.run(&form("a")).await).judge, "gpt");
    house.sandbox.reply_next(Reply::SpendLimit);
    gate.release();
    shown(&house, |claude| claude["state"] == "open").await;
    house.sandbox.reply_next(says("lead"));
    assert_eq!(&*verdict(&house.run(&form("b")).await).judge, "gpt");
    assert_eq!(house.sandbox.requests(CLAUDE), 1, "it is left alone");
}

#[tokio::test]
async fn one_that_is_too_slow_is_not_asked_again_for_some_dozens_of_events() {
    let house = within(1_200).start().await;
    slow(&house).await;
    for event in 0..20 {
        house.sandbox.reply_next(says("lead"));
        let timeline = house.run(&form(&format!("f{event}"))).await;
        assert_eq!((&*verdict(&timeline).judge, verdict(&timeline).late), ("gpt", false), "{event}");
    }
    assert_eq!(house.sandbox.requests(CLAUDE), 1);
}

#[tokio::test]
async fn without_an_objective_a_short_wait_is_waited_for_and_a_long_one_is_not() {
    for (retry_after_s, judge) in [(1, "claude"), (60, "gpt")] {
        let house = House::plan().llm().edit(CLASSIFIERS, "objective_ms = 3_000", "").start().await;
        house.sandbox.reply_next(Reply::RateLimited { retry_after_s: Some(retry_after_s) });
        house.sandbox.reply_next(says("lead"));
        let timeline = house.driven(house.queue(&form("f")).await).await;
        assert_eq!(&*verdict(&timeline).judge, judge, "after {retry_after_s} s");
    }
}

#[tokio::test]
async fn one_that_was_passed_over_has_its_turn_where_the_later_ones_fail() {
    use RungOutcome::{Abstained, Decided, Unavailable};
    let house = within(1_500).start().await;
    slow(&house).await;
    house.sandbox.fail_next(GPT, 1, 503);
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&form("f")).await;
    let want = [("rules", Abstained), ("claude", Unavailable), ("gpt", Unavailable), ("claude", Decided)];
    assert_eq!(rungs(&timeline), want);
    assert_eq!(outcomes(route(&timeline)), ["done"], "at once");
}

#[tokio::test]
async fn nobody_is_passed_over_for_one_that_cannot_answer() {
    use RungOutcome::{Abstained, Decided};
    let house = within(1_500).start().await;
    slow(&house).await;
    // Its money is spent: it answers nothing until somebody acts.
    house.sandbox.reply_next(Reply::SpendLimit);
    house.sandbox.reply_next(says("lead"));
    house.driven(house.queue(&form("f")).await).await;
    assert_eq!(house.ask("/api/v1/breakers").await.json["judges"]["gpt"]["state"], "open");
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&form("g")).await;
    assert_eq!(rungs(&timeline), [("rules", Abstained), ("claude", Decided)]);
}

#[tokio::test]
async fn a_verdict_that_comes_too_late_says_so() {
    let house = within(3_000).start().await;
    let gate = house.sandbox.hold(CLAUDE);
    house.sandbox.reply_next(says("lead"));
    let event = house.queue(&form("f")).await;
    arrived(&gate, 1).await;
    house.advance(Duration::from_millis(3_001));
    gate.release();
    let timeline = house.settled(event).await;
    assert_eq!((&*verdict(&timeline).judge, verdict(&timeline).late), ("claude", true));
    let metrics = house.ask("/metrics").await.text;
    assert!(metrics.contains("hookyard_verdicts_late_total{classifier=\"triage\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_judge_that_is_busy_for_a_moment_is_waited_for_and_its_fallback_left_in_peace() {
    let house = within(3_000).start().await;
    house.sandbox.reply_next(Reply::RateLimited { retry_after_s: Some(1) });
    let event = house.queue(&form("f")).await;
    let waiting = house.until(event, |timeline| !route(timeline).history.is_empty()).await;
    assert_eq!((outcomes(route(&waiting)), route(&waiting).job.attempts), (vec!["parked"], 0));
    house.sandbox.reply_next(says("lead"));
    house.advance(Duration::from_secs(1));
    let timeline = house.settled(event).await;
    assert_eq!((&*verdict(&timeline).judge, verdict(&timeline).late), ("claude", false));
    assert_eq!((house.sandbox.requests(CLAUDE), house.sandbox.requests(GPT)), (2, 0));
}

#[tokio::test]
async fn one_that_asks_for_more_than_there_is_time_is_not_waited_for() {
    let house = within(3_000).start().await;
    house.sandbox.reply_next(Reply::RateLimited { retry_after_s: Some(3) });
    house.sandbox.reply_next(says("lead"));
    let timeline = house.run(&form("f")).await;
    assert_eq!(&*verdict(&timeline).judge, "gpt");
    let first = verdict(&timeline).rungs.iter().find(|rung| &*rung.judge == "claude").expect("it was asked");
    assert_eq!(first.outcome, RungOutcome::Unavailable);
}
