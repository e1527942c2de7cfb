//! The language models alone, under the vendors' own paths, for any key.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{Background, Limits, LlmCall, Reply, SandboxError, listener::Listener, llm};
use crate::domain::Clock;

/// How a [`FakeLlm`] is made.
pub struct FakeLlmOptions {
    /// Where to listen: a loopback address; port 0 for any that is free.
    pub bind: SocketAddr,
    /// By which limits and waits are measured.
    pub clock: Arc<dyn Clock>,
    /// What is answered, one after the other, over and over; what follows from a question's words if empty.
    pub answers: Vec<Reply>,
    /// How long every answer waits.
    pub delay: Duration,
    /// Also models are asked that neither vendor is known to have, and a key is not asked for.
    pub any_model: bool,
    /// What each vendor takes in a minute.
    pub limits: Limits,
    /// Is told of every request; while it is full, answers wait.
    pub told: mpsc::Sender<LlmCall>,
}

/// Running stand-ins for both vendors' language models. They take any key that is not empty; see [`FakeLlmOptions::any_model`]. Dropping it ends them.
pub struct FakeLlm {
    listener: Listener,
    desk: Arc<llm::Desk>,
}

impl FakeLlm {
    /// Listens, and hands its server to `spawn`.
    ///
    /// # Errors
    /// It does not listen: see [`SandboxError`].
    pub async fn start(options: FakeLlmOptions, spawn: impl Fn(Background)) -> Result<Self, SandboxError> {
        let FakeLlmOptions { bind, clock, answers, delay, any_model, limits, told } = options;
        let keys = if any_model { llm::Keys::Optional } else { llm::Keys::Any };
        let desk = llm::Desk::new(clock, keys).delayed(delay).cycling(answers);
        let desk = desk.strict(!any_model).telling(told);
        desk.limit(limits);
        let desk = Arc::new(desk);
        let listener = Listener::open(bind, llm::routes(Arc::clone(&desk)), spawn).await?;
        Ok(FakeLlm { listener, desk })
    }

    /// The `base_url` of a judge whose kind is `anthropic`.
    pub fn anthropic(&self) -> String {
        format!("http://{}", self.listener.address)
    }

    /// The `base_url` of a judge whose kind is `openai`.
    pub fn openai(&self) -> String {
        format!("http://{}/v1", self.listener.address)
    }
}

impl Drop for FakeLlm {
    fn drop(&mut self) {
        self.listener.close();
        self.desk.let_go();
    }
}

impl fmt::Debug for FakeLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeLlm").field("address", &self.listener.address).finish_non_exhaustive()
    }
}
