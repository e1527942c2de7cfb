//! What a question may cost, and who must have the money for it.
//!
//! The most that it may cost is taken before it is asked, and what it did not cost is given back: so that many questions at
//! one time together stay within a budget. A question whose answer never came may have been billed: what was taken for it
//! stays taken.

use std::time::Duration;

use crate::domain::{Change, Charge, Day, Entry, Money, Name, Purse, Timestamp, Tokens};

const DAY: Duration = Duration::from_hours(24);

/// Longest month, in days.
const MONTH_DAYS_MAX: u32 = 31;

/// What a judge may cost; `None` for as much as it will.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    pub day: Option<Money>,
    pub month: Option<Money>,
}

/// Whose events a question is about, and what those may cost in a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// A digest: a budget need not know who it is.
    pub digest: String,
    pub day: Money,
}

/// A question, as far as money goes.
#[derive(Debug, Clone, Copy)]
pub struct Cost<'a> {
    pub classifier: &'a Name,
    pub judge: &'a Name,
    pub budget: Budget,
    pub sender: Option<&'a Sender>,
    /// The most that it may cost.
    pub most: Money,
    /// When it is asked: what comes of it later counts for that day.
    pub asked_at: Timestamp,
}

impl Cost<'_> {
    /// What is taken before it is asked.
    pub fn reserve(&self) -> (Vec<Charge>, Entry) {
        let charges = self.purses().map(|(purse, meter, limit)| Charge {
            purse,
            meter,
            by: signed(self.most),
            limit: Some(limit.0),
        });
        let change = Change([0, 0, 1, signed(self.most), 0, 0, 0, 0]);
        (charges.collect(), self.entry(change))
    }

    /// What is done when it was answered for `cost`.
    pub fn answered(&self, cost: Money, tokens: Tokens) -> (Vec<Charge>, Entry) {
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        let change = Change([
            1,
            signed(cost),
            -1,
            -signed(self.most),
            count(tokens.input_uncached),
            count(tokens.cache_write),
            count(tokens.cache_read),
            count(tokens.output),
        ]);
        (self.corrections(signed(cost).saturating_sub(signed(self.most))), self.entry(change))
    }

    /// What is done when it certainly was not billed.
    pub fn not_billed(&self) -> (Vec<Charge>, Entry) {
        let back = -signed(self.most);
        (self.corrections(back), self.entry(Change([0, 0, -1, back, 0, 0, 0, 0])))
    }

    /// The purse that never holds as much as it may cost, and what that holds: to wait for it would be of no use.
    pub fn beyond(&self) -> Option<(Purse, Money)> {
        self.purses().find(|(_, _, limit)| self.most > *limit).map(|(purse, _, limit)| (purse, limit))
    }

    fn corrections(&self, by: i64) -> Vec<Charge> {
        let charge = |(purse, meter, _)| Charge { purse, meter, by, limit: None };
        if by == 0 { Vec::new() } else { self.purses().map(charge).collect() }
    }

    fn entry(&self, change: Change) -> Entry {
        let (classifier, judge) = (Name::clone(self.classifier), Name::clone(self.judge));
        Entry { day: Day::of(self.asked_at), classifier, judge, change }
    }

    /// The purses it is paid from, the narrowest first, with their meters and what they hold. Dates stand first in a meter's
    /// name: old ones are found by it.
    fn purses(&self) -> impl Iterator<Item = (Purse, String, Money)> {
        let (day, judge) = (Day::of(self.asked_at), self.judge);
        let of_sender = self
            .sender
            .map(|sender| (Purse::Sender, format!("money/{day}/sender/{}", sender.digest), sender.day));
        let of_day = self.budget.day.map(|limit| (Purse::Day, format!("money/{day}/judge/{judge}"), limit));
        let of_month = self
            .budget
            .month
            .map(|limit| (Purse::Month, format!("money/{}/judge/{judge}", day.month()), limit));
        [of_sender, of_day, of_month].into_iter().flatten()
    }
}

/// Longest wait for a purse: somebody may raise its limit long before it is full again.
const WAIT_MAX: Duration = Duration::from_mins(10);

/// Shortest wait for a purse: about as long as a question takes.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// How long to wait for a purse that has too little left, with an event of that `age`: about as long as was waited already, as
/// what is taken for questions under way comes back in seconds, and what is spent does not.
pub fn wait(purse: Purse, now: Timestamp, age: Option<Duration>) -> Duration {
    let patient = age.unwrap_or(WAIT_MAX).clamp(WAIT_MIN, WAIT_MAX);
    until_full(purse, now).min(patient)
}

/// How long until a purse is full again.
fn until_full(purse: Purse, now: Timestamp) -> Duration {
    let midnight = DAY - Duration::from_millis(now.as_millis().rem_euclid(86_400_000).unsigned_abs());
    match purse {
        Purse::Day | Purse::Sender => midnight,
        Purse::Month => {
            let month = Day::of(now);
            let nights = (0..MONTH_DAYS_MAX).map(|nights| midnight + DAY * nights);
            let mut next = nights.skip_while(|wait| Day::of(now.plus(*wait)).month() == month.month());
            next.next().unwrap_or(midnight)
        }
    }
}

