//! Money, and what tokens cost.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub u64);

impl Money {
    pub fn dollars(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 millionths of a dollar")]
        let millionths = self.0 as f64;
        millionths / 1e6
    }

    /// The sum.
    #[must_use]
    pub const fn and(self, other: Money) -> Self {
        Money(self.0.saturating_add(other.0))
    }

    /// Rounded to the nearest millionth; less than nothing is nothing.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub fn of_dollars(dollars: f64) -> Self {
        Money((dollars * 1e6).round() as u64)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// US dollars for a million tokens, which is millionths of a dollar for one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    pub input: f64,
    /// Input that the vendor keeps for later questions.
    pub cache_write: f64,
    /// Input that it had kept.
    pub cache_read: f64,
    pub output: f64,
    /// In place of `input` and `output` where a question is long; what the cache gives and takes changes in proportion.
    pub long: Option<LongPrice>,
}

/// Prices of a question that has more input tokens than `above_tokens`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongPrice {
    pub above_tokens: u64,
    pub input: f64,
    pub output: f64,
}
