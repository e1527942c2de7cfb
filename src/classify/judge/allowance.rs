//! What a vendor says is left of its limits. Its count holds, whatever ours says: others may ask by the same account.
//!
//! Sources: platform.claude.com "Rate limits" (`anthropic-ratelimit-*`, resets as RFC 3339); OpenAI "Rate limits"
//! (`x-ratelimit-*`, resets as durations such as `1s`, `6m0s`, `120ms`). As of October 2026.

use std::time::Duration;

use http::HeaderMap;

use super::Wire;
use crate::{decide::tokens::Counted, domain::Timestamp};

/// A minute, and the second to which a vendor may round.
const MINUTE_AT_MOST: Duration = Duration::from_secs(61);

/// Less than this part of a limit of tokens is too little for any question.
const LITTLE: u64 = 100;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limited {
    Requests,
    Tokens(Counted),
}

/// A limit by the headers that tell of it: how much there is, what is left, and when all is there again.
struct Limit {
    limited: Limited,
    whole: &'static str,
    left: &'static str,
    reset: &'static str,
}

const ANTHROPIC: [Limit; 3] = [
    Limit {
        limited: Limited::Requests,
        whole: "anthropic-ratelimit-requests-limit",
        left: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
    },
    Limit {
        limited: Limited::Tokens(Counted::Input),
        whole: "anthropic-ratelimit-input-tokens-limit",
        left: "anthropic-ratelimit-input-tokens-remaining",
        reset: "anthropic-ratelimit-input-tokens-reset",
    },
    Limit {
        limited: Limited::Tokens(Counted::Output),
        whole: "anthropic-ratelimit-output-tokens-limit",
        left: "anthropic-ratelimit-output-tokens-remaining",
        reset: "anthropic-ratelimit-output-tokens-reset",
    },
];

const OPENAI: [Limit; 2] = [
    Limit {
        limited: Limited::Requests,
        whole: "x-ratelimit-limit-requests",
        left: "x-ratelimit-remaining-requests",
        reset: "x-ratelimit-reset-requests",
    },
    Limit {
        limited: Limited::Tokens(Counted::Both),
        whole: "x-ratelimit-limit-tokens",
        left: "x-ratelimit-remaining-tokens",
        reset: "x-ratelimit-reset-tokens",
    },
];

/// What a vendor says of one of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub limited: Limited,
    pub left: u64,
    whole: Option<u64>,
    /// Until all is there again.
    full_in: Option<Duration>,
}

/// What the vendor says of its limits.
pub(super) fn read(wire: Wire, headers: &HeaderMap, now: Timestamp) -> Vec<Allowance> {
    let limits: &[Limit] = match wire {
        Wire::Messages => &ANTHROPIC,
        Wire::Chat | Wire::Responses => &OPENAI,
    };
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse().ok();
    let allowance = |limit: &Limit| {
        let full_in = text(limit.reset).and_then(|reset| until(wire, reset, now));
        Some(Allowance {
            limited: limit.limited,
            left: number(limit.left)?,
            whole: number(limit.whole),
            full_in,
        })
    };
    limits.iter().filter_map(allowance).collect()
}

impl Allowance {
    /// How much passes in a minute, if it is for a minute that the limit is set: one that takes longer to be whole again is for a
    /// day, which is not to be spread evenly.
    pub fn per_min(&self) -> Option<u32> {
        let whole = self.whole.filter(|_| self.full_in.is_some_and(|full_in| full_in <= MINUTE_AT_MOST))?;
        u32::try_from(whole).ok().filter(|whole| *whole > 0)
    }

    /// Whether it is of tokens, and all that ever passes in a minute is less than a question of `input` tokens and its answer of at
    /// most `output` take.
    pub fn never_holds(&self, (input, output): (u64, u64)) -> bool {
        let wanted = match self.limited {
            Limited::Requests | Limited::Tokens(Counted::Output) => return false,
            Limited::Tokens(Counted::Input) => input,
            Limited::Tokens(Counted::Both) => input.max(output),
        };
        self.per_min().is_some_and(|whole| u64::from(whole) < wanted)
    }

    /// Whether nothing of it is used.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some_and(|whole| self.left >= whole)
    }

    /// How long not to ask, as too little is left for another question of `input` tokens and its answer of at most `output`;
    /// `None` if there is no need to wait, or it is not said for how long.
    pub fn rest(&self, (input, output): (u64, u64)) -> Option<Duration> {
        let wanted = match self.limited {
            Limited::Requests | Limited::Tokens(Counted::Output) => 1,
            Limited::Tokens(Counted::Input) => input.max(1),
            Limited::Tokens(Counted::Both) => input.max(output).max(1),
        };
        self.until_there_is(wanted)
    }

    /// How long nobody need ask, whatever the question: next to nothing is left. `None` as for [`Allowance::rest`].
    pub fn rest_of_all(&self) -> Option<Duration> {
        let least = match self.limited {
            Limited::Requests | Limited::Tokens(Counted::Output) => 1,
            Limited::Tokens(Counted::Input | Counted::Both) => self.whole.unwrap_or_default() / LITTLE,
        };
        self.until_there_is(least.max(1))
    }

    fn until_there_is(&self, wanted: u64) -> Option<Duration> {
        let missing = wanted.checked_sub(self.left).filter(|missing| *missing > 0)?;
        // It comes back evenly.
        let part = match self.whole.and_then(|whole| whole.checked_sub(self.left)) {
            Some(gone) if missing < gone => self.full_in?.mul_f64(missing as f64 / gone as f64),
            Some(_) | None => self.full_in?,
        };
        (!part.is_zero()).then_some(part)
    }
}

