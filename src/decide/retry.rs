//! When to try again, and when to stop.

use std::time::Duration;

use crate::domain::{Cause, Next};

/// Shortest wait after being asked to come later, whatever was asked: `Retry-After: 0` must not become a storm.
pub const PARK_MIN: Duration = Duration::from_secs(1);

/// Longest wait a destination may ask for; a longer one is cut to this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Why an attempt failed, in terms of what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It certainly had no effect, or repeating is safe; trying again may help.
    Transient { reason: String, retry_after: Option<Duration> },
    /// The destination asks us to come later.
    Throttled { reason: String, retry_after: Option<Duration> },
    /// What it may cost is spent: it waits for money, which is an operator's to give.
    Unaffordable { reason: String, wait: Duration },
    /// Trying again cannot help.
    Permanent { cause: Cause, reason: String },
    /// The request left and no answer came, or none that tells: it may have had its effect.
    Unknown { reason: String, retry_after: Option<Duration> },
}

impl Failure {
    pub fn reason(&self) -> &str {
        match self {
            Failure::Transient { reason, .. }
            | Failure::Throttled { reason, .. }
            | Failure::Unaffordable { reason, .. }
            | Failure::Permanent { reason, .. }
            | Failure::Unknown { reason, .. } => reason,
        }
    }
}

/// When, how often and how long to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The wait before each further attempt; beyond the last one it repeats.
    pub waits: Vec<Duration>,
    /// Each wait is changed by up to this share, 0 to 1, in either direction.
    pub jitter: f64,
    /// Attempts in all.
    pub attempts_max: u32,
    /// Time from a job's beginning after which it is not tried again, however often it was put off. What passes while it waits
    /// for money does not count: see [`Failure::Unaffordable`].
    pub age_max: Duration,
}

impl Default for Schedule {
    /// Four attempts within 21 s, and 3 days of being put off.
    fn default() -> Self {
        Schedule {
            waits: [1, 4, 16].map(Duration::from_secs).to_vec(),
            jitter: 0.2,
            attempts_max: 4,
            age_max: Duration::from_hours(3 * 24),
        }
    }
}

/// What a job has behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// Attempts that counted so far, and one for what just failed.
    pub attempts: u32,
    /// Time since it began with fresh attempts.
    pub age: Duration,
}

impl Tried {
    /// Attempts that counted: being asked to come later costs none.
    fn counted(self, last: &Failure) -> u32 {
        match last {
            Failure::Throttled { retry_after: Some(_), .. } | Failure::Unaffordable { .. } => {
                self.attempts.saturating_sub(1)
            }
            Failure::Throttled { retry_after: None, .. }
            | Failure::Transient { .. }
            | Failure::Permanent { .. }
            | Failure::Unknown { .. } => self.attempts,
        }
    }
}

impl Schedule {
    /// What follows a failed attempt that was safe to repeat, or a call that was not let through. `draw` is a random
    /// number from 0 to 1.
    pub fn after(&self, tried: Tried, failure: &Failure, draw: f64) -> Next {
        let reason = failure.reason().to_owned();
        match failure {
            Failure::Permanent { cause, .. } => Next::Dead { cause: *cause, reason },
            // A month may be spent on its first day. Nothing has failed, and nothing will: it is no reason to die of age.
            Failure::Unaffordable { wait, .. } => {
                Next::Park { wait: (*wait).clamp(PARK_MIN, RETRY_AFTER_MAX), reason }
            }
            Failure::Transient { .. } | Failure::Throttled { .. } | Failure::Unknown { .. }
                if tried.age >= self.age_max =>
            {
                let (age, attempts) = (tried.age.as_secs(), attempts(tried.counted(failure)));
                let reason = format!("gave up after {age} s and {attempts}; last: {reason}");
                Next::Dead { cause: Cause::Exhausted, reason }
            }
            Failure::Throttled { retry_after: Some(wait), .. } => {
                Next::Park { wait: (*wait).clamp(PARK_MIN, RETRY_AFTER_MAX), reason }
            }
            Failure::Transient { retry_after, .. }
            | Failure::Throttled { retry_after, .. }
            | Failure::Unknown { retry_after, .. } => self.again(tried.attempts, *retry_after, draw, reason),
        }
    }

    fn again(&self, attempts: u32, at_least: Option<Duration>, draw: f64, reason: String) -> Next {
        let last = self.waits.len().saturating_sub(1);
        let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(last);
        match self.waits.get(nth).filter(|_| attempts < self.attempts_max) {
            Some(wait) => {
                let spread = 1.0 + self.jitter.clamp(0.0, 1.0) * (2.0 * draw.clamp(0.0, 1.0) - 1.0);
                let wait = wait.mul_f64(spread).max(at_least.unwrap_or_default().min(RETRY_AFTER_MAX));
                Next::Retry { wait, reason }
            }
            None => Next::Dead {
                cause: Cause::Exhausted,
                reason: format!("gave up after {}; the last one: {reason}", self::attempts(attempts)),
            },
        }
    }
}

