//! Not one line of log for each refusal: whoever is refused a thousand times a second must not fill the disk.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Between two lines of the same word.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// When each fixed word was last logged, and how often it would have been since. What is still held back when it stops
/// is told with the next line; the metrics count every one.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<BTreeMap<&'static str, Line>>);

#[derive(Debug)]
struct Line {
    at: Duration,
    held_back: u64,
}

impl Throttle {
    /// Whether a line of `word` is due, and how many were held back since the last one.
    pub fn due(&self, word: &'static str, elapsed: Duration) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = lines.get_mut(word) else {
            lines.insert(word, Line { at: elapsed, held_back: 0 });
            return Some(0);
        };
        if elapsed.saturating_sub(line.at) < LINE_EVERY {
            line.held_back += 1;
            return None;
        }
        line.at = elapsed;
        Some(std::mem::take(&mut line.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_second_with_the_count_held_back() {
        let (throttle, ms) = (Throttle::default(), Duration::from_millis);
        assert_eq!(throttle.due("a", ms(0)), Some(0));
        for _ in 0..1_000 {
            assert_eq!(throttle.due("a", ms(999)), None);
        }
        assert_eq!(throttle.due("b", ms(999)), Some(0), "another word has its own line");
        assert_eq!(throttle.due("a", ms(1_000)), Some(1_000));
        assert_eq!(throttle.due("a", ms(1_500)), None);
        assert_eq!(throttle.due("a", ms(9_000)), Some(1));
    }
}
