//! What the tests of this folder share: a small classifier, a clock moved by hand, a ledger that keeps a log.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{
    Fields, Form, Hearing, Ledger, LedgerError, PerMinute, Question, RequestTaken, Said, Schema, TokensTaken,
    TokensUsed, Turn,
};
use crate::{
    decide::{
        budget::Cost,
        purchase::{Buy, alone, answer, buy},
        tokens::Need,
    },
    domain::{Answer, Clock, Flaw, Money, Name, Prior, Purchase, PurchaseState, Purse, Timestamp, Wait},
    template::{Context, Library, Prompt, Shape, View},
};

pub(super) fn fields() -> Fields {
    Fields { label: "label".to_owned(), confidence: "confidence".to_owned(), reason: "reason".to_owned() }
}

/// A schema with the three labels `lead`, `support` and `spam`.
pub(super) fn schema_file() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["evidence", "label", "priority", "confidence", "reason"],
        "properties": {
            "evidence": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "label": {"type": "string", "enum": ["lead", "support", "spam"]},
            "priority": {"type": "string", "enum": ["low", "high"]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "reason": {"type": "string"}
        }
    })
}

pub(super) fn schema() -> Schema {
    Schema::load(&schema_file().to_string(), fields()).expect("loads")
}

/// A valid output, if `label` and `confidence` are.
pub(super) fn output(label: &str, confidence: f64) -> Value {
    json!({"evidence": [], "label": label, "priority": "low", "confidence": confidence, "reason": "a made-up reason"})
}

pub(super) fn said(turn: Turn) -> Said {
    match turn {
        Turn::Said(said) => *said,
        other => panic!("said nothing: {other:?}"),
    }
}

pub(super) fn prompts(system: &str, event: &str) -> (Prompt, Prompt) {
    let library =
        Library::compile([("system.j2", system), ("event.j2", event)].into_iter()).expect("compiles");
    (library.prompt("system.j2").expect("is there"), library.prompt("event.j2").expect("is there"))
}

pub(super) const SYSTEM: &str = "Sort into {{ labels|join(', ') }}.";
pub(super) const EVENT: &str = "{{ event.type }}: {{ event.body.text }}";
pub(super) const TEXT: &str = "{{ event.body.text }}";

/// Everything a question about `event` refers to.
pub(super) struct Setting {
    pub(super) fill: Map<String, Value>,
    name: Name,
    schema: Schema,
    view: View<'static>,
    event: Prompt,
    text: Shape,
}

impl Setting {
    pub(super) fn new(event: Value) -> Self {
        let fill = json!({"evidence": [], "priority": "low"});
        Setting {
            fill: fill.as_object().expect("an object").clone(),
            name: "triage eu".into(),
            schema: schema(),
            view: View::new(move || Ok(Context::new().with("event", &event))),
            event: prompts("", EVENT).1,
            text: Shape::compile(&json!(TEXT)).expect("compiles"),
        }
    }

    /// Notes in `log` each time that the event is read.
    pub(super) fn noting(event: Value, log: &Log) -> Self {
        let log = log.clone();
        let view = View::new(move || {
            log.note("read");
            Ok(Context::new().with("event", &event))
        });
        Setting { view, ..Setting::new(Value::Null) }
    }

    pub(super) fn form(&self) -> Form<'_> {
        Form { schema: &self.schema, fill: &self.fill }
    }

    pub(super) fn question(&self) -> Question<'_> {
        let system = "Sort into lead, support, spam.";
        Question::new(&self.name, &self.view, self.form(), system, &self.event, &self.text)
    }
}

/// Starts at zero and stands still until it is moved.
pub(super) struct HandClock(watch::Sender<Duration>);

impl Default for HandClock {
    fn default() -> Self {
        HandClock(watch::Sender::new(Duration::ZERO))
    }
}

impl HandClock {
    pub(super) fn advance(&self, by: Duration) {
        self.0.send_modify(|elapsed| *elapsed += by);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::default().plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Wait<'_> {
        let mut changes = self.0.subscribe();
        Box::pin(async move {
            let there = changes.wait_for(|elapsed| Timestamp::default().plus(*elapsed) >= at);
            there.await.expect("the clock is there");
        })
    }
}

/// What happened, in order, told by everyone who has a clone.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("not poisoned").push(what.into());
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("not poisoned"))
    }
}

