//! What a suite demands, held against its report.

use super::{
    baseline::{self, ROUNDING, Standing},
    report::{Estimate, Gate, Held, Report, Verdict, dollars, duration, percent},
};
use crate::config::{Gates, Relation};

/// Every demand of `gates`, and whether `report` meets it.
pub fn gates(gates: &Gates, report: &Report, standing: &Standing<'_>) -> Vec<Gate> {
    let mut held = of_labels(gates, report);
    held.extend(of_answers(gates, report));
    held.extend(of_findings(gates, report));
    held.extend(of_expense(gates, report));
    held.extend(of_actions(gates, report));
    held.extend(of_arrivals(gates, report));
    held.extend(of_grades(gates, report));
    held.extend(of_relations(gates, report));
    held.extend(baseline::held(&gates.baseline, report, standing));
    held
}

fn value(estimate: Option<Estimate>) -> Option<f64> {
    estimate.map(|estimate| estimate.value)
}

fn of_labels(gates: &Gates, report: &Report) -> Vec<Gate> {
    let figures = &report.figures;
    let wanted = [
        ("accuracy_min", gates.accuracy_min, value(figures.accuracy)),
        ("coverage_min", gates.coverage_min, Some(figures.coverage.value)),
        ("macro_f1_min", gates.macro_f1_min, Some(figures.macro_f1.value)),
    ];
    let mut held: Vec<Gate> =
        wanted.into_iter().filter_map(|(name, min, got)| Some(at_least(name, min?, got))).collect();
    let class = |label: &str| report.classes.iter().find(|class| class.label == label);
    for (label, min) in &gates.precision_min {
        let got = class(label).and_then(|class| value(class.precision));
        held.push(at_least(&format!("precision_min.{label}"), *min, got));
    }
    for (label, min) in &gates.recall_min {
        let got = class(label).and_then(|class| value(class.recall));
        held.push(at_least(&format!("recall_min.{label}"), *min, got));
    }
    held
}

/// What must never happen in a part either: of `gates`, as far as cases of `report` say anything of it.
pub fn never(gates: &Gates, report: &Report) -> Gates {
    let forbids = report.actions.as_ref().is_some_and(|actions| actions.cases > 0);
    Gates {
        forbidden_actions_max: gates.forbidden_actions_max.filter(|_| forbids),
        arrivals_missed_max: gates.arrivals_missed_max.filter(|_| !report.arrivals.is_empty()),
        ..Gates::default()
    }
}

/// Where no language model was asked, nothing is demanded of its answers.
fn of_answers(gates: &Gates, report: &Report) -> Option<Gate> {
    let answers = &report.answers;
    let min = gates.valid_min.filter(|_| answers.asked > 0)?;
    Some(at_least("valid_min", min, Some(answers.valid_first as f64 / answers.asked as f64)))
}

fn of_findings(gates: &Gates, report: &Report) -> impl Iterator<Item = Gate> {
    let found = report.findings.as_ref();
    let wanted = [
        ("findings_recall_min", gates.findings_recall_min, found.and_then(|found| value(found.recall))),
        (
            "findings_precision_min",
            gates.findings_precision_min,
            found.and_then(|found| value(found.precision)),
        ),
    ];
    wanted.into_iter().filter_map(|(name, min, got)| Some(at_least(name, min?, got)))
}

fn of_expense(gates: &Gates, report: &Report) -> Vec<Gate> {
    // Where nothing was decided, nothing is calibrated.
    let ece = report.calibration.as_ref().map_or(1.0, |found| found.ece);
    let latency = report.latency_ms.as_ref().map(|spread| spread.p95);
    let cost = report.cost_usd.as_ref().map(|cost| cost.total / report.figures.cases.max(1) as f64);
    let most = |name, wanted: Option<f64>, got: Option<f64>, shown| Some(at_most(name, wanted?, got?, shown));
    let held = [
        most("ece_max", gates.ece_max, Some(ece), percent),
        most("latency_p95_ms_max", gates.latency_p95_ms_max, latency, duration),
        most("cost_usd_max", gates.cost_usd_max, cost, dollars),
    ];
    held.into_iter().flatten().collect()
}

