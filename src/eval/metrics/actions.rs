//! Whether what was planned is what a case wants done.

use std::{collections::BTreeSet, fmt};

use crate::eval::report::ActionFigures;

/// What a case says of actions, by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// These must be planned.
    pub expected: &'a [String],
    /// Nothing but these and the expected ones may be planned; `None`: anything that is not forbidden.
    pub allowed: Option<&'a [String]>,
    /// None of these may be planned, whatever else is said of it.
    pub forbidden: &'a [String],
}

impl Wanted<'_> {
    /// Whether the case says anything of actions.
    pub fn says_anything(&self) -> bool {
        !self.expected.is_empty() || self.allowed.is_some() || !self.forbidden.is_empty()
    }
}

/// An action that is not as the case wants it; in words by `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Missing(String),
    Forbidden(String),
    NotAllowed(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing(name) => write!(f, "`{name}` was expected and not planned"),
            Fault::Forbidden(name) => write!(f, "`{name}` was planned and is forbidden"),
            Fault::NotAllowed(name) => write!(f, "`{name}` was planned and is not among those allowed"),
        }
    }
}

/// Everything wrong with what was planned: what is missing, in the order expected, then what is too much, in the
/// order planned. An action has one fault at most, however often it was planned; a forbidden one is not told again as
/// not allowed.
pub fn faults(wanted: &Wanted<'_>, planned: &[String]) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    let missing = wanted.expected.iter().filter(|name| !planned.contains(name) && seen.insert(*name));
    let mut faults: Vec<Fault> = missing.cloned().map(Fault::Missing).collect();
    faults.extend(too_much(wanted, planned));
    faults
}

/// What of the planned is too much, in the order planned.
pub fn too_much(wanted: &Wanted<'_>, planned: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let may =
        |name| wanted.allowed.is_none_or(|allowed| allowed.contains(name)) || wanted.expected.contains(name);
    let mut seen = BTreeSet::new();
    for name in planned.iter().filter(|name| seen.insert(*name)) {
        if wanted.forbidden.contains(name) {
            faults.push(Fault::Forbidden(name.clone()));
        } else if !may(name) {
            faults.push(Fault::NotAllowed(name.clone()));
        }
    }
    faults
}

/// Counts faults over all cases, not cases: one case may have several. `redelivered` holds how many actions were planned of
/// each, and how many of them a second delivery would do again. `None` if no case says anything of actions, and none was
/// planned.
pub fn figures<'a>(
    cases: impl IntoIterator<Item = (&'a Wanted<'a>, &'a [Fault])>,
    redelivered: impl IntoIterator<Item = (usize, usize)>,
) -> Option<ActionFigures> {
    let mut figures = ActionFigures::default();
    for (wanted, faults) in cases.into_iter().filter(|(wanted, _)| wanted.says_anything()) {
        figures.cases += 1;
        figures.expecting += usize::from(!wanted.expected.is_empty());
        for fault in faults {
            match fault {
                Fault::Missing(_) => figures.missing += 1,
                Fault::Forbidden(_) => figures.forbidden += 1,
                Fault::NotAllowed(_) => figures.not_allowed += 1,
            }
        }
    }
    for (planned, duplicates) in redelivered {
        figures.redelivered += planned;
        figures.duplicates += duplicates;
    }
    (figures.cases > 0 || figures.redelivered > 0).then_some(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_fault_is_told_once_as_what_it_is() {
        let (expected, allowed) = (names(&["note", "page", "page"]), names(&["log", "refund"]));
        let forbidden = names(&["refund"]);
        let wanted = Wanted { expected: &expected, allowed: Some(&allowed), forbidden: &forbidden };
        let found = faults(&wanted, &names(&["post", "refund", "log", "note", "post", "refund"]));
        let told: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "`page` was expected and not planned",
                "`post` was planned and is not among those allowed",
                "`refund` was planned and is forbidden",
            ]
        );
        assert_eq!(faults(&wanted, &names(&["note", "page", "log"])), [], "the expected are allowed");
    }

    #[test]
    fn anything_is_allowed_where_nothing_is_said_and_nothing_where_nothing_is_listed() {
        let planned = names(&["post"]);
        assert_eq!(faults(&Wanted::default(), &planned), []);
        let nothing = Wanted { allowed: Some(&[]), ..Wanted::default() };
        assert_eq!(faults(&nothing, &planned), [Fault::NotAllowed("post".to_owned())]);
        assert_eq!(faults(&nothing, &[]), []);
    }

    #[test]
    fn cases_that_say_nothing_are_not_counted() {
        let forbidden = names(&["refund", "erase"]);
        let strict = Wanted { forbidden: &forbidden, ..Wanted::default() };
        let two = faults(&strict, &names(&["erase", "refund"]));
        let silent = Wanted::default();
        let found = figures([(&strict, &two[..]), (&strict, &[]), (&silent, &[])], []);
        let wanted = ActionFigures { cases: 2, forbidden: 2, ..ActionFigures::default() };
        assert_eq!(found, Some(wanted));
        assert_eq!(figures([(&silent, &[][..])], [(0, 0)]), None);
        let twice = figures([(&silent, &[][..])], [(3, 1), (2, 0)]);
        assert_eq!(twice.map(|found| (found.cases, found.redelivered, found.duplicates)), Some((0, 5, 1)));
    }
}
