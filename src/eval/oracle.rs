//! One JSON object of numbers in, one of figures out: for other implementations of the same figures to be compared
//! with.

use serde::{Deserialize, Serialize};

use super::{
    compare::{Answered, CompareError, Run, Terms, compare},
    metrics::{
        Marked, calibration, classes,
        costs::{self, Costs, CostsError},
        findings::{self, Finding, Reviewed, Side, Within},
        risk, stability, threshold,
    },
    report::{
        Calibration, Class, Comparison, Estimate, Figures, FindingFigures, RiskPoint, Spread, Stability,
    },
    stats::{bootstrap::Plan, detectable, holm, kappa, mcnemar, normal, spread, wilson},
};
use crate::decide::calibration::Scaling;

/// What is to be figured out. All of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    seed: u64,
    resamples: usize,
    labels: Vec<String>,
    cases: Vec<Case>,
    /// What a second run said of the same cases; each case is then called by its place.
    again: Vec<Option<usize>>,
    /// Differences between the two runs that do not matter.
    margin: f64,
    bins: usize,
    costs: Option<Priced>,
    risk_max: f64,
    /// Expected label and what each sample said, by case.
    samples: Vec<(usize, Vec<Option<usize>>)>,
    reviews: Vec<Review>,
    lines: u32,
    quantiles: Vec<f64>,
    /// Hits and of how many.
    shares: Vec<(usize, usize)>,
    /// Right only in one run, and only in the other.
    discordant: Vec<(usize, usize)>,
    p_values: Vec<f64>,
    /// What two said of each thing.
    agreement: Vec<(usize, usize)>,
    values: Vec<f64>,
    /// Cases, and the share of them that only one run has right.
    detectable: Vec<(usize, f64)>,
    /// Confidence, and whether the answer was right.
    answers: Vec<(f64, bool)>,
    /// Confidences to be scaled by what was learnt from `answers`.
    confidences: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct Case {
    expected: usize,
    got: Option<usize>,
    confidence: Option<f64>,
    cluster: String,
}

#[derive(Debug, Deserialize)]
struct Priced {
    matrix: Vec<Vec<f64>>,
    person: f64,
}

#[derive(Debug, Deserialize)]
struct Review {
    expected: Vec<Place>,
    told: Vec<Place>,
    anchored: usize,
}

#[derive(Debug, Deserialize)]
struct Place {
    path: String,
    old: bool,
    first: u32,
    last: u32,
    kind: String,
}

