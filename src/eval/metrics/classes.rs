//! How well labels were said: per label, and over all.

use super::{
    Marked,
    clusters::counted,
    costs::{self, Costs},
    tally::Tally,
};
use crate::eval::{
    report::{Class, Figures},
    stats::{
        bootstrap::{self, Plan},
        wilson,
    },
};

/// One row per label, in the order of `labels`. Precision is the share right of those said to have the label, recall
/// that of those that have it, where one left to a person is missed; both have Wilson's interval.
pub fn classes(cases: &[Marked<'_>], labels: &[String]) -> Vec<Class> {
    let tally = tally(cases, labels.len());
    let mut confusion = vec![vec![0; labels.len() + 1]; labels.len()];
    for case in cases {
        confusion[case.expected][case.got.unwrap_or(labels.len())] += 1;
    }
    let rows = labels.iter().zip(confusion).enumerate();
    rows.map(|(at, (label, confusion))| {
        let (support, said, hits) = tally.of(at);
        Class {
            label: label.clone(),
            support,
            said,
            precision: wilson::share(hits, said),
            recall: wilson::share(hits, support),
            f1: tally.f1(at),
            confusion,
        }
    })
    .collect()
}

/// The figures over all labels; `None` of no cases. Accuracy and coverage have Wilson's interval, which takes the
/// cases as independent; those of the rest are drawn by cluster. What a miss is: see [`super::tally`].
pub fn figures(cases: &[Marked<'_>], labels: usize, costs: Option<&Costs>, plan: Plan) -> Option<Figures> {
    let tally = tally(cases, labels);
    let clusters = counted(cases.iter().map(|case| (case.cluster, (case.expected, case.got))));
    let mut of_draw = Tally::new(labels);
    let [macro_f1, micro_f1, weighted_f1, macro_f1_decided] =
        bootstrap::estimates(plan, clusters.len(), |drawn| {
            of_draw.clear();
            for ((expected, got), times) in drawn.iter().flat_map(|at| &clusters[*at]) {
                of_draw.add(*expected, *got, *times);
            }
            [of_draw.macro_f1(), of_draw.micro_f1(), of_draw.weighted_f1(), of_draw.macro_f1_decided()]
        });
    let (all, decided, correct) = (tally.cases(), tally.decided(), tally.right());
    Some(Figures {
        cases: all,
        decided,
        correct,
        accuracy: wilson::share(correct, decided),
        coverage: wilson::share(decided, all)?,
        macro_f1: macro_f1?,
        micro_f1: micro_f1?,
        weighted_f1: weighted_f1?,
        macro_f1_decided,
        error_cost: costs.and_then(|costs| costs::per_case(cases, costs, plan)),
    })
}

fn tally(cases: &[Marked<'_>], labels: usize) -> Tally {
    let mut tally = Tally::new(labels);
    cases.iter().for_each(|case| tally.add(case.expected, case.got, 1));
    tally
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::marked, *};
    use crate::eval::report::Estimate;

    fn labels() -> [String; 2] {
        ["lead", "spam"].map(str::to_owned)
    }

    #[test]
    fn a_row_tells_what_its_cases_were_said_to_be() {
        let cases = marked(&[
            (0, Some(0), 0.9),
            (0, Some(1), 0.8),
            (1, Some(1), 0.7),
            (1, None, 0.0),
            (1, Some(1), 0.6),
        ]);
        let [lead, spam] = &classes(&cases, &labels())[..] else { panic!() };
        assert_eq!((lead.support, lead.said, &lead.confusion[..]), (2, 1, &[1, 1, 0][..]));
        assert_eq!((spam.support, spam.said, &spam.confusion[..]), (3, 3, &[0, 2, 1][..]));
        assert_eq!((lead.precision, lead.recall), (wilson::share(1, 1), wilson::share(1, 2)));
        assert_eq!((spam.precision, spam.recall), (wilson::share(2, 3), wilson::share(2, 3)));
        assert_eq!((lead.f1, spam.f1), (2.0 / 3.0, 2.0 / 3.0));
    }

    #[test]
    fn a_label_that_was_never_said_has_no_precision() {
        let cases = marked(&[(0, None, 0.0)]);
        let [lead, spam] = &classes(&cases, &labels())[..] else { panic!() };
        assert_eq!((lead.precision, lead.recall.map(|recall| recall.value)), (None, Some(0.0)));
        assert_eq!((spam.precision, spam.recall, spam.f1), (None, None, 0.0));
    }

    #[test]
    fn figures_are_of_all_cases_and_accuracy_of_the_decided() {
        let cases = marked(&[(0, Some(0), 0.9), (0, Some(1), 0.8), (1, Some(1), 0.7), (1, None, 0.0)]);
        let found = figures(&cases, 2, None, Plan::seeded(1)).unwrap();
        assert_eq!((found.cases, found.decided, found.correct), (4, 3, 2));
        assert_eq!((found.accuracy, Some(found.coverage)), (wilson::share(2, 3), wilson::share(3, 4)));
        assert_eq!((found.macro_f1.value, found.micro_f1.value), ((2.0 / 3.0 + 0.5) / 2.0, 4.0 / 7.0));
        assert_eq!(found.macro_f1_decided.map(|f1| f1.value), Some(2.0 / 3.0));
        assert_eq!(found.error_cost, None);
        assert_eq!(figures(&[], 2, None, Plan::seeded(1)), None);
    }

    #[test]
    fn of_nothing_decided_only_the_misses_are_known() {
        let found = figures(&marked(&[(0, None, 0.0), (1, None, 0.0)]), 2, None, Plan::seeded(1)).unwrap();
        assert_eq!((found.accuracy, found.macro_f1_decided), (None, None));
        assert_eq!((found.coverage.value, found.macro_f1.value), (0.0, 0.0));
    }

    #[test]
    fn cases_that_hang_together_make_the_intervals_wider() {
        let case = |at: usize, cluster| Marked {
            expected: at % 2,
            got: Some(if at.is_multiple_of(3) { 1 - at % 2 } else { at % 2 }),
            confidence: None,
            cluster,
        };
        let names: Vec<String> = (0..30).map(|at| at.to_string()).collect();
        // Thirty different cases, once each, and eight times each: as copies, and as if they were different ones.
        let own: Vec<String> = (0..240).map(|at| at.to_string()).collect();
        let found = |cases: Vec<Marked<'_>>| figures(&cases, 2, None, Plan::seeded(2)).unwrap();
        let once = found((0..30).map(|at| case(at, &names[at])).collect());
        let often = found((0..240).map(|at| case(at % 30, &names[at % 30])).collect());
        let apart = found((0..240).map(|at| case(at % 30, &own[at])).collect());
        assert_eq!(once.macro_f1, often.macro_f1, "copies are no news");
        let width = |of: Estimate| of.high - of.low;
        assert!(width(apart.macro_f1) > 0.0 && width(apart.macro_f1) < width(often.macro_f1) / 2.0);
        let (Some(few), Some(many)) = (once.accuracy, often.accuracy) else { panic!() };
        assert!(width(many) < width(few), "of which Wilson's interval knows nothing");
    }

    proptest! {
        #[test]
        fn every_figure_is_a_share_within_its_interval(
            cases in prop::collection::vec((0_usize..2, prop::option::of(0_usize..2), 0.0..1.0), 1..40),
            seed: u64,
        ) {
            let cases = marked(&cases);
            let found = figures(&cases, 2, None, Plan { seed, resamples: 40 }).unwrap();
            let of = [Some(found.macro_f1), Some(found.micro_f1), Some(found.weighted_f1), found.macro_f1_decided];
            for share in of.into_iter().chain([found.accuracy, Some(found.coverage)]).flatten() {
                prop_assert!(0.0 <= share.low && share.low <= share.value);
                prop_assert!(share.value <= share.high && share.high <= 1.0);
            }
            let classes = classes(&cases, &labels());
            prop_assert_eq!(classes.iter().map(|class| class.support).sum::<usize>(), cases.len());
            prop_assert_eq!(classes.iter().map(|class| class.said).sum::<usize>(), found.decided);
            for class in classes {
                prop_assert_eq!(class.confusion.iter().sum::<usize>(), class.support);
            }
        }
    }
}
