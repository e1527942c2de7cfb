//! Finds the cases that say nearly the same as one: those of which any text is similar to any of its own.

use std::{collections::BTreeMap, ops::Range};

use super::index::Index;

pub(super) struct Cases {
    index: Index,
    /// Of each case the places of its texts.
    texts: Vec<Range<usize>>,
    /// Of each text the place of its case.
    owners: Vec<usize>,
}

impl Cases {
    /// All cases that will be asked for or added, by their place, with their texts.
    pub(super) fn new<'a>(cases: impl Iterator<Item = &'a [String]> + Clone, similar_min: f64) -> Self {
        let (mut texts, mut owners) = (Vec::new(), Vec::new());
        for (case, said) in cases.clone().enumerate() {
            let from = owners.len();
            owners.extend(said.iter().map(|_| case));
            texts.push(from..owners.len());
        }
        let index = Index::new(cases.flatten().map(String::as_str), similar_min);
        Cases { index, texts, owners }
    }

    /// Of the cases that were added, those that are `wanted` and say nearly the same as the one at `at`, by their place, with the
    /// greatest similarity of their texts.
    pub(super) fn near(&mut self, at: usize, wanted: impl Fn(usize) -> bool) -> BTreeMap<usize, f64> {
        let mut near = BTreeMap::new();
        for text in self.texts[at].clone() {
            for (other, similarity) in self.index.near(text, |other| wanted(self.owners[other])) {
                let best = near.entry(self.owners[other]).or_insert(similarity);
                *best = similarity.max(*best);
            }
        }
        near
    }

    /// From now on the case at `at` is found.
    pub(super) fn add(&mut self, at: usize) {
        self.texts[at].clone().for_each(|text| self.index.add(text));
    }
}
