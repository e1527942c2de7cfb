//! How much a vendor takes in a minute: buckets of requests and tokens, refilled without pause.
//!
//! Sources: platform.claude.com "Rate limits" (token bucket; input without what the cache gave, output as it came);
//! OpenAI "Rate limits" (the larger of the bound and an estimate is reserved; requests that were refused count, too).

use std::{
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Vendor;

/// What each vendor takes in a minute; no limit where `None`. OpenAI, which does not tell input from output, takes the
/// sum of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub requests_per_min: Option<NonZeroU32>,
    pub input_tokens_per_min: Option<NonZeroU32>,
    pub output_tokens_per_min: Option<NonZeroU32>,
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Requests,
    InputTokens,
    OutputTokens,
    /// Of either side.
    Tokens,
}

/// How a bucket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand {
    pub kind: Kind,
    /// For a minute.
    pub limit: u64,
    pub remaining: u64,
    /// Until it is full.
    pub full_in: Duration,
}

/// There is too little in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Short {
    pub stand: Stand,
    pub wanted: u64,
    /// Until there is enough; `None` if it never holds so much.
    pub wait: Option<Duration>,
}

/// Cells are counted in parts, so that what a millisecond refills is a whole number of them.
const PARTS: i64 = 60_000;

struct Bucket {
    kind: Kind,
    per_min: i64,
    /// In parts; below nothing if more was taken than there was.
    level: i64,
    at: Duration,
}

impl Bucket {
    fn full(kind: Kind, per_min: i64, at: Duration) -> Self {
        Bucket { kind, per_min, level: per_min.saturating_mul(PARTS), at }
    }

    fn fill(&mut self, now: Duration) {
        let ms = now.as_millis().saturating_sub(self.at.as_millis());
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        let full = self.per_min.saturating_mul(PARTS);
        self.level = self.level.saturating_add(ms.saturating_mul(self.per_min)).min(full);
        self.at = self.at.max(now);
    }

    /// Until it holds so many parts.
    fn until(&self, parts: i64) -> Duration {
        let missing = u64::try_from(parts.saturating_sub(self.level)).unwrap_or(0);
        Duration::from_millis(missing.div_ceil(u64::try_from(self.per_min).unwrap_or(u64::MAX)))
    }

    fn stand(&self) -> Stand {
        let cells = |parts: i64| u64::try_from(parts / PARTS).unwrap_or(0);
        let full = self.per_min.saturating_mul(PARTS);
        Stand { kind: self.kind, limit: cells(full), remaining: cells(self.level), full_in: self.until(full) }
    }
}

/// The buckets of one vendor.
pub(super) struct Buckets {
    vendor: Vendor,
    all: Mutex<Vec<Bucket>>,
}

