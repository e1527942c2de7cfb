//! What a vendor says is left of its limits. Its count holds, whatever ours says: others may ask by the same account.
//!
//! Sources: platform.claude.com "Rate limits" (`anthropic-ratelimit-*`, resets as RFC 3339); OpenAI "Rate limits"
//! (`x-ratelimit-*`, resets as durations such as `1s`, `6m0s`, `120ms`). As of October 2026.

use std::time::Duration;

use http::HeaderMap;

use super::Wire;
use crate::domain::Timestamp;

/// A limit by the headers that tell of it: what is left, and when all is there again.
struct Limit {
    left: &'static str,
    reset: &'static str,
    counts: Counts,
}

/// What a limit counts.
enum Counts {
    /// Requests, or tokens that come out.
    Others,
    /// Tokens that go in.
    Input,
    /// Those, and as many as the answer may have.
    Both,
}

const ANTHROPIC: [Limit; 3] = [
    Limit {
        left: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
        counts: Counts::Others,
    },
    Limit {
        left: "anthropic-ratelimit-input-tokens-remaining",
        reset: "anthropic-ratelimit-input-tokens-reset",
        counts: Counts::Input,
    },
    Limit {
        left: "anthropic-ratelimit-output-tokens-remaining",
        reset: "anthropic-ratelimit-output-tokens-reset",
        counts: Counts::Others,
    },
];

const OPENAI: [Limit; 2] = [
    Limit {
        left: "x-ratelimit-remaining-requests",
        reset: "x-ratelimit-reset-requests",
        counts: Counts::Others,
    },
    Limit { left: "x-ratelimit-remaining-tokens", reset: "x-ratelimit-reset-tokens", counts: Counts::Both },
];

/// How long not to ask, as nothing is left of one of the limits, or too little for another question of `input` tokens and its answer of
/// at most `output`; `None` if there is no need to wait, or the vendor does not say.
pub(super) fn rest(
    wire: Wire,
    headers: &HeaderMap,
    (input, output): (u64, u64),
    now: Timestamp,
) -> Option<Duration> {
    let limits: &[Limit] = match wire {
        Wire::Messages => &ANTHROPIC,
        Wire::Chat | Wire::Responses => &OPENAI,
    };
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let wait = |limit: &Limit| {
        let left: u64 = text(limit.left)?.trim().parse().ok()?;
        let wanted = match limit.counts {
            Counts::Others => 1,
            Counts::Input => input.max(1),
            Counts::Both => input.saturating_add(output).max(1),
        };
        (left < wanted).then(|| until(wire, text(limit.reset)?.trim(), now)).flatten()
    };
    limits.iter().filter_map(wait).max().filter(|wait| !wait.is_zero())
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
        assert_eq!(of((2_200, 400)), None);
        assert_eq!(of((2_200, 1_024)), Some(Duration::from_secs(30)));
    }
}
