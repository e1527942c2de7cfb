//! What a language model can be told to answer, by value or by word.

use std::{fmt, str::FromStr, time::Duration};

use serde_json::Value;

use crate::domain::words;

/// What a language model answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// What follows from the question's words: as if nobody had told it anything.
    Usual,
    /// This output, whatever the schema says.
    Output(Value),
    /// This text, which need not be JSON.
    Text(String),
    /// No text at all, though it ends well.
    Empty,
    /// A sentence instead of JSON.
    NotJson,
    /// An output whose label is none of the schema's.
    WrongLabel,
    /// An output whose label is in capitals, as Anthropic may change the case of enum values.
    OtherCase,
    /// An output without the last of its fields.
    MissingField,
    /// An output with a field that the schema does not know.
    ExtraField,
    /// An output cut off in the middle, as when the token limit is reached.
    Truncated,
    /// The model refuses. It is billed all the same.
    Refusal,
    /// A content filter stops the answer: OpenAI says so at its end, Anthropic answers 400 instead of it.
    Filtered,
    /// A usual answer that does not say how many tokens it took.
    WithoutUsage,
    /// A usual answer after so long a wait.
    Slow { wait: Duration },
    /// The connection ends in the middle of a usual answer, which its head had promised whole.
    Reset,
    /// 429, without `Retry-After` if `None`.
    RateLimited { retry_after_s: Option<u64> },
    /// 529 from Anthropic, 503 from OpenAI.
    Overloaded,
    /// 500.
    Failed,
    /// The month's money is spent: 429, and no waiting helps.
    SpendLimit,
    /// The limit that the account's owner has set is reached: 400, and no waiting helps.
    OwnLimit,
}

/// The words by which a [`Reply`] is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyWord {
    Ok,
    RateLimited,
    SpendLimit,
    OwnLimit,
    Overloaded,
    Failed,
    Slow,
    Truncated,
    Refused,
    Filtered,
    OtherCase,
    NotJson,
    WrongLabel,
    MissingField,
    ExtraField,
    Empty,
    NoUsage,
    Reset,
}

words!(ReplyWord {
    Ok = "ok",
    RateLimited = "429",
    SpendLimit = "spend-limit",
    OwnLimit = "own-limit",
    Overloaded = "529",
    Failed = "500",
    Slow = "slow",
    Truncated = "truncated",
    Refused = "refused",
    Filtered = "filtered",
    OtherCase = "other-case",
    NotJson = "not-json",
    WrongLabel = "wrong-label",
    MissingField = "missing-field",
    ExtraField = "extra-field",
    Empty = "empty",
    NoUsage = "no-usage",
    Reset = "reset",
});

/// Not a word that orders a reply; shows those that do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` orders no answer; known are {}", ReplyWord::known())]
pub struct UnknownReply {
    given: String,
}

impl ReplyWord {
    /// All words, with the numbers that they take.
    fn known() -> String {
        let shown = |word: &ReplyWord| match word {
            ReplyWord::RateLimited => "429, 429:SECONDS".to_owned(),
            ReplyWord::Slow => "slow:MILLISECONDS".to_owned(),
            other => other.to_string(),
        };
        Self::ALL.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

impl FromStr for Reply {
    type Err = UnknownReply;

    /// A word of [`ReplyWord`]; `429:5` with `Retry-After: 5`, `slow:800` after 800 ms.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownReply { given: text.to_owned() };
        let (word, number) = match text.split_once(':') {
            Some((word, number)) => (word, Some(number.parse::<u64>().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let reply = match word.parse().map_err(|_| unknown())? {
            ReplyWord::RateLimited => return Ok(Reply::RateLimited { retry_after_s: number }),
            ReplyWord::Slow => {
                return number.map(|ms| Reply::Slow { wait: Duration::from_millis(ms) }).ok_or_else(unknown);
            }
            ReplyWord::Ok => Reply::Usual,
            ReplyWord::SpendLimit => Reply::SpendLimit,
            ReplyWord::OwnLimit => Reply::OwnLimit,
            ReplyWord::Overloaded => Reply::Overloaded,
            ReplyWord::Failed => Reply::Failed,
            ReplyWord::Truncated => Reply::Truncated,
            ReplyWord::Refused => Reply::Refusal,
            ReplyWord::Filtered => Reply::Filtered,
            ReplyWord::OtherCase => Reply::OtherCase,
            ReplyWord::NotJson => Reply::NotJson,
            ReplyWord::WrongLabel => Reply::WrongLabel,
            ReplyWord::MissingField => Reply::MissingField,
            ReplyWord::ExtraField => Reply::ExtraField,
            ReplyWord::Empty => Reply::Empty,
            ReplyWord::NoUsage => Reply::WithoutUsage,
            ReplyWord::Reset => Reply::Reset,
        };
        if number.is_some() { Err(unknown()) } else { Ok(reply) }
    }
}

/// The word that orders it, or in what way it was given.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Reply::Output(_) => return f.pad("output"),
            Reply::Text(_) => return f.pad("text"),
            Reply::Slow { wait } => return write!(f, "{}:{}", ReplyWord::Slow, wait.as_millis()),
            Reply::RateLimited { retry_after_s: Some(s) } => {
                return write!(f, "{}:{s}", ReplyWord::RateLimited);
            }
            Reply::RateLimited { retry_after_s: None } => ReplyWord::RateLimited,
            Reply::Usual => ReplyWord::Ok,
            Reply::Empty => ReplyWord::Empty,
            Reply::NotJson => ReplyWord::NotJson,
            Reply::WrongLabel => ReplyWord::WrongLabel,
            Reply::OtherCase => ReplyWord::OtherCase,
            Reply::MissingField => ReplyWord::MissingField,
            Reply::ExtraField => ReplyWord::ExtraField,
            Reply::Truncated => ReplyWord::Truncated,
            Reply::Refusal => ReplyWord::Refused,
            Reply::Filtered => ReplyWord::Filtered,
            Reply::WithoutUsage => ReplyWord::NoUsage,
            Reply::Reset => ReplyWord::Reset,
            Reply::Overloaded => ReplyWord::Overloaded,
            Reply::Failed => ReplyWord::Failed,
            Reply::SpendLimit => ReplyWord::SpendLimit,
            Reply::OwnLimit => ReplyWord::OwnLimit,
        };
        f.pad(word.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_orders_a_reply_that_shows_it() {
        for word in ReplyWord::ALL {
            let text = match word {
                ReplyWord::Slow => "slow:800".to_owned(),
                other => other.to_string(),
            };
            assert_eq!(text.parse::<Reply>().map(|reply| reply.to_string()), Ok(text));
        }
        assert_eq!("429:5".parse(), Ok(Reply::RateLimited { retry_after_s: Some(5) }));
        assert_eq!("slow:800".parse(), Ok(Reply::Slow { wait: Duration::from_millis(800) }));
    }

    #[test]
    fn what_is_no_word_is_told_all_of_them() {
        for text in ["", "ko", "slow", "slow:x", "429:", "empty:3", "OK"] {
            let error = text.parse::<Reply>().unwrap_err().to_string();
            for known in [&format!("`{text}`"), "429:SECONDS", "slow:MILLISECONDS", "spend-limit", "reset"] {
                assert!(error.contains(known), "{known}: {error}");
            }
        }
    }
}
