//! Loopback stand-ins for the vendors, for the demo and for tests: no key, no network, no waiting.
//!
//! They keep state and refuse what the vendor refuses (the wire facts are in each file), so that a request which
//! passes here has a fair chance out there. What they know of a vendor is written here again, and not shared with what
//! builds the requests: a mistake would be found correct. Everything that would have happened is an [`Effect`] in the
//! ledger, with how often it was asked for and how often it really took place. [`Sandbox::fail_next`] and
//! [`Sandbox::hold`] make the bad moments happen on demand: an outage, a lost answer, a crash between effect and answer.
//!
//! One listener serves them all, each under its own first path segment: see [`Urls`]. [`FakeLlm`] is the language models
//! alone, for whoever tries their own configuration.

mod analytics;
mod crm;
mod fake_llm;
mod faults;
mod gateway;
mod helpdesk;
mod ledger;
mod listener;
mod llm;
mod mail;
mod pagerduty;
mod slack;
mod wire;

use std::{
    fmt,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use axum::{Router, middleware};
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    domain::Clock,
    source::{KeyError, Scheme, TOLERANCE_DEFAULT, Verifier},
};

pub use fake_llm::{FakeLlm, FakeLlmOptions};
pub use faults::{Fault, Gate};
pub use ledger::{EFFECTS_MAX, Effect};
use listener::Listener;
pub use llm::{ANSWER_HEADER, ASKED_MAX, Api, Limits, LlmCall, Reply, ReplyWord, UnknownReply};

/// What a sandbox has to run in the background.
pub type Background = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a [`Sandbox`] is made.
pub struct SandboxOptions {
    /// Where to listen: a loopback address; port 0 for any that is free.
    pub bind: SocketAddr,
    /// By which signed times are judged.
    pub clock: Arc<dyn Clock>,
    /// The one credential that every vendor takes: bearer token and API key.
    pub token: SecretString,
    /// The `whsec_…` key by which requests to `analytics` must be signed.
    pub signing_secret: SecretString,
}

impl SandboxOptions {
    /// On any free loopback port.
    pub fn new(clock: Arc<dyn Clock>, token: SecretString, signing_secret: SecretString) -> Self {
        SandboxOptions { bind: (Ipv4Addr::LOCALHOST, 0).into(), clock, token, signing_secret }
    }
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox does not listen at {0}: it takes anything from anybody, so give a loopback address")]
    NotLoopback(SocketAddr),
    #[error("the sandbox cannot listen at {at}: {error}")]
    Bind { at: SocketAddr, error: io::Error },
    #[error("the sandbox cannot check signatures by this key: {0}")]
    SigningSecret(#[from] KeyError),
}

/// Where each vendor is: what to set a destination's or judge's URL to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// POST `/contacts`, `/tasks`, `/notes`, `/drafts`, `/payments`.
    pub crm: String,
    /// POST `/tickets`.
    pub helpdesk: String,
    /// POST `/emails`.
    pub mail: String,
    /// POST `/events`.
    pub analytics: String,
    /// The incoming webhook itself.
    pub slack: String,
    /// POST `/v2/enqueue`.
    pub pagerduty: String,
    /// POST `/v1/messages`.
    pub anthropic: String,
    /// POST `/chat/completions`.
    pub openai: String,
}

/// What the handlers share.
struct Shared {
    ledger: ledger::Ledger,
    faults: faults::Faults,
    alerts: pagerduty::Alerts,
    llm: Arc<llm::Desk>,
    token: SecretString,
    verifier: Verifier,
    clock: Arc<dyn Clock>,
}

/// Running stand-ins. Dropping it ends them and lets go of all held requests.
pub struct Sandbox {
    listener: Listener,
    shared: Arc<Shared>,
}