impl Buckets {
    pub fn new(vendor: Vendor) -> Self {
        Buckets { vendor, all: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Bucket>> {
        // They are in order after every statement below, so a panic elsewhere does not spoil them.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these limits hold, and the buckets are full.
    pub fn set(&self, limits: Limits, now: Duration) {
        let count = |limit: Option<NonZeroU32>| limit.map(|limit| i64::from(limit.get()));
        let (input, output) = (count(limits.input_tokens_per_min), count(limits.output_tokens_per_min));
        let tokens = match (input, output) {
            (Some(input), Some(output)) => Some(input + output),
            (one, other) => one.or(other),
        };
        let requests = (Kind::Requests, count(limits.requests_per_min));
        let wanted = match self.vendor {
            Vendor::Anthropic => vec![requests, (Kind::InputTokens, input), (Kind::OutputTokens, output)],
            Vendor::Openai => vec![requests, (Kind::Tokens, tokens)],
        };
        let bucket = |(kind, limit): (Kind, Option<i64>)| Some(Bucket::full(kind, limit?, now));
        *self.all() = wanted.into_iter().filter_map(bucket).collect();
    }

    /// Takes all that is wanted, or nothing.
    pub fn take(&self, wants: &[(Kind, u64)], now: Duration) -> Result<(), Short> {
        let mut all = self.all();
        all.iter_mut().for_each(|bucket| bucket.fill(now));
        let wanted = |bucket: &Bucket| wants.iter().find(|(kind, _)| *kind == bucket.kind).map(|(_, n)| *n);
        let parts = |cells: u64| i64::try_from(cells).unwrap_or(i64::MAX).saturating_mul(PARTS);
        let short = all.iter().position(|bucket| wanted(bucket).is_some_and(|n| parts(n) > bucket.level));
        let Some(short) = short else {
            for bucket in all.iter_mut() {
                bucket.level -= wanted(bucket).map_or(0, parts);
            }
            return Ok(());
        };
        // Whoever is refused by OpenAI and keeps asking does not get in.
        if self.vendor == Vendor::Openai {
            for bucket in all.iter_mut().filter(|bucket| bucket.kind == Kind::Requests) {
                bucket.level = bucket.level.saturating_sub(PARTS).max(0);
            }
        }
        let Some(bucket) = all.get(short) else { return Ok(()) };
        let (stand, wanted) = (bucket.stand(), wanted(bucket).unwrap_or(0));
        let wait = (wanted <= stand.limit).then(|| bucket.until(parts(wanted)));
        Err(Short { stand, wanted, wait })
    }

    /// Takes what was used, were it more than there is.
    pub fn owe(&self, kind: Kind, cells: u64) {
        for bucket in self.all().iter_mut().filter(|bucket| bucket.kind == kind) {
            let parts = i64::try_from(cells).unwrap_or(i64::MAX).saturating_mul(PARTS);
            bucket.level = bucket.level.saturating_sub(parts);
        }
    }

    pub fn stands(&self, now: Duration) -> Vec<Stand> {
        let mut all = self.all();
        all.iter_mut().for_each(|bucket| bucket.fill(now));
        all.iter().map(Bucket::stand).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn limits(requests: u32, input: u32, output: u32) -> Limits {
        Limits {
            requests_per_min: NonZeroU32::new(requests),
            input_tokens_per_min: NonZeroU32::new(input),
            output_tokens_per_min: NonZeroU32::new(output),
        }
    }

    fn buckets(vendor: Vendor, limits: Limits) -> Buckets {
        let buckets = Buckets::new(vendor);
        buckets.set(limits, 100 * S);
        buckets
    }

    #[test]
    fn all_or_nothing_is_taken_and_the_wait_is_told() {
        let buckets = buckets(Vendor::Anthropic, limits(6, 1_200, 600));
        let want = |input| [(Kind::Requests, 1), (Kind::InputTokens, input), (Kind::OutputTokens, 1)];
        assert_eq!(buckets.take(&want(1_000), 100 * S), Ok(()));
        let short = buckets.take(&want(300), 100 * S).unwrap_err();
        assert_eq!((short.stand.kind, short.stand.remaining), (Kind::InputTokens, 200));
        assert_eq!((short.wanted, short.wait), (300, Some(5 * S)), "20 in a second");
        assert_eq!(buckets.stands(100 * S)[0].remaining, 5, "the refused request is not counted");
        assert_eq!(buckets.take(&want(300), 105 * S), Ok(()));
        assert_eq!(buckets.take(&want(1_201), 900 * S).unwrap_err().wait, None, "it never holds so much");
    }

    #[test]
    fn output_is_owed_as_it_came() {
        let buckets = buckets(Vendor::Anthropic, limits(600, 60_000, 60));
        let want = [(Kind::Requests, 1), (Kind::OutputTokens, 1)];
        assert_eq!(buckets.take(&want, 100 * S), Ok(()));
        buckets.owe(Kind::OutputTokens, 99);
        let stand = buckets.stands(100 * S)[2];
        assert_eq!((stand.remaining, stand.full_in), (0, 100 * S));
        assert_eq!(buckets.take(&want, 100 * S).unwrap_err().wait, Some(41 * S));
        assert_eq!(buckets.take(&want, 141 * S), Ok(()));
    }

    #[test]
    fn openai_adds_both_sides_and_counts_what_it_refuses() {
        let buckets = buckets(Vendor::Openai, limits(2, 600, 600));
        let want = |tokens| [(Kind::Requests, 1), (Kind::Tokens, tokens)];
        assert_eq!(buckets.stands(100 * S)[1].limit, 1_200);
        assert_eq!(buckets.take(&want(1_200), 100 * S), Ok(()));
        assert_eq!(buckets.take(&want(10), 100 * S).unwrap_err().stand.kind, Kind::Tokens);
        let short = buckets.take(&want(10), 100 * S).unwrap_err();
        assert_eq!((short.stand.kind, short.wait), (Kind::Requests, Some(30 * S)));
    }

    #[test]
    fn however_often_it_is_looked_at_it_fills_as_fast() {
        let buckets = buckets(Vendor::Anthropic, limits(6, 1_200, 600));
        assert_eq!(buckets.take(&[(Kind::InputTokens, 1_200)], 100 * S), Ok(()));
        for half_ms in 1..=2_000 {
            buckets.stands(100 * S + S / 2_000 * half_ms);
        }
        assert_eq!(buckets.stands(101 * S)[1].remaining, 20);
    }

    #[test]
    fn without_limits_everything_is_taken() {
        let buckets = buckets(Vendor::Openai, Limits::default());
        assert_eq!(buckets.take(&[(Kind::Requests, 1), (Kind::Tokens, u64::MAX)], S), Ok(()));
        assert_eq!(buckets.stands(S), []);
    }
}
