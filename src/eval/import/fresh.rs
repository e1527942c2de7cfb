//! Drafts that bring something new: not the id of another case, and not what another case says already.

use std::{collections::HashMap, fmt};

use serde::Serialize;

use super::{
    draft::Draft,
    fault::{FAULTS_MAX, Fault, Faults},
    labels::Labels,
};
use crate::{
    config::{Case, Peers, quoted},
    eval::near,
};

/// A row that says nearly the same as another case. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refused {
    /// 1-based line on which its row begins.
    pub line: usize,
    pub id: String,
    /// The id of the case it is most similar to.
    pub like: String,
    /// That case's line if it is of the same file; else it was there before.
    pub like_line: Option<usize>,
    /// [`near::SIMILAR_MIN`] to 1.
    pub similarity: f64,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refused { line, like, similarity, .. } = self;
        write!(f, "line {line}: it says nearly the same as the case {}", quoted(like))?;
        if let Some(line) = self.like_line {
            write!(f, " on line {line}")?;
        }
        write!(f, " (similarity {similarity:.2})")
    }
}

/// Those of the drafts that are new, and those that say nearly the same as a case that is there or as an earlier draft
/// that was taken. `allow_near` takes these too. Faults are ids that come twice, a body under two labels, and drafts that
/// speak of cases that do not fit or do not exist.
pub(super) fn fresh(
    drafts: Vec<Draft>,
    existing: &[Case],
    allow_near: bool,
    faults: &mut Faults,
) -> (Vec<Draft>, Vec<Refused>) {
    let copies = if allow_near { Vec::new() } else { copies(&drafts, existing) };
    let refused_at: HashMap<usize, Refused> = copies.into_iter().collect();
    let mut owners: HashMap<String, Option<usize>> =
        existing.iter().map(|case| (case.id.clone(), None)).collect();
    let mut labels = Labels::of(existing);
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for (at, draft) in drafts.into_iter().enumerate() {
        if let Some(copy) = refused_at.get(&at) {
            refused.push(copy.clone());
        } else if let Some(owner) = owners.get(&draft.id) {
            let whose = match owner {
                Some(line) => format!("line {line}"),
                None => "a case that is there".to_owned(),
            };
            let message = format!("the id {} is that of {whose}", quoted(&draft.id));
            let remedy = "leave it out if it is the same event, else give it another id";
            faults.push(Fault::new(message, remedy).at_line(draft.line));
        } else if let Err(contradiction) = labels.add(&draft.read, Some(draft.line)) {
            let remedy = "decide which label is right and remove the other case";
            faults.push(Fault::new(contradiction.to_string(), remedy).at_line(draft.line));
        } else {
            owners.insert(draft.id.clone(), Some(draft.line));
            taken.push(draft);
        }
    }
    faults.extend(unpaired(&taken, existing, faults.is_full()));
    (taken, refused)
}

/// What is wrong with how drafts speak of other cases. With enough else to correct nobody looks: what might have been meant
/// is looked for among all cases.
fn unpaired(taken: &[Draft], existing: &[Case], is_enough: bool) -> Vec<Fault> {
    let peers = Peers::of(existing.iter().chain(taken.iter().map(|draft| &draft.read)));
    let wrong = taken.iter().flat_map(|draft| {
        let fault = |(message, remedy)| Fault::new(message, remedy).at_line(draft.line);
        peers.wrong(&draft.read).into_iter().map(fault)
    });
    wrong.take(if is_enough { 0 } else { FAULTS_MAX }).collect()
}

/// The drafts that are copies, by their place.
fn copies(drafts: &[Draft], existing: &[Case]) -> Vec<(usize, Refused)> {
    let known: Vec<Vec<String>> = existing.iter().map(near::texts_of).collect();
    let new: Vec<Vec<String>> = drafts.iter().map(|draft| near::texts_of(&draft.read)).collect();
    let found = near::copies(&known, &new).into_iter().enumerate().zip(drafts);
    found
        .filter_map(|((at, copy), draft)| {
            let (other, similarity) = copy?;
            let (like, like_line) = match existing.get(other) {
                Some(case) => (case.id.clone(), None),
                None => {
                    let other = drafts.get(other - existing.len())?;
                    (other.id.clone(), Some(other.line))
                }
            };
            Some((at, Refused { line: draft.line, id: draft.id.clone(), like, like_line, similarity }))
        })
        .collect()
}
