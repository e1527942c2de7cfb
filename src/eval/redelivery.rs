//! A case that is delivered twice: what was to be done about it is done once.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{
    config::Case,
    domain::{Clock, EventId, Verdict},
    engine::{Arrival, Engine, Rehearsal},
    store::OnMatch,
};

/// The event that a case's first delivery is.
pub const FIRST: EventId = EventId(Uuid::nil());

/// The one that another delivery is, where it is not known.
const SECOND: EventId = EventId(Uuid::max());

/// What a second delivery would have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redelivery {
    /// Actions that were planned the first time.
    pub planned: usize,
    /// Those that a second delivery would plan under another key, so that they would be done twice.
    pub duplicates: Vec<String>,
}

/// Delivers `case` again after `first` was planned by `verdict`; and once more with the same body under a new id, where its
/// source looks at that. Nothing of a case whose source is not configured.
pub fn redelivered(
    engine: &Engine,
    classifier: &str,
    case: &Case,
    verdict: Option<&Verdict>,
    first: &Rehearsal,
    clock: &dyn Clock,
) -> Redelivery {
    let planned: BTreeSet<&str> = keys(first).map(|(_, key)| key).collect();
    let Ok(Some(known)) = engine.keys_of(case, Arrival::First) else { return Redelivery::default() };
    let arrivals = [(Arrival::Again, true), (Arrival::Anew, known.tell_the_body())];
    let mut duplicates = BTreeSet::new();
    for (arrival, _) in arrivals.into_iter().filter(|(_, is_looked_at)| *is_looked_at) {
        let Ok(Some(again)) = engine.keys_of(case, arrival) else { continue };
        let id = match again.are_known_by(&known) {
            Some(OnMatch::Duplicate) => FIRST,
            // It waits for a person: nothing is planned.
            Some(OnMatch::Review) => continue,
            None => SECOND,
        };
        let second = engine.rehearse(id, case, classifier, verdict, clock);
        let others = keys(&second).filter(|(_, key)| !planned.contains(key));
        duplicates.extend(others.map(|(action, _)| action.to_owned()));
    }
    Redelivery { planned: planned.len(), duplicates: duplicates.into_iter().collect() }
}

/// Planned actions with their keys.
fn keys(rehearsal: &Rehearsal) -> impl Iterator<Item = (&str, &str)> {
    rehearsal.routes.iter().flat_map(|route| {
        route.actions.iter().map(|action| &**action).zip(route.keys.iter().map(String::as_str))
    })
}
