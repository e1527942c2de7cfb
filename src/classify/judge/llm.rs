//! A language model behind a vendor's API: the one place where an answer is bought.
//!
//! What each vendor's wire looks like is in [`anthropic`] and [`openai`]; here is the order of things. The purchase is on
//! record before the request leaves, and the answer is on record before anything reads it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{Method, header};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::{
    Judge, Question, Turn,
    answer::{self, Reading},
    anthropic, complaint, openai,
};
use crate::{
    classify::{ClassifyError, Ledger, LedgerError, Schema},
    config::tables::JudgeKind,
    decide::breaker::{Change, Own, Shown, Word},
    domain::{Answer, Clock, Name, Prior},
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
    /// Whose API it speaks.
    pub kind: JudgeKind,
    /// The model's id in the vendor's words.
    pub model: String,
    pub key: Key,
    /// Where the API is; the vendor's own address if left out.
    pub base_url: Option<String>,
    pub output_tokens_max: u32,
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
        let url = url(settings.kind, settings.base_url.as_deref())?;
        let request = request(settings.kind, &settings.key, url.clone())?;
        Ok(Llm { settings, url, request, remote })
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

    fn body(&self, question: &Question<'_>) -> Result<Vec<u8>, ClassifyError> {
        let Settings { model, output_tokens_max, base_url, .. } = &self.settings;
        match self.settings.kind {
            JudgeKind::Anthropic => anthropic::request(question, model, *output_tokens_max),
            JudgeKind::Openai => openai::request(question, model, *output_tokens_max, base_url.is_none()),
        }
    }

    fn reading(&self, body: &str) -> Reading {
        match self.settings.kind {
            JudgeKind::Anthropic => anthropic::reading(body),
            JudgeKind::Openai => openai::reading(body),
        }
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

    fn read(&self, schema: &Schema, answer: &Answer) -> Turn {
        answer::turn(schema, self.reading(&answer.raw).ending, answer)
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
        let raw = String::from_utf8_lossy(&response.body).into_owned();
        if response.is_success() {
            let Reading { model, tokens, .. } = self.reading(&raw);
            let model = model.unwrap_or_else(|| self.settings.model.clone());
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
        self.settings.model.clone()
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Turn, ClassifyError> {
        let body = self.body(question)?;
        let digest = hex::encode(Sha256::digest(&body));
        // What was paid for is read before anything else is asked, were it a breaker or a limit.
        if let Some(answer) = ledger.bought(&self.settings.name, &digest).await? {
            return Ok(self.read(question.form.schema, &answer));
        }
        let request = match (&self.request, &self.settings.key) {
            (Some(request), _) => request.clone(),
            (None, Key::Unset { variable }) => return Ok(lasting(format!("{variable} is not set"))),
            (None, Key::Secret(_) | Key::NotNeeded) => return Ok(lasting("it has no key".to_owned())),
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
                return Ok(Turn::Unavailable { reason, may_pass: true, retry_after: Some(wait) });
            }
        };
        let bought = match ledger.begin(&self.settings.name, &digest).await? {
            Prior::Spent => return Ok(lasting("the answer may have been paid for twice already".to_owned())),
            Prior::Answered(answer) => Ok(answer),
            Prior::Begun => self.buy(request.with_json(body), pass, &digest, ledger, clock).await?,
        };
        Ok(bought.map_or_else(|turn| turn, |answer| self.read(question.form.schema, &answer)))
    }
}

fn passing(reason: String) -> Turn {
    Turn::Unavailable { reason, may_pass: true, retry_after: None }
}

fn lasting(reason: String) -> Turn {
    Turn::Unavailable { reason, may_pass: false, retry_after: None }
}

fn url(kind: JudgeKind, base: Option<&str>) -> Result<Url, SettingsError> {
    let (own, path) = match kind {
        JudgeKind::Anthropic => (anthropic::BASE_URL, anthropic::PATH),
        JudgeKind::Openai => (openai::BASE_URL, openai::PATH),
    };
    let none = |reason: String| SettingsError::BaseUrl { reason };
    let mut url: Url = base.unwrap_or(own).parse().map_err(|e| none(format!("{e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(none(format!("`{}` is not spoken", url.scheme())));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(none("it has a query or a fragment".to_owned()));
    }
    let given = url.path().trim_end_matches('/');
    // Some write Anthropic's address with its version, some without.
    let given = match kind {
        JudgeKind::Anthropic => given.strip_suffix("/v1").unwrap_or(given),
        JudgeKind::Openai => given,
    };
    url.set_path(&format!("{given}{path}"));
    Ok(url)
}

fn request(kind: JudgeKind, key: &Key, url: Url) -> Result<Option<Request>, RequestError> {
    let request = Request::new(Method::POST, url).with_header(header::ACCEPT.as_str(), "application/json")?;
    let request = match kind {
        JudgeKind::Anthropic => request.with_header(anthropic::VERSION_HEADER, anthropic::VERSION)?,
        JudgeKind::Openai => request,
    };
    Ok(match (key, kind) {
        (Key::Unset { .. }, _) => None,
        (Key::NotNeeded, _) => Some(request),
        (Key::Secret(key), JudgeKind::Anthropic) => {
            Some(request.with_secret(anthropic::KEY_HEADER, "", key)?)
        }
        (Key::Secret(key), JudgeKind::Openai) => Some(request.with_bearer(key)?),
    })
}

#[cfg(test)]
mod tests;
