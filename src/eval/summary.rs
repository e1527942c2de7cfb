//! From graded cases to a suite's report.

use std::collections::BTreeSet;

use super::{
    Graded, Mode, Panel, Trial,
    baseline::Standing,
    gates,
    grade::{ToldFinding, wanted_actions, wanted_finding, within},
    metrics::{
        Marked, actions, calibration,
        classes::{classes, figures},
        costs::{Costs, CostsError},
        findings::{self, Finding, Reviewed},
        risk,
        stability::{self, Asked},
    },
    report::{
        Answers, ArrivalReport, Digests, FindingFigures, GradedFigures, Paid, RelationFigures, Report,
        Verdict,
    },
    stats::{bootstrap::Plan, spread::spread},
};
use crate::{
    config::{Case, Suite},
    domain::Money,
};

/// What a report is made of.
pub struct Run<'a> {
    pub name: &'a str,
    pub suite: &'a Suite,
    pub panel: &'a Panel,
    pub mode: Option<Mode>,
    pub cases: &'a [Case],
    pub trials: &'a [Trial],
    pub graded: Vec<Graded>,
    /// Texts of the outputs that a judge graded.
    pub texts: Vec<GradedFigures>,
    /// Cases in another form, and what the answers about them cost.
    pub relations: (Vec<RelationFigures>, Money),
    /// Cases that are not to be judged.
    pub arrivals: Vec<ArrivalReport>,
    pub standing: Standing<'a>,
    /// All cases were asked about: of a part only what must never happen is demanded.
    pub whole: bool,
    pub digests: Digests,
    pub notes: Vec<String>,
}

/// The report of a run; `None` if it had no cases.
///
/// # Errors
/// The suite's costs are none.
pub fn report(run: Run<'_>) -> Result<Option<Report>, CostsError> {
    let Run {
        name,
        suite,
        panel,
        mode,
        cases,
        trials,
        graded,
        texts,
        relations,
        arrivals,
        standing,
        whole,
        digests,
        notes,
    } = run;
    let labels = panel.classifier.schema().labels();
    let index = |label: &str| labels.iter().position(|known| known == label);
    let marked: Vec<Marked<'_>> = graded
        .iter()
        .filter_map(|one| {
            let (expected, got) = (index(&one.report.expected)?, one.report.got.as_deref().and_then(index));
            let (confidence, cluster) = (one.report.confidence, one.report.cluster.as_str());
            Some(Marked { expected, got, confidence, cluster })
        })
        .collect();
    let plan = Plan::seeded(suite.seed);
    let costs = costs(suite, labels)?;
    let Some(figures) = figures(&marked, labels.len(), costs.as_ref(), plan) else { return Ok(None) };
    let all_samples: Vec<(usize, Vec<Option<usize>>)> = graded
        .iter()
        .filter_map(|one| {
            let got = one.report.samples.iter().map(|label| label.as_deref().and_then(index)).collect();
            Some((index(&one.report.expected)?, got))
        })
        .collect();
    let asked: Vec<Asked<'_>> =
        all_samples.iter().map(|(expected, got)| Asked { expected: *expected, got }).collect();
    let wanted: Vec<_> = cases.iter().map(|case| wanted_actions(&case.expect.actions)).collect();
    let classes = classes(&marked, labels);
    let curve = risk::curve(&marked);
    let latencies: Vec<f64> = graded.iter().filter_map(|one| one.report.latency_ms).collect();
    let costs_usd: Vec<f64> = graded.iter().filter_map(|one| one.report.cost_usd).collect();
    let paid_usd = Paid {
        asked: trials.iter().map(|trial| trial.told.cost_new.dollars()).sum(),
        // A sum of nothing is -0.
        graded: texts.iter().map(|figures| figures.cost_usd).sum::<f64>() + 0.0,
        metamorphic: relations.1.dollars(),
    };
    let notes = notes.into_iter().chain(lists_none(suite, cases, &graded)).collect();
    let mut report = Report {
        suite: name.to_owned(),
        classifier: panel.classifier.name().to_string(),
        judges: panel.names().iter().map(ToString::to_string).collect(),
        mode: mode.map_or(Mode::OFFLINE, Mode::as_str).to_owned(),
        splits: suite.splits.iter().map(|split| split.as_str().to_owned()).collect(),
        seed: suite.seed,
        digests,
        labels: labels.to_vec(),
        figures,
        classes,
        calibration: calibration::calibration(&marked, calibration::BINS),
        risk_coverage: risk::thinned(&curve, risk::POINTS_MAX),
        mean_risk: risk::area(&curve),
        stability: stability::stability(&asked),
        answers: answers(trials),
        latency_ms: spread(&latencies),
        cost_usd: spread(&costs_usd),
        paid_usd,
        actions: actions::figures(
            wanted.iter().zip(graded.iter().map(|one| one.actions.as_slice())),
            trials.iter().map(|trial| (trial.redelivery.planned, trial.redelivery.duplicates.len())),
        ),
        findings: review(suite, cases, &graded),
        graded: texts,
        metamorphic: relations.0,
        arrivals,
        gates: Vec::new(),
        verdict: Verdict::Passed,
        cases: graded.into_iter().map(|one| one.report).collect(),
        notes,
        leftovers: Vec::new(),
    };
    let never = gates::never(&suite.gate, &report);
    report.gates = gates::gates(if whole { &suite.gate } else { &never }, &report, &standing);
    report.verdict = gates::verdict(&report.gates);
    Ok(Some(report))
}

