//! The judge `local`: a linear text model trained from labelled cases at start-up. Free, fast, needs no network, and
//! can say which words decided. Its probabilities are not calibrated.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Map;
use tokio::sync::watch;

use super::{Form, Hindrance, Judge, Question, Said, Turn};
use crate::{
    classify::{
        ClassifyError, Ledger, Wrong,
        linear::{Example, LinearModel, Prediction, TrainError},
    },
    domain::{Clock, Name, Tokens},
};

/// How long a job waits for the training to end. Training takes well under a second; beyond this it hangs.
pub const TRAINING_WAIT_MAX: Duration = Duration::from_secs(60);

/// Hex digits of the model's digest that the record shows.
const DIGEST_DIGITS: usize = 12;

/// Words named as deciding.
const WORDS_MAX: usize = 6;

/// What it learns from a labelled case.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    pub text: String,
    pub label: String,
    /// How much it counts, above 0.
    pub weight: f64,
}

/// A linear model that may still be in training.
#[derive(Debug)]
pub struct Local {
    name: Name,
    model: watch::Sender<State>,
}

#[derive(Debug, Clone)]
enum State {
    Untrained,
    Trained { model: Arc<LinearModel>, name: String },
    Failed { reason: String },
}

impl Local {
    /// Whoever asks it waits until [`Local::train`] has ended.
    pub fn untrained() -> Self {
        Local { name: "local".into(), model: watch::Sender::new(State::Untrained) }
    }

    /// Learns and answers from then on. Takes CPU time: call it off the threads that serve. May be called again with
    /// other lessons.
    ///
    /// # Errors
    /// The lessons are not enough to learn from; the judge is unavailable then, with that reason.
    pub fn train(&self, lessons: &[Lesson]) -> Result<(), TrainError> {
        let examples: Vec<Example<'_>> = lessons
            .iter()
            .map(|Lesson { text, label, weight }| Example { text, label, weight: *weight })
            .collect();
        match LinearModel::train(&examples) {
            Ok(model) => {
                let digest: String = model.digest().chars().take(DIGEST_DIGITS).collect();
                let name = format!("linear:{digest}");
                self.model.send_replace(State::Trained { model: Arc::new(model), name });
                Ok(())
            }
            Err(error) => {
                self.fail(format!("it could not be trained: {error}"));
                Err(error)
            }
        }
    }

    /// Makes it unavailable for `reason`: for cases that could not even be read.
    pub fn fail(&self, reason: String) {
        self.model.send_replace(State::Failed { reason });
    }

    /// The state once training has ended; untrained if it did not in time.
    async fn settled(&self, clock: &dyn Clock) -> State {
        let mut changes = self.model.subscribe();
        let ended = changes.wait_for(|state| !matches!(state, State::Untrained));
        tokio::select! {
            biased;
            state = ended => state.map_or(State::Untrained, |state| state.clone()),
            () = clock.sleep_until(clock.now().plus(TRAINING_WAIT_MAX)) => State::Untrained,
        }
    }
}

#[async_trait]
impl Judge for Local {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "local model, not an LLM"
    }

    fn model(&self) -> String {
        match &*self.model.borrow() {
            State::Trained { name, .. } => name.clone(),
            State::Untrained | State::Failed { .. } => "linear:untrained".to_owned(),
        }
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        _ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Turn, ClassifyError> {
        let text = question.text()?;
        let (model, name) = match self.settled(clock).await {
            State::Trained { model, name } => (model, name),
            State::Failed { reason } => {
                return Ok(Turn::Unavailable {
                    reason,
                    may_pass: false,
                    retry_after: None,
                    hindrance: Hindrance::Failed,
                });
            }
            State::Untrained => {
                let reason = format!("still in training after {} s", TRAINING_WAIT_MAX.as_secs());
                return Ok(Turn::Unavailable {
                    reason,
                    may_pass: true,
                    retry_after: None,
                    hindrance: Hindrance::Failed,
                });
            }
        };
        let started = clock.monotonic();
        let prediction = model.predict(&text);
        if prediction.evidence.is_empty() {
            return Ok(Turn::Abstained { reason: "no word of the text speaks for a label".to_owned() });
        }
        let output = question.form.output(
            &prediction.label,
            prediction.probability,
            &reason(&prediction),
            &Map::new(),
        );
        Ok(match question.form.schema.admit(output) {
            Ok(output) => Turn::Said(Box::new(Said {
                output,
                calibrated: false,
                repaired: None,
                why: why(&prediction),
                model: name,
                tokens: Tokens::default(),
                latency_ms: super::elapsed_ms(clock, started),
            })),
            Err(wrong) => Turn::Invalid { reason: Wrong::told(&wrong) },
        })
    }

    fn check(&self, form: &Form<'_>) -> Vec<String> {
        let reason = "words that decided: one, two";
        let of = |label: &String| form.problems(&format!("local's `{label}`"), label, reason, &Map::new());
        // One label's problems with the fill are every label's.
        form.schema.labels().first().map(of).unwrap_or_default()
    }
}

