//! What a suite's cases once came to and was found well: a later run must not be worse.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Panel,
    metrics::tally::Tally,
    report::{ArrivalReport, Before, CaseReport, Gate, Held, Report, percent},
};
use crate::config::{BaselineGates, Suite};

/// Equal but for rounding is equal.
pub(super) const ROUNDING: f64 = 1e-9;

/// Path of a suite's baseline.
pub fn baseline_file(suite: &str) -> String {
    format!("evals/{suite}/baseline.json")
}

/// What each case came to, by whom it was judged. Figures follow from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    pub judges: Vec<String>,
    pub splits: Vec<String>,
    /// Digest of the prompts that were asked by.
    pub prompt: String,
    pub cases: BTreeMap<String, Before>,
}

impl Baseline {
    /// What `report` says.
    pub fn of(report: &Report) -> Self {
        let case = |case: &CaseReport| {
            let before = Before { got: case.got.clone(), passed: case.passed, digest: case.digest.clone() };
            (case.id.clone(), before)
        };
        let arrival = |one: &ArrivalReport| {
            (one.id.clone(), Before { got: Some(one.got.clone()), passed: one.passed, digest: None })
        };
        Baseline {
            judges: report.judges.clone(),
            splits: report.splits.clone(),
            prompt: report.digests.prompt.clone(),
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

    /// The same case as it was when it was measured: what became of another says nothing of it.
    pub(super) fn before(&self, id: &str, digest: Option<&str>) -> Option<&Before> {
        self.cases.get(id).filter(|before| before.digest.as_deref() == digest)
    }

    fn of_report(&self, case: &CaseReport) -> Option<&Before> {
        self.before(&case.id, case.digest.as_deref())
    }

    /// Cases that are not what they were.
    fn changed<'a>(&self, report: &'a Report) -> Vec<&'a str> {
        let is_other =
            |case: &&CaseReport| self.cases.contains_key(&case.id) && self.of_report(case).is_none();
        report.cases.iter().filter(is_other).map(|case| case.id.as_str()).collect()
    }
}

/// What a run can be held against.
#[derive(Debug, Clone)]
pub enum Standing<'a> {
    Against(&'a Baseline),
    /// Nothing, and nothing is demanded: it is of a part, or of other judges or splits than the suite's.
    Free,
    /// Nothing, though the suite may demand it; why.
    Lacking(String),
}

/// What `gates` demand of `report` against its baseline, and whether it is met.
pub(super) fn held(gates: &BaselineGates, report: &Report, standing: &Standing<'_>) -> Vec<Gate> {
    match standing {
        Standing::Against(baseline) => against(gates, report, baseline),
        Standing::Lacking(reason) if *gates != BaselineGates::default() => vec![Gate {
            name: Gate::BASELINE.to_owned(),
            wanted: "a blessed baseline of these judges and splits".to_owned(),
            got: format!("{reason}: look at the figures, then --bless them"),
            held: Held::Failed,
        }],
        Standing::Lacking(_) | Standing::Free => Vec::new(),
    }
}

/// Figures of the cases that were there before, then and now: others would raise or lower today's alone.
struct Both {
    before: Tally,
    now: Tally,
}

fn both(report: &Report, baseline: &Baseline) -> Both {
    let index = |label: &str| report.labels.iter().position(|known| known == label);
    let mut both = Both { before: Tally::new(report.labels.len()), now: Tally::new(report.labels.len()) };
    for case in &report.cases {
        let (Some(before), Some(expected)) = (baseline.of_report(case), index(&case.expected)) else {
            continue;
        };
        both.before.add(expected, before.got.as_deref().and_then(index), 1);
        both.now.add(expected, case.got.as_deref().and_then(index), 1);
    }
    both
}

fn against(gates: &BaselineGates, report: &Report, baseline: &Baseline) -> Vec<Gate> {
    let Both { before, now } = both(report, baseline);
    let mut held = Vec::new();
    let mut drop = |name: String, most: Option<f64>, of: &dyn Fn(&Tally) -> Option<f64>| {
        if let (Some(most), Some(before)) = (most, of(&before)) {
            let now = of(&now).unwrap_or(0.0);
            held.push(Gate {
                name,
                wanted: format!("at least {}", percent((before - most).max(0.0))),
                got: format!("{}, before {}", percent(now), percent(before)),
                held: if before - now <= most + ROUNDING { Held::Passed } else { Held::Regressed },
            });
        }
    };
    drop("baseline.accuracy".to_owned(), gates.accuracy_drop_max, &Tally::accuracy_of_decided);
    drop("baseline.macro_f1".to_owned(), gates.macro_f1_drop_max, &Tally::macro_f1);
    for (at, label) in report.labels.iter().enumerate() {
        drop(format!("baseline.recall.{label}"), gates.recall_drop_max, &|tally| tally.recall(at));
    }
    if let Some(most) = gates.newly_failed_max {
        let was_well = |case: &&CaseReport| baseline.of_report(case).is_some_and(|before| before.passed);
        let failed = report.cases.iter().filter(|case| !case.passed).filter(was_well).count() as u64;
        held.push(Gate {
            name: Gate::NEWLY_FAILED.to_owned(),
            wanted: format!("at most {most}"),
            got: failed.to_string(),
            held: if failed <= most { Held::Passed } else { Held::Regressed },
        });
    }
    held.extend(whole(report, baseline));
    held
}

/// Whether every case of the baseline is there, as it was: else it could be met by leaving out what fails.
fn whole(report: &Report, baseline: &Baseline) -> Option<Gate> {
    let (missing, changed) = (baseline.missing(report), baseline.changed(report));
    let said = [(&missing, "missing"), (&changed, "changed")].into_iter().filter_map(|(cases, what)| {
        let first = cases.first()?;
        Some(format!("{} {what}, such as {first}", cases.len()))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| Gate {
        name: Gate::BASELINE_CASES.to_owned(),
        wanted: "every case of the baseline, as it was".to_owned(),
        got: said.join("; "),
        held: Held::Failed,
    })
}
