//! One rung's mind.

mod allowance;
mod answer;
mod anthropic;
mod complaint;
mod llm;
mod local;
mod openai;
mod question;
mod replay;
mod rules;
mod usage;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{ClassifyError, Ledger, Output};
use crate::domain::{Clock, Money, Name, Tokens, words};

pub use llm::{Key, Llm, Settings, SettingsError};
pub use local::{Lesson, Local};
pub use question::{Form, Question, SenderBudget};
pub use replay::Replay;
pub use rules::{Rule, Rules};
pub use wire::Wire;

/// Answers a question or abstains. It never chooses what is done about the answer.
#[async_trait]
pub trait Judge: Send + Sync {
    /// As the ladder names it.
    fn name(&self) -> &Name;

    /// What kind of judge it is, in plain words for the record: `local model, not an LLM`.
    fn kind(&self) -> &'static str;

    /// The model it asks, or a digest of what it goes by.
    fn model(&self) -> String;

    /// Its turn. A paid judge begins the purchase in `ledger` before its request leaves and records the answer before
    /// it reads it.
    ///
    /// # Errors
    /// The ledger is lost or a template did not render; everything else is a [`Turn`].
    async fn ask(
        &self,
        question: &Question<'_>,
        ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Turn, ClassifyError>;

    /// Whether a classifier's prompts are what it goes by.
    fn reads_prompts(&self) -> bool {
        false
    }

    /// About how long it takes to answer; `None` if it answers at once, or cannot.
    fn expected(&self) -> Option<Duration> {
        None
    }

    /// About how long it takes to answer where it is asked because another one did not; `None` as for [`Judge::expected`], and
    /// while it is not known to work. `elapsed` is [`Clock::monotonic`].
    fn fallback(&self, _elapsed: Duration) -> Option<Duration> {
        self.expected()
    }

    /// It was not asked, as it is expected to be too slow. It may have become quicker meanwhile.
    fn was_passed_over(&self) {}

    /// A question that it could not be asked comes back after `wait`, which it named: others are told to come later.
    fn is_waited_for(&self, _wait: Duration, _elapsed: Duration) {}

    /// What it would send, without its key; `None` for a judge that sends nothing.
    ///
    /// # Errors
    /// A template did not render.
    fn draft(&self, _question: &Question<'_>) -> Result<Option<Draft>, ClassifyError> {
        Ok(None)
    }

    /// What is wrong with the outputs it would make from `form`, found when the configuration is compiled. Judges that
    /// make their own outputs have nothing to say.
    fn check(&self, _form: &Form<'_>) -> Vec<String> {
        Vec::new()
    }
}

/// A request that has not been sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub model: String,
    pub url: String,
    pub body: Value,
    /// About how many tokens the question has; the most that the answer may have.
    pub input_tokens: u64,
    pub output_tokens_max: u64,
    /// What the question costs, and what both cost at most; nothing of it is kept from an earlier question.
    pub question: Money,
    pub most: Money,
    /// Whether models.toml says what the model costs; else that is a guess.
    pub is_priced: bool,
}

/// How a judge's turn ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    Said(Box<Said>),
    /// It had nothing to say.
    Abstained {
        reason: String,
    },
    /// It answered outside the schema, or not to the end.
    Invalid {
        reason: String,
    },
    /// Its answer shows that something in the event led it: whatever it or another one says, a person is to look.
    Suspect {
        reason: String,
    },
    /// It is being asked the same for another job of the event: that answer is waited for, as no other one comes sooner for no
    /// money.
    UnderWay {
        /// When to look for it.
        wait: Duration,
    },
    /// It could not be asked, or gave no answer.
    Unavailable {
        reason: String,
        /// Whether asking later may help.
        may_pass: bool,
        /// How long it wants to be left alone, where it said so.
        retry_after: Option<Duration>,
        hindrance: Hindrance,
    },
}

/// What keeps a judge from answering; for counting, by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// It works, and has no room for now: a short wait for it is better than to send everything to the next one.
    Full,
    /// What it may cost is spent: it is asked again when that changes, however long it takes.
    Spent,
    /// Its vendor says that what may be spent there is spent: it is asked again from time to time, one question after the other,
    /// however long that takes.
    Capped,
    /// Its breaker is open.
    Held,
    /// Its vendor says that it will answer nobody until somebody acts, and that money is not what it lacks.
    Barred,
    /// It failed, or what it was asked was lost.
    Failed,
    /// It would not answer as it was asked, and what it was asked about is not to blame.
    Refused,
    /// It cannot be asked as it is set up: there is no key for it, or the question is dearer than all that it may cost.
    Unasked,
    /// It would come too late, and a later one would not.
    Slow,
}

words!(Hindrance {
    Full = "no_room",
    Spent = "unaffordable",
    Capped = "money_spent",
    Held = "breaker_open",
    Barred = "barred",
    Failed = "failed",
    Refused = "refused",
    Unasked = "not_asked",
    Slow = "too_slow",
});

/// A valid answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub output: Output,
    /// What was wrong with its first answer, in words of ours, where it took a second question.
    pub repaired: Option<String>,
    /// Whether the output's confidence is a measured probability and not a model's opinion of itself.
    pub calibrated: bool,
    /// In the judge's words, for people.
    pub why: Vec<String>,
    /// The model that answered.
    pub model: String,
    pub tokens: Tokens,
    /// Time the answer took in ms; for an answer bought earlier, what it took then.
    pub latency_ms: u64,
}

/// Time since `started`, a reading of the monotonic clock.
fn elapsed_ms(clock: &dyn Clock, started: Duration) -> u64 {
    let elapsed = clock.monotonic().saturating_sub(started);
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
