//! Whether a code review told what there was to tell, at the right place.

mod assign;

use crate::eval::{report::FindingFigures, stats::wilson};

/// The side of a diff a line is counted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Old,
    New,
}

/// Something to be told, or that was told, about some lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding<'a> {
    pub path: &'a str,
    pub side: Side,
    /// First and last line, both of them part of it.
    pub lines: (u32, u32),
    /// What kind of trouble it is, such as `bug`.
    pub kind: &'a str,
}

/// How near an expected and a told finding must be to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// Lines that the two ranges may lie apart: 0 for ranges that share a line, 1 for neighbours as well.
    pub lines: u32,
    /// Whether they must be of the same kind.
    pub same_kind: bool,
}

/// One reviewed change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reviewed<'a> {
    pub expected: &'a [Finding<'a>],
    pub told: &'a [Finding<'a>],
    /// How many of those told have a place that can carry a comment in the diff.
    pub anchored: usize,
}

/// Pairs of an expected and a told finding (their indices, by the expected one) that are the same: same path and
/// side, and near enough. Each is in one pair at most, so telling one thing twice is telling one thing too much.
///
/// Of all ways to pair them one with the most pairs is taken; of several, one with the most pairs of the same kind;
/// then one whose lines are the fewest apart in sum. What is still equal goes by the order in which they are given,
/// which changes no figure.
pub fn matched(expected: &[Finding<'_>], told: &[Finding<'_>], within: Within) -> Vec<(usize, usize)> {
    // One pair of another kind must weigh more than all distances together.
    let other_kind = u64::from(within.lines).saturating_add(1).saturating_mul(expected.len() as u64);
    assign::cheapest(expected.len(), told.len(), |one, other| {
        let (one, other) = (&expected[one], &told[other]);
        let apart = apart(one.lines, other.lines);
        let same_kind = one.kind == other.kind;
        let fits = one.path == other.path && one.side == other.side && apart <= within.lines;
        (fits && (same_kind || !within.same_kind))
            .then(|| u64::from(apart) + if same_kind { 0 } else { other_kind })
    })
}

/// How many lines one has to go from one range to the other; 0 if they share one.
fn apart(one: (u32, u32), other: (u32, u32)) -> u32 {
    other.0.saturating_sub(one.1).max(one.0.saturating_sub(other.1))
}

/// Precision is the share of those told that were expected, recall that of those expected that were told (both
/// Wilson); `per_case` is how many were told per case. `None` of no cases.
pub fn figures(cases: &[Reviewed<'_>], within: Within) -> Option<FindingFigures> {
    let sum = |count: &dyn Fn(&Reviewed<'_>) -> usize| cases.iter().map(count).sum::<usize>();
    let (expected, told) = (sum(&|case| case.expected.len()), sum(&|case| case.told.len()));
    let matched = sum(&|case| matched(case.expected, case.told, within).len());
    (!cases.is_empty()).then(|| FindingFigures {
        cases: cases.len(),
        expected,
        told,
        matched,
        anchored: sum(&|case| case.anchored),
        precision: wilson::share(matched, told),
        recall: wilson::share(matched, expected),
        per_case: told as f64 / cases.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Within = Within { lines: 3, same_kind: false };

    fn at(first: u32, last: u32) -> Finding<'static> {
        Finding { path: "src/a.rs", side: Side::New, lines: (first, last), kind: "bug" }
    }

    #[test]
    fn path_and_side_must_be_the_same_and_the_lines_near() {
        let pairs =
            |told: Finding<'_>, lines| matched(&[at(10, 12)], &[told], Within { lines, ..NEAR }).len();
        assert_eq!((pairs(at(12, 20), 0), pairs(at(13, 13), 0), pairs(at(13, 13), 1)), (1, 0, 1));
        assert_eq!((pairs(at(1, 7), 3), pairs(at(1, 6), 3), pairs(at(1, 99), 0)), (1, 0, 1));
        assert_eq!(pairs(Finding { path: "src/b.rs", ..at(10, 12) }, 3), 0);
        assert_eq!(pairs(Finding { side: Side::Old, ..at(10, 12) }, 3), 0);
    }

    #[test]
    fn the_kind_must_be_the_same_only_where_that_is_asked_for() {
        let told = [Finding { kind: "style", ..at(10, 10) }];
        assert_eq!(matched(&[at(10, 10)], &told, NEAR), [(0, 0)]);
        assert_eq!(matched(&[at(10, 10)], &told, Within { same_kind: true, ..NEAR }), []);
    }

    #[test]
    fn most_pairs_come_first_then_kinds_then_lines() {
        // The first one told is nearest to the second one expected, and nobody else is near the first one.
        assert_eq!(matched(&[at(10, 10), at(14, 14)], &[at(13, 13), at(17, 17)], NEAR), [(0, 0), (1, 1)]);
        let style = Finding { kind: "style", ..at(10, 10) };
        assert_eq!(
            matched(&[at(10, 10)], &[style, at(13, 13)], NEAR),
            [(0, 1)],
            "its kind, though farther off"
        );
        assert_eq!(matched(&[at(10, 10)], &[at(12, 12), at(9, 9)], NEAR), [(0, 1)], "the nearer one");
        assert_eq!(matched(&[at(10, 10)], &[at(10, 10), at(10, 10)], NEAR), [(0, 0)], "the first of equals");
    }

    #[test]
    fn telling_it_twice_costs_precision() {
        let (expected, told) = ([at(10, 10), at(90, 90)], [at(10, 10), at(11, 11), at(50, 50)]);
        let clean = Reviewed { expected: &[], told: &[], anchored: 0 };
        let cases = [Reviewed { expected: &expected, told: &told, anchored: 2 }, clean];
        let found = figures(&cases, NEAR).unwrap();
        assert_eq!((found.cases, found.expected, found.told, found.matched, found.anchored), (2, 2, 3, 1, 2));
        assert_eq!((found.precision, found.recall), (wilson::share(1, 3), wilson::share(1, 2)));
        assert_eq!(found.per_case, 1.5);
        let silent = figures(&[clean], NEAR).unwrap();
        assert_eq!((silent.precision, silent.recall, silent.per_case), (None, None, 0.0));
        assert_eq!(figures(&[], NEAR), None);
    }
}
