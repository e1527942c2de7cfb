//! The ladder, climbed.

mod altered;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value};

use super::{
    Calibrations, Form, Hindrance, Judge, Ledger, LedgerError, Question, Said, Schema, SenderBudget, Subject,
    Turn, Variant, Wording, Wrong, variant::Variants,
};
pub use altered::Alteration;

use crate::{
    decide::{
        calibration::Scaling,
        ladder::{PastTheLast, Step, past_the_last, step, suspected},
        objective::{Fit, fit, is_worth_the_wait},
        redact::Sensitive,
        retry::PARK_MIN,
    },
    domain::{Clock, Name, PERSON, Rung, RungOutcome, Timestamp, Tokens, Verdict},
    template::{Context, Shape, TemplateError, View},
};

/// What a classifier is made of.
#[derive(Debug)]
pub struct Parts {
    pub name: Name,
    /// The prompts; of several each event is asked by one. At least one.
    pub variants: Vec<Wording>,
    /// Prompts that a share of the events is shown to beside that, to be recorded and to change nothing.
    pub shadow: Option<Wording>,
    /// What the instructions may speak of besides `classifier`, `labels` and `canary`. Nothing that a sender can influence belongs here.
    pub facts: Context,
    /// The event as the local model reads it.
    pub text: Shape,
    pub schema: Schema,
    /// Values for the fields that `rules` and `local` cannot give.
    pub fill: Map<String, Value>,
    /// In the order in which they are asked.
    pub ladder: Vec<LadderRung>,
    pub sender_budget: Option<SenderBudget>,
    /// Time from an event's receipt in which it is to have its verdict.
    pub objective: Option<Duration>,
    /// What is taken out of the event before a language model reads it.
    pub redact: Vec<Sensitive>,
    /// What the judges' confidence is worth.
    pub calibrations: Calibrations,
}

/// A judge and what is demanded of it.
#[derive(Clone)]
pub struct LadderRung {
    pub judge: Arc<dyn Judge>,
    /// Confidence from 0 to 1 below which the next rung is asked.
    pub confidence_min: f64,
}

impl fmt::Debug for LadderRung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.judge.name(), self.confidence_min)
    }
}

/// Ready to say what an event means.
#[derive(Debug)]
pub struct Classifier {
    name: Name,
    variants: Variants,
    text: Arc<Shape>,
    schema: Schema,
    fill: Map<String, Value>,
    ladder: Vec<LadderRung>,
    sender_budget: Option<SenderBudget>,
    objective: Option<Duration>,
    redact: Vec<Sensitive>,
    calibrations: Calibrations,
}

/// How a climb ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Verdict(Box<Verdict>),
    /// No judge decided and asking again would not help: a person does.
    Person {
        reason: String,
        rungs: Vec<Rung>,
    },
    /// A judge was out of reach for now.
    TryAgain {
        reason: String,
        rungs: Vec<Rung>,
        /// The shortest wait after which a judge will listen, if each that was out of reach has named one: park until
        /// then. Otherwise the retry schedule decides.
        retry_after: Option<Duration>,
        /// What one of them may cost is spent.
        spent: bool,
    },
}

/// Why a climb had no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassifyError {
    /// The event does not fit the classifier's templates; asking again gives the same.
    #[error("{what} does not render: {error}")]
    Unrenderable { what: &'static str, error: TemplateError },
    /// A purchase could not be recorded, so nothing was bought or used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl ClassifyError {
    pub(super) fn unwritable(error: serde_json::Error) -> Self {
        let error = TemplateError { line: None, message: error.to_string() };
        ClassifyError::Unrenderable { what: "the request", error }
    }
}

impl Classifier {
    /// Renders the system prompts, now and for every event: so nothing of an event can get into them.
    ///
    /// # Errors
    /// A system prompt does not render; it must not speak of the event. With it, whose it is.
    pub fn compile(parts: Parts) -> Result<Self, (Option<Name>, TemplateError)> {
        let Parts {
            name,
            variants,
            shadow,
            facts,
            text,
            schema,
            fill,
            ladder,
            sender_budget,
            objective,
            redact,
            calibrations,
        } = parts;
        let facts = facts.with("classifier", &*name).with("labels", schema.labels());
        let ready = |wording: Wording| {
            let whose = wording.name.clone();
            Variant::compile(wording, &facts).map_err(|error| (whose, error))
        };
        let asked = variants.into_iter().map(ready).collect::<Result<_, _>>()?;
        let variants = Variants { asked, shadow: shadow.map(ready).transpose()? };
        Ok(Classifier {
            name,
            variants,
            text: Arc::new(text),
            schema,
            fill,
            ladder,
            sender_budget,
            objective,
            redact,
            calibrations,
        })
    }

