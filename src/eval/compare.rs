//! Whether one of two runs on the same cases is better, by how much, and whether so many cases could have told.

mod pairs;

use crate::eval::{
    metrics::{clusters::counted, tally::Tally},
    report::{CaseReport, Change, Changed, ClassChange, Comparison, Estimate},
    stats::{
        ALPHA,
        bootstrap::{self, Plan},
        detectable, holm, mcnemar,
    },
};

pub use pairs::{CompareError, Relabelled};

use pairs::Pair;

/// A case and what a run said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered<'a> {
    pub id: &'a str,
    /// Cases of one cluster hang together; a case that stands alone has its own id here.
    pub cluster: &'a str,
    /// Of what is asked and what is right, if it is known.
    pub digest: Option<&'a str>,
    pub expected: &'a str,
    /// `None`: left to a person.
    pub got: Option<&'a str>,
    /// Something is planned that the case forbids.
    pub forbidden: bool,
}

impl<'a> From<&'a CaseReport> for Answered<'a> {
    fn from(case: &'a CaseReport) -> Self {
        Answered {
            id: &case.id,
            cluster: &case.cluster,
            digest: case.digest.as_deref(),
            expected: &case.expected,
            got: case.got.as_deref(),
            forbidden: !case.forbidden.is_empty(),
        }
    }
}

/// Of fewer clusters the bootstrap draws next to nothing but what is there: its interval is too narrow to say anything.
pub const CLUSTERS_MIN: usize = 6;

/// One run of a suite.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub name: &'a str,
    pub cases: &'a [Answered<'a>],
}

/// How runs are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// δ, a share of all cases: a difference between the shares right below it does not matter.
    pub margin: f64,
    pub plan: Plan,
}

/// Compares `b` with `a`, case by case. What is compared is the share of all cases with the right label, where one
/// left to a person is not right. `labels` are those of the classifier, in order.
///
/// - [`Change::Worse`] is a run that plans what a case forbids where the other one does not, whatever else it gets right.
/// - [`Change::Better`] or else [`Change::Worse`] needs two witnesses: the exact McNemar test, which takes cases as
///   independent of each other, and the bootstrap interval of the difference, which draws clusters and does not.
/// - [`Change::Equivalent`] if neither, the whole interval lies within ±δ, and so many cases would have shown a difference
///   of δ. The interval alone is no evidence: of two runs that agree on three cases it is nothing wide.
/// - [`Change::Inconclusive`] else, and always of fewer than [`CLUSTERS_MIN`] clusters.
///
/// A label's change is that of its own cases; Holm's correction is over the labels that have any.
///
/// # Errors
/// The runs do not have the same cases, or there are none; see [`CompareError`].
pub fn compare(
    suite: &str,
    labels: &[String],
    a: Run<'_>,
    b: Run<'_>,
    terms: Terms,
) -> Result<Comparison, CompareError> {
    let pairs = pairs::paired(labels, a, b)?;
    let count =
        |in_a: bool, in_b: bool| pairs.iter().filter(|p| (p.right_a(), p.right_b()) == (in_a, in_b)).count();
    let (only_a, only_b) = (count(true, false), count(false, true));
    let p_value = mcnemar::p_value(only_a, only_b);
    let [accuracy_delta, macro_f1_delta] =
        changes(&pairs, labels.len(), terms.plan).ok_or(CompareError::NoCases)?;
    let differing = pairs.iter().filter(|pair| pair.right_a() != pair.right_b());
    let newly_forbidden: Vec<String> =
        pairs.iter().filter(|pair| pair.forbidden == [false, true]).map(|pair| pair.id.to_owned()).collect();
    // Cases of one cluster may be right or wrong together: they show no more than one.
    let clusters = counted(pairs.iter().map(|pair| (pair.cluster, ()))).len();
    let detectable = detectable::difference(clusters, (only_a + only_b) as f64 / pairs.len() as f64);
    Ok(Comparison {
        suite: suite.to_owned(),
        a: a.name.to_owned(),
        b: b.name.to_owned(),
        cases: pairs.len(),
        clusters,
        both: count(true, true),
        only_a,
        only_b,
        neither: count(false, false),
        p_value,
        accuracy_delta,
        macro_f1_delta,
        classes: classes(&pairs, labels),
        detectable,
        margin: terms.margin,
        verdict: match clusters {
            _ if !newly_forbidden.is_empty() => Change::Worse,
            ..CLUSTERS_MIN => Change::Inconclusive,
            CLUSTERS_MIN.. => verdict(p_value, accuracy_delta, detectable, terms.margin),
        },
        changed: differing.map(|pair| changed(pair, labels)).collect(),
        newly_forbidden,
        notes: Vec::new(),
    })
}

