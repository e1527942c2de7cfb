//! A language model's answers as they were recorded: the same question gets the same answer, and nobody is asked.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Draft, Hindrance, Judge, Llm, Question, Turn,
    answer::{self, Heard},
};
use crate::{
    classify::{ClassifyError, Ledger, RecordingKey, Recordings, recordings::request_digest},
    domain::{Clock, Name},
};

/// See the module.
#[derive(Debug)]
pub struct Replay {
    of: Arc<Llm>,
    recordings: Arc<Recordings>,
    /// Where they are, for whoever misses one.
    folder: String,
}

impl Replay {
    /// Answers as `of` did, as far as that is recorded in `folder`.
    pub fn new(of: Arc<Llm>, recordings: Arc<Recordings>, folder: String) -> Self {
        Replay { of, recordings, folder }
    }

    /// What was said to a question; `wrong` is as for [`Llm::body`].
    fn recorded(&self, question: &Question<'_>, wrong: Option<&str>) -> Result<Heard, ClassifyError> {
        let body = self.of.body(question, wrong)?;
        let request = request_digest(self.of.settings().wire, &body, question.markers());
        let key = RecordingKey { judge: self.name().to_string(), request: request.clone(), sample: 0 };
        Ok(match self.recordings.get(&key) {
            Some(recording) => match recording.refusal() {
                Some(refusal) => self.of.read_refusal(&refusal),
                None => self.of.read(question, &recording.answer()),
            },
            None => {
                let reason = format!("no answer to this request is recorded in {} ({request})", self.folder);
                Heard::nothing(Turn::Unavailable {
                    reason,
                    may_pass: false,
                    retry_after: None,
                    hindrance: Hindrance::Unasked,
                })
            }
        })
    }
}

#[async_trait]
impl Judge for Replay {
    fn name(&self) -> &Name {
        self.of.name()
    }

    fn kind(&self) -> &'static str {
        "LLM, as it was recorded"
    }

    fn model(&self) -> String {
        self.of.model()
    }

    fn reads_prompts(&self) -> bool {
        true
    }

    fn draft(&self, question: &Question<'_>) -> Result<Option<Draft>, ClassifyError> {
        self.of.draft(question)
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        _ledger: &dyn Ledger,
        _clock: &dyn Clock,
    ) -> Result<Turn, ClassifyError> {
        Ok(match answer::usable(self.recorded(question, None)?, self.of.settings().repair) {
            Ok(turn) => turn,
            Err(spoilt) => {
                let again = self.recorded(question, Some(&spoilt.wrong))?;
                spoilt.then(again.turn)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        classify::{
            Key, Recording, Settings, Wire,
            fakes::{self, HandClock, RecordingLedger, Setting},
        },
        config::Models,
        domain::{Answer, Timestamp, Tokens},
        remote::{Remote, RemoteOptions},
    };

    fn llm(model: &str) -> Arc<Llm> {
        let settings = Settings {
            name: "claude".into(),
            wire: Wire::Messages,
            model: Models::default().model(model),
            effort: None,
            key: Key::Unset { variable: "A KEY".to_owned() },
            base_url: None,
            own: true,
            output_tokens_max: 256,
            repair: true,
            tokens: crate::decide::tokens::TokenLimits::default(),
            budget: crate::decide::budget::Budget::default(),
        };
        let remote =
            Remote::new(RemoteOptions { timeout: Duration::from_secs(1), ..RemoteOptions::default() });
        Arc::new(Llm::new(settings, Arc::new(remote.expect("a remote"))).expect("a judge"))
    }

    #[tokio::test]
    async fn the_same_question_gets_the_recorded_answer_and_another_one_none() {
        let setting = Setting::new(json!({"type": "form", "body": {"text": "hello"}}));
        let (question, of) = (setting.question(), llm("model-1"));
        let said = fakes::output("spam", 0.75).to_string();
        let raw = json!({"model": "model-1-2026", "content": [{"type": "text", "text": said}], "stop_reason": "end_turn", "usage": {"output_tokens": 9}});
        let tokens = Tokens { output: 9, ..Tokens::default() };
        let answer =
            Answer { raw: raw.to_string(), model: "model-1-2026".to_owned(), tokens, latency_ms: 321 };
        let request = request_digest(Wire::Messages, &of.body(&question, None).expect("renders"), &[]);
        let recorded = Recording::new(request, "claude", &answer, Timestamp::default());
        let recordings: Arc<Recordings> = Arc::new([recorded].into_iter().collect());
        let ledger = RecordingLedger::default();
        let ask = async |of: &Arc<Llm>| {
            let replay =
                Replay::new(Arc::clone(of), Arc::clone(&recordings), "evals/triage/recordings".to_owned());
            replay.ask(&question, &ledger, &HandClock::default()).await.expect("a turn")
        };
        let said = fakes::said(ask(&of).await);
        assert_eq!((said.output.label(), said.latency_ms, said.tokens), ("spam", 321, tokens));
        assert!(ledger.states().is_empty(), "nothing is bought");
        match ask(&llm("model-2")).await {
            Turn::Unavailable { reason, may_pass: false, .. } => {
                assert!(reason.contains("evals/triage/recordings"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
