//! Which number each value has.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Sensitive,
    held::{NUMBER_MAX, placeholders},
};

/// The numbers of values: the same value has the same one in all texts that are redacted by the same names.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The largest number so far, by kind.
    last: BTreeMap<Sensitive, u32>,
    given: HashMap<(Sensitive, String), u32>,
}

impl Names {
    /// No value is given the number of a placeholder that `text` has already.
    pub fn reserve(&mut self, text: &str) {
        for (kind, number) in placeholders(text) {
            let last = self.last.entry(kind).or_default();
            *last = number.max(*last);
        }
    }

    pub(super) fn number(&mut self, kind: Sensitive, value: String) -> u32 {
        let last = &mut self.last;
        *self.given.entry((kind, value)).or_insert_with(|| {
            let last = last.entry(kind).or_default();
            *last = NUMBER_MAX.min(*last + 1);
            *last
        })
    }

    /// How many places of `text` have a number that was given, by kind.
    pub fn places(&self, text: &str) -> BTreeMap<Sensitive, u32> {
        let given: HashSet<(Sensitive, u32)> =
            self.given.iter().map(|((kind, _), number)| (*kind, *number)).collect();
        let mut places = BTreeMap::new();
        for (kind, _) in placeholders(text).filter(|place| given.contains(place)) {
            *places.entry(kind).or_default() += 1;
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_new_and_stay_with_their_value() {
        let mut names = Names::default();
        names.reserve("[[email 7] [email 3] [card 0] [card 01] [phone +1]");
        let mut number = |kind, value: &str| names.number(kind, value.to_owned());
        assert_eq!((number(Sensitive::Emails, "a"), number(Sensitive::Cards, "a")), (8, 1));
        assert_eq!((number(Sensitive::Emails, "b"), number(Sensitive::Emails, "a")), (9, 8));
    }

    #[test]
    fn only_places_of_given_numbers_count() {
        let mut names = Names::default();
        names.reserve("[email 1]");
        names.number(Sensitive::Emails, "a".to_owned());
        let places = names.places("[email 1] [email 2] [email 2] [email 3] [card 2] [emai");
        assert_eq!(places, BTreeMap::from([(Sensitive::Emails, 2)]));
    }
}
