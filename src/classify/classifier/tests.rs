use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::classify::{
    FreeLedger, Rule, Rules,
    fakes::{self, HandClock, Log},
};
use crate::{domain::Tokens, template::Condition};

/// Takes 10 ms and one prepared turn per question; may read the event prompt as a language model would.
struct FakeJudge {
    name: Name,
    log: Log,
    clock: Arc<HandClock>,
    reads_event: bool,
    expected: Option<Duration>,
    turns: Mutex<Vec<Result<Turn, ClassifyError>>>,
}

#[async_trait]
impl Judge for FakeJudge {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "a fake"
    }

    fn model(&self) -> String {
        "fake-1".to_owned()
    }

    fn expected(&self) -> Option<Duration> {
        self.expected
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        _ledger: &dyn Ledger,
        _clock: &dyn Clock,
    ) -> Result<Turn, ClassifyError> {
        self.log.note(&*self.name);
        self.clock.advance(Duration::from_millis(10));
        if self.reads_event {
            question.event()?;
        }
        self.turns.lock().expect("not poisoned").remove(0)
    }
}

#[derive(Default)]
struct Ladder {
    clock: Arc<HandClock>,
    log: Log,
    rungs: Vec<LadderRung>,
}

impl Ladder {
    fn judge(mut self, name: &str, confidence_min: f64, turn: Turn, reads_event: bool) -> Self {
        let judge = FakeJudge {
            name: name.into(),
            log: self.log.clone(),
            clock: Arc::clone(&self.clock),
            reads_event,
            expected: None,
            turns: Mutex::new(vec![Ok(turn)]),
        };
        self.rungs.push(LadderRung { judge: Arc::new(judge), confidence_min });
        self
    }

    fn rung(self, name: &str, confidence_min: f64, turn: Turn) -> Self {
        self.judge(name, confidence_min, turn, false)
    }

    async fn climb(&self) -> Result<Outcome, ClassifyError> {
        let context = Context::new().with("event", &json!({"type": "form", "body": {"n": 1}}));
        let classifier = classifier(self.rungs.clone());
        let variant = classifier.variant_of("evt_1").expect("one");
        classifier.classify(variant, &View::of(&context), None, &FreeLedger, &*self.clock).await
    }
}

fn wording(name: Option<&str>, weight: f64, system: &str) -> Wording {
    let (system, event) = fakes::prompts(system, fakes::EVENT);
    Wording { name: name.map(Into::into), weight, system, event }
}

fn parts(ladder: Vec<LadderRung>) -> Parts {
    Parts {
        name: "triage".into(),
        variants: vec![wording(None, 1.0, fakes::SYSTEM)],
        shadow: None,
        facts: Context::new(),
        text: Shape::compile(&json!(fakes::TEXT)).expect("compiles"),
        schema: fakes::schema(),
        fill: json!({"evidence": [], "priority": "low"}).as_object().expect("an object").clone(),
        ladder,
        sender_budget: None,
        objective: None,
        redact: Vec::new(),
        calibrations: Calibrations::default(),
    }
}

fn classifier(ladder: Vec<LadderRung>) -> Classifier {
    Classifier::compile(parts(ladder)).expect("compiles")
}

fn says(label: &str, confidence: f64) -> Turn {
    Turn::Said(Box::new(Said {
        output: fakes::schema().admit(fakes::output(label, confidence)).expect("valid"),
        calibrated: false,
        repaired: None,
        why: vec!["because".to_owned()],
        model: "fake-1-2026".to_owned(),
        tokens: Tokens { output: 5, ..Tokens::default() },
        latency_ms: 7,
    }))
}

fn abstains() -> Turn {
    Turn::Abstained { reason: "no rule holds".to_owned() }
}

fn unavailable(may_pass: bool, retry_after_s: Option<u64>) -> Turn {
    let retry_after = retry_after_s.map(Duration::from_secs);
    Turn::Unavailable { reason: "HTTP 503".to_owned(), may_pass, retry_after, hindrance: Hindrance::Failed }
}

