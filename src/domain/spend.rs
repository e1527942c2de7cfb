//! Money that is spent on answers: what a question draws on before it is asked, and what is kept of it by day.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Answer, Money, Name, Timestamp, Tokens, words::words};

/// A day by UTC, as `2026-11-24`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(String);

/// Characters of RFC 3339 that name a day, and those of them that name its month.
const DAY_CHARS: usize = 10;
const MONTH_CHARS: usize = 7;

impl Day {
    /// The day that `at` falls on.
    pub fn of(at: Timestamp) -> Self {
        Day(at.to_string().chars().take(DAY_CHARS).collect())
    }

    /// The one of this name, as it was told by a [`Day`].
    pub fn named(name: String) -> Self {
        Day(name)
    }

    /// As `2026-11`.
    pub fn month(&self) -> &str {
        self.0.get(..MONTH_CHARS).unwrap_or(&self.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What money is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purse {
    /// What a judge may cost in a day.
    Day,
    /// What it may cost in a calendar month.
    Month,
    /// What one sender's events may cost in a day.
    Sender,
}

words!(Purse { Day = "day", Month = "month", Sender = "sender" });

/// What a question does to one purse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub purse: Purse,
    /// Names what is counted, with the day or month it is counted in: it is never begun anew.
    pub meter: String,
    /// Millionths of a dollar; less than 0 gives back.
    pub by: i64,
    /// Beyond which the question is not asked. None where it only counts.
    pub limit: Option<u64>,
}

/// What a question does to the book of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub day: Day,
    pub classifier: Name,
    pub judge: Name,
    pub change: Change,
}

/// How much is added to each column of a [`Spent`]; less than 0 takes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change(pub [i64; COLUMNS.len()]);

/// The columns of a [`Spent`], by the names under which stores keep them.
pub const COLUMNS: [&str; 8] =
    ["answers", "cost", "maybe", "maybe_cost", "input", "cache_write", "cache_read", "output"];

/// What one classifier spent on one judge in a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub classifier: Name,
    pub judge: Name,
    /// Answers that were paid for, and what they cost.
    pub answers: u64,
    pub cost: Money,
    /// Questions that were begun and have no answer on record, and what they may have cost at most.
    pub maybe_billed: u64,
    pub maybe_cost: Money,
    pub tokens: Tokens,
}

impl Spent {
    /// From the columns in their order; what is missing is 0.
    pub fn of(classifier: Name, judge: Name, columns: &[u64]) -> Self {
        let column = |at: usize| columns.get(at).copied().unwrap_or(0);
        Spent {
            classifier,
            judge,
            answers: column(0),
            cost: Money(column(1)),
            maybe_billed: column(2),
            maybe_cost: Money(column(3)),
            tokens: Tokens {
                input_uncached: column(4),
                cache_write: column(5),
                cache_read: column(6),
                output: column(7),
            },
        }
    }
}

/// A paid question that is about to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseOrder {
    pub judge: Name,
    /// SHA-256 (hex) of the request body.
    pub digest: String,
    /// Names this asking: said once more because an answer did not come, it is the same purchase. `None` where every order is
    /// one of its own.
    pub id: Option<String>,
    /// The most that it may cost.
    pub most: Money,
    pub charges: Vec<Charge>,
    pub entry: Option<Entry>,
}

impl PurchaseOrder {
    /// Of a question that draws on nothing.
    pub fn new(judge: &Name, digest: &str) -> Self {
        PurchaseOrder {
            judge: Name::clone(judge),
            digest: digest.to_owned(),
            id: None,
            most: Money::default(),
            charges: Vec::new(),
            entry: None,
        }
    }
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    pub judge: Name,
    pub digest: String,
    /// `None` if it certainly was not billed.
    pub answer: Option<Answer>,
    pub cost: Money,
    pub charges: Vec<Charge>,
    pub entry: Option<Entry>,
}

impl Bill {
    /// Of an order that drew on nothing.
    pub fn new(judge: &Name, digest: &str, answer: Option<&Answer>) -> Self {
        let PurchaseOrder { judge, digest, id: _, most: cost, charges, entry } =
            PurchaseOrder::new(judge, digest);
        Bill { judge, digest, answer: answer.cloned(), cost, charges, entry }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_its_month_are_by_utc() {
        let day = Day::of(Timestamp::from_millis(1_700_000_000_123));
        assert_eq!((day.to_string().as_str(), day.month()), ("2023-11-14", "2023-11"));
    }
}
