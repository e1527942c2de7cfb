//! What the page shows of a suite beside its cases.

use serde::Serialize;

use super::charts::{Reliability, RiskCoverage};
use crate::eval::report::{
    CaseReport, Class, Estimate, Held, Report,
    facts::facts,
    wording::{
        self, LEFT_TO_A_PERSON, held, or_none, percent, percent_interval, ratio, ratio_interval, several,
    },
};

/// Steps of a heat map.
const HEAT_STEPS: f64 = 10.0;

#[derive(Serialize)]
pub(super) struct SuiteView<'a> {
    n: usize,
    suite: &'a str,
    verdict: &'static str,
    classifier: &'a str,
    judges: String,
    mode: &'a str,
    splits: String,
    seed: u64,
    measured: Vec<(String, &'a str)>,
    cases: usize,
    missed: usize,
    gates_held: usize,
    /// Those that the overview has, and the others.
    headline: Vec<Figure>,
    further: Vec<Figure>,
    gates: Vec<GateView<'a>>,
    columns: Vec<&'a str>,
    classes: Vec<ClassView<'a>>,
    reliability: Option<Reliability>,
    risk_coverage: Option<RiskCoverage>,
    facts: Vec<(&'static str, String)>,
    notes: &'a [String],
}

/// A figure with its interval.
#[derive(Serialize)]
struct Figure {
    name: &'static str,
    value: String,
    interval: String,
    span: Option<Span>,
    about: String,
}

/// Where an interval lies between nothing and everything, in hundredths.
#[derive(Serialize)]
struct Span {
    low: f64,
    width: f64,
    value: f64,
}

#[derive(Serialize)]
struct GateView<'a> {
    name: &'a str,
    wanted: &'a str,
    got: &'a str,
    held: &'static str,
}

#[derive(Serialize)]
struct ClassView<'a> {
    label: &'a str,
    support: usize,
    said: usize,
    precision: Figure,
    recall: Figure,
    f1: String,
    confusion: Vec<MatrixCell>,
}

/// Cases of one label that were said to be another.
#[derive(Serialize)]
struct MatrixCell {
    count: usize,
    /// Of the cases of the label.
    share: String,
    heat: u8,
    kind: &'static str,
}

impl<'a> SuiteView<'a> {
    pub fn new(n: usize, report: &'a Report) -> Self {
        let digests = &report.digests;
        let named = [("prompt", &digests.prompt), ("schema", &digests.schema), ("cases", &digests.cases)];
        let named = named.map(|(name, digest)| (name.to_owned(), digest.as_str()));
        let models = digests.models.iter().map(|(judge, digest)| (format!("model {judge}"), digest.as_str()));
        SuiteView {
            n,
            suite: &report.suite,
            verdict: wording::verdict(report.verdict),
            classifier: &report.classifier,
            judges: report.judges.join(" → "),
            mode: &report.mode,
            splits: report.splits.join(" + "),
            seed: report.seed,
            measured: named.into_iter().chain(models).collect(),
            cases: report.cases.len(),
            missed: report.cases.iter().filter(|case: &&CaseReport| !case.passed).count(),
            gates_held: report.gates.iter().filter(|gate| gate.held == Held::Passed).count(),
            headline: headline(report),
            further: further(report),
            gates: report
                .gates
                .iter()
                .map(|gate| GateView {
                    name: &gate.name,
                    wanted: &gate.wanted,
                    got: &gate.got,
                    held: held(gate.held),
                })
                .collect(),
            columns: report.labels.iter().map(String::as_str).chain([LEFT_TO_A_PERSON]).collect(),
            classes: report.classes.iter().enumerate().map(|(n, class)| class_view(n, class)).collect(),
            reliability: report.calibration.as_ref().and_then(Reliability::new),
            risk_coverage: RiskCoverage::new(&report.risk_coverage),
            facts: facts(report).into_iter().map(|fact| (fact.about, fact.says)).collect(),
            notes: &report.notes,
        }
    }
}