#[tokio::test]
async fn the_first_confident_answer_wins_and_the_record_tells_the_climb() {
    let ladder = Ladder::default()
        .rung("rules", 0.0, abstains())
        .rung("local", 0.8, says("spam", 0.79))
        .rung("broken", 0.0, Turn::Invalid { reason: "the answer is empty".to_owned() })
        .rung("claude", 0.7, says("lead", 0.7))
        .rung("never", 0.0, says("support", 1.0));
    let Ok(Outcome::Verdict(verdict)) = ladder.climb().await else { panic!("no verdict") };
    assert_eq!(ladder.log.take(), ["rules", "local", "broken", "claude"]);
    let rung = |judge: &str, outcome, said: &str, confidence, latency_ms| Rung {
        judge: judge.into(),
        outcome,
        said: said.to_owned(),
        confidence,
        latency_ms,
    };
    let want = Verdict {
        classifier: "triage".into(),
        label: "lead".to_owned(),
        confidence: 0.7,
        calibrated: false,
        output: fakes::output("lead", 0.7),
        judge: "claude".into(),
        judged_by: "a fake".to_owned(),
        model: "fake-1-2026".to_owned(),
        why: vec!["because".to_owned()],
        variant: None,
        prompt_digest: verdict.prompt_digest.clone(),
        schema_digest: fakes::schema().digest().to_owned(),
        tokens: Tokens { output: 5, ..Tokens::default() },
        latency_ms: 34,
        late: false,
        redacted: BTreeMap::new(),
        rungs: vec![
            rung("rules", RungOutcome::Abstained, "no rule holds", None, 10),
            rung("local", RungOutcome::Unsure, "spam 0.79", Some(0.79), 7),
            rung("broken", RungOutcome::Invalid, "the answer is empty", None, 10),
            rung("claude", RungOutcome::Decided, "lead 0.70", Some(0.7), 7),
        ],
    };
    assert_eq!(*verdict, want);
    assert_eq!(verdict.prompt_digest.len(), 64);
}

