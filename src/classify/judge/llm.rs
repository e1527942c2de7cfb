//! A language model behind a vendor's API: the one place where an answer is bought.
//!
//! What each vendor's wire looks like is in [`super::wire`]; here is the order of things. The purchase is on
//! record before the request leaves, and the answer is on record before anything reads it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::{
    Draft, Judge, Question, Turn,
    answer::{self, Heard, Reading},
    complaint,
    wire::{Asked, Wire},
};
use crate::{
    classify::{ClassifyError, Ledger, LedgerError, Schema},
    config::{Model, tables::Effort},
    decide::{
        breaker::{Change, Own, Shown, Word},
        cost,
    },
    domain::{Answer, Clock, Name, Prior, Tokens},
    remote::{Busy, Pass, Remote, RemoteError, Request, RequestError, Url, retry_after},
};

/// What the vendor knows us by.
#[derive(Debug, Clone)]
pub enum Key {
    Secret(SecretString),
    /// It has not been set: the judge is passed over. `variable` says where it was looked for.
    Unset {
        variable: String,
    },
    /// For a server without keys.
    NotNeeded,
}

/// One language model.
#[derive(Debug, Clone)]
pub struct Settings {
    pub name: Name,
    pub wire: Wire,
    pub model: Model,
    /// How much it is to think; the vendor's choice if `None`.
    pub effort: Option<Effort>,
    pub key: Key,
    /// Where the API is; the vendor's own address if left out.
    pub base_url: Option<String>,
    /// It is the vendor's own address, and not a server that speaks like it.
    pub own: bool,
    pub output_tokens_max: u32,
    /// An answer that is no valid one is asked for once more, with what was wrong.
    pub repair: bool,
}

/// Why there can be no such judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("the base URL cannot be used ({reason}); write it as https://host/path")]
    BaseUrl { reason: String },
    #[error("the API key cannot be sent: {0}")]
    Key(#[from] RequestError),
}

/// A judge that costs money.
#[derive(Debug)]
pub struct Llm {
    settings: Settings,
    url: Url,
    /// Everything but the body; none while there is no key.
    request: Option<Request>,
    remote: Arc<Remote>,
}

