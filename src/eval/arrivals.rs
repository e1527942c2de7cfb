//! Cases that are not to be judged: each is to end before anybody is asked, by its signature, the filter, or because it came
//! before.

use super::{redelivery::FIRST, report::ArrivalReport};
use crate::{
    config::{Case, Ending},
    domain::Clock,
    engine::{Arrival, Engine},
    store::OnMatch,
};

/// How each of `cases` ends, which all say how they are to; `all` is where those that came before are.
pub fn arrivals(
    engine: &Engine,
    classifier: &str,
    cases: &[Case],
    all: &[Case],
    clock: &dyn Clock,
) -> Vec<ArrivalReport> {
    let of = |case: &Case| {
        let expected = case.expect.outcome.map_or("", Ending::as_str).to_owned();
        let (got, why) = ends(engine, classifier, case, all, clock);
        let (id, line, passed) = (case.id.clone(), case.line, got == expected);
        ArrivalReport { id, line, expected, got: got.to_owned(), why, passed }
    };
    cases.iter().map(of).collect()
}

/// In the order of the service: the signature, the filter, what was accepted before.
fn ends(
    engine: &Engine,
    classifier: &str,
    case: &Case,
    all: &[Case],
    clock: &dyn Clock,
) -> (&'static str, String) {
    if let Some(reason) = engine.refusal_of(case) {
        return (Ending::Refused.as_str(), reason);
    }
    if let Some(reason) = engine.rehearse(FIRST, case, classifier, None, clock).ignored {
        return (Ending::Filtered.as_str(), reason);
    }
    let before = all.iter().find(|other| Some(&other.id) == case.expect.of.as_ref());
    let keys = |case| engine.keys_of(case, Arrival::First).ok().flatten();
    let known = before.and_then(|before| keys(case)?.are_known_by(&keys(before)?));
    let name = before.map_or("", |before| before.id.as_str());
    match known {
        Some(OnMatch::Duplicate) => (Ending::Duplicate.as_str(), format!("{name} came before")),
        Some(OnMatch::Review) => ("review", format!("it has the body of {name} under another id")),
        None => ("accepted", "it would be an event, and judged".to_owned()),
    }
}