#[tokio::test]
async fn past_the_last_rung_a_person_decides() {
    let ladder =
        Ladder::default().rung("local", 0.8, says("spam", 0.3)).rung("claude", 0.0, unavailable(false, None));
    let Ok(Outcome::Person { reason, rungs }) = ladder.climb().await else { panic!("no person") };
    assert_eq!(
        reason,
        "no judge decided: local was unsure (spam 0.30); claude could not be asked (HTTP 503)"
    );
    assert_eq!(rungs.len(), 2);
    assert!(matches!(Ladder::default().climb().await, Ok(Outcome::Person { .. })), "also without any rung");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_after_the_shortest_wait_named() {
    for (first, second, want) in [
        (unavailable(true, Some(30)), unavailable(true, Some(9)), Some(9)),
        (unavailable(true, Some(30)), unavailable(true, None), None),
        (unavailable(true, Some(30)), unavailable(false, None), Some(30)),
        (unavailable(true, None), says("spam", 0.1), None),
    ] {
        let ladder = Ladder::default().rung("claude", 0.5, first).rung("gpt", 0.5, second);
        let Ok(Outcome::TryAgain { reason, rungs, retry_after, spent: false }) = ladder.climb().await else {
            panic!("other")
        };
        assert_eq!(reason, "claude: HTTP 503");
        assert_eq!(rungs.len(), 2);
        assert_eq!(retry_after, want.map(Duration::from_secs));
    }
    let fallback =
        Ladder::default().rung("claude", 0.5, unavailable(true, None)).rung("gpt", 0.5, says("spam", 0.9));
    assert!(
        matches!(fallback.climb().await, Ok(Outcome::Verdict(_))),
        "a later rung may decide all the same"
    );
}

#[tokio::test]
async fn whoever_waits_for_money_is_known_to() {
    let spent = |retry_after_s| match unavailable(true, retry_after_s) {
        Turn::Unavailable { reason, may_pass, retry_after, .. } => {
            Turn::Unavailable { reason, may_pass, retry_after, hindrance: Hindrance::Spent }
        }
        other => other,
    };
    for (first, second, want) in [
        (spent(Some(60)), unavailable(true, Some(9)), true),
        (unavailable(true, Some(9)), spent(Some(60)), true),
        (unavailable(true, Some(9)), unavailable(true, Some(60)), false),
    ] {
        let ladder = Ladder::default().rung("claude", 0.5, first).rung("gpt", 0.5, second);
        let climbed = ladder.climb().await;
        let Ok(Outcome::TryAgain { retry_after, spent, .. }) = climbed else { panic!("{climbed:?}") };
        assert_eq!((retry_after, spent), (Some(Duration::from_secs(9)), want));
    }
}

#[tokio::test]
async fn a_judge_that_is_waited_for_and_one_that_was_led_stand_among_the_rungs() {
    let busy = Turn::Unavailable {
        reason: "it has no room".to_owned(),
        may_pass: true,
        retry_after: Some(Duration::from_millis(100)),
        hindrance: Hindrance::Full,
    };
    let next = FakeJudge {
        name: "gpt".into(),
        log: Log::default(),
        clock: Arc::new(HandClock::default()),
        reads_event: false,
        expected: Some(Duration::from_secs(1)),
        turns: Mutex::default(),
    };
    let mut ladder = Ladder::default().rung("rules", 0.0, abstains()).rung("claude", 0.5, busy);
    ladder.rungs.push(LadderRung { judge: Arc::new(next), confidence_min: 0.0 });
    let context = Context::new().with("event", &json!({"type": "form", "body": {"n": 1}}));
    let classifier = classifier(ladder.rungs.clone());
    let variant = classifier.variant_of("evt_1").expect("one");
    let received = Some(ladder.clock.now());
    let climbed =
        classifier.classify(variant, &View::of(&context), received, &FreeLedger, &*ladder.clock).await;
    let Ok(Outcome::TryAgain { reason, rungs, .. }) = climbed else { panic!("{climbed:?}") };
    assert_eq!(reason, "claude: it has no room");
    let told =
        |rungs: &[Rung]| rungs.iter().map(|rung| (rung.judge.to_string(), rung.outcome)).collect::<Vec<_>>();
    let rules = ("rules".to_owned(), RungOutcome::Abstained);
    assert_eq!(told(&rungs), [rules.clone(), ("claude".to_owned(), RungOutcome::Unavailable)]);
    assert_eq!(rungs[1].said, "it has no room");

    let led = Turn::Suspect { reason: "it repeats its instructions".to_owned() };
    let ladder = Ladder::default().rung("rules", 0.0, abstains()).rung("claude", 0.5, led);
    let Ok(Outcome::Person { reason, rungs }) = ladder.climb().await else { panic!("other") };
    assert_eq!(reason, "claude: it repeats its instructions; before it, rules abstained (no rule holds)");
    assert_eq!(told(&rungs), [rules, ("claude".to_owned(), RungOutcome::Invalid)]);
}

#[tokio::test]
async fn prompts_are_rendered_only_for_whom_they_are_needed() {
    // The event has no `text`, which both templates ask for.
    let unread = Ladder::default().rung("rules", 0.0, says("spam", 1.0));
    assert!(matches!(unread.climb().await, Ok(Outcome::Verdict(_))));
    let read = Ladder::default().judge("claude", 0.0, says("spam", 1.0), true);
    let error = read.climb().await.expect_err("does not render");
    assert!(error.to_string().starts_with("the event prompt does not render: "), "{error}");
}

#[tokio::test]
async fn a_lost_ledger_ends_the_climb() {
    let ladder = Ladder::default().rung("claude", 0.0, abstains()).rung("gpt", 0.0, says("spam", 1.0));
    let lost = FakeJudge {
        name: "lost".into(),
        log: ladder.log.clone(),
        clock: Arc::clone(&ladder.clock),
        reads_event: false,
        expected: None,
        turns: Mutex::new(vec![Err(LedgerError::LeaseLost.into())]),
    };
    let mut ladder = ladder;
    ladder.rungs.insert(1, LadderRung { judge: Arc::new(lost), confidence_min: 0.0 });
    assert_eq!(ladder.climb().await, Err(ClassifyError::Ledger(LedgerError::LeaseLost)));
    assert_eq!(ladder.log.take(), ["claude", "lost"]);
}

#[test]
fn no_word_of_an_event_gets_into_the_system_prompt() {
    let of_event = wording(Some("b"), 1.0, "{{ event.body.text }}");
    for (variants, shadow) in [
        (vec![wording(Some("a"), 1.0, fakes::SYSTEM), of_event.clone()], None),
        (vec![wording(Some("a"), 1.0, fakes::SYSTEM)], Some(of_event)),
    ] {
        let parts = Parts { variants, shadow, ..parts(Vec::new()) };
        let (whose, _) = Classifier::compile(parts).expect_err("there is no event yet");
        assert_eq!(whose.as_deref(), Some("b"));
    }

    let system = "{{ house }} sorts {{ classifier }} into {{ labels|join('/') }}";
    let (variants, facts) = (vec![wording(None, 1.0, system)], Context::new().with("house", "Acme"));
    let classifier = Classifier::compile(Parts { variants, facts, ..parts(Vec::new()) }).expect("compiles");
    let variant = classifier.variant_of("evt_1").expect("one");
    let asked = classifier.question(variant, &View::of(&Context::new())).system().to_owned();
    assert_eq!(asked, "Acme sorts triage into lead/support/spam");
}

#[test]
fn an_event_is_asked_by_one_variant_and_some_are_shown_to_the_shadow() {
    let variants = vec![wording(Some("a"), 3.0, "A"), wording(Some("b"), 1.0, "B")];
    let shadow = Some(wording(Some("shadow"), 0.1, "S"));
    let classifier = Classifier::compile(Parts { variants, shadow, ..parts(Vec::new()) }).expect("compiles");
    let name = |event: &str| classifier.variant_of(event).and_then(|variant| variant.name.as_deref());
    let (mut by_b, mut shown) = (0, 0);
    for event in (0..1_000).map(|n| format!("evt_{n}")) {
        assert_eq!(name(&event), name(&event), "always the same");
        by_b += u32::from(name(&event) == Some("b"));
        shown += u32::from(classifier.shadow_of(&event).is_some());
    }
    assert!((200..300).contains(&by_b) && (70..130).contains(&shown), "{by_b} {shown}");
    let plain = Classifier::compile(parts(Vec::new())).expect("compiles");
    assert!((0..100).all(|n| plain.shadow_of(&format!("evt_{n}")).is_none()));
}

#[test]
fn fills_are_checked_over_the_whole_ladder() {
    let rule = Rule {
        when: Condition::compile("true").expect("compiles"),
        label: "ham".to_owned(),
        reason: "r".to_owned(),
        fill: Map::new(),
    };
    let rung = |judge: Arc<dyn Judge>| LadderRung { judge, confidence_min: 0.0 };
    let ladder =
        vec![rung(Arc::new(Rules::new(vec![rule]))), rung(Arc::new(crate::classify::Local::untrained()))];
    let fill = json!({"priority": "low"}).as_object().expect("an object").clone();
    let problems = Classifier::compile(Parts { fill, ..parts(ladder) }).expect("compiles").check_fills();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].starts_with("rule 1 would not satisfy the schema: "), "{problems:#?}");
    assert!(problems[2].starts_with("local's `lead` would not satisfy the schema: "), "{problems:#?}");
}