/// What errors cost, as a suite says it; `None` if it does not.
///
/// # Errors
/// Its costs are none.
pub fn costs(suite: &Suite, labels: &[String]) -> Result<Option<Costs>, CostsError> {
    let Some(costs) = &suite.cost else { return Ok(None) };
    let of = |expected: &String, said: &String| {
        if expected == said {
            return 0.0;
        }
        costs.of.get(expected).and_then(|row| row.get(said)).copied().unwrap_or(costs.otherwise)
    };
    let row = |expected| labels.iter().map(|said| of(expected, said)).collect();
    Costs::new(labels.iter().map(row).collect(), costs.person).map(Some)
}

fn answers(trials: &[Trial]) -> Answers {
    let mut answers = Answers::default();
    for told in trials.iter().map(|trial| &trial.told) {
        answers.asked += told.asked;
        answers.valid_first += told.valid_first;
        answers.repaired += told.repaired;
        for (flaw, count) in &told.flaws {
            *answers.flaws.entry((*flaw).to_owned()).or_default() += count;
        }
    }
    answers
}

/// Figures of the cases about whose findings something can be said: those of an answer that lists them, and those that are
/// left to a person, where another answer lists any.
fn review(suite: &Suite, cases: &[Case], graded: &[Graded]) -> Option<FindingFigures> {
    let table = suite.findings.as_ref()?;
    if !graded.iter().any(|one| one.report.got.is_some() && one.told.is_some()) {
        return None;
    }
    let both: Vec<(Vec<Finding<'_>>, Vec<Finding<'_>>, usize)> = cases
        .iter()
        .zip(graded)
        .filter_map(|(case, graded)| {
            let expected = case.expect.findings.as_ref()?.iter().map(wanted_finding).collect();
            let listed = graded.told.as_ref()?;
            let told = listed.iter().map(ToldFinding::as_finding).collect();
            let anchored = listed.iter().filter(|finding| finding.anchored).count();
            Some((expected, told, anchored))
        })
        .collect();
    let reviewed: Vec<Reviewed<'_>> = both
        .iter()
        .map(|(expected, told, anchored)| Reviewed { expected, told, anchored: *anchored })
        .collect();
    findings::figures(&reviewed, within(table))
}

/// Who decided without listing findings, where the cases ask about them: one sentence.
fn lists_none(suite: &Suite, cases: &[Case], graded: &[Graded]) -> Option<String> {
    let field = &suite.findings.as_ref()?.field;
    let asked = cases.iter().zip(graded).filter(|(case, _)| case.expect.findings.is_some());
    let silent: Vec<&Graded> =
        asked.map(|(_, graded)| graded).filter(|graded| graded.told.is_none()).collect();
    let judges: BTreeSet<&str> = silent.iter().filter_map(|graded| graded.report.judge.as_deref()).collect();
    let judges: Vec<&str> = judges.into_iter().collect();
    (!judges.is_empty()).then(|| {
        let (who, cases) = (judges.join(" or "), silent.len());
        format!("what {who} answers lists no findings in `{field}`: the figures of findings leave {cases} of the cases out")
    })
}