    pub fn name(&self) -> &Name {
        &self.name
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// In the order in which they are asked.
    pub fn ladder(&self) -> &[LadderRung] {
        &self.ladder
    }

    /// What the judges on the ladder would say from rules and fill but the schema refuses. Empty is good.
    pub fn check_fills(&self) -> Vec<String> {
        self.ladder.iter().flat_map(|rung| rung.judge.check(&self.form())).collect()
    }

    /// The prompts that the event called `event` is asked by, whenever it is asked.
    pub fn variant_of(&self, event: &str) -> Option<&Variant> {
        self.variants.of(&self.name, event)
    }

    /// The prompts that it is shown to beside that, if it is among those.
    pub fn shadow_of(&self, event: &str) -> Option<&Variant> {
        self.variants.shadow_of(&self.name, event)
    }

    /// The prompts that most events are asked by.
    pub fn usual_variant(&self) -> Option<&Variant> {
        self.variants.usual()
    }

    /// All prompts, the shadow's last.
    pub fn variants(&self) -> impl Iterator<Item = &Variant> {
        self.variants.all()
    }

    /// Whether the prompts had a part in a verdict: a judge answered that reads them.
    pub fn prompts_were_read(&self, verdict: &Verdict) -> bool {
        let reads = |rung: &&LadderRung| rung.judge.reads_prompts();
        let answered = |rung: &Rung| rung.outcome != RungOutcome::Unavailable;
        self.ladder.iter().filter(reads).any(|rung| {
            verdict.rungs.iter().any(|asked| asked.judge == *rung.judge.name() && answered(asked))
        })
    }

    /// What the judges are asked about an event. Its texts serve previews, and training: [`Question::text`] is what the
    /// local model reads.
    pub fn question<'a>(&'a self, variant: &'a Variant, view: &'a View<'a>) -> Question<'a> {
        Question::new(&self.name, view, self.form(), &variant.system, &variant.event, &self.text)
            .paid_by(self.sender_budget.as_ref())
            .guarded(variant.canary.as_ref(), &self.redact)
    }

    /// Asks the judges of its ladder, as [`Classifier::classify_by`].
    ///
    /// # Errors
    /// See [`ClassifyError`].
    pub async fn classify(
        &self,
        variant: &Variant,
        view: &View<'_>,
        received_at: Option<Timestamp>,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Outcome, ClassifyError> {
        self.classify_by(&self.ladder, variant, view, received_at, ledger, clock).await
    }

    /// Asks the judges of `ladder` in order until one decides. Of an event that was `received_at` that time, those are passed over or cut
    /// short that would miss the objective while another one meets it; once it is missed, all are asked. Those that were
    /// passed over have their turn where the others did not decide: a late verdict is better than none.
    ///
    /// # Errors
    /// See [`ClassifyError`].
    pub async fn classify_by(
        &self,
        ladder: &[LadderRung],
        variant: &Variant,
        view: &View<'_>,
        received_at: Option<Timestamp>,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Outcome, ClassifyError> {
        let age = || received_at.map(|received_at| clock.now().since(received_at));
        let left_of =
            |time: Duration| age().map(|age| time.saturating_sub(age)).filter(|left| !left.is_zero());
        let mut question = self.question(variant, view);
        let mut climb = Climb::default();
        let mut rungs: VecDeque<(&LadderRung, &[LadderRung])> =
            (1..).zip(ladder).map(|(next, rung)| (rung, ladder.get(next..).unwrap_or_default())).collect();
        while let Some((rung, later)) = rungs.pop_front() {
            let (left, started) = (self.objective.and_then(left_of), clock.monotonic());
            question.age = age();
            let fallback = later.iter().filter_map(|rung| rung.judge.fallback(started)).min();
            question.until = match fit(rung.judge.expected(), fallback, left) {
                Fit::Ask { within } => within.map(|within| started + within),
                Fit::PassOver => {
                    rung.judge.was_passed_over();
                    ledger.unavailable(rung.judge.name(), Hindrance::Slow);
                    climb.pass_over(rung, left.unwrap_or_default());
                    // After all others there is nobody to leave it for.
                    rungs.push_back((rung, &[]));
                    continue;
                }
            };
            let turn = rung.judge.ask(&question, ledger, clock).await?;
            let took = clock.monotonic().saturating_sub(started);
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            if let Turn::Unavailable { hindrance, .. } = &turn {
                ledger.unavailable(rung.judge.name(), *hindrance);
            }
            if let Turn::Suspect { reason } = &turn {
                let reason = suspected(rung.judge.name(), reason, &climb.rungs);
                climb.after(rung, turn, None, took_ms);
                return Ok(Outcome::Person { reason, rungs: climb.rungs });
            }
            if let Turn::UnderWay { wait } = turn {
                let reason = format!("{}: it is being asked the same for another route", rung.judge.name());
                let retry_after = Some(wait);
                return Ok(Outcome::TryAgain { reason, rungs: climb.rungs, retry_after, spent: false });
            }
            let has_next = rungs.iter().any(|(rung, _)| rung.judge.expected().is_some());
            if let Turn::Unavailable { reason, retry_after: Some(wait), hindrance: Hindrance::Full, .. } =
                &turn
                && has_next
                && let Some(age) = age()
                && is_worth_the_wait((*wait).max(PARK_MIN), rung.judge.expected(), age, self.objective)
            {
                let (reason, retry_after) = (format!("{}: {reason}", rung.judge.name()), Some(*wait));
                rung.judge.is_waited_for(*wait, clock.monotonic());
                climb.after(rung, turn, None, took_ms);
                return Ok(Outcome::TryAgain { reason, rungs: climb.rungs, retry_after, spent: false });
            }
            let scaling = self.calibrations.of(rung.judge.name(), &self.subject(variant, &*rung.judge));
            if let Some((said, confidence)) = climb.after(rung, turn, scaling, took_ms) {
                let late = self.objective.zip(age()).is_some_and(|(objective, age)| age > objective);
                let verdict = self.verdict(variant, rung, said, climb.rungs);
                let calibrated = verdict.calibrated || scaling.is_some();
                let redacted = question.redacted();
                return Ok(Outcome::Verdict(Box::new(Verdict {
                    confidence,
                    calibrated,
                    late,
                    redacted,
                    ..verdict
                })));
            }
        }
        Ok(climb.past_the_last(clock.monotonic()))
    }

    /// What a person decided: `label`, with `output` for the schema's other fields.
    ///
    /// # Errors
    /// What the schema does not admit.
    pub fn verdict_of_person(
        &self,
        label: &str,
        output: &Map<String, Value>,
    ) -> Result<Verdict, Vec<String>> {
        let labels = self.schema.labels();
        if !labels.iter().any(|known| known == label) {
            let known = labels.join(", ");
            return Err(vec![format!("`{label}` is no label of `{}`: choose among {known}", self.name)]);
        }
        let reason = "a person decided";
        let output = self.form().output(label, 1.0, reason, output);
        let told = |wrong: Vec<Wrong>| wrong.into_iter().map(|wrong| wrong.text).collect::<Vec<_>>();
        let output = self.schema.admit(output).map_err(told)?;
        Ok(Verdict {
            classifier: self.name.clone(),
            label: output.label().to_owned(),
            confidence: output.confidence(),
            calibrated: true,
            judge: PERSON.into(),
            judged_by: "a person".to_owned(),
            model: "none".to_owned(),
            why: vec![reason.to_owned()],
            variant: None,
            prompt_digest: self.variants.asked.first().map(|asked| asked.digest.clone()).unwrap_or_default(),
            schema_digest: self.schema.digest().to_owned(),
            tokens: Tokens::default(),
            latency_ms: 0,
            late: false,
            redacted: BTreeMap::new(),
            output: output.into_value(),
            rungs: Vec::new(),
        })
    }

    /// What the confidence of `judge` depends on.
    pub fn subject(&self, variant: &Variant, judge: &dyn Judge) -> Subject {
        Subject {
            model: judge.model(),
            prompt: judge.reads_prompts().then(|| variant.digest.clone()),
            schema: self.schema.digest().to_owned(),
        }
    }

    /// Names of judges that were measured as they were then, and not as they are now.
    pub fn uncalibrated(&self, variant: &Variant) -> impl Iterator<Item = &Name> {
        self.ladder.iter().filter_map(move |rung| {
            let name = rung.judge.name();
            let now = self.calibrations.of(name, &self.subject(variant, &*rung.judge));
            (self.calibrations.know(name) && now.is_none()).then_some(name)
        })
    }

    fn form(&self) -> Form<'_> {
        Form { schema: &self.schema, fill: &self.fill }
    }

    fn verdict(&self, variant: &Variant, rung: &LadderRung, said: Said, rungs: Vec<Rung>) -> Verdict {
        Verdict {
            classifier: self.name.clone(),
            label: said.output.label().to_owned(),
            confidence: said.output.confidence(),
            calibrated: said.calibrated,
            judge: rung.judge.name().clone(),
            judged_by: rung.judge.kind().to_owned(),
            model: said.model,
            why: said.why,
            variant: variant.name.clone(),
            prompt_digest: variant.digest.clone(),
            schema_digest: self.schema.digest().to_owned(),
            tokens: said.tokens,
            latency_ms: rungs.iter().map(|rung| rung.latency_ms).sum(),
            late: false,
            redacted: BTreeMap::new(),
            output: said.output.into_value(),
            rungs,
        }
    }
}

/// A judge that is out of reach for now.
struct Passing {
    judge: Arc<dyn Judge>,
    reason: String,
    retry_after: Option<Duration>,
    hindrance: Hindrance,
}

/// What has been heard on the way up.
#[derive(Default)]
struct Climb {
    rungs: Vec<Rung>,
    /// Judges that were out of reach and may be back later.
    passing: Vec<Passing>,
}

impl Climb {
    /// Notes a judge that would not be in time, while a later one will. `left` is what there is of the objective.
    fn pass_over(&mut self, rung: &LadderRung, left: Duration) {
        let takes = rung.judge.expected().unwrap_or_default();
        let said = format!("it takes about {} ms, and {} ms are left", takes.as_millis(), left.as_millis());
        let (judge, outcome) = (Name::clone(rung.judge.name()), RungOutcome::Unavailable);
        self.rungs.push(Rung { judge, outcome, said, confidence: None, latency_ms: 0 });
    }

    /// Notes a turn that took `took_ms`; gives the answer, and what its confidence is worth, if it decides.
    fn after(
        &mut self,
        rung: &LadderRung,
        turn: Turn,
        scaling: Option<Scaling>,
        took_ms: u64,
    ) -> Option<(Said, f64)> {
        let mut note = |outcome, said: String, confidence, latency_ms| {
            self.rungs.push(Rung { judge: rung.judge.name().clone(), outcome, said, confidence, latency_ms });
        };
        match turn {
            Turn::Said(said) => {
                let own = said.output.confidence();
                let confidence = scaling.map_or(own, |scaling| scaling.apply(own));
                let decided = step(confidence, rung.confidence_min) == Step::Accept;
                let outcome = if decided { RungOutcome::Decided } else { RungOutcome::Unsure };
                let told =
                    |wrong: &String| format!(", at the second try (what was wrong with the first: {wrong})");
                let repaired = said.repaired.as_ref().map(told).unwrap_or_default();
                let words = format!("{} {confidence:.2}{repaired}", said.output.label());
                note(outcome, words, Some(confidence), said.latency_ms);
                return decided.then_some((*said, confidence));
            }
            Turn::Abstained { reason } => note(RungOutcome::Abstained, reason, None, took_ms),
            Turn::Invalid { reason } | Turn::Suspect { reason } => {
                note(RungOutcome::Invalid, reason, None, took_ms);
            }
            // It ends the climb before.
            Turn::UnderWay { .. } => {}
            Turn::Unavailable { reason, may_pass, retry_after, hindrance } => {
                if may_pass {
                    let (judge, reason) =
                        (Arc::clone(&rung.judge), format!("{}: {reason}", rung.judge.name()));
                    self.passing.push(Passing { judge, reason, retry_after, hindrance });
                }
                note(RungOutcome::Unavailable, reason, None, took_ms);
            }
        }
        None
    }

    fn past_the_last(self, elapsed: Duration) -> Outcome {
        let reasons: Vec<String> = self.passing.iter().map(|one| one.reason.clone()).collect();
        match past_the_last(&self.rungs, &reasons) {
            PastTheLast::Person { reason } => Outcome::Person { reason, rungs: self.rungs },
            PastTheLast::TryAgain { reason } => {
                let waits: Option<Vec<(Duration, &Passing)>> =
                    self.passing.iter().map(|one| Some((one.retry_after?, one))).collect();
                let first = waits.and_then(|waits| waits.into_iter().min_by_key(|(wait, _)| *wait));
                // For money of ours nobody waits in line: it does not come back little by little.
                if let Some((wait, Passing { judge, hindrance, .. })) = first
                    && *hindrance != Hindrance::Spent
                {
                    judge.is_waited_for(wait, elapsed);
                }
                let retry_after = first.map(|(wait, _)| wait);
                let is_for_money =
                    |one: &Passing| matches!(one.hindrance, Hindrance::Spent | Hindrance::Capped);
                let spent = self.passing.iter().any(is_for_money);
                Outcome::TryAgain { reason, rungs: self.rungs, retry_after, spent }
            }
        }
    }
}

#[cfg(test)]
mod tests;