fn signed(money: Money) -> i64 {
    i64::try_from(money.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// 2026-11-24, a quarter to midnight.
    const NOW: Timestamp = Timestamp::from_millis(1_795_564_800_000 - 15 * 60_000);

    fn cost<'a>(names: &'a (Name, Name), sender: Option<&'a Sender>, most: u64) -> Cost<'a> {
        let budget = Budget { day: Some(Money(100)), month: Some(Money(1_000)) };
        Cost { classifier: &names.0, judge: &names.1, budget, sender, most: Money(most), asked_at: NOW }
    }

    #[test]
    fn the_most_is_taken_and_what_it_did_not_cost_given_back() {
        let names = ("triage".into(), "claude".into());
        let sender = Sender { digest: "ab12".to_owned(), day: Money(50) };
        let cost = cost(&names, Some(&sender), 40);
        let (charges, entry) = cost.reserve();
        let meters: Vec<_> =
            charges.iter().map(|charge| (charge.meter.as_str(), charge.by, charge.limit)).collect();
        assert_eq!(
            meters,
            [
                ("money/2026-11-24/sender/ab12", 40, Some(50)),
                ("money/2026-11-24/judge/claude", 40, Some(100)),
                ("money/2026-11/judge/claude", 40, Some(1_000)),
            ]
        );
        assert_eq!(entry.change.0[2..4], [1, 40]);
        let tokens = Tokens { input_uncached: 5, cache_write: 6, cache_read: 7, output: 8 };
        let (charges, entry) = cost.answered(Money(15), tokens);
        assert!(charges.iter().all(|charge| charge.by == -25 && charge.limit.is_none()));
        assert_eq!(entry.change.0, [1, 15, -1, -40, 5, 6, 7, 8]);
        let (charges, entry) = cost.not_billed();
        assert!(charges.iter().all(|charge| charge.by == -40));
        assert_eq!(entry.change.0, [0, 0, -1, -40, 0, 0, 0, 0]);
        assert_eq!(cost.answered(Money(40), tokens).0, [], "exactly as much");
    }

    #[test]
    fn a_purse_that_never_holds_enough_is_told_from_one_that_is_spent() {
        let names = ("triage".into(), "claude".into());
        let sender = Sender { digest: "ab12".to_owned(), day: Money(50) };
        let beyond = |sender, most| cost(&names, sender, most).beyond();
        assert_eq!(beyond(Some(&sender), 50), None, "exactly as much");
        assert_eq!(beyond(Some(&sender), 51), Some((Purse::Sender, Money(50))));
        assert_eq!(beyond(None, 51), None);
        assert_eq!(beyond(None, 101), Some((Purse::Day, Money(100))));
    }

    #[test]
    fn a_purse_is_full_again_at_midnight_or_when_the_next_month_begins() {
        let minutes = |n: u64| Duration::from_mins(n);
        assert_eq!(until_full(Purse::Day, NOW), minutes(15));
        assert_eq!(until_full(Purse::Sender, NOW), minutes(15));
        assert_eq!(until_full(Purse::Month, NOW), minutes(15) + DAY * 6);
        let last = NOW.plus(DAY * 6);
        assert_eq!(until_full(Purse::Month, last), minutes(15), "the last evening of November");
        assert_eq!(until_full(Purse::Day, last.plus(minutes(15))), DAY, "at midnight itself");
        assert_eq!(wait(Purse::Month, NOW, None), WAIT_MAX);
        let waits =
            [0, 3, 60, 6_000].map(|s| wait(Purse::Month, NOW, Some(Duration::from_secs(s))).as_secs());
        assert_eq!(waits, [1, 3, 60, 600]);
    }

    proptest! {
        /// Whatever comes of each question, and in whichever order: no purse is ever beyond its limit while every answer costs
        /// no more than was taken for it, and in the end it holds what was billed and what may have been.
        #[test]
        fn budgets_hold_and_add_up(questions in prop::collection::vec((0_u64..60, 0_u64..60, 0_u8..3), 0..60)) {
            let names = ("triage".into(), "claude".into());
            let (mut meters, mut open) = (BTreeMap::<String, i64>::new(), Vec::new());
            let (mut billed, mut maybe) = (0, 0);
            for (most, paid, fate) in questions {
                let cost = cost(&names, None, most);
                let (charges, _) = cost.reserve();
                let fits = charges.iter().all(|charge| {
                    let after = meters.get(&charge.meter).copied().unwrap_or(0) + charge.by;
                    charge.limit.is_none_or(|limit| after <= i64::try_from(limit).unwrap_or(i64::MAX))
                });
                if !fits {
                    continue;
                }
                apply(&mut meters, &charges);
                prop_assert!(meters["money/2026-11-24/judge/claude"] <= 100);
                open.push((cost, paid.min(most), fate));
                // Answers come late, and not in the order of the questions.
                if open.len() > 2 {
                    let (cost, paid, fate) = open.remove(0);
                    settle(&mut meters, cost, paid, fate, &mut billed, &mut maybe);
                }
            }
            for (cost, paid, fate) in open {
                settle(&mut meters, cost, paid, fate, &mut billed, &mut maybe);
            }
            for used in meters.values() {
                prop_assert_eq!(*used, billed + maybe);
            }
        }
    }

    fn apply(meters: &mut BTreeMap<String, i64>, charges: &[Charge]) {
        for charge in charges {
            *meters.entry(charge.meter.clone()).or_default() += charge.by;
        }
    }

    fn settle(
        meters: &mut BTreeMap<String, i64>,
        cost: Cost<'_>,
        paid: u64,
        fate: u8,
        billed: &mut i64,
        maybe: &mut i64,
    ) {
        match fate {
            0 => {
                apply(meters, &cost.answered(Money(paid), Tokens::default()).0);
                *billed += signed(Money(paid));
            }
            1 => apply(meters, &cost.not_billed().0),
            _ => *maybe += signed(cost.most),
        }
    }
}