/// What a McNemar p-value, the interval of the difference and the smallest one that would have shown say together.
fn verdict(p_value: f64, delta: Estimate, detectable: f64, margin: f64) -> Change {
    if p_value <= ALPHA && delta.low > 0.0 {
        Change::Better
    } else if p_value <= ALPHA && delta.high < 0.0 {
        Change::Worse
    } else if detectable <= margin && -margin <= delta.low && delta.high <= margin {
        Change::Equivalent
    } else {
        Change::Inconclusive
    }
}

/// The changes of the share right and of macro F1, over the same draws.
fn changes(pairs: &[Pair<'_>], labels: usize, plan: Plan) -> Option<[Estimate; 2]> {
    let of = |said: fn(&Pair<'_>) -> Option<usize>| {
        let clusters = counted(pairs.iter().map(|pair| (pair.cluster, (pair.expected, said(pair)))));
        let mut tally = Tally::new(labels);
        move |drawn: &[usize]| {
            tally.clear();
            for ((expected, got), times) in drawn.iter().flat_map(|at| &clusters[*at]) {
                tally.add(*expected, *got, *times);
            }
            [tally.accuracy(), tally.macro_f1()]
        }
    };
    let clusters = counted(pairs.iter().map(|pair| (pair.cluster, ()))).len();
    let [accuracy, macro_f1] = bootstrap::changes(plan, clusters, of(|pair| pair.a), of(|pair| pair.b));
    Some([accuracy?, macro_f1?])
}

fn classes(pairs: &[Pair<'_>], labels: &[String]) -> Vec<ClassChange> {
    let mut classes: Vec<ClassChange> =
        labels.iter().enumerate().map(|(at, label)| class(pairs, at, label)).collect();
    let with_cases = || classes.iter().enumerate().filter(|(_, class)| class.support > 0);
    let tested: Vec<usize> = with_cases().map(|(at, _)| at).collect();
    let p_values: Vec<f64> = with_cases().map(|(_, class)| class.p_value).collect();
    for (at, corrected) in tested.into_iter().zip(holm::corrected(&p_values)) {
        classes[at].p_corrected = corrected;
    }
    classes
}

fn class(pairs: &[Pair<'_>], at: usize, label: &str) -> ClassChange {
    let own: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.expected == at).collect();
    let count = |holds: fn(&Pair<'_>) -> bool| own.iter().filter(|pair| holds(pair)).count();
    let recall = |hits: usize| (!own.is_empty()).then(|| hits as f64 / own.len() as f64);
    ClassChange {
        label: label.to_owned(),
        support: own.len(),
        recall_a: recall(count(|pair| pair.right_a())),
        recall_b: recall(count(|pair| pair.right_b())),
        p_value: mcnemar::p_value(
            count(|pair| pair.right_a() && !pair.right_b()),
            count(|pair| pair.right_b() && !pair.right_a()),
        ),
        p_corrected: 1.0,
    }
}

fn changed(pair: &Pair<'_>, labels: &[String]) -> Changed {
    let name = |got: Option<usize>| got.map(|at| labels[at].clone());
    Changed {
        id: pair.id.to_owned(),
        expected: labels[pair.expected].clone(),
        a: name(pair.a),
        b: name(pair.b),
    }
}

#[cfg(test)]
mod tests;