/// Keeps purchases as the store will, and notes each step in its log.
#[derive(Default)]
pub(super) struct RecordingLedger {
    pub(super) log: Log,
    pub(super) purchases: Mutex<Vec<Purchase>>,
    /// The purse that has too little.
    pub(super) short: Option<Purse>,
    /// The step from which on the lease is gone.
    pub(super) lost_at: Option<&'static str>,
    /// What was wrong with each answer.
    pub(super) heard: Mutex<Vec<Option<Flaw>>>,
    /// What became of tokens that were taken.
    pub(super) used: Mutex<Vec<TokensUsed>>,
    /// Requests that were taken and not given back.
    pub(super) requests: Mutex<u32>,
}

impl RecordingLedger {
    pub(super) fn noting(log: &Log) -> Self {
        RecordingLedger { log: log.clone(), ..RecordingLedger::default() }
    }

    pub(super) fn states(&self) -> Vec<PurchaseState> {
        self.purchases.lock().expect("not poisoned").iter().map(|p| p.state).collect()
    }

    fn step(&self, step: &'static str) -> Result<(), LedgerError> {
        self.log.note(step);
        if self.lost_at == Some(step) { Err(LedgerError::LeaseLost) } else { Ok(()) }
    }

    fn last(&self, digest: &str, change: impl FnOnce(&mut Purchase)) {
        let mut purchases = self.purchases.lock().expect("not poisoned");
        let begun = |p: &&mut Purchase| p.digest == digest && p.state == PurchaseState::MaybeBilled;
        change(purchases.iter_mut().rev().find(begun).expect("was begun"));
    }
}

#[async_trait]
impl Ledger for RecordingLedger {
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError> {
        let purchases = self.purchases.lock().expect("not poisoned");
        Ok(answer(&purchases, judge, digest).cloned())
    }

    async fn begin(&self, cost: &Cost<'_>, digest: &str) -> Result<Prior, LedgerError> {
        self.step("begin")?;
        if let Some(purse) = self.short {
            return Ok(Prior::Short(purse));
        }
        let mut purchases = self.purchases.lock().expect("not poisoned");
        let prior = match buy(alone(&purchases), cost.judge, digest) {
            Buy::Ask => Prior::Begun,
            Buy::Reuse(bought) => Prior::Answered(bought.answer.clone().expect("answered")),
            Buy::Wait => Prior::UnderWay,
            Buy::Refuse => Prior::Spent,
        };
        if prior == Prior::Begun {
            let (judge, digest) = (Name::clone(cost.judge), digest.to_owned());
            let (begun_at, state) = (Timestamp::default(), PurchaseState::MaybeBilled);
            purchases.push(Purchase { judge, digest, begun_at, state, cost: cost.most, answer: None });
        }
        Ok(prior)
    }

    async fn answered(
        &self,
        _cost: &Cost<'_>,
        digest: &str,
        answer: &Answer,
        paid: Money,
    ) -> Result<(), LedgerError> {
        self.step("answered")?;
        self.last(digest, |purchase| {
            purchase.state = PurchaseState::Answered;
            purchase.cost = paid;
            purchase.answer = Some(answer.clone());
        });
        Ok(())
    }

    async fn not_billed(&self, _cost: &Cost<'_>, digest: &str) -> Result<(), LedgerError> {
        self.step("not billed")?;
        self.last(digest, |purchase| purchase.state = PurchaseState::NotBilled);
        Ok(())
    }

    fn heard(&self, _judge: &Name, _digest: &str, hearing: Hearing<'_>) {
        self.heard.lock().expect("not poisoned").push(hearing.flaw);
    }

    async fn may_ask(
        &self,
        _judge: &Name,
        per_min: Option<PerMinute>,
    ) -> Result<Option<RequestTaken>, Duration> {
        let taken = per_min.map(|per_min| RequestTaken { per_min, at: Timestamp::default(), alone: false });
        *self.requests.lock().expect("not poisoned") += u32::from(taken.is_some());
        Ok(taken)
    }

    async fn not_asked(&self, _judge: &Name, _taken: RequestTaken) {
        *self.requests.lock().expect("not poisoned") -= 1;
    }

    async fn take_tokens(&self, _judge: &Name, needs: &[Need]) -> Result<Vec<TokensTaken>, Duration> {
        let taken = |need: &Need| TokensTaken { need: *need, at: Timestamp::default(), alone: false };
        Ok(needs.iter().map(taken).collect())
    }

    async fn tokens_used(&self, _judge: &Name, used: &[TokensUsed]) {
        self.used.lock().expect("not poisoned").extend(used);
    }
}