impl Sandbox {
    /// Listens, and hands its server to `spawn`.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub async fn start(options: SandboxOptions, spawn: impl Fn(Background)) -> Result<Self, SandboxError> {
        let SandboxOptions { bind, clock, token, signing_secret } = options;
        let verifier = Verifier::new(Scheme::StandardWebhooks, vec![signing_secret], TOLERANCE_DEFAULT)?;
        let llm = llm::Desk::new(Arc::clone(&clock), llm::Keys::Only(token.clone()));
        let shared = Arc::new(Shared {
            ledger: ledger::Ledger::default(),
            faults: faults::Faults::default(),
            alerts: pagerduty::Alerts::default(),
            llm: Arc::new(llm),
            token,
            verifier,
            clock,
        });
        let listener = Listener::open(bind, router(&shared), spawn).await?;
        Ok(Sandbox { listener, shared })
    }

    pub fn urls(&self) -> Urls {
        let at = |path: &str| format!("http://{}{path}", self.listener.address);
        Urls {
            crm: at("/crm"),
            helpdesk: at("/helpdesk"),
            mail: at("/mail"),
            analytics: at("/analytics"),
            slack: at("/slack/services/T/B/x"),
            pagerduty: at("/pagerduty"),
            anthropic: at("/llm"),
            openai: at("/llm/v1"),
        }
    }

    /// Everything that happened, in the order in which it first did.
    pub fn effects(&self) -> Vec<Effect> {
        self.shared.ledger.effects()
    }

    /// How many alerts are open at the pager.
    pub fn open_alerts(&self) -> usize {
        self.shared.alerts.open()
    }

    /// How many requests came to `path` (such as `/crm/contacts`), refused and failed ones included.
    pub fn requests(&self, path: &str) -> u64 {
        self.shared.ledger.requests(path)
    }

    /// The next `n` requests to `path` are answered with `status` and have no effect.
    pub fn fail_next(&self, path: &str, n: u32, status: u16) {
        self.fail_next_with(path, n, Fault { status, ..Fault::default() });
    }

    /// The next `n` requests to `path` meet `fault`, after those of earlier calls have met theirs.
    pub fn fail_next_with(&self, path: &str, n: u32, fault: Fault) {
        self.shared.faults.add(path, n, fault);
    }

    /// From now on requests to `path` wait, before they have any effect, until the gate is released or dropped.
    pub fn hold(&self, path: &str) -> Gate {
        self.shared.faults.hold(path, faults::Moment::BeforeEffect)
    }

    /// As [`Sandbox::hold`], but they have had their effect and only the answer waits.
    pub fn hold_answer(&self, path: &str) -> Gate {
        self.shared.faults.hold(path, faults::Moment::BeforeAnswer)
    }

    /// What the language model says to the next question; without it, what follows from the question's words.
    pub fn reply_next(&self, reply: Reply) {
        self.shared.llm.script.reply_next(reply);
    }

    /// From now on each vendor takes no more questions and tokens than these, by the sandbox's clock; more is answered 429.
    pub fn limit_llm(&self, limits: Limits) {
        self.shared.llm.limit(limits);
    }

    /// The bodies of the last [`ASKED_MAX`] questions that were in order, oldest first.
    pub fn asked(&self) -> Vec<Value> {
        self.shared.llm.script.asked()
    }

    /// What became of the last [`ASKED_MAX`] requests to language models, refused ones included, oldest first.
    pub fn llm_calls(&self) -> Vec<LlmCall> {
        self.shared.llm.script.calls()
    }

    /// Ends it and waits until it has ended.
    pub async fn stop(mut self) {
        self.release();
        self.listener.ended().await;
    }

    fn release(&mut self) {
        self.listener.close();
        self.shared.faults.release_all();
        self.shared.llm.let_go();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.release();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.listener.address).finish_non_exhaustive()
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .nest("/crm", crm::routes())
        .nest("/helpdesk", helpdesk::routes())
        .nest("/mail", mail::routes())
        .nest("/analytics", analytics::routes())
        .nest("/slack", slack::routes())
        .nest("/pagerduty", pagerduty::routes())
        .nest("/llm", llm::routes(Arc::clone(&shared.llm)))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), gateway::pass))
        .with_state(Arc::clone(shared))
}

#[cfg(test)]
mod tests;
