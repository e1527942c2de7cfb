//! Whether a judge refuses whatever it is asked, for what no question is to blame: a parameter that its model does not take, a
//! schema that is too much for it. Its breaker stays closed, as it works; somebody has to mend the configuration.

use std::{fmt, str::FromStr, time::Duration};

use serde::Serialize;

use crate::domain::{Timestamp, UnknownWord};

/// So many refusals in a row, with no answer between them, are told of: one or two may be about what was asked after all.
pub const IN_A_ROW: u32 = 5;

/// What one process knows of how a judge takes its questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    in_a_row: u32,
    reason: String,
    answers: bool,
    /// What this process knows to be on record.
    known: Option<Word>,
}

/// What is said of a judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It refuses whatever it is asked.
    Refuses,
    /// It answers.
    Answers,
}

/// Refusals that are to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub in_a_row: u32,
    /// The last one, without a word of what was asked.
    pub reason: String,
}

impl Refusals {
    /// It refused a question; `reason` quotes nothing of it.
    pub fn refused(&mut self, reason: &str) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.answers = false;
        reason.clone_into(&mut self.reason);
    }

    /// It gave an answer, whatever that is worth.
    pub fn answered(&mut self) {
        (self.in_a_row, self.answers) = (0, true);
    }

    /// What it refuses, if it refuses whatever it is asked.
    pub fn shown(&self) -> Option<Refused> {
        let Refusals { in_a_row, ref reason, .. } = *self;
        (in_a_row >= IN_A_ROW).then(|| Refused { in_a_row, reason: reason.clone() })
    }

    /// What is to be put on record, unless it stands there.
    pub fn due(&self) -> Option<Word> {
        let word = match (self.in_a_row >= IN_A_ROW, self.answers) {
            (true, _) => Word::Refuses,
            (false, true) => Word::Answers,
            (false, false) => return None,
        };
        (self.known != Some(word)).then_some(word)
    }

    /// It is on record.
    pub fn stands(&mut self, word: Word) {
        self.known = Some(word);
    }
}

/// What is on record of a judge, for all processes and after them. Written down as `refuses/MS` or `answers/MS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    pub word: Word,
    /// When somebody was last told that it refuses.
    pub told: Timestamp,
}

/// What follows from a word that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is on record, or need not be.
    Stands,
    /// Somebody was told a moment ago, and it answered meanwhile: that is looked at later.
    Wait,
    /// To be put on record.
    Note(Record),
    /// Somebody is to be told, and it is to be put on record.
    Tell(Record),
}

impl Record {
    /// What follows from `word` where `before` is on record: it is told once until it answers, and not more often than `every` so
    /// long.
    pub fn step(before: Option<Record>, word: Word, now: Timestamp, every: Duration) -> Step {
        match (before, word) {
            (None, Word::Answers) => Step::Stands,
            (Some(record), word) if record.word == word => Step::Stands,
            (Some(record), Word::Answers) => Step::Note(Record { word, ..record }),
            // A clock that went back must not silence it.
            (Some(Record { told, .. }), Word::Refuses) if told <= now && now.since(told) < every => {
                Step::Wait
            }
            (_, Word::Refuses) => Step::Tell(Record { word, told: now }),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.word {
            Word::Refuses => "refuses",
            Word::Answers => "answers",
        };
        write!(f, "{word}/{}", self.told.as_millis())
    }
}

impl FromStr for Record {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord(text.to_owned());
        let (word, ms) = text.split_once('/').ok_or_else(unknown)?;
        let word = match word {
            "refuses" => Word::Refuses,
            "answers" => Word::Answers,
            _ => return Err(unknown()),
        };
        Ok(Record { word, told: ms.parse().map(Timestamp::from_millis).map_err(|_| unknown())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: Duration = Duration::from_mins(15);

    fn at(minutes: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_mins(minutes))
    }

    #[test]
    fn some_in_a_row_are_due_until_they_stand_and_an_answer_begins_anew() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.due(), None, "nothing is known");
        for _ in 1..IN_A_ROW {
            refusals.refused("400");
        }
        assert_eq!((refusals.due(), refusals.shown()), (None, None));
        refusals.refused("422");
        assert_eq!(refusals.due(), Some(Word::Refuses));
        assert_eq!(refusals.shown(), Some(Refused { in_a_row: IN_A_ROW, reason: "422".to_owned() }));
        refusals.stands(Word::Refuses);
        refusals.refused("400");
        assert_eq!(
            (refusals.due(), refusals.shown().map(|refused| refused.in_a_row)),
            (None, Some(IN_A_ROW + 1))
        );
        refusals.answered();
        assert_eq!((refusals.due(), refusals.shown()), (Some(Word::Answers), None));
        refusals.stands(Word::Answers);
        for _ in 1..IN_A_ROW {
            refusals.refused("400");
        }
        assert_eq!(refusals.due(), None);
        refusals.refused("400");
        assert_eq!(refusals.due(), Some(Word::Refuses), "the next time");
    }

    #[test]
    fn it_is_told_once_until_it_answers_and_not_over_and_over() {
        use Word::{Answers, Refuses};
        let record = |word, minutes| Some(Record { word, told: at(minutes) });
        for (before, word, now, want) in [
            (None, Answers, 100, Step::Stands),
            (None, Refuses, 100, Step::Tell(Record { word: Refuses, told: at(100) })),
            (record(Refuses, 100), Refuses, 900, Step::Stands),
            (record(Refuses, 100), Answers, 101, Step::Note(Record { word: Answers, told: at(100) })),
            (record(Answers, 100), Answers, 101, Step::Stands),
            (record(Answers, 100), Refuses, 114, Step::Wait),
            (record(Answers, 100), Refuses, 115, Step::Tell(Record { word: Refuses, told: at(115) })),
            (record(Answers, 100), Refuses, 50, Step::Tell(Record { word: Refuses, told: at(50) })),
        ] {
            assert_eq!(Record::step(before, word, at(now), QUARTER), want, "{before:?}, {word:?} at {now}");
        }
    }

    #[test]
    fn what_is_on_record_survives_its_text() {
        for word in [Word::Refuses, Word::Answers] {
            let record = Record { word, told: at(7) };
            assert_eq!(record.to_string().parse(), Ok(record));
        }
        for text in ["", "refuses", "refuses/x", "ajar/1", "answers/1/1"] {
            assert!(text.parse::<Record>().is_err(), "{text}");
        }
    }
}