/// So many, in words. Requests that were answered with "later" may have left even where no attempt counted.
fn attempts(number: u32) -> String {
    match number {
        0 => "no attempt that counted".to_owned(),
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule {
            waits: [1, 4, 16].map(Duration::from_secs).to_vec(),
            jitter: 0.2,
            attempts_max: 4,
            age_max: Duration::from_secs(3_600),
        }
    }

    fn tried(attempts: u32) -> Tried {
        Tried { attempts, age: Duration::ZERO }
    }

    fn transient(retry_after_s: Option<u64>) -> Failure {
        Failure::Transient { reason: "503".to_owned(), retry_after: retry_after_s.map(Duration::from_secs) }
    }

    fn wait_ms(next: &Next) -> Option<u128> {
        match next {
            Next::Retry { wait, .. } | Next::Park { wait, .. } => Some(wait.as_millis()),
            Next::Done | Next::Review { .. } | Next::Skip { .. } | Next::Dead { .. } => None,
        }
    }

    #[test]
    fn waits_follow_the_schedule_with_jitter() {
        for (attempts, draw, want) in
            [(1, 0.5, 1_000), (1, 0.0, 800), (1, 1.0, 1_200), (2, 0.5, 4_000), (3, 0.5, 16_000)]
        {
            let next = schedule().after(tried(attempts), &transient(None), draw);
            assert_eq!(wait_ms(&next), Some(want), "attempt {attempts}, draw {draw}");
        }
    }

    #[test]
    fn the_fourth_failure_is_the_last() {
        let next = schedule().after(tried(4), &transient(None), 0.5);
        assert!(matches!(next, Next::Dead { cause: Cause::Exhausted, .. }), "{next:?}");
    }

    #[test]
    fn retry_after_is_obeyed_and_clamped() {
        assert_eq!(wait_ms(&schedule().after(tried(1), &transient(Some(30)), 0.5)), Some(30_000));
        let forever = Failure::Throttled { reason: "429".to_owned(), retry_after: Some(Duration::MAX) };
        let next = schedule().after(tried(9), &forever, 0.5);
        assert!(matches!(next, Next::Park { .. }), "being asked to wait costs no attempt: {next:?}");
        assert_eq!(wait_ms(&next), Some(86_400_000));
        let at_once = Failure::Throttled { reason: "429".to_owned(), retry_after: Some(Duration::ZERO) };
        assert_eq!(wait_ms(&schedule().after(tried(1), &at_once, 0.5)), Some(1_000));
    }

    #[test]
    fn more_attempts_than_waits_repeat_the_last_one() {
        let long = Schedule { attempts_max: 6, ..schedule() };
        for attempts in [3, 4, 5] {
            assert_eq!(wait_ms(&long.after(tried(attempts), &transient(None), 0.5)), Some(16_000));
        }
        assert!(matches!(long.after(tried(6), &transient(None), 0.5), Next::Dead { .. }));
        let once = Schedule { waits: Vec::new(), attempts_max: 9, ..schedule() };
        assert!(matches!(once.after(tried(1), &transient(None), 0.5), Next::Dead { .. }));
    }

    #[test]
    fn whatever_keeps_putting_it_off_ends_with_its_age() {
        let old = Tried { attempts: 1, age: Duration::from_secs(3_600) };
        let busy = Failure::Throttled { reason: "429".to_owned(), retry_after: Some(Duration::from_secs(9)) };
        for failure in [busy, transient(None)] {
            let next = schedule().after(old, &failure, 0.5);
            assert!(
                matches!(&next, Next::Dead { cause: Cause::Exhausted, reason } if reason.contains("3600 s"))
            );
        }
    }

    #[test]
    fn nobody_dies_of_waiting_for_money() {
        let old = Tried { attempts: 4, age: Duration::from_hours(24 * 40) };
        let spent =
            Failure::Unaffordable { reason: "the month is spent".to_owned(), wait: Duration::from_mins(10) };
        assert_eq!(wait_ms(&schedule().after(old, &spent, 0.5)), Some(600_000));
    }

    #[test]
    fn what_it_gave_up_after_is_told_in_true_numbers() {
        let parked =
            Failure::Throttled { reason: "429".to_owned(), retry_after: Some(Duration::from_secs(9)) };
        let failed = transient(None);
        let once = Schedule { attempts_max: 1, ..schedule() };
        for (schedule, attempts, age_s, failure, want) in [
            (schedule(), 1, 3_600, &parked, "gave up after 3600 s and no attempt that counted; last: 429"),
            (schedule(), 2, 3_600, &parked, "gave up after 3600 s and 1 attempt; last: 429"),
            (schedule(), 3, 3_601, &parked, "gave up after 3601 s and 2 attempts; last: 429"),
            (schedule(), 1, 3_600, &failed, "gave up after 3600 s and 1 attempt; last: 503"),
            (schedule(), 2, 3_600, &failed, "gave up after 3600 s and 2 attempts; last: 503"),
            (schedule(), 4, 0, &failed, "gave up after 4 attempts; the last one: 503"),
            (once, 1, 0, &failed, "gave up after 1 attempt; the last one: 503"),
        ] {
            let next = schedule.after(Tried { attempts, age: Duration::from_secs(age_s) }, failure, 0.5);
            assert_eq!(next, Next::Dead { cause: Cause::Exhausted, reason: want.to_owned() });
        }
    }

    #[test]
    fn a_permanent_failure_dies_at_once() {
        let refused = Failure::Permanent { cause: Cause::Refused, reason: "422".to_owned() };
        let next = schedule().after(tried(1), &refused, 0.5);
        assert_eq!(next, Next::Dead { cause: Cause::Refused, reason: "422".to_owned() });
    }
}