/// The figures, by the names of what they come from.
#[derive(Debug, Serialize)]
pub struct Answer {
    figures: Option<Figures>,
    classes: Vec<Class>,
    error_cost: Option<Estimate>,
    comparison: Option<Comparison>,
    calibration: Option<Calibration>,
    risk_coverage: Vec<RiskPoint>,
    area: Option<f64>,
    /// Threshold, coverage and risk within `risk_max`.
    within: Option<(f64, f64, f64)>,
    /// Threshold, coverage, risk and mean cost.
    cheapest: Option<(f64, f64, f64, f64)>,
    stability: Option<Stability>,
    findings: Option<FindingFigures>,
    /// Which expected finding went with which told one, by review.
    pairs: Vec<Vec<(usize, usize)>>,
    quantiles: Vec<f64>,
    shares: Vec<Option<Estimate>>,
    discordant: Vec<f64>,
    p_values: Vec<f64>,
    kappa: Option<f64>,
    values: Option<Spread>,
    detectable: Vec<f64>,
    scaling: Option<Scaling>,
    /// Why there is no scaling.
    no_scaling: Option<String>,
    confidences: Vec<f64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    #[error(transparent)]
    Costs(#[from] CostsError),
    #[error(transparent)]
    Compare(#[from] CompareError),
}

/// Answers a question.
///
/// # Errors
/// The costs are none, or the second run cannot be compared with the first.
pub fn answer(question: &Question) -> Result<Answer, OracleError> {
    let plan = Plan { seed: question.seed, resamples: question.resamples };
    let cases: Vec<Marked<'_>> = question.cases.iter().map(marked).collect();
    let costs = question.costs.as_ref().map(|Priced { matrix, person }| Costs::new(matrix.clone(), *person));
    let costs = costs.transpose()?;
    let curve = risk::curve(&cases);
    let within = threshold::within(&cases, question.risk_max, threshold::Measure::Counted);
    let cheapest = costs.as_ref().and_then(|costs| threshold::cheapest(&cases, costs));
    let samples: Vec<stability::Asked<'_>> = question
        .samples
        .iter()
        .map(|(expected, got)| stability::Asked { expected: *expected, got })
        .collect();
    let within_lines = Within { lines: question.lines, same_kind: false };
    let (findings, pairs) = reviewed(&question.reviews, within_lines);
    let scaling = Scaling::fit(&question.answers);
    let scale = |confidence: &f64| scaling.ok().map(|scaling| scaling.apply(*confidence));
    Ok(Answer {
        figures: classes::figures(&cases, question.labels.len(), costs.as_ref(), plan),
        classes: classes::classes(&cases, &question.labels),
        error_cost: costs.as_ref().and_then(|costs| costs::per_case(&cases, costs, plan)),
        comparison: compared(question, plan)?,
        calibration: calibration::calibration(&cases, question.bins),
        area: risk::area(&curve),
        risk_coverage: curve,
        within: within.map(|pick| (pick.threshold, pick.coverage, pick.risk.value)),
        cheapest: cheapest.map(|(pick, cost)| (pick.threshold, pick.coverage, pick.risk.value, cost)),
        stability: stability::stability(&samples),
        findings,
        pairs,
        quantiles: question.quantiles.iter().map(|p| normal::quantile(*p)).collect(),
        shares: question.shares.iter().map(|(hits, of)| wilson::share(*hits, *of)).collect(),
        discordant: question.discordant.iter().map(|(a, b)| mcnemar::p_value(*a, *b)).collect(),
        p_values: holm::corrected(&question.p_values),
        kappa: kappa::cohen(&question.agreement),
        values: spread::spread(&question.values),
        detectable: question.detectable.iter().map(|(n, share)| detectable::difference(*n, *share)).collect(),
        no_scaling: scaling.err().map(|why| why.to_string()),
        confidences: question.confidences.iter().filter_map(scale).collect(),
        scaling: scaling.ok(),
    })
}

fn marked(case: &Case) -> Marked<'_> {
    let Case { expected, got, confidence, cluster } = case;
    Marked { expected: *expected, got: *got, confidence: *confidence, cluster }
}

/// The second run compared with the first, if there is one.
fn compared(question: &Question, plan: Plan) -> Result<Option<Comparison>, CompareError> {
    let Question { labels, cases, again, margin, .. } = question;
    if again.is_empty() {
        return Ok(None);
    }
    let ids: Vec<String> = (0..cases.len()).map(|id| id.to_string()).collect();
    let named = || cases.iter().zip(&ids);
    let a: Vec<_> = named().map(|of| answered(labels, of, of.0.got)).collect();
    let b: Vec<_> = named().zip(again).map(|(of, got)| answered(labels, of, *got)).collect();
    let (a, b) = (Run { name: "first", cases: &a }, Run { name: "second", cases: &b });
    compare("", labels, a, b, Terms { margin: *margin, plan }).map(Some)
}

fn answered<'a>(
    labels: &'a [String],
    (case, id): (&'a Case, &'a String),
    got: Option<usize>,
) -> Answered<'a> {
    let name = |at: usize| labels.get(at).map_or("", String::as_str);
    Answered {
        id,
        cluster: &case.cluster,
        digest: None,
        expected: name(case.expected),
        got: got.map(name),
        forbidden: false,
    }
}

fn finding(place: &Place) -> Finding<'_> {
    let side = if place.old { Side::Old } else { Side::New };
    Finding { path: &place.path, side, lines: (place.first, place.last), kind: &place.kind }
}

fn findings_of(places: &[Place]) -> Vec<Finding<'_>> {
    places.iter().map(finding).collect()
}

fn reviewed(reviews: &[Review], within: Within) -> (Option<FindingFigures>, Vec<Vec<(usize, usize)>>) {
    let both: Vec<_> =
        reviews.iter().map(|review| (findings_of(&review.expected), findings_of(&review.told))).collect();
    let cases = reviews.iter().zip(&both);
    let cases: Vec<Reviewed<'_>> = cases
        .map(|(review, (expected, told))| Reviewed { expected, told, anchored: review.anchored })
        .collect();
    let pairs = both.iter().map(|(expected, told)| findings::matched(expected, told, within)).collect();
    (findings::figures(&cases, within), pairs)
}
