//! A language model behind a vendor's API: the one place where an answer is bought.
//!
//! What each vendor's wire looks like is in [`super::wire`]; here is the order of things. The purchase is on
//! record before the request leaves, and the answer before anything acts on it.

mod buying;
mod learned;
mod queue;
mod usual;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};

use self::{
    buying::{Call, Departed, Room, Unanswered},
    learned::Learned,
    queue::Queue,
    usual::Usual,
};
use super::{
    Draft, Hindrance, Judge, Question, Turn,
    answer::{self, Heard, Reading},
    complaint,
    wire::{Asked, Wire},
};
use crate::{
    classify::{ClassifyError, Hearing, Ledger, Refusal, request_digest},
    config::{Model, tables::Effort},
    decide::{
        breaker::{Own, Shown, Word},
        budget::{self, Budget, Cost},
        cost,
        refusals::{self, Refusals},
        tokens::TokenLimits,
    },
    domain::{Answer, Clock, Flaw, Name, Price, Prior, Purse},
    remote::{Busy, Lacks, Remote, Request, RequestError, Url},
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

impl Key {
    fn is(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Secret(one), Key::Secret(other)) => one.expose_secret() == other.expose_secret(),
            (Key::Unset { .. }, Key::Unset { .. }) | (Key::NotNeeded, Key::NotNeeded) => true,
            _ => false,
        }
    }
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
    /// Tokens that may pass in a minute.
    pub tokens: TokenLimits,
    pub budget: Budget,
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
    usual: Arc<Usual>,
    learned: Arc<Learned>,
    queue: Arc<Queue>,
    /// By classifier: what one asks may be refused while another is answered.
    refusals: Arc<Mutex<BTreeMap<Name, Refusals>>>,
}

/// A question as it is sent.
struct Written {
    body: Vec<u8>,
    /// As [`Asked::may_keep`].
    may_keep: bool,
    /// How many tokens it has at least that no vendor keeps from an earlier one.
    least: u64,
}

impl Llm {
    /// `remote` carries the judge's time-out and limits.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn new(settings: Settings, remote: Arc<Remote>) -> Result<Self, SettingsError> {
        let url = settings.wire.url(settings.base_url.as_deref())?;
        let request = settings.wire.head(&settings.key, url.clone())?;
        let (usual, learned, queue, refusals) =
            (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        Ok(Llm { settings, url, request, remote, usual, learned, queue, refusals })
    }

    /// Takes over the connections of `earlier`, and what is known of its breaker, its limits and its speed, if it asks the same
    /// model at the same place by the same key: of nothing else does what a vendor said depend. A limit of ours that has changed is
    /// taken anew.
    #[must_use]
    pub fn going_on_from(self, earlier: &Llm) -> Self {
        let same = self.url == earlier.url
            && self.settings.model.id == earlier.settings.model.id
            && self.settings.key.is(&earlier.settings.key);
        if !same {
            return self;
        }
        let remote = Remote::continued(&self.remote, &earlier.remote);
        let (usual, learned) = (Arc::clone(&earlier.usual), Arc::clone(&earlier.learned));
        let (queue, refusals) = (Arc::clone(&earlier.queue), Arc::clone(&earlier.refusals));
        Llm { remote, usual, learned, queue, refusals, ..self }
    }

    /// What its tokens cost.
    pub fn price(&self) -> &Price {
        &self.settings.model.price
    }

    /// Where it is asked: the host's name and, if it is not the usual one, port.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// What is shown of its breaker.
    pub fn breaker(&self, elapsed: Duration) -> Shown {
        self.remote.breaker(elapsed)
    }

    /// How long it rests, as its vendor asked, and why; `None` if it does not.
    pub fn resting(&self, elapsed: Duration) -> Option<(Duration, String)> {
        self.remote.resting(elapsed)
    }

    /// Whether it may be asked now, as far as is known of its vendor.
    pub fn is_within_reach(&self, elapsed: Duration) -> bool {
        self.remote.rests(elapsed) == Some(Duration::ZERO)
    }

    /// What is known of its breaker here.
    pub fn own(&self) -> Own {
        self.remote.own()
    }

    /// Has its breaker take the word of another process for its own.
    pub fn hear(&self, word: &Word, elapsed: Duration) {
        self.remote.hear(word, elapsed);
    }

    /// Whether it refuses whatever it is asked by a classifier, as far as is known here.
    pub fn refusals(&self) -> BTreeMap<Name, Refusals> {
        self.lock_refusals().clone()
    }

    /// What is on record of that.
    pub fn refusals_stand(&self, classifier: &Name, word: refusals::Word) {
        self.lock_refusals().entry(Name::clone(classifier)).or_default().stands(word);
    }

