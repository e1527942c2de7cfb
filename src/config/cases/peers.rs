//! Cases that speak of other cases: of whom they are a duplicate, and whose other form they are.

use std::collections::HashMap;

use super::{Case, Relation};
use crate::config::suggest::{one_of, quoted};

/// All cases of a file, as one of them may name another.
#[derive(Debug)]
pub struct Peers<'a> {
    known: HashMap<&'a str, &'a Case>,
    /// In the order of the file.
    ids: Vec<&'a str>,
}

impl<'a> Peers<'a> {
    pub fn of(cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut peers = Peers { known: HashMap::new(), ids: Vec::new() };
        for case in cases {
            peers.ids.push(&case.id);
            peers.known.insert(&case.id, case);
        }
        peers
    }

    /// What is wrong with how `case` speaks of others, and the remedies.
    pub fn wrong(&self, case: &Case) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        if let Some(of) = &case.expect.of
            && self.other(case, of).is_none()
        {
            wrong.push((
                format!("`expect.of` names {}, which is no other case", quoted(of)),
                self.of_others(case, of),
            ));
        }
        match (&case.same_as, case.by) {
            (None, None) => {}
            (Some(id), Some(_)) => wrong.extend(self.unlike(case, id)),
            (Some(_), None) => {
                let names = Relation::ALL.map(Relation::as_str).join(", ");
                wrong.push((
                    "it has `same_as` and no `by`".to_owned(),
                    format!("write how it differs: {names}"),
                ));
            }
            (None, Some(_)) => {
                let remedy = "name the case that it is like".to_owned();
                wrong.push(("it has `by` and no `same_as`".to_owned(), remedy));
            }
        }
        let named = |(message, remedy)| (format!("case {}: {message}", case.id), remedy);
        wrong.into_iter().map(named).collect()
    }

    /// What is wrong with a case that says the same as the one called `id`.
    fn unlike(&self, case: &Case, id: &str) -> Vec<(String, String)> {
        let Some(other) = self.other(case, id) else {
            let message = format!("`same_as` names {}, which is no other case", quoted(id));
            return vec![(message, self.of_others(case, id))];
        };
        let mut wrong = Vec::new();
        if other.split() != case.split() {
            let (here, there) = (case.split().as_str(), other.split().as_str());
            let message = format!("it is in {here}, and case {} that it is like in {there}", other.id);
            wrong.push((message, "give both the same `split`".to_owned()));
        }
        if other.expect.label != case.expect.label {
            let (here, there) = (quoted(&case.expect.label), quoted(&other.expect.label));
            let message = format!("it is labelled {here}, and case {} that it is like {there}", other.id);
            wrong.push((message, "decide which label is right: one of both cannot be".to_owned()));
        }
        wrong
    }

    fn other(&self, case: &Case, id: &str) -> Option<&'a Case> {
        self.known.get(id).copied().filter(|other| other.id != case.id)
    }

    fn of_others(&self, case: &Case, given: &str) -> String {
        one_of(given, self.ids.iter().copied().filter(|id| *id != case.id))
    }
}
