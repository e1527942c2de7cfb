//! Which of a route's actions are planned for one event.

use std::collections::BTreeSet;

use crate::domain::Name;

/// One action of a route, with what planning needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub id: &'a Name,
    pub after: &'a [Name],
    /// Whether its condition held.
    pub holds: bool,
}

/// One action as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its place among the candidates.
    pub at: usize,
    /// The planned actions it must wait for.
    pub after: Vec<Name>,
}

/// Keeps the actions whose condition held. An action that follows one which is not planned is not planned either:
/// what it was to build on will never exist.
pub fn plan(candidates: &[Candidate<'_>]) -> Vec<Planned> {
    let mut planned: BTreeSet<&Name> = candidates.iter().filter(|c| c.holds).map(|c| c.id).collect();
    loop {
        let orphan = candidates
            .iter()
            .find(|c| planned.contains(c.id) && c.after.iter().any(|a| !planned.contains(a)));
        match orphan {
            Some(orphan) => planned.remove(orphan.id),
            None => break,
        };
    }
    candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| planned.contains(c.id))
        .map(|(at, c)| Planned { at, after: c.after.to_vec() })
        .collect()
}

/// The ids on a cycle of `after`, if there is one: such actions would wait for each other for ever.
pub fn cycle(edges: &[(&Name, &[Name])]) -> Option<Vec<Name>> {
    let mut left: Vec<&(&Name, &[Name])> = edges.iter().collect();
    loop {
        let before = left.len();
        let open: BTreeSet<&Name> = left.iter().map(|(id, _)| *id).collect();
        left.retain(|(_, after)| after.iter().any(|a| open.contains(a)));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            return Some(left.iter().map(|(id, _)| Name::clone(id)).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ids: &[&str]) -> Vec<Name> {
        ids.iter().map(|id| Name::from(*id)).collect()
    }

    #[test]
    fn keeps_what_holds_and_drops_what_follows_the_dropped() {
        let ids = names(&["a", "b", "c", "d"]);
        let (on_a, on_b) = (names(&["a"]), names(&["b"]));
        let candidate = |at: usize, after, holds| Candidate { id: &ids[at], after, holds };
        let chosen = plan(&[
            candidate(0, &[], true),
            candidate(1, &on_a, false),
            candidate(2, &on_b, true),
            candidate(3, &on_a, true),
        ]);
        assert_eq!(chosen, [Planned { at: 0, after: vec![] }, Planned { at: 3, after: on_a.clone() }]);
    }

    #[test]
    fn finds_cycles() {
        let ids = names(&["a", "b", "c"]);
        let (on_a, on_b) = (names(&["a"]), names(&["b"]));
        assert_eq!(cycle(&[(&ids[0], &[]), (&ids[1], &on_a), (&ids[2], &on_b)]), None);
        assert_eq!(cycle(&[(&ids[0], &on_b), (&ids[1], &on_a), (&ids[2], &[])]), Some(names(&["a", "b"])));
        assert_eq!(cycle(&[(&ids[0], &on_a)]), Some(names(&["a"])));
    }
}
