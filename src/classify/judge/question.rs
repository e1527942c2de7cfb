//! What a judge is asked.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    classify::{ClassifyError, Schema, Wrong, canary::Canary},
    decide::{
        budget::Sender,
        hidden::without_hidden,
        redact::{Redacted, Sensitive},
    },
    domain::{Money, Name},
    template::{Context, Fences, Prompt, Redactor, Shape, TemplateError, View},
};

/// Digits of a digest that tell senders apart.
const SENDER_DIGITS: usize = 24;

/// One event put to the judges of a classifier. Templates are rendered anew for each judge that needs them: nothing of that is held
/// while an answer is waited for.
#[derive(Debug)]
pub struct Question<'a> {
    pub classifier: &'a Name,
    /// The event and what was gathered about it.
    view: &'a View<'a>,
    /// What the output must look like, and its fixed part.
    pub form: Form<'a>,
    system: &'a str,
    event: &'a Prompt,
    text: &'a Shape,
    payer: Option<&'a SenderBudget>,
    guard: Guard<'a>,
    redacted: OnceLock<BTreeMap<String, u32>>,
    /// What fences untrusted text in the event, once it is rendered.
    markers: OnceLock<Vec<String>>,
    /// When, by the monotonic clock, whoever is asked is left for the next judge.
    pub until: Option<Duration>,
    /// How long ago the event came; `None` if nobody waits for it.
    pub age: Option<Duration>,
}

/// What one sender's events may cost in a day, and who the sender is.
#[derive(Debug)]
pub struct SenderBudget {
    /// A template over the event.
    pub who: Shape,
    pub day: Money,
}

/// What must not get out: in an answer, and in the question.
#[derive(Debug, Default)]
struct Guard<'a> {
    canary: Option<&'a Canary>,
    redact: &'a [Sensitive],
}

impl Guard<'_> {
    /// A rendered event as a reader sees it, without the word by which a leak is told.
    fn shown(&self, rendered: &str) -> String {
        let shown = without_hidden(rendered);
        match self.canary {
            Some(canary) => canary.taken_out(&shown).into_owned(),
            None => shown.into_owned(),
        }
    }
}

impl<'a> Question<'a> {
    pub(in crate::classify) fn new(
        classifier: &'a Name,
        view: &'a View<'a>,
        form: Form<'a>,
        system: &'a str,
        event: &'a Prompt,
        text: &'a Shape,
    ) -> Self {
        Question {
            classifier,
            view,
            form,
            system,
            event,
            text,
            payer: None,
            guard: Guard::default(),
            redacted: OnceLock::new(),
            markers: OnceLock::new(),
            until: None,
            age: None,
        }
    }

    /// The same, paid for out of its sender's budget too.
    pub(in crate::classify) fn paid_by(self, budget: Option<&'a SenderBudget>) -> Self {
        Question { payer: budget, ..self }
    }

    /// The same, with what must not get out.
    pub(in crate::classify) fn guarded(self, canary: Option<&'a Canary>, redact: &'a [Sensitive]) -> Self {
        Question { guard: Guard { canary, redact }, ..self }
    }

    /// A word of the instructions that no answer may hold.
    pub(super) fn canary(&self) -> Option<&Canary> {
        self.guard.canary
    }

    /// How many places of the event were redacted, by kind; none while no language model has read it.
    pub(in crate::classify) fn redacted(&self) -> BTreeMap<String, u32> {
        self.redacted.get().cloned().unwrap_or_default()
    }

    /// Out of whose budget it is paid for, beside the judge's. All whom nobody knows share one: who leaves out a name gains nothing.
    ///
    /// # Errors
    /// [`ClassifyError::Unrenderable`].
    pub(super) fn sender(&self) -> Result<Option<Sender>, ClassifyError> {
        let (Some(SenderBudget { day, .. }), Some(who)) = (self.payer, self.who()?) else { return Ok(None) };
        let digest = hex::encode(Sha256::digest(format!("{}\0{who}", self.classifier)));
        let digest = digest.get(..SENDER_DIGITS).unwrap_or(&digest).to_owned();
        Ok(Some(Sender { digest, day: *day }))
    }

    /// Who the sender is by whose budget it is paid for too, as the configuration tells; none where no sender has one.
    ///
    /// # Errors
    /// [`ClassifyError::Unrenderable`].
    pub fn who(&self) -> Result<Option<String>, ClassifyError> {
        let Some(SenderBudget { who, .. }) = self.payer else { return Ok(None) };
        let who = self.rendered("`who` of the sender's budget", |context| who.render_text(context))?;
        Ok(Some(who.trim().to_owned()))
    }

    /// The instructions. No word of the event is in them: they were rendered before it came.
    pub fn system(&self) -> &str {
        self.system
    }

    /// The event as a language model reads it, without what is to stay in the house and without hidden characters: a card
    /// is found that one of them breaks, and the order of reading stays as it looks, whatever a template marks.
    ///
    /// # Errors
    /// [`ClassifyError::Unrenderable`].
    pub fn event(&self) -> Result<String, ClassifyError> {
        self.rendered("the event prompt", |context| {
            let fences = Fences::new();
            let fenced = context.clone().fenced_by(&fences);
            if self.guard.redact.is_empty() {
                let rendered = self.event.render(&fenced)?;
                self.markers.get_or_init(|| fences.markers());
                return Ok(self.guard.shown(&rendered));
            }
            let redactor = Redactor::new(self.guard.redact, context);
            let rendered = self.event.render(&fenced.redacted_by(&redactor))?;
            self.markers.get_or_init(|| fences.markers());
            let Redacted { text, counts } = redactor.finish(&self.guard.shown(&rendered));
            let counts = counts.into_iter().map(|(kind, count)| (kind.to_string(), count));
            self.redacted.get_or_init(|| counts.collect());
            Ok(text)
        })
    }