/// How long until a reset.
fn until(wire: Wire, reset: &str, now: Timestamp) -> Option<Duration> {
    match wire {
        Wire::Messages => {
            let at = humantime::parse_rfc3339_weak(reset).ok()?;
            let at = at.duration_since(std::time::UNIX_EPOCH).ok()?;
            Some(Timestamp::from_millis(i64::try_from(at.as_millis()).ok()?).since(now))
        }
        Wire::Chat | Wire::Responses => humantime::parse_duration(reset).ok(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// 2026-11-24T00:00:00Z
    const NOW: Timestamp = Timestamp::from_millis(1_795_478_400_000);

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn anthropic(requests: &'static str, input: &'static str) -> HeaderMap {
        headers(&[
            ("anthropic-ratelimit-requests-remaining", requests),
            ("anthropic-ratelimit-requests-reset", "2026-11-24T00:00:02Z"),
            ("anthropic-ratelimit-input-tokens-remaining", input),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-24T00:00:30Z"),
        ])
    }

    fn rest(wire: Wire, headers: &HeaderMap, next: (u64, u64), now: Timestamp) -> Option<Duration> {
        read(wire, headers, now).iter().filter_map(|allowance| allowance.rest(next)).max()
    }

    #[test]
    fn nobody_is_asked_for_what_is_not_left() {
        let of = |headers: &HeaderMap| {
            rest(Wire::Messages, headers, (5_000, 1_000), NOW).map(|wait| wait.as_secs())
        };
        assert_eq!(of(&anthropic("9", "80000")), None);
        assert_eq!(of(&anthropic("0", "80000")), Some(2));
        assert_eq!(of(&anthropic("0", "4999")), Some(30), "the longer one");
        assert_eq!(
            of(&headers(&[("anthropic-ratelimit-requests-remaining", "0")])),
            None,
            "it does not say until when"
        );
        assert_eq!(of(&HeaderMap::new()), None);
        let past = rest(Wire::Messages, &anthropic("0", "80000"), (1, 1), NOW.plus(Duration::from_secs(60)));
        assert_eq!(past, None, "that was then");
    }

    #[test]
    fn openais_resets_are_lengths_of_time() {
        for (reset, ms) in [("1s", 1_000), ("6m0s", 360_000), ("120ms", 120), ("1m30.5s", 90_500)] {
            let headers =
                headers(&[("x-ratelimit-remaining-tokens", "10"), ("x-ratelimit-reset-tokens", reset)]);
            let wait = rest(Wire::Chat, &headers, (500, 100), NOW);
            assert_eq!(wait.map_or(0, |wait| wait.as_millis()), ms, "{reset}");
        }
    }

    #[test]
    fn openai_counts_the_answer_as_long_as_it_may_be() {
        let left = headers(&[("x-ratelimit-remaining-tokens", "2600"), ("x-ratelimit-reset-tokens", "30s")]);
        let of = |next| rest(Wire::Chat, &left, next, NOW);
        assert_eq!(of((2_600, 2_600)), None, "the larger one of the two");
        assert_eq!(of((2_200, 2_601)), Some(Duration::from_secs(30)));
    }

    #[test]
    fn all_rest_only_where_next_to_nothing_is_left() {
        let of = |left: &'static str| {
            let left = headers(&[
                ("anthropic-ratelimit-input-tokens-limit", "100000"),
                ("anthropic-ratelimit-input-tokens-remaining", left),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-24T00:01:00Z"),
            ]);
            read(Wire::Messages, &left, NOW)[0].rest_of_all()
        };
        assert_eq!((of("40000"), of("1000")), (None, None));
        assert!(of("999").is_some_and(|rest| rest < Duration::from_secs(1)) && of("0").is_some());
        let spent = rest(Wire::Messages, &anthropic("0", "80000"), (1, 1), NOW);
        assert_eq!(read(Wire::Messages, &anthropic("0", "80000"), NOW)[0].rest_of_all(), spent);
    }

    #[test]
    fn it_is_waited_for_what_is_missing_and_not_for_the_whole() {
        let left = |left: &'static str| {
            headers(&[
                ("anthropic-ratelimit-input-tokens-limit", "100000"),
                ("anthropic-ratelimit-input-tokens-remaining", left),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-24T00:00:57Z"),
            ])
        };
        let of = |headers, next| rest(Wire::Messages, &headers, next, NOW).map(|wait| wait.as_secs());
        assert_eq!(of(left("5000"), (15_000, 1)), Some(6));
        assert_eq!(of(left("5000"), (5_000, 1)), None);
        assert_eq!(of(left("5000"), (200_000, 1)), Some(57), "it never fits: all that there is");
    }

    #[test]
    fn what_passes_in_a_minute_is_learned_and_what_passes_in_a_day_is_not() {
        let of = |reset: &'static str| {
            let told = headers(&[
                ("x-ratelimit-limit-requests", "500"),
                ("x-ratelimit-remaining-requests", "499"),
                ("x-ratelimit-reset-requests", reset),
            ]);
            read(Wire::Chat, &told, NOW)[0].per_min()
        };
        assert_eq!((of("120ms"), of("1m0s"), of("7m12s"), of("soon")), (Some(500), Some(500), None, None));
    }

    #[test]
    fn each_limit_is_told_by_its_own_headers() {
        let told = headers(&[
            ("x-ratelimit-remaining-requests", "7"),
            ("x-ratelimit-remaining-tokens", "1200"),
            ("x-ratelimit-reset-tokens", "soon"),
        ]);
        let told: Vec<_> =
            read(Wire::Responses, &told, NOW).into_iter().map(|one| (one.limited, one.left)).collect();
        assert_eq!(told, [(Limited::Requests, 7), (Limited::Tokens(Counted::Both), 1_200)]);
        assert_eq!(read(Wire::Chat, &headers(&[("x-ratelimit-remaining-requests", "many")]), NOW), []);
    }
}