#[tokio::test]
async fn a_judge_that_is_too_slow_is_passed_over_until_the_objective_is_missed() {
    let clock = Arc::new(HandClock::default());
    let log = Log::default();
    let rung = |name: &str, expected_ms| {
        let judge = FakeJudge {
            name: name.into(),
            log: log.clone(),
            clock: Arc::clone(&clock),
            reads_event: false,
            expected: Some(Duration::from_millis(expected_ms)),
            turns: Mutex::new(vec![Ok(says("lead", 0.9)), Ok(says("lead", 0.9))]),
        };
        LadderRung { judge: Arc::new(judge), confidence_min: 0.0 }
    };
    let objective = Some(Duration::from_secs(1));
    let parts = Parts { objective, ..parts(vec![rung("slow", 2_000), rung("quick", 100)]) };
    let classifier = Classifier::compile(parts).expect("compiles");
    let context = Context::new().with("event", &json!({"type": "form", "body": {"n": 1}}));
    let variant = classifier.variant_of("evt_1").expect("one");
    let received = clock.now();
    let climb = async || match classifier
        .classify(variant, &View::of(&context), Some(received), &FreeLedger, &*clock)
        .await
    {
        Ok(Outcome::Verdict(verdict)) => *verdict,
        other => panic!("no verdict: {other:?}"),
    };
    let verdict = climb().await;
    assert_eq!((&*verdict.judge, verdict.late), ("quick", false));
    assert_eq!(verdict.rungs[0].said, "it takes about 2000 ms, and 1000 ms are left");
    clock.advance(Duration::from_secs(1));
    let verdict = climb().await;
    assert_eq!((&*verdict.judge, verdict.late), ("slow", true), "once missed, the whole ladder is climbed");
    assert_eq!(log.take(), ["quick", "slow"]);
}