fn of_actions(gates: &Gates, report: &Report) -> Vec<Gate> {
    let actions = report.actions.as_ref();
    let asking = actions.filter(|actions| actions.cases > 0);
    // Demanded also where it is not written, of every suite whose cases say anything of actions.
    let forbidden_max = gates.forbidden_actions_max.or(asking.map(|_| 0));
    let forbidden = asking.map(|actions| actions.forbidden as f64);
    let mut held: Vec<Gate> = Vec::new();
    held.extend(forbidden_max.map(|most| at_most_counted(Gate::FORBIDDEN_ACTIONS, most, forbidden)));
    let not_allowed = asking.map(|actions| actions.not_allowed as f64);
    held.extend(
        gates.not_allowed_actions_max.map(|most| at_most_counted(Gate::NOT_ALLOWED, most, not_allowed)),
    );
    // Where no case expects anything, nobody knows whether anything is missing.
    let missing = actions.filter(|actions| actions.expecting > 0).map(|actions| actions.missing as f64);
    held.extend(gates.missing_actions_max.map(|most| at_most_counted(Gate::MISSING_ACTIONS, most, missing)));
    let duplicates =
        actions.filter(|actions| actions.redelivered > 0).map(|actions| actions.duplicates as f64);
    held.extend(gates.duplicates_max.map(|most| at_most_counted(Gate::DUPLICATES, most, duplicates)));
    held
}

/// Demanded also where it is not written, of every suite that has cases nobody is to judge.
fn of_arrivals(gates: &Gates, report: &Report) -> Option<Gate> {
    let arrivals = Some(&report.arrivals).filter(|all| !all.is_empty());
    let most = gates.arrivals_missed_max.or(arrivals.map(|_| 0))?;
    let astray = arrivals.map(|all| all.iter().filter(|one| !one.passed).count() as f64);
    Some(at_most_counted(Gate::ARRIVALS, most, astray))
}

fn of_grades(gates: &Gates, report: &Report) -> Vec<Gate> {
    let graded = |field: &str| report.graded.iter().find(|graded| graded.field == field);
    let means = gates.graded_mean_min.iter().map(|(field, min)| {
        let mean = graded(field).and_then(|graded| graded.mean);
        at_least_as(&format!("graded_mean_min.{field}"), *min, mean, hundredths)
    });
    let agreements = gates.graded_kappa_min.iter().map(|(field, min)| {
        let agreement = graded(field).and_then(|graded| graded.agreement);
        at_least_as(&format!("graded_kappa_min.{field}"), *min, agreement, hundredths)
    });
    means.chain(agreements).collect()
}

fn of_relations(gates: &Gates, report: &Report) -> Vec<Gate> {
    let mut held = Vec::new();
    for relation in Relation::ALL {
        let figures = report.metamorphic.iter().find(|figures| figures.relation == relation);
        let wanted = gates.metamorphic.of(relation);
        // Where nobody goes by labels, nothing can be demanded of that.
        if let Some(wanted) = wanted.filter(|_| !figures.is_some_and(|figures| figures.nobody)) {
            let share = figures.and_then(|figures| value(figures.share));
            held.push(at_least(&format!("metamorphic.{}_min", relation.as_str()), wanted, share));
        }
    }
    held
}

/// The worst of all gates: to fail is worse than to be worse than before.
pub fn verdict(gates: &[Gate]) -> Verdict {
    let any = |held| gates.iter().any(|gate| gate.held == held);
    match (any(Held::Failed), any(Held::Regressed)) {
        (true, _) => Verdict::Failed,
        (false, true) => Verdict::Regressed,
        (false, false) => Verdict::Passed,
    }
}

fn at_least(name: &str, wanted: f64, got: Option<f64>) -> Gate {
    at_least_as(name, wanted, got, percent)
}

fn at_least_as(name: &str, wanted: f64, got: Option<f64>, shown: fn(f64) -> String) -> Gate {
    Gate {
        name: name.to_owned(),
        wanted: format!("at least {}", shown(wanted)),
        got: got.map_or("nothing to measure".to_owned(), shown),
        held: if got.is_some_and(|got| got >= wanted - ROUNDING) { Held::Passed } else { Held::Failed },
    }
}

fn at_most(name: &str, wanted: f64, got: f64, shown: fn(f64) -> String) -> Gate {
    Gate {
        name: name.to_owned(),
        wanted: format!("at most {}", shown(wanted)),
        got: shown(got),
        held: if got <= wanted + ROUNDING { Held::Passed } else { Held::Failed },
    }
}

/// A count that must be there: what was not measured does not hold.
fn at_most_counted(name: &str, wanted: u64, got: Option<f64>) -> Gate {
    match got {
        Some(got) => at_most(name, wanted as f64, got, plain),
        None => Gate {
            name: name.to_owned(),
            wanted: format!("at most {wanted}"),
            got: "nothing to measure".to_owned(),
            held: Held::Failed,
        },
    }
}

/// As grades are told.
fn hundredths(value: f64) -> String {
    format!("{value:.2}")
}

/// No more digits than say something.
fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
