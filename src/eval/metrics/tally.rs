//! The counts from which accuracy and every F1 follow.
//!
//! A case left to a person counts as a miss: it has its label, which nobody said. That lowers its label's recall and
//! leaves the precision of every label as it is, because nobody said anything wrong. In the micro average, too, only
//! recall suffers: precision is the share right of the decided cases, recall that of all, and F1 = 2·right / (cases +
//! decided). Where every case is decided, all three are the accuracy.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    /// Cases that have the label.
    support: usize,
    /// Those of them that were decided, rightly or not.
    decided: usize,
    /// Cases that were said to have it.
    said: usize,
    /// Cases that have it and were said to.
    hits: usize,
}

/// Counts per label, to which cases are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally(Vec<Counts>);

impl Tally {
    /// Of no case.
    pub fn new(labels: usize) -> Self {
        Tally(vec![Counts::default(); labels])
    }

    /// Back to no case.
    pub fn clear(&mut self) {
        self.0.fill(Counts::default());
    }

    /// Adds `times` cases with the label `expected` that were said to have the label `got`, `None` for a person. Both
    /// must be less than the number of labels.
    pub fn add(&mut self, expected: usize, got: Option<usize>, times: usize) {
        self.0[expected].support += times;
        let Some(got) = got else { return };
        self.0[expected].decided += times;
        self.0[got].said += times;
        if got == expected {
            self.0[got].hits += times;
        }
    }

    pub fn cases(&self) -> usize {
        self.sum(|of| of.support)
    }

    pub fn decided(&self) -> usize {
        self.sum(|of| of.said)
    }

    pub fn right(&self) -> usize {
        self.sum(|of| of.hits)
    }

    /// How many cases have the label, were said to, and both.
    pub fn of(&self, label: usize) -> (usize, usize, usize) {
        let Counts { support, said, hits, .. } = self.0[label];
        (support, said, hits)
    }

    /// Share of all cases that are right; `None` of none.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.right(), self.cases())
    }

    /// Share of the decided cases that are right; `None` of none.
    pub fn accuracy_of_decided(&self) -> Option<f64> {
        ratio(self.right(), self.decided())
    }

    /// Share of the cases with the label that were said to have it; `None` of none.
    pub fn recall(&self, label: usize) -> Option<f64> {
        let Counts { support, hits, .. } = self.0[label];
        ratio(hits, support)
    }

    /// F1 of one label over all cases: 0 if it was never rightly said.
    pub fn f1(&self, label: usize) -> f64 {
        let of = self.0[label];
        ratio(2 * of.hits, of.support + of.said).unwrap_or(0.0)
    }

    /// The plain mean of the labels' F1, of those labels that a case has or was said to have; `None` if there is
    /// none.
    pub fn macro_f1(&self) -> Option<f64> {
        self.mean_f1(|of| of.support)
    }

    /// The same as if only the decided cases were there.
    pub fn macro_f1_decided(&self) -> Option<f64> {
        self.mean_f1(|of| of.decided)
    }

    /// F1 of all cases taken as one; see the module.
    pub fn micro_f1(&self) -> Option<f64> {
        ratio(2 * self.right(), self.cases() + self.decided())
    }

    /// The mean of the labels' F1, each weighing as much as there are cases that have it.
    pub fn weighted_f1(&self) -> Option<f64> {
        let cases = self.cases();
        let sum = |sum: f64, (label, of): (usize, &Counts)| sum + self.f1(label) * of.support as f64;
        (cases > 0).then(|| self.0.iter().enumerate().fold(0.0, sum) / cases as f64)
    }

    fn mean_f1(&self, support: impl Fn(&Counts) -> usize) -> Option<f64> {
        let (mut sum, mut labels) = (0.0, 0);
        for of in &self.0 {
            if let Some(f1) = ratio(2 * of.hits, support(of) + of.said) {
                sum += f1;
                labels += 1;
            }
        }
        (labels > 0).then(|| sum / f64::from(labels))
    }

    fn sum(&self, count: impl Fn(&Counts) -> usize) -> usize {
        self.0.iter().map(count).sum()
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally(labels: usize, cases: &[(usize, Option<usize>)]) -> Tally {
        let mut tally = Tally::new(labels);
        cases.iter().for_each(|(expected, got)| tally.add(*expected, *got, 1));
        tally
    }

    #[test]
    fn a_case_left_to_a_person_costs_recall_and_no_precision() {
        // Label 0: two right, one left to a person. Label 1: one right, one said to be 0.
        let cases = [(0, Some(0)), (0, Some(0)), (0, None), (1, Some(1)), (1, Some(0))];
        let tally = tally(3, &cases);
        assert_eq!((tally.cases(), tally.decided(), tally.right()), (5, 4, 3));
        assert_eq!((tally.of(0), tally.of(1), tally.of(2)), ((3, 3, 2), (2, 1, 1), (0, 0, 0)));
        let (of_0, of_1) = (2.0 / 3.0, 2.0 / 3.0);
        assert_eq!((tally.f1(0), tally.f1(1), tally.f1(2)), (of_0, of_1, 0.0));
        assert_eq!(tally.macro_f1(), Some(2.0 / 3.0), "a label that nothing has is no part of it");
        assert_eq!(tally.micro_f1(), Some(6.0 / 9.0));
        assert_eq!(tally.weighted_f1(), Some((of_0 * 3.0 + of_1 * 2.0) / 5.0));
        assert_eq!(tally.accuracy(), Some(0.6));
        assert_eq!(tally.macro_f1_decided(), Some((4.0 / 5.0 + 2.0 / 3.0) / 2.0));
    }

    #[test]
    fn a_label_that_nothing_has_counts_once_it_was_said() {
        assert_eq!(tally(2, &[(0, Some(0)), (0, Some(1))]).macro_f1(), Some((2.0 / 3.0) / 2.0));
    }

    #[test]
    fn nothing_has_no_figures() {
        let mut none = tally(2, &[(0, None)]);
        assert_eq!((none.macro_f1(), none.macro_f1_decided()), (Some(0.0), None));
        none.clear();
        assert_eq!(none, Tally::new(2));
        assert_eq!((none.macro_f1(), none.micro_f1(), none.weighted_f1()), (None, None, None));
        assert_eq!(none.accuracy(), None);
    }

    proptest! {
        #[test]
        fn if_everything_is_decided_micro_f1_is_the_accuracy(cases in prop::collection::vec((0_usize..4, 0_usize..4), 1..60)) {
            let cases: Vec<_> = cases.into_iter().map(|(expected, got)| (expected, Some(got))).collect();
            let tally = tally(4, &cases);
            prop_assert_eq!(tally.micro_f1(), tally.accuracy());
            prop_assert_eq!(tally.macro_f1(), tally.macro_f1_decided());
        }

        #[test]
        fn whoever_leaves_a_wrong_case_to_a_person_loses_nothing(
            cases in prop::collection::vec((0_usize..4, prop::option::of(0_usize..4)), 1..60)
        ) {
            let careful: Vec<_> = cases.iter().map(|(e, g)| (*e, g.filter(|g| g == e))).collect();
            let (before, after) = (tally(4, &cases), tally(4, &careful));
            prop_assert!(after.micro_f1() >= before.micro_f1());
            prop_assert!((0..4).all(|label| after.f1(label) >= before.f1(label)));
        }
    }
}
