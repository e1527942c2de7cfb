//! What is carried from one store to another: neutral, so that neither has to know the other's layout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Attempt, Day, Event, Job, Name, Purchase, Spent, Timestamp};

use super::{Pause, Redelivery};

/// An event with all that is on record about it. A body in a file is read apart.
#[derive(Debug, Clone)]
pub struct Carried {
    pub event: Event,
    /// In the order they were made: the `n`-th has the number `n`.
    pub jobs: Vec<CarriedJob>,
    /// In the order they were begun, each with the number of the job that began it.
    pub purchases: Vec<(u32, Purchase)>,
    pub redeliveries: Vec<Redelivery>,
    /// Dedupe keys with when they were made.
    pub keys: Vec<(String, Timestamp)>,
}

/// A job with what stores know of it beside the contract. Nobody works on it.
#[derive(Debug, Clone)]
pub struct CarriedJob {
    pub job: Job,
    pub history: Vec<Attempt>,
    pub place: Option<CarriedPlace>,
    /// Under what it may give way to a newer one, and whether it is the one that a newer one has to look at.
    pub newest: Option<(String, bool)>,
}

/// A place in a line, of a route job or of an action that it planned.
#[derive(Debug, Clone)]
pub struct CarriedPlace {
    pub key: String,
    /// Places of a line are in this order.
    pub at: i64,
    /// The number of the route job that stands there.
    pub route: u32,
    /// Whether it may be passed by when it is stuck.
    pub skip: bool,
}

/// What a store holds that is no event's.
#[derive(Debug, Clone, Default)]
pub struct Household {
    pub pauses: Vec<Pause>,
    pub cursors: Vec<(String, String)>,
    /// Periodic jobs, and when each last had its turn.
    pub turns: Vec<(String, Timestamp)>,
    /// Meters: the window that was last drawn on, counted from the epoch, and what was drawn in it.
    pub meters: Vec<(String, i64, u64)>,
    /// What was spent on judges, by day.
    pub spent: Vec<(Day, Spent)>,
    /// Sources, and when each was last heard of.
    pub heard: Vec<(Name, Timestamp)>,
    /// Later places in lines have larger numbers than this.
    pub last_place: i64,
}

/// How much there is, by what it is called: for comparing two stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    pub events: u64,
    /// By state.
    pub jobs: BTreeMap<String, u64>,
    pub attempts: u64,
    pub purchases: u64,
}

impl Inventory {
    /// What there is more or less of in `other`, as `12 ready jobs, and 11`.
    pub fn differences(&self, other: &Inventory) -> Vec<String> {
        let mut counts = vec![
            ("events".to_owned(), self.events, other.events),
            ("lines of history".to_owned(), self.attempts, other.attempts),
            ("purchases".to_owned(), self.purchases, other.purchases),
        ];
        let states: std::collections::BTreeSet<&String> = self.jobs.keys().chain(other.jobs.keys()).collect();
        let of = |inventory: &Inventory, state: &String| inventory.jobs.get(state).copied().unwrap_or(0);
        counts.extend(
            states.into_iter().map(|state| (format!("{state} jobs"), of(self, state), of(other, state))),
        );
        let differ = counts.into_iter().filter(|(_, here, there)| here != there);
        differ.map(|(what, here, there)| format!("{here} {what}, and {there}")).collect()
    }
}

/// That a store's work goes to another one, and since when: as it is noted in the one that it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Names the migration; the store that the work goes to knows it too.
    pub id: String,
    /// Where the work goes, for people.
    pub to: String,
    pub at: Timestamp,
    /// Dedupe keys count that were made after this.
    pub keys_since: Timestamp,
    /// All of it is there.
    pub done: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let of = |events, jobs: &[(&str, u64)]| Inventory {
            events,
            jobs: jobs.iter().map(|(state, jobs)| ((*state).to_owned(), *jobs)).collect(),
            ..Inventory::default()
        };
        let here = of(2, &[("dead", 1), ("ready", 12)]);
        assert_eq!(here.differences(&here), Vec::<String>::new());
        let there = of(2, &[("ready", 11), ("blocked", 1)]);
        let told = ["0 blocked jobs, and 1", "1 dead jobs, and 0", "12 ready jobs, and 11"];
        assert_eq!(here.differences(&there), told);
        assert_eq!(here.differences(&of(3, &[("dead", 1), ("ready", 12)])), ["2 events, and 3"]);
    }
}
