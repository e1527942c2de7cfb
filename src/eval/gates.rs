//! What a suite demands, held against its report.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Panel,
    report::{
        ArrivalReport, Before, CaseReport, Class, Estimate, Gate, Held, Report, Verdict, dollars, duration,
        percent,
    },
};
use crate::config::{BaselineGates, Gates, Relation, Suite};

/// The figures that a suite once had and that were found well: what is held against it must not be worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub judges: Vec<String>,
    pub splits: Vec<String>,
    /// Digest of the prompts that were asked by.
    pub prompt: String,
    /// Right among the decided cases.
    pub accuracy: Option<f64>,
    pub macro_f1: f64,
    pub recall: BTreeMap<String, f64>,
    /// What each case came to.
    pub cases: BTreeMap<String, Before>,
}

impl Baseline {
    /// What `report` says.
    pub fn of(report: &Report) -> Self {
        let recall = |class: &Class| Some((class.label.clone(), class.recall?.value));
        let case =
            |case: &CaseReport| (case.id.clone(), Before { got: case.got.clone(), passed: case.passed });
        let arrival =
            |one: &ArrivalReport| (one.id.clone(), Before { got: Some(one.got.clone()), passed: one.passed });
        Baseline {
            judges: report.judges.clone(),
            splits: report.splits.clone(),
            prompt: report.digests.prompt.clone(),
            accuracy: report.figures.accuracy.map(|accuracy| accuracy.value),
            macro_f1: report.figures.macro_f1.value,
            recall: report.classes.iter().filter_map(recall).collect(),
            cases: report.cases.iter().map(case).chain(report.arrivals.iter().map(arrival)).collect(),
        }
    }

    /// Whether it is of the same judges on the same splits, so that figures can be compared.
    pub fn is_of(&self, panel: &Panel, suite: &Suite) -> bool {
        self.judges.iter().eq(panel.names().iter().map(|name| &**name))
            && self.splits.iter().eq(suite.splits.iter().map(|split| split.as_str()))
    }

    /// Cases that were measured and are not there any more.
    pub fn missing<'a>(&'a self, report: &Report) -> Vec<&'a str> {
        let is_gone = |id: &&String| {
            !report.cases.iter().any(|case| case.id == **id)
                && !report.arrivals.iter().any(|one| one.id == **id)
        };
        self.cases.keys().filter(is_gone).map(String::as_str).collect()
    }
}

/// Every demand of `gates`, and whether `report` meets it.
pub fn gates(gates: &Gates, report: &Report, baseline: Option<&Baseline>) -> Vec<Gate> {
    let mut held = of_labels(gates, report);
    held.extend(of_answers(gates, report));
    held.extend(of_findings(gates, report));
    held.extend(of_expense(gates, report));
    held.extend(of_actions(gates, report));
    held.extend(of_arrivals(gates, report));
    held.extend(of_grades(gates, report));
    held.extend(of_relations(gates, report));
    held.extend(baseline.into_iter().flat_map(|baseline| against(&gates.baseline, report, baseline)));
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
    // Demanded of every suite whose cases forbid anything.
    let forbidden = actions.filter(|actions| actions.cases > 0).map(|actions| actions.forbidden as f64);
    let forbidden_max = gates.forbidden_actions_max.unwrap_or(0) as f64;
    let mut held: Vec<Gate> = Vec::new();
    held.extend(forbidden.map(|forbidden| at_most(Gate::FORBIDDEN_ACTIONS, forbidden_max, forbidden, plain)));
    // Where no case expects anything, nobody knows whether anything is missing.
    let missing = actions.filter(|actions| actions.expecting > 0).map(|actions| actions.missing as f64);
    held.extend(gates.missing_actions_max.map(|most| at_most_counted(Gate::MISSING_ACTIONS, most, missing)));
    let duplicates =
        actions.filter(|actions| actions.redelivered > 0).map(|actions| actions.duplicates as f64);
    held.extend(gates.duplicates_max.map(|most| at_most_counted(Gate::DUPLICATES, most, duplicates)));
    held
}

/// Demanded of every suite that has cases nobody is to judge.
fn of_arrivals(gates: &Gates, report: &Report) -> Option<Gate> {
    let astray = report.arrivals.iter().filter(|one| !one.passed).count() as f64;
    let most = gates.arrivals_missed_max.unwrap_or(0) as f64;
    (!report.arrivals.is_empty()).then(|| at_most(Gate::ARRIVALS, most, astray, plain))
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

fn against(gates: &BaselineGates, report: &Report, baseline: &Baseline) -> Vec<Gate> {
    let mut held = Vec::new();
    let mut drop = |name: String, most: Option<f64>, before: Option<f64>, now: Option<f64>| {
        if let (Some(most), Some(before)) = (most, before) {
            let now = now.unwrap_or(0.0);
            held.push(Gate {
                name,
                wanted: format!("at least {}", percent((before - most).max(0.0))),
                got: format!("{}, before {}", percent(now), percent(before)),
                // What is equal but for rounding is equal.
                held: if before - now <= most + 1e-9 { Held::Passed } else { Held::Regressed },
            });
        }
    };
    let accuracy = report.figures.accuracy.map(|accuracy| accuracy.value);
    drop("baseline.accuracy".to_owned(), gates.accuracy_drop_max, baseline.accuracy, accuracy);
    let macro_f1 = Some(report.figures.macro_f1.value);
    drop("baseline.macro_f1".to_owned(), gates.macro_f1_drop_max, Some(baseline.macro_f1), macro_f1);
    let recall: IndexMap<&str, Option<f64>> =
        report.classes.iter().map(|class| (class.label.as_str(), class.recall.map(|r| r.value))).collect();
    for (label, before) in &baseline.recall {
        let now = recall.get(label.as_str()).copied().flatten();
        drop(format!("baseline.recall.{label}"), gates.recall_drop_max, Some(*before), now);
    }
    if let Some(most) = gates.newly_failed_max {
        let was_well = |case: &&CaseReport| baseline.cases.get(&case.id).is_some_and(|before| before.passed);
        let failed = report.cases.iter().filter(|case| !case.passed).filter(was_well).count() as u64;
        held.push(Gate {
            name: Gate::NEWLY_FAILED.to_owned(),
            wanted: format!("at most {most}"),
            got: failed.to_string(),
            held: if failed <= most { Held::Passed } else { Held::Regressed },
        });
    }
    let missing = baseline.missing(report);
    if let Some(first) = missing.first() {
        held.push(Gate {
            name: Gate::BASELINE_CASES.to_owned(),
            wanted: "every case of the baseline".to_owned(),
            got: format!("{} are missing, such as {first}", missing.len()),
            held: Held::Failed,
        });
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
        held: if got.is_some_and(|got| got >= wanted) { Held::Passed } else { Held::Failed },
    }
}

fn at_most(name: &str, wanted: f64, got: f64, shown: fn(f64) -> String) -> Gate {
    Gate {
        name: name.to_owned(),
        wanted: format!("at most {}", shown(wanted)),
        got: shown(got),
        held: if got <= wanted { Held::Passed } else { Held::Failed },
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
