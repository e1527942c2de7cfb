//! Those that wait for a language model to have room, or to work again.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Llm;
use crate::{classify::TokensUsed, decide::turns::Turns};

const MINUTE: Duration = Duration::from_mins(1);

/// Questions at one time where no limit of ours says how many.
const CALLS_ASSUMED: u32 = 8;

/// See [`Turns`].
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Turns>);

impl Queue {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn join(&self, wait: Duration, elapsed: Duration) {
        self.turns().join(wait, elapsed);
    }
}

/// How long so many tokens take to come back.
fn share(tokens: u32, per_min: u32) -> Duration {
    MINUTE.saturating_mul(tokens) / per_min.max(1)
}

impl Llm {
    /// How long until a question of about `input` tokens has its turn, for which there is room after `wait`.
    pub(super) fn turn_after(&self, wait: Duration, input: u64, elapsed: Duration) -> Duration {
        let needs =
            self.learned.tighten(self.settings.tokens).needs(input, self.settings.output_tokens_max.into());
        let most = needs.iter().map(|need| share(need.tokens, need.per_min)).max().unwrap_or_default();
        let options = self.remote.options();
        let calls = self.usual.time() / options.calls_max.unwrap_or(CALLS_ASSUMED).max(1);
        let requests = self.per_min().map_or(Duration::ZERO, |per_min| share(1, per_min.requests));
        self.queue.turns().foresee(wait, most, calls.max(requests), elapsed)
    }

    /// A question has really used so much of what was taken for it.
    pub(super) fn has_used(&self, used: &[TokensUsed]) {
        let shares = used.iter().map(|one| share(one.used, one.taken.need.per_min));
        if let Some(most) = shares.max() {
            self.queue.turns().took(most);
        }
    }
}
