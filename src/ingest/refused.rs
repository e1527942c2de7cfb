//! Why a delivery is not taken in: counted, logged and answered in one place.

use std::net::IpAddr;

use crate::{source::Refusal, store::StoreError};

use super::{Ingest, answer::Answer, body::BodyError, fullness::Full, limits::Spent, throttle::Throttle};

/// A refusal.
pub(super) struct Refused {
    /// The fixed word it is counted under.
    word: &'static str,
    answer: Answer,
    /// What the log says beside the word. Senders are told less.
    detail: Option<String>,
}

impl Refused {
    fn new(word: &'static str, answer: Answer) -> Self {
        Refused { word, answer, detail: None }
    }
}

impl From<Full> for Refused {
    fn from(full: Full) -> Self {
        Refused::new(full.word(), Answer::Unavailable { reason: full.reason() })
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { bytes_max } => Refused::new("too_large", Answer::TooLarge { bytes_max }),
            BodyError::Busy => {
                Refused::new("busy", Answer::Unavailable { reason: "too much is being received" })
            }
            BodyError::TimedOut => Refused::new("timed_out", Answer::TimedOut),
            BodyError::Broken => Refused::new("broken", Answer::Broken),
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let answer = match refusal {
            Refusal::UnsupportedEncoding => Answer::Encoded,
            Refusal::Missing { .. } | Refusal::Bad { .. } | Refusal::Stale { .. } => Answer::Unverified,
        };
        Refused { detail: Some(refusal.to_string()), ..Refused::new(refusal.reason(), answer) }
    }
}

impl From<Spent> for Refused {
    fn from(Spent { by, wait }: Spent) -> Self {
        Refused::new("rate_limited", Answer::RateLimited { by, wait })
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let answer = Answer::Unavailable { reason: "the store cannot take it now" };
        Refused { detail: Some(error.to_string()), ..Refused::new("store", answer) }
    }
}

impl Ingest {
    /// Counts a refusal and, once a second, logs one of its kind.
    pub(super) fn refuse(&self, source: &str, client: IpAddr, log: &Throttle, refused: Refused) -> Answer {
        let Refused { word, answer, detail } = refused;
        self.metrics.refused(source, word);
        if let Some(held_back) = log.due(word, self.clock.monotonic()) {
            tracing::warn!(source, reason = word, detail, %client, held_back, "delivery refused");
        }
        answer
    }
}