    fn lock_refusals(&self) -> MutexGuard<'_, BTreeMap<Name, Refusals>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
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
        Ok(self.written(question, wrong)?.body)
    }

    fn written(&self, question: &Question<'_>, wrong: Option<&str>) -> Result<Written, ClassifyError> {
        let Settings { wire, model, effort, output_tokens_max, own, .. } = &self.settings;
        let asked = Asked::new(question, model, *effort, *output_tokens_max, *own)?;
        let asked = match wrong {
            Some(wrong) => asked.again(wrong),
            None => asked,
        };
        let least = cost::tokens_least(&asked.event);
        Ok(Written { body: wire.body(&asked)?, may_keep: asked.may_keep, least })
    }

    fn reading(&self, body: &str) -> Reading {
        self.settings.wire.reading(body)
    }

    /// What it said, from a response of its API.
    pub(super) fn read(&self, question: &Question<'_>, answer: &Answer) -> Heard {
        answer::heard(question.form.schema, question.canary(), self.reading(&answer.raw), answer)
    }

    /// That it would not answer, from what it said instead.
    pub(super) fn read_refusal(&self, refusal: &Refusal) -> Heard {
        let told = complaint::read(refusal.status, &refusal.said.raw);
        // By itself a 429 is no refusal: it was one as the question was larger than the limit that stood in its head.
        let told = if told.flaw.is_none() && refusal.status == 429 { told.oversized() } else { told };
        Heard::refused(told.flaw.unwrap_or(Flaw::Refused), told.reason, refusal.said.latency_ms)
    }

    /// Tells the ledger what was heard, for whoever asked.
    fn listen(
        &self,
        heard: Heard,
        question: &Question<'_>,
        digest: &str,
        ledger: &dyn Ledger,
        again: bool,
        is_new: bool,
    ) -> Heard {
        let (flaw, finish) = (heard.flaw, heard.finish.as_deref());
        let hearing = Hearing { flaw, again, is_new, finish, redacted: question.redacted() };
        ledger.heard(&self.settings.name, digest, hearing);
        heard
    }

    /// Puts it the question once. `wrong` is as for [`Llm::body`].
    async fn put(
        &self,
        question: &Question<'_>,
        wrong: Option<&str>,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Heard, ClassifyError> {
        let Written { body, may_keep, least } = self.written(question, wrong)?;
        let digest = request_digest(self.settings.wire, &body, question.markers());
        let sender = question.sender();
        // All that follows is waited for, by as many events as may be under way at one time.
        question.put_away();
        let listen = |heard, is_new| self.listen(heard, question, &digest, ledger, wrong.is_some(), is_new);
        if let Some(refusal) = ledger.refusal(&self.settings.name, &digest).await? {
            return Ok(listen(self.read_refusal(&refusal), false));
        }
        // What was paid for is read before anything else is asked, were it a breaker or a limit.
        if let Some(answer) = ledger.bought(&self.settings.name, &digest).await? {
            return Ok(listen(self.read(question, &answer), false));
        }
        let request = match self.request() {
            Ok(request) => request,
            Err(reason) => return Ok(lasting(reason)),
        };
        // What was learned of a vendor's limits may have been raised meanwhile: only the vendor says so.
        if let Some(per_min) = self.settings.tokens.never_let_pass(least) {
            let reason = format!(
                "the question has {least} tokens at least, and {per_min} are all that pass in a minute"
            );
            return Ok(listen(Heard::refused(Flaw::Overlong, reason, 0), false));
        }
        let sender = sender?;
        let (most, output) = (cost::tokens_most(&body), self.settings.output_tokens_max.into());
        let cost = Cost {
            classifier: question.classifier,
            judge: &self.settings.name,
            budget: self.settings.budget,
            sender: sender.as_ref(),
            most: cost::most(most, output, &self.settings.model.price, may_keep),
            asked_at: clock.now(),
        };
        if let Some((purse, limit)) = cost.beyond() {
            let (most, whole) = (cost.most, whole(purse));
            return Ok(lasting(format!("a question may cost {most}, which is more than {whole}: {limit}")));
        }
        let about = cost::tokens_about(body.len());
        let until = question.until;
        let call = Call { cost, most, about, digest: &digest, request, until, ledger, clock };
        let room = match self.room(&call).await {
            Ok(room) => room,
            Err(busy) => return Ok(self.put_off(busy, &call)),
        };
        match ledger.begin(&cost, &digest).await {
            Ok(Prior::Begun) => {
                self.usual.asked();
                let bought = self.buy_in(room, body.into_boxed_slice().into(), &call).await?;
                Ok(match bought {
                    Ok(answer) => listen(self.read(question, &answer), true),
                    Err(Unanswered::Refused(refusal)) => listen(self.read_refusal(&refusal), true),
                    Err(Unanswered::Out { turn, .. }) => Heard::nothing(turn),
                })
            }
            prior => {
                self.unused(room, &call).await;
                Ok(match prior? {
                    Prior::UnderWay => Heard::nothing(Turn::UnderWay { wait: self.usual.time() }),
                    Prior::Short(purse) => {
                        let wait = budget::wait(purse, cost.asked_at, question.age);
                        waits(wait, short(purse).to_owned(), Hindrance::Spent)
                    }
                    Prior::Answered(answer) => listen(self.read(question, &answer), false),
                    Prior::Begun | Prior::Spent => {
                        lasting("the answer may have been paid for twice already".to_owned())
                    }
                })
            }
        }
    }

    /// Whether an answer, in the time that one usually takes, would come too late for `question`.
    fn has_no_time(&self, question: &Question<'_>, clock: &dyn Clock) -> bool {
        let left = question.until.map(|until| until.saturating_sub(clock.monotonic()));
        left.is_some_and(|left| left < self.usual.time())
    }

    /// What a question is sent with, or why none can be.
    fn request(&self) -> Result<&Request, String> {
        match (&self.request, &self.settings.key) {
            (Some(request), _) => self.remote.admits(&self.url).map(|()| request),
            (None, Key::Unset { variable }) => Err(format!("{variable} is not set")),
            (None, Key::Secret(_) | Key::NotNeeded) => Err("it has no key".to_owned()),
        }
    }

    /// Buys an answer, and settles what was taken for the question: what it did not use is given back.
    async fn buy_in(
        &self,
        room: Room,
        body: Bytes,
        call: &Call<'_>,
    ) -> Result<Result<Answer, Unanswered>, ClassifyError> {
        let Room { pass, tokens, request: taken } = room;
        let bought = match self.buy(body, pass, call).await? {
            Ok(bought) => {
                self.settle(&tokens, &bought, call.ledger).await;
                return Ok(Ok(bought.answer));
            }
            Err(unanswered) => unanswered,
        };
        match &bought {
            Unanswered::Out { departed: Departed::No, .. } => {
                self.give_back(&tokens, taken, call.ledger).await;
            }
            Unanswered::Out { departed: Departed::Unbilled, .. } | Unanswered::Refused(_) => {
                self.give_back(&tokens, None, call.ledger).await;
            }
            Unanswered::Out { departed: Departed::Perhaps, .. } => {}
        }
        Ok(Err(bought))
    }

    /// It cannot be asked now. All that wait for it come back one after the other, whatever they wait for.
    fn put_off(&self, Busy { wait, reason, lacks }: Busy, call: &Call<'_>) -> Heard {
        // Whoever finds out takes as long as a question does.
        let until_known = wait.max(self.usual.time());
        let (least, hindrance) = match lacks {
            Lacks::Room => (wait, Hindrance::Full),
            Lacks::Health => (until_known, Hindrance::Held),
            Lacks::Money => (until_known, Hindrance::Capped),
        };
        let turn = self.turn_after(least, call.most, call.clock.monotonic());
        let others = if turn > least { ", and others wait for it" } else { "" };
        waits(turn, format!("it {reason}{others}"), hindrance)
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

    fn expected(&self) -> Option<Duration> {
        // Without a key it answers nothing: nobody is to be cut short for it.
        let answers = self.request.is_some() && self.remote.admits(&self.url).is_ok();
        answers.then(|| self.usual.time())
    }

    fn fallback(&self, elapsed: Duration) -> Option<Duration> {
        self.expected()?.checked_add(self.remote.rests(elapsed)?)
    }

    fn was_passed_over(&self) {
        self.usual.passed_over();
    }

    fn is_waited_for(&self, wait: Duration, elapsed: Duration) {
        self.queue.join(wait, elapsed);
    }

    fn draft(&self, question: &Question<'_>) -> Result<Option<Draft>, ClassifyError> {
        let Written { body, may_keep, least: _ } = self.written(question, None)?;
        let Settings { model, output_tokens_max, .. } = &self.settings;
        let (input, dense) = (cost::tokens_about(body.len()), cost::tokens_most(&body));
        let output = u64::from(*output_tokens_max);
        Ok(Some(Draft {
            model: model.id.clone(),
            url: self.url.to_string(),
            body: serde_json::from_slice(&body).map_err(ClassifyError::unwritable)?,
            input_tokens: input,
            output_tokens_max: output,
            question: cost::most(input, 0, &model.price, may_keep),
            most: cost::most(dense, output, &model.price, may_keep),
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
            // A second question would be paid for and not waited for.
            Err(spoilt) if self.has_no_time(question, clock) => spoilt.unmended(),
            Err(spoilt) => {
                let again = self.put(question, Some(&spoilt.wrong), ledger, clock).await?;
                spoilt.then(again.turn)
            }
        })
    }
}

fn waits(wait: Duration, reason: String, hindrance: Hindrance) -> Heard {
    Heard::nothing(Turn::Unavailable { reason, may_pass: true, retry_after: Some(wait), hindrance })
}

const fn short(purse: Purse) -> &'static str {
    match purse {
        Purse::Day => "what it may cost in a day is spent, or taken for questions under way",
        Purse::Month => "what it may cost in a month is spent, or taken for questions under way",
        Purse::Sender => {
            "what this sender's events may cost in a day is spent, or taken for questions under way"
        }
    }
}

const fn whole(purse: Purse) -> &'static str {
    match purse {
        Purse::Day => "all that it may cost in a day",
        Purse::Month => "all that it may cost in a month",
        Purse::Sender => "all that this sender's events may cost in a day",
    }
}

fn lasting(reason: String) -> Heard {
    Heard::nothing(Turn::Unavailable {
        reason,
        may_pass: false,
        retry_after: None,
        hindrance: Hindrance::Unasked,
    })
}

#[cfg(test)]
mod tests;
