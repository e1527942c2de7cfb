//! What the page shows of two runs on the same cases.

use serde::Serialize;

use crate::eval::report::{
    Change, Comparison, Estimate, Report,
    wording::{
        chance, change, change_estimate, change_reason, detectable, or_none, percent, points, ratio_change,
        said, several,
    },
};

#[derive(Serialize)]
pub(super) struct ComparedView<'a> {
    n: usize,
    /// The place of the suite that has its cases.
    of: Option<usize>,
    suite: &'a str,
    a: &'a str,
    b: &'a str,
    verdict: &'static str,
    kind: &'static str,
    reason: String,
    notes: &'a [String],
    detectable: String,
    cases: String,
    both: usize,
    only_a: usize,
    only_b: usize,
    neither: usize,
    p_value: String,
    deltas: Vec<Delta>,
    classes: Vec<ClassRow<'a>>,
    changed: Vec<ChangedRow<'a>>,
    mended: usize,
    broke: usize,
}

/// A difference on a scale with nothing in the middle, in hundredths of the whole scale.
#[derive(Serialize)]
struct Delta {
    name: &'static str,
    says: String,
    low: f64,
    width: f64,
    value: f64,
    /// Where differences are too small to matter.
    margin_low: f64,
    margin_width: f64,
    ends: [String; 2],
}

#[derive(Serialize)]
struct ClassRow<'a> {
    label: &'a str,
    support: usize,
    recall_a: String,
    recall_b: String,
    change: String,
    kind: &'static str,
    p_value: String,
    p_corrected: String,
}

#[derive(Serialize)]
struct ChangedRow<'a> {
    id: &'a str,
    expected: &'a str,
    a: &'a str,
    b: &'a str,
    kind: &'static str,
}

impl<'a> ComparedView<'a> {
    pub fn new(n: usize, comparison: &'a Comparison, reports: &[Report]) -> Self {
        let changed: Vec<ChangedRow<'_>> = comparison
            .changed
            .iter()
            .map(|case| ChangedRow {
                id: &case.id,
                expected: &case.expected,
                a: said(case.a.as_deref()),
                b: said(case.b.as_deref()),
                kind: if case.b.as_ref() == Some(&case.expected) { "mended" } else { "broke" },
            })
            .collect();
        let mended = changed.iter().filter(|case| case.kind == "mended").count();
        ComparedView {
            n,
            of: reports.iter().position(|report| report.suite == comparison.suite),
            suite: &comparison.suite,
            a: &comparison.a,
            b: &comparison.b,
            verdict: change(comparison.verdict),
            kind: match comparison.verdict {
                Change::Better => "passed",
                Change::Worse => "failed",
                Change::Equivalent => "even",
                Change::Inconclusive => "doubtful",
            },
            reason: change_reason(comparison),
            notes: &comparison.notes,
            detectable: detectable(comparison),
            cases: several(comparison.cases, "case"),
            both: comparison.both,
            only_a: comparison.only_a,
            only_b: comparison.only_b,
            neither: comparison.neither,
            p_value: chance(comparison.p_value),
            deltas: deltas(comparison),
            classes: classes(comparison),
            mended,
            broke: changed.len() - mended,
            changed,
        }
    }
}

fn deltas(comparison: &Comparison) -> Vec<Delta> {
    let share = format!("{} points", change_estimate(&comparison.accuracy_delta, points));
    let macro_f1 = change_estimate(&comparison.macro_f1_delta, ratio_change);
    vec![
        delta("Share right", share, &comparison.accuracy_delta, comparison.margin, points),
        delta("Macro F1", macro_f1, &comparison.macro_f1_delta, comparison.margin, ratio_change),
    ]
}

fn delta(name: &'static str, says: String, of: &Estimate, margin: f64, unit: fn(f64) -> String) -> Delta {
    let known = [of.low, of.high, of.value, margin].map(|d| if d.is_finite() { d } else { 0.0 });
    // The scale ends a little outside of everything on it.
    let reach = known.iter().fold(0.01_f64, |reach, d| reach.max(d.abs())) * 1.15;
    let [low, high, value, margin] = known;
    let at = |difference: f64| ((difference / reach + 1.0) * 500.0).round() / 10.0;
    Delta {
        name,
        says,
        low: at(low),
        width: at(high) - at(low),
        value: at(value),
        margin_low: at(-margin),
        margin_width: at(margin) - at(-margin),
        ends: [unit(-reach), unit(reach)],
    }
}

fn classes(comparison: &Comparison) -> Vec<ClassRow<'_>> {
    let row = |class: &'_ crate::eval::report::ClassChange| {
        let change = class.recall_a.zip(class.recall_b).map(|(a, b)| b - a);
        let kind = match change {
            Some(change) if change > 0.0 => "mended",
            Some(change) if change < 0.0 => "broke",
            _ => "even",
        };
        (change, kind)
    };
    comparison
        .classes
        .iter()
        .map(|class| {
            let (change, kind) = row(class);
            ClassRow {
                label: &class.label,
                support: class.support,
                recall_a: or_none(class.recall_a, percent),
                recall_b: or_none(class.recall_b, percent),
                change: or_none(change, points),
                kind,
                p_value: chance(class.p_value),
                p_corrected: chance(class.p_corrected),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::report::sample;

    #[test]
    fn nothing_is_in_the_middle_of_the_scale() {
        let comparison = sample::comparison();
        let view = ComparedView::new(0, &comparison, &[]);
        let share = &view.deltas[0];
        assert_eq!(share.value, 50.0);
        assert!((share.low + share.width / 2.0 - 50.0).abs() < 0.11 && share.low > 0.0, "{}", share.low);
        assert!(share.margin_low < 50.0 && share.margin_low > share.low);
    }

    #[test]
    fn a_case_is_mended_if_b_has_it_right() {
        let comparison = sample::comparison();
        let view = ComparedView::new(0, &comparison, &[]);
        assert_eq!((view.mended, view.broke), (1, 1));
        assert_eq!(view.changed[1].kind, "broke");
    }
}