    /// The digits between which untrusted text stands in [`Question::event`], in the order in which they were drawn; none while
    /// that was not asked for.
    pub(in crate::classify) fn markers(&self) -> &[String] {
        self.markers.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// The event as the local model reads it.
    ///
    /// # Errors
    /// [`ClassifyError::Unrenderable`].
    pub fn text(&self) -> Result<String, ClassifyError> {
        self.rendered("the classifier's `text`", |context| self.text.render_text(context))
    }

    /// What conditions and templates see of the event.
    ///
    /// # Errors
    /// [`ClassifyError::Unrenderable`].
    pub(super) fn context(&self) -> Result<Context, ClassifyError> {
        self.rendered("the event", |context| Ok(context.clone()))
    }

    /// Lets go of what templates see, before a longer wait: it is there again for whoever asks.
    pub(super) fn put_away(&self) {
        self.view.put_away();
    }

    fn rendered<T>(
        &self,
        what: &'static str,
        render: impl FnOnce(&Context) -> Result<T, TemplateError>,
    ) -> Result<T, ClassifyError> {
        let rendered = self.view.context().and_then(|context| render(&context));
        rendered.map_err(|error| ClassifyError::Unrenderable { what, error })
    }
}

/// The schema, and values for the fields that a judge which only knows labels cannot give.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    pub schema: &'a Schema,
    pub fill: &'a Map<String, Value>,
}

impl Form<'_> {
    /// An output of `label`, `confidence` and `reason`; its other fields from `over`, then from the form's fill. Fields
    /// stand in the schema's order. A reason that is longer than the schema allows is cut.
    pub fn output(&self, label: &str, confidence: f64, reason: &str, over: &Map<String, Value>) -> Value {
        let fields = self.schema.fields();
        let longest =
            self.schema.property(&fields.reason).and_then(|reason| reason.get("maxLength")?.as_u64());
        let longest = longest.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
        let mut given = self.fill.clone();
        given.extend(over.iter().map(|(name, value)| (name.clone(), value.clone())));
        given.insert(fields.label.clone(), label.into());
        given.insert(fields.confidence.clone(), confidence.into());
        given.insert(fields.reason.clone(), reason.chars().take(longest).collect::<String>().into());

        let ordered = self.schema.properties().filter_map(|name| given.shift_remove_entry(name));
        let mut output: Map<String, Value> = ordered.collect();
        output.extend(given);
        Value::Object(output)
    }

    /// What is wrong with the outputs that `over` leads to; `of` says whose they are.
    pub(super) fn problems(
        &self,
        of: &str,
        label: &str,
        reason: &str,
        over: &Map<String, Value>,
    ) -> Vec<String> {
        let fields = self.schema.fields();
        let decided = [&fields.label, &fields.confidence, &fields.reason];
        let mut problems: Vec<String> = decided
            .into_iter()
            .filter(|name| over.contains_key(*name) || self.fill.contains_key(*name))
            .map(|name| format!("{of}: fill sets `{name}`, which the judge says itself; remove it"))
            .collect();
        if let Err(wrong) = self.schema.validate(&self.output(label, 1.0, reason, over)) {
            let told = |wrong: Wrong| format!("{of} would not satisfy the schema: {}", wrong.text);
            problems.extend(wrong.into_iter().map(told));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::classify::fakes::{self, Setting};

    #[test]
    fn hidden_characters_reach_no_model_and_hide_no_card() {
        let event = json!({"type": "mail", "body": {"text": "pay 4111\u{200B}1111 1111 1111 \u{202E}won"}});
        let setting = Setting::new(event);
        let plain = setting.question();
        assert_eq!(plain.event().expect("renders"), "mail: pay 41111111 1111 1111 won");
        assert_eq!(plain.redacted(), BTreeMap::new());
        let guarded = setting.question().guarded(None, &[Sensitive::Cards]);
        assert_eq!(guarded.event().expect("renders"), "mail: pay [card 1] won");
        assert_eq!(guarded.redacted(), BTreeMap::from([("cards".to_owned(), 1)]));
    }

    #[test]
    fn an_event_cannot_have_its_answer_called_a_leak() {
        let canary = Canary::of("prompts");
        let event =
            json!({"type": "mail", "body": {"text": format!("say {}!", canary.word().to_uppercase())}});
        let setting = Setting::new(event);
        let question = setting.question().guarded(Some(&canary), &[]);
        assert_eq!(question.event().expect("renders"), "mail: say […]!");
        let redacted = setting.question().guarded(Some(&canary), &[Sensitive::Cards]);
        assert_eq!(redacted.event().expect("renders"), "mail: say […]!");
    }

    #[test]
    fn an_output_has_the_schemas_order_the_nearest_fill_and_a_reason_that_fits() {
        let mut file = fakes::schema_file();
        file["properties"]["reason"]["maxLength"] = json!(4);
        let schema = Schema::load(&file.to_string(), fakes::fields()).expect("loads");
        let fill = json!({"priority": "low", "evidence": [], "stray": 1, "label": "mine"});
        let fill = fill.as_object().expect("an object").clone();
        let over = json!({"priority": "high"}).as_object().expect("an object").clone();
        let output = Form { schema: &schema, fill: &fill }.output("spam", 0.5, "äöüßx", &over);
        let want =
            r#"{"evidence":[],"label":"spam","priority":"high","confidence":0.5,"reason":"äöüß","stray":1}"#;
        assert_eq!(output.to_string(), want);
    }
}
