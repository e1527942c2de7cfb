//! Whether a source's silence is alarming.

use std::{fmt, str::FromStr, time::Duration};

use crate::domain::{Timestamp, UnknownWord};

/// Senders that come back after we were away get this long to do so before their silence counts against them.
const GRACE: Duration = Duration::from_mins(5);

/// What was told of a source last. Written down as `silent/never`, `silent/MS` or `back/MS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is silent, since it was heard then; `None` if it never was.
    Silent(Option<Timestamp>),
    /// It is back, and was heard then.
    Back(Timestamp),
}

/// What is known of a source.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    pub heard: Option<Timestamp>,
    /// When we began to listen.
    pub started: Timestamp,
    /// From how long on its silence is alarming.
    pub silence: Duration,
}

impl Source {
    /// What is to be told of it now, if that is news: each silence once, and its end once.
    pub fn news(&self, told: Option<Told>, now: Timestamp) -> Option<Told> {
        let listening = now.since(self.started);
        let quiet = now.since(self.heard.unwrap_or(self.started));
        let silent = quiet >= self.silence && listening >= self.silence.min(GRACE);
        match (told, self.heard) {
            (Some(Told::Silent(then)), heard) if then == heard => None,
            (Some(Told::Silent(_)), Some(heard)) => Some(Told::Back(heard)),
            (None | Some(_), heard) => silent.then_some(Told::Silent(heard)),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Silent(None) => f.write_str("silent/never"),
            Told::Silent(Some(then)) => write!(f, "silent/{}", then.as_millis()),
            Told::Back(then) => write!(f, "back/{}", then.as_millis()),
        }
    }
}

impl FromStr for Told {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord(text.to_owned());
        let (word, then) = text.split_once('/').ok_or_else(unknown)?;
        let at = || then.parse().map(Timestamp::from_millis).map_err(|_| unknown());
        match (word, then) {
            ("silent", "never") => Ok(Told::Silent(None)),
            ("silent", _) => at().map(|at| Told::Silent(Some(at))),
            ("back", _) => at().map(Told::Back),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(minutes: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_mins(minutes))
    }

    #[test]
    fn each_silence_is_told_once_and_so_is_its_end() {
        let source = |heard: Option<u64>| Source { heard: heard.map(at), started: at(0), silence: HOUR };
        let silent = |then: Option<u64>| Some(Told::Silent(then.map(at)));
        let back = |then| Some(Told::Back(at(then)));
        for (heard, told, now, want) in [
            (None, None, 59, None),
            (None, None, 60, silent(None)),
            (None, silent(None), 600, None),
            (Some(601), silent(None), 602, back(601)),
            (Some(601), back(601), 660, None),
            (Some(601), back(601), 661, silent(Some(601))),
            (Some(601), silent(Some(601)), 9_999, None),
            (Some(700), silent(Some(601)), 9_999, back(700)),
            (Some(700), back(601), 710, None),
            (Some(700), None, 710, None),
        ] {
            assert_eq!(source(heard).news(told, at(now)), want, "heard {heard:?}, told {told:?}, at {now}");
        }
    }

    #[test]
    fn who_was_not_heard_because_we_were_away_gets_time_to_come_back() {
        let source = |silence| Source { heard: Some(at(0)), started: at(600), silence };
        assert_eq!(source(HOUR).news(None, at(604)), None);
        assert_eq!(source(HOUR).news(None, at(605)), Some(Told::Silent(Some(at(0)))));
        assert_eq!(source(Duration::from_mins(2)).news(None, at(602)), Some(Told::Silent(Some(at(0)))));
    }

    #[test]
    fn what_was_told_survives_its_text() {
        for told in [Told::Silent(None), Told::Silent(Some(at(1))), Told::Back(at(2))] {
            assert_eq!(told.to_string().parse(), Ok(told));
        }
        for text in ["", "silent", "silent/x", "back/never", "loud/1"] {
            assert!(text.parse::<Told>().is_err(), "{text}");
        }
    }
}