fn reason(prediction: &Prediction) -> String {
    let words: Vec<&str> = prediction.evidence.iter().take(WORDS_MAX).map(|e| e.term.as_str()).collect();
    format!("words that decided: {}", words.join(", "))
}

/// The words with their weights, and the label that came second.
fn why(prediction: &Prediction) -> Vec<String> {
    let words: Vec<String> =
        prediction.evidence.iter().take(WORDS_MAX).map(|e| format!("{} {:+.2}", e.term, e.weight)).collect();
    let mut why = vec![format!("words that decided: {}", words.join(", "))];
    let others = prediction.distribution.iter().filter(|(label, _)| *label != prediction.label);
    if let Some((label, probability)) = others.max_by(|(_, a), (_, b)| a.total_cmp(b)) {
        why.push(format!("next: {label} {probability:.2}"));
    }
    why
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::classify::FreeLedger;
    use crate::classify::fakes::{HandClock, Setting, said};

    fn lessons() -> Vec<Lesson> {
        [
            ("we would like a demo and a quote for forty seats", "lead"),
            ("pricing and a demo for our team please", "lead"),
            ("the export is broken and shows an error", "support"),
            ("login fails with an error since the update", "support"),
        ]
        .map(|(text, label)| Lesson { text: text.to_owned(), label: label.to_owned(), weight: 1.0 })
        .to_vec()
    }

    async fn ask(local: &Local, text: &str) -> Turn {
        let setting = Setting::new(json!({"type": "form", "body": {"text": text}}));
        local.ask(&setting.question(), &FreeLedger, &HandClock::default()).await.expect("a turn")
    }

    #[tokio::test]
    async fn it_says_which_words_decided() {
        let local = Local::untrained();
        assert_eq!(local.model(), "linear:untrained");
        local.train(&lessons()).expect("trains");
        let said = said(ask(&local, "the export fails with an error").await);
        assert_eq!(said.output.label(), "support");
        assert!(said.output.confidence() > 0.5 && !said.calibrated);
        assert!(said.output.reason().starts_with("words that decided: "), "{}", said.output.reason());
        assert!(said.why[0].contains("error +"), "{:?}", said.why);
        assert!(said.why[1].starts_with("next: lead 0."), "{:?}", said.why);
        assert_eq!(said.model, local.model());
        assert_eq!(said.model.len(), "linear:".len() + DIGEST_DIGITS);
    }

    #[tokio::test]
    async fn a_text_of_unknown_words_is_no_ground_for_a_label() {
        let local = Local::untrained();
        local.train(&lessons()).expect("trains");
        for text in ["", "12 ¿¡ \u{1F600}", "xyzzy plugh"] {
            assert!(matches!(ask(&local, text).await, Turn::Abstained { .. }), "{text}");
        }
    }

    #[tokio::test]
    async fn jobs_that_come_before_the_training_wait_for_it() {
        let local = Local::untrained();
        let (turn, ()) = tokio::join!(ask(&local, "a demo and a quote please"), async {
            tokio::task::yield_now().await;
            local.train(&lessons()).expect("trains");
        });
        assert_eq!(said(turn).output.label(), "lead");
    }

    #[tokio::test]
    async fn a_training_that_never_ends_is_not_waited_for_for_ever() {
        let clock = HandClock::default();
        let setting = Setting::new(json!({"type": "form", "body": {"text": "a demo"}}));
        let local = Local::untrained();
        let question = setting.question();
        let (turn, ()) = tokio::join!(local.ask(&question, &FreeLedger, &clock), async {
            tokio::task::yield_now().await;
            clock.advance(TRAINING_WAIT_MAX);
        });
        let turn = turn.expect("a turn");
        assert!(matches!(turn, Turn::Unavailable { may_pass: true, .. }), "{turn:?}");
    }

    #[tokio::test]
    async fn a_failed_training_is_the_reason_it_cannot_be_asked() {
        let local = Local::untrained();
        local.train(&[]).expect_err("nothing to learn from");
        let Turn::Unavailable { reason, may_pass, .. } = ask(&local, "a demo").await else {
            panic!("available")
        };
        assert!(reason.starts_with("it could not be trained: "), "{reason}");
        assert!(!may_pass);
        local.train(&lessons()).expect("a later training mends it");
        said(ask(&local, "a demo").await);
    }

    #[test]
    fn a_fill_that_the_schema_refuses_is_found_before_any_event() {
        let mut setting = Setting::new(json!({}));
        assert_eq!(Local::untrained().check(&setting.form()), Vec::<String>::new());
        setting.fill.remove("priority");
        let problems = Local::untrained().check(&setting.form());
        assert_eq!(problems, ["local's `lead` would not satisfy the schema: the answer: lacks \"priority\""]);
    }
}
