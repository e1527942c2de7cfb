//! How many operations may wait for the writer: after a burst many, for they are soon done; when more comes than can be
//! done, no more than keeps it busy, so that the wait of those stays short. A pure state machine.

use std::time::Duration;

/// Operations that a burst may leave waiting, a tenth of a second's work on two cores.
pub(super) const BURST_MAX: usize = 1_024;

/// Fewest operations that may wait whatever they take, so that slow ones share a transaction too.
const WAITING_MIN: usize = 16;

/// Work that may wait however fast the disk is.
const WORK_MIN: Duration = Duration::from_millis(4);

/// Without another burst for so long, it was the last one.
const CALM: Duration = Duration::from_secs(10);

/// Weight of the newest batch in what is known of the time of an operation.
const NEWEST: f64 = 0.2;

/// Weight of a flush that took longer than is known. A shorter one counts at once: what a flush takes beyond that it
/// waited for processors.
const SLOWER: f64 = 0.01;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    known: Option<Known>,
    /// When too many waited last.
    crowded_at: Option<Duration>,
}

/// What batches took so far, in seconds.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// An operation.
    operation_s: f64,
    /// A flush, however many share it.
    flush_s: f64,
}

impl Pace {
    /// A batch was written in `work`, where the disk needed `flush` last.
    pub fn written(&mut self, operations: usize, work: Duration, flush: Duration) {
        let operation_s = work.as_secs_f64() / operations.max(1) as f64;
        let flush_s = flush.as_secs_f64();
        let Known { operation_s: operation, flush_s: known } =
            self.known.unwrap_or(Known { operation_s, flush_s });
        self.known = Some(Known {
            operation_s: operation + NEWEST * (operation_s - operation),
            flush_s: flush_s.min(known + SLOWER * (flush_s - known)),
        });
    }

    /// The writer takes a batch at `now`, and `waited` operations were there: how many may wait from now on.
    pub fn taking(&mut self, waited: usize, now: Duration) -> usize {
        let enough = self.enough();
        let most = if self.crowded_at.is_some() { enough } else { BURST_MAX };
        if waited >= most {
            self.crowded_at = Some(now);
        } else if self.crowded_at.is_some_and(|at| now.saturating_sub(at) >= CALM) {
            self.crowded_at = None;
        }
        if self.crowded_at.is_some() { enough } else { BURST_MAX }
    }

    /// As many as are written while one flush is under way: those keep the writer busy for as long as the disk, and nobody
    /// waits longer than for two flushes and the work between.
    fn enough(&self) -> usize {
        let Some(Known { operation_s, flush_s }) = self.known else { return BURST_MAX };
        let work_s = flush_s.max(WORK_MIN.as_secs_f64());
        ((work_s / operation_s).round() as usize).clamp(WAITING_MIN, BURST_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const S: Duration = Duration::from_secs(1);

    fn of(operations: usize, work: Duration, flush: Duration) -> Pace {
        let mut pace = Pace::default();
        pace.written(operations, work, flush);
        pace
    }

    #[test]
    fn what_waits_after_a_burst_is_as_much_as_is_written_during_a_flush() {
        for (operations, work, flush, want) in [
            (100, 5 * MS, MS, 80),
            (100, 5 * MS, 8 * MS, 160),
            (100, 5 * MS, 100 * MS, BURST_MAX),
            (1, 20 * MS, MS, WAITING_MIN),
            (1, Duration::ZERO, Duration::ZERO, BURST_MAX),
        ] {
            let mut pace = of(operations, work, flush);
            assert_eq!(pace.taking(BURST_MAX - 1, S), BURST_MAX, "a burst");
            assert_eq!(pace.taking(BURST_MAX, S), want, "{operations} in {work:?}, {flush:?}");
        }
    }

    #[test]
    fn it_lasts_until_nothing_was_crowded_for_a_while() {
        let mut pace = of(100, 5 * MS, MS);
        for (waited, at, want) in [
            (79, S, BURST_MAX),
            (BURST_MAX, S, 80),
            (79, 10 * S, 80),
            (80, 10 * S + MS, 80),
            (79, 20 * S, 80),
            (79, 20 * S + MS, BURST_MAX),
            (80, 21 * S, BURST_MAX),
        ] {
            assert_eq!(pace.taking(waited, at), want, "{waited} at {at:?}");
        }
    }

    #[test]
    fn one_slow_batch_among_many_says_little() {
        let enough = |pace: &mut Pace| pace.taking(BURST_MAX, S);
        let mut pace = of(100, 10 * MS, 10 * MS);
        pace.written(100, 20 * MS, 10 * MS);
        assert_eq!(enough(&mut pace), 83);
        pace.written(100, 12 * MS, 100 * MS);
        assert_eq!(enough(&mut pace), 91);
        (0..1_000).for_each(|_| pace.written(100, 10 * MS, 20 * MS));
        assert_eq!(enough(&mut pace), 200, "a slower disk is learned slowly");
        pace.written(100, 10 * MS, 5 * MS);
        assert_eq!(enough(&mut pace), 50, "a faster one at once");
    }
}