fn headline(report: &Report) -> Vec<Figure> {
    let figures = &report.figures;
    let cases = several(figures.cases, "case");
    vec![
        Figure::ratio(
            "Macro F1",
            &figures.macro_f1,
            format!("over all {cases}; one left to a person counts as missed"),
        ),
        Figure::share(
            "Accuracy",
            figures.accuracy.as_ref(),
            format!("{} right of {} decided", figures.correct, figures.decided),
        ),
        Figure::share("Coverage", Some(&figures.coverage), format!("{} decided of {cases}", figures.decided)),
    ]
}

fn further(report: &Report) -> Vec<Figure> {
    let figures = &report.figures;
    let decided = figures.macro_f1_decided.as_ref();
    let mut further = vec![
        Figure::ratio("Micro F1", &figures.micro_f1, String::new()),
        Figure::ratio("Weighted F1", &figures.weighted_f1, String::new()),
    ];
    further.extend(decided.map(|f1| Figure::ratio("Macro F1 of the decided", f1, String::new())));
    further.extend(figures.error_cost.as_ref().map(|cost| Figure {
        span: None,
        ..Figure::ratio("Mean cost of an error", cost, "per case".to_owned())
    }));
    further
}

impl Figure {
    fn ratio(name: &'static str, estimate: &Estimate, about: String) -> Self {
        let span = Some(Span::new(estimate));
        Figure { name, value: ratio(estimate.value), interval: ratio_interval(estimate), span, about }
    }

    fn share(name: &'static str, estimate: Option<&Estimate>, about: String) -> Self {
        Figure {
            name,
            value: or_none(estimate, |estimate| percent(estimate.value)),
            interval: estimate.map(percent_interval).unwrap_or_default(),
            span: estimate.map(Span::new),
            about,
        }
    }
}

impl Span {
    fn new(estimate: &Estimate) -> Self {
        let [low, high, value] = [estimate.low, estimate.high, estimate.value].map(hundredths);
        Span { low, width: (high - low).max(0.0), value }
    }
}

fn hundredths(share: f64) -> f64 {
    if share.is_finite() { (share.clamp(0.0, 1.0) * 1_000.0).round() / 10.0 } else { 0.0 }
}

fn class_view(n: usize, class: &Class) -> ClassView<'_> {
    let last = class.confusion.len().saturating_sub(1);
    let cell = |(said, count): (usize, &usize)| {
        let share = if class.support > 0 { *count as f64 / class.support as f64 } else { 0.0 };
        let kind = match said {
            said if said == n => "right",
            said if said == last => "person",
            _ => "wrong",
        };
        // Even one of many is seen: nothing but an empty cell has no heat.
        let heat = (share * HEAT_STEPS).ceil().clamp(0.0, HEAT_STEPS) as u8;
        MatrixCell { count: *count, share: percent(share), heat, kind }
    };
    ClassView {
        label: &class.label,
        support: class.support,
        said: class.said,
        precision: Figure::share("", class.precision.as_ref(), String::new()),
        recall: Figure::share("", class.recall.as_ref(), String::new()),
        f1: ratio(class.f1),
        confusion: class.confusion.iter().enumerate().map(cell).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::report::sample;

    #[test]
    fn a_cell_is_as_hot_as_its_share_and_knows_what_it_is() {
        let report = sample::report();
        let view = SuiteView::new(0, &report);
        let row = |n: usize| {
            view.classes[n].confusion.iter().map(|cell| (cell.heat, cell.kind)).collect::<Vec<_>>()
        };
        assert_eq!(row(0), [(10, "right"), (0, "wrong"), (0, "wrong"), (0, "person")]);
        assert_eq!(row(2), [(0, "wrong"), (0, "wrong"), (7, "right"), (4, "person")]);
        assert_eq!((view.missed, view.gates_held), (2, 1));
    }
}