impl Llm {
    /// `remote` carries the judge's time-out and limits.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn new(settings: Settings, remote: Arc<Remote>) -> Result<Self, SettingsError> {
        let url = settings.wire.url(settings.base_url.as_deref())?;
        let request = settings.wire.head(&settings.key, url.clone())?;
        Ok(Llm { settings, url, request, remote })
    }

    /// Takes over the connections of `earlier`, and what is known of its breaker and limits, if it is at the same place and
    /// has the same limits.
    #[must_use]
    pub fn going_on_from(self, earlier: &Llm) -> Self {
        let same = self.url == earlier.url && self.remote.options() == earlier.remote.options();
        if same { Llm { remote: Arc::clone(&earlier.remote), ..self } } else { self }
    }

    /// What is shown of its breaker.
    pub fn breaker(&self, elapsed: Duration) -> Shown {
        self.remote.breaker(elapsed)
    }

    /// What is known of its breaker here.
    pub fn own(&self) -> Own {
        self.remote.own()
    }

    /// Has its breaker take the word of another process for its own.
    pub fn hear(&self, word: &Word, elapsed: Duration) {
        self.remote.hear(word, elapsed);
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The body of the request that puts it a question. `wrong` says what was wrong with its last answer, in our words.
    pub(super) fn body(
        &self,
        question: &Question<'_>,
        wrong: Option<&str>,
    ) -> Result<Vec<u8>, ClassifyError> {
        let Settings { wire, model, effort, output_tokens_max, own, .. } = &self.settings;
        let asked = Asked::new(question, model, *effort, *output_tokens_max, *own)?;
        wire.body(&match wrong {
            Some(wrong) => asked.again(wrong),
            None => asked,
        })
    }

    fn reading(&self, body: &str) -> Reading {
        self.settings.wire.reading(body)
    }

    /// Tells the breaker how a call went.
    fn tell(&self, pass: Pass, clock: &dyn Clock) {
        match pass.end(clock.monotonic()) {
            Some(Change::Opened { reason }) => {
                tracing::warn!(judge = %self.settings.name, reason, "the breaker of a judge has opened");
            }
            Some(Change::Closed) => {
                tracing::info!(judge = %self.settings.name, "the breaker of a judge has closed");
            }
            None => {}
        }
    }

    /// What it said, from a response of its API.
    pub(super) fn read(&self, schema: &Schema, answer: &Answer) -> Heard {
        answer::heard(schema, self.reading(&answer.raw).ending, answer)
    }

    /// Puts it the question once. `wrong` is as for [`Llm::body`].
    async fn put(
        &self,
        question: &Question<'_>,
        wrong: Option<&str>,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Heard, ClassifyError> {
        let body = self.body(question, wrong)?;
        let digest = hex::encode(Sha256::digest(&body));
        // What was paid for is read before anything else is asked, were it a breaker or a limit.
        if let Some(answer) = ledger.bought(&self.settings.name, &digest).await? {
            return Ok(self.read(question.form.schema, &answer));
        }
        let request = match (&self.request, &self.settings.key) {
            (Some(request), _) => request.clone(),
            (None, Key::Unset { variable }) => return Ok(lasting(format!("{variable} is not set"))),
            (None, Key::Secret(_) | Key::NotNeeded) => {
                return Ok(lasting("it has no key".to_owned()));
            }
        };
        if let Err(reason) = self.remote.admits(&self.url) {
            return Ok(lasting(reason));
        }
        let ready = match self.remote.ready(clock.monotonic()) {
            Ok(pass) if pass.is_probe() => {
                let mine = ledger.may_find_out(&self.settings.name, self.remote.probe_every()).await;
                if mine { Ok(pass) } else { Err(pass.put_off(clock.monotonic())) }
            }
            ready => ready,
        };
        let ready = match ready {
            Ok(pass) => match ledger.may_ask(&self.settings.name, self.remote.limit_per_min()).await {
                Ok(()) => Ok(pass),
                Err(wait) => Err(pass.no_room(wait, clock.monotonic())),
            },
            busy => busy,
        };
        let pass = match ready {
            Ok(pass) => pass,
            Err(Busy { wait, reason }) => {
                let reason = format!("it {reason}");
                let turn = Turn::Unavailable { reason, may_pass: true, retry_after: Some(wait) };
                return Ok(Heard::nothing(turn));
            }
        };
        let bought = match ledger.begin(&self.settings.name, &digest).await? {
            Prior::Spent => {
                let reason = "the answer may have been paid for twice already".to_owned();
                return Ok(lasting(reason));
            }
            Prior::Answered(answer) => Ok(answer),
            Prior::Begun => self.buy(request.with_json(body), pass, &digest, ledger, clock).await?,
        };
        Ok(match bought {
            Ok(answer) => {
                let heard = self.read(question.form.schema, &answer);
                ledger.heard(&self.settings.name, heard.flaw, wrong.is_some());
                heard
            }
            Err(turn) => Heard::nothing(turn),
        })
    }

    /// Sends the request and records what came of it. Without an answer, gives the turn that follows.
    async fn buy(
        &self,
        request: Request,
        pass: Pass,
        digest: &str,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Result<Answer, Turn>, LedgerError> {
        let name = &self.settings.name;
        let started = clock.monotonic();
        let sent = self.remote.send_under(request, &pass).await;
        self.tell(pass, clock);
        let response = match sent {
            Ok(response) => response,
            Err(RemoteError::NotSent { reason }) => {
                ledger.not_billed(name, digest).await?;
                return Ok(Err(passing(reason)));
            }
            Err(RemoteError::Unknown { reason }) => return Ok(Err(passing(reason))),
        };
        if response.is_success() && response.truncated {
            // Nobody knows what was said, nor what it cost.
            return Ok(Err(passing("the answer broke off on its way, or is too long".to_owned())));
        }
        let raw = String::from_utf8_lossy(&response.body).into_owned();
        if response.is_success() {
            let Reading { model, tokens, .. } = self.reading(&raw);
            let model = model.unwrap_or_else(|| self.settings.model.id.clone());
            let answer = Answer { raw, model, tokens, latency_ms: super::elapsed_ms(clock, started) };
            ledger.answered(name, digest, &answer).await?;
            return Ok(Ok(answer));
        }
        let complaint = complaint::read(response.status, &raw);
        if complaint.not_billed {
            ledger.not_billed(name, digest).await?;
        }
        Ok(Err(Turn::Unavailable {
            reason: complaint.reason,
            may_pass: complaint.may_pass,
            retry_after: retry_after(&response.headers, clock.now()).filter(|_| complaint.may_pass),
        }))
    }
}

#[async_trait]
impl Judge for Llm {
    fn name(&self) -> &Name {
        &self.settings.name
    }

    fn kind(&self) -> &'static str {
        "LLM"
    }

    fn model(&self) -> String {
        self.settings.model.id.clone()
    }

    fn reads_prompts(&self) -> bool {
        true
    }

    fn draft(&self, question: &Question<'_>) -> Result<Option<Draft>, ClassifyError> {
        let body = self.body(question, None)?;
        let Settings { model, output_tokens_max, .. } = &self.settings;
        let input_uncached = cost::tokens_about(body.len());
        let tokens = Tokens { input_uncached, ..Tokens::default() };
        let output = u64::from(*output_tokens_max);
        Ok(Some(Draft {
            model: model.id.clone(),
            url: self.url.to_string(),
            body: serde_json::from_slice(&body).map_err(ClassifyError::unwritable)?,
            input_tokens: input_uncached,
            output_tokens_max: output,
            question: cost::cost(tokens, &model.price),
            most: cost::cost(Tokens { output, ..tokens }, &model.price),
            is_priced: model.is_priced,
        }))
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Turn, ClassifyError> {
        let first = self.put(question, None, ledger, clock).await?;
        Ok(match answer::usable(first, self.settings.repair) {
            Ok(turn) => turn,
            Err(spoilt) => {
                let again = self.put(question, Some(&spoilt.wrong), ledger, clock).await?;
                spoilt.then(again.turn)
            }
        })
    }
}

fn passing(reason: String) -> Turn {
    Turn::Unavailable { reason, may_pass: true, retry_after: None }
}

fn lasting(reason: String) -> Heard {
    Heard::nothing(Turn::Unavailable { reason, may_pass: false, retry_after: None })
}

#[cfg(test)]
mod tests;
