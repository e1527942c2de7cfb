//! Beginnings of prompts that a vendor keeps for later questions.
//!
//! Sources: platform.claude.com "Prompt caching" (kept for five minutes or an hour from the last use; shorter ones than
//! the model's minimum are passed over in silence); OpenAI "Prompt caching" (kept by itself).

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hasher},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Beginnings that are kept; beyond it the one that would go next goes at once.
const KEPT_MAX: usize = 10_000;

/// What a question has the model read.
#[derive(Debug, Clone, Default)]
pub(super) struct Prompt {
    pub tokens: u64,
    /// Where the vendor may cut it, from the front.
    pub prefixes: Vec<Prefix>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    digest: u64,
    pub tokens: u64,
    /// For how long it is to be kept; only looked for if `None`.
    pub keep: Option<Duration>,
}

/// Reads a prompt from the front.
pub(super) struct Reader {
    hash: DefaultHasher,
    bytes: usize,
    prompt: Prompt,
    tokens_min: u64,
}

impl Reader {
    /// Beginnings of fewer than `tokens_min` tokens are not kept.
    pub fn new(tokens_min: u64) -> Self {
        Reader { hash: DefaultHasher::new(), bytes: 0, prompt: Prompt::default(), tokens_min }
    }

    /// What tells prompts apart and is not read.
    pub fn apart(&mut self, bytes: &[u8]) {
        self.hash.write(bytes);
    }

    pub fn read(&mut self, bytes: &[u8]) {
        self.hash.write(bytes);
        self.bytes += bytes.len();
        self.prompt.tokens = super::tokens_of(self.bytes);
    }

    /// Here the vendor may cut.
    pub fn cut(&mut self, keep: Option<Duration>) {
        if self.prompt.tokens >= self.tokens_min {
            let digest = self.hash.finish();
            self.prompt.prefixes.push(Prefix { digest, tokens: self.prompt.tokens, keep });
        }
    }

    pub fn prompt(self) -> Prompt {
        self.prompt
    }
}

/// Of a prompt's tokens, those that the cache gives, and those that it is given with how long it keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub read: u64,
    pub written: Vec<(Duration, u64)>,
}

impl Usage {
    pub fn written(&self) -> u64 {
        self.written.iter().map(|(_, tokens)| tokens).sum()
    }

    /// Those that it keeps for just so long.
    pub fn written_for(&self, keep: Duration) -> u64 {
        self.written.iter().filter(|(time, _)| *time == keep).map(|(_, tokens)| tokens).sum()
    }
}

/// Until when a beginning is kept, and for how long from each use.
struct Kept {
    until: Duration,
    keep: Duration,
}

#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<u64, Kept>>);

impl Cache {
    /// How a prompt is counted that came at `now`. Changes nothing: see [`Cache::keep`].
    pub fn usage(&self, prompt: &Prompt, now: Duration) -> Usage {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let to_keep = prompt.prefixes.iter().rposition(|prefix| prefix.keep.is_some());
        let Some(last) = to_keep else { return Usage::default() };
        let looked_at = prompt.prefixes.get(..=last).unwrap_or_default();
        let is_kept = |prefix: &&Prefix| kept.get(&prefix.digest).is_some_and(|kept| kept.until > now);
        let read = looked_at.iter().rev().find(is_kept).map_or(0, |prefix| prefix.tokens);
        let mut counted = read;
        let mut written = Vec::new();
        for (prefix, keep) in looked_at.iter().filter_map(|prefix| Some((prefix, prefix.keep?))) {
            if prefix.tokens > counted {
                written.push((keep, prefix.tokens - counted));
                counted = prefix.tokens;
            }
        }
        Usage { read, written }
    }

    /// Keeps what is to be kept of a prompt that is answered, and what it has used for as long again.
    pub fn keep(&self, prompt: &Prompt, now: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| kept.until > now);
        for prefix in &prompt.prefixes {
            if let Some(kept) = all.get_mut(&prefix.digest) {
                kept.until = now.saturating_add(kept.keep);
            } else if let Some(keep) = prefix.keep {
                if all.len() >= KEPT_MAX
                    && let Some(next) =
                        all.iter().min_by_key(|(_, kept)| kept.until).map(|(digest, _)| *digest)
                {
                    all.remove(&next);
                }
                all.insert(prefix.digest, Kept { until: now.saturating_add(keep), keep });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_secs(60);

    /// Ten tokens for each part; a part may be kept for so many minutes.
    fn prompt(parts: &[(&str, Option<u32>)]) -> Prompt {
        let mut reader = Reader::new(20);
        for (part, minutes) in parts {
            reader.read(part.repeat(40).as_bytes());
            reader.cut(minutes.map(|minutes| minutes * MIN));
        }
        reader.prompt()
    }

    #[test]
    fn a_beginning_is_written_once_and_read_while_it_is_used() {
        let cache = Cache::default();
        let first = prompt(&[("a", None), ("b", Some(5)), ("c", None)]);
        assert_eq!(first.tokens, 30);
        let written = Usage { read: 0, written: vec![(5 * MIN, 20)] };
        assert_eq!(cache.usage(&first, MIN), written);
        assert_eq!(cache.usage(&first, MIN), written, "looking keeps nothing");
        cache.keep(&first, MIN);
        let other_end = prompt(&[("a", None), ("b", Some(5)), ("d", None)]);
        assert_eq!(cache.usage(&other_end, 5 * MIN), Usage { read: 20, written: Vec::new() });
        cache.keep(&other_end, 5 * MIN);
        assert_eq!(cache.usage(&first, 9 * MIN).read, 20, "from the last use");
        assert_eq!(cache.usage(&first, 10 * MIN).read, 0);
        let other_head = prompt(&[("x", None), ("b", Some(5))]);
        assert_eq!(cache.usage(&other_head, 5 * MIN).read, 0);
    }

    #[test]
    fn a_longer_beginning_is_written_as_far_as_it_goes_on() {
        let cache = Cache::default();
        cache.keep(&prompt(&[("a", None), ("b", Some(60))]), MIN);
        let longer = prompt(&[("a", None), ("b", Some(60)), ("c", Some(5)), ("d", None)]);
        let usage = cache.usage(&longer, MIN);
        assert_eq!(usage, Usage { read: 20, written: vec![(5 * MIN, 10)] });
        assert_eq!((usage.written(), usage.written_for(60 * MIN), usage.written_for(5 * MIN)), (10, 0, 10));
    }

    #[test]
    fn one_that_is_too_short_or_unmarked_is_passed_over() {
        let cache = Cache::default();
        for short in [prompt(&[("a", Some(5)), ("b", None)]), prompt(&[("a", None), ("b", None)])] {
            cache.keep(&short, MIN);
            assert_eq!(cache.usage(&short, MIN), Usage::default());
        }
    }
}
