//! Bringing the cases of two runs together.

use std::{collections::BTreeMap, fmt};

use super::{Answered, Run};

/// Names of cases that an error tells at most.
const NAMED_MAX: usize = 10;

/// Why two runs cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    #[error("{}", unpaired(.a, .only_a, .b, .only_b))]
    Unpaired { a: String, only_a: Vec<String>, b: String, only_b: Vec<String> },
    #[error("`{run}` has the case `{id}` twice")]
    Twice { run: String, id: String },
    #[error("{}", differing(.relabelled, .changed))]
    Differing { relabelled: Vec<Relabelled>, changed: Vec<String> },
    #[error("the case `{id}` has the label `{label}`, which the classifier does not")]
    Label { id: String, label: String },
    #[error("there are no cases to compare")]
    NoCases,
}

/// A case of which each run holds another label for right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relabelled {
    pub id: String,
    pub a: String,
    pub b: String,
}

fn differing(relabelled: &[Relabelled], changed: &[String]) -> String {
    let told = |Relabelled { id, a, b }: &Relabelled| {
        format!("the case `{id}` is `{a}` in one run and `{b}` in the other")
    };
    let mut says: Vec<String> = relabelled.iter().take(NAMED_MAX).map(told).collect();
    match relabelled.len().saturating_sub(NAMED_MAX) {
        0 => {}
        more => says.push(format!("{more} more have another label")),
    }
    if !changed.is_empty() {
        let cases = if changed.len() == 1 { "case" } else { "cases" };
        says.push(format!("what is asked, or what else is right, differs of the {cases} {}", Named(changed)));
    }
    says.join("; ")
}

fn unpaired(a: &str, only_a: &[String], b: &str, only_b: &[String]) -> String {
    let told = |run: &str, ids: &[String]| match ids.len() {
        0 => None,
        1 => Some(format!("only `{run}` has the case {}", Named(ids))),
        _ => Some(format!("only `{run}` has the cases {}", Named(ids))),
    };
    [told(a, only_a), told(b, only_b)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The first of some names, and how many more there are.
struct Named<'a>(&'a [String]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().take(NAMED_MAX).enumerate() {
            write!(f, "{}`{name}`", if at == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A case and what two runs said of it, as indices of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub id: &'a str,
    pub cluster: &'a str,
    pub expected: usize,
    pub a: Option<usize>,
    pub b: Option<usize>,
    /// Whether something is planned in A, and in B, that the case forbids.
    pub forbidden: [bool; 2],
}

impl Pair<'_> {
    pub fn right_a(&self) -> bool {
        self.a == Some(self.expected)
    }

    pub fn right_b(&self) -> bool {
        self.b == Some(self.expected)
    }
}

/// A run's cases by their ids.
type Cases<'a> = BTreeMap<&'a str, Answered<'a>>;

/// The cases of both, in the order of `a`, which also tells their clusters.
pub(super) fn paired<'a>(labels: &[String], a: Run<'a>, b: Run<'_>) -> Result<Vec<Pair<'a>>, CompareError> {
    let (in_a, in_b) = (by_id(a)?, by_id(b)?);
    let only = |run: Run<'_>, other: &Cases<'_>| -> Vec<String> {
        let ids = run.cases.iter().map(|case| case.id);
        ids.filter(|id| !other.contains_key(id)).map(str::to_owned).collect()
    };
    let (only_a, only_b) = (only(a, &in_b), only(b, &in_a));
    if !only_a.is_empty() || !only_b.is_empty() {
        return Err(CompareError::Unpaired { a: a.name.to_owned(), only_a, b: b.name.to_owned(), only_b });
    }
    let both: Vec<(Answered<'a>, Answered<'_>)> =
        a.cases.iter().filter_map(|case| Some((*case, *in_b.get(case.id)?))).collect();
    same(&both)?;
    both.into_iter().map(|(case, other)| pair(labels, case, other)).collect()
}

/// Whether the two of each pair ask the same, and hold the same for right. A tag or a second pair of eyes changes
/// nothing.
fn same(pairs: &[(Answered<'_>, Answered<'_>)]) -> Result<(), CompareError> {
    let (mut relabelled, mut changed) = (Vec::new(), Vec::new());
    for (a, b) in pairs {
        let id = a.id.to_owned();
        if a.expected != b.expected {
            relabelled.push(Relabelled { id, a: a.expected.to_owned(), b: b.expected.to_owned() });
        } else if a.digest.zip(b.digest).is_some_and(|(a, b)| a != b) {
            changed.push(id);
        }
    }
    if relabelled.is_empty() && changed.is_empty() {
        return Ok(());
    }
    Err(CompareError::Differing { relabelled, changed })
}

fn pair<'a>(labels: &[String], a: Answered<'a>, b: Answered<'_>) -> Result<Pair<'a>, CompareError> {
    let index = |label: &str| {
        let none = || CompareError::Label { id: a.id.to_owned(), label: label.to_owned() };
        labels.iter().position(|known| known == label).ok_or_else(none)
    };
    Ok(Pair {
        id: a.id,
        cluster: a.cluster,
        expected: index(a.expected)?,
        a: a.got.map(index).transpose()?,
        b: b.got.map(index).transpose()?,
        forbidden: [a.forbidden, b.forbidden],
    })
}

fn by_id(run: Run<'_>) -> Result<Cases<'_>, CompareError> {
    let mut cases = BTreeMap::new();
    for case in run.cases {
        if cases.insert(case.id, *case).is_some() {
            return Err(CompareError::Twice { run: run.name.to_owned(), id: case.id.to_owned() });
        }
    }
    Ok(cases)
}
