//! What came of a case, held against what it was to come to.

use serde_json::Value;

use super::{
    Trial,
    metrics::{
        actions::{self, Fault, Wanted},
        findings::{self, Finding, Side, Within},
    },
    report::{Before, CaseReport, Prompt},
    test_lock,
};
use crate::{
    config::{self, Case, ExpectedActions, FindingsTable},
    decide::anchors::{Anchors, DiffSide},
};

/// A case's report, and what the figures need beside it.
#[derive(Debug, Clone)]
pub struct Graded {
    pub report: CaseReport,
    pub actions: Vec<Fault>,
    /// `None`: whoever decided lists no findings, so that nothing can be said of them. Nobody tells any of a case that is
    /// left to a person.
    pub told: Option<Vec<ToldFinding>>,
}

/// A finding of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldFinding {
    pub path: String,
    pub side: Side,
    pub lines: (u32, u32),
    pub kind: String,
    /// Whether its place can carry a comment.
    pub anchored: bool,
}

impl ToldFinding {
    pub fn as_finding(&self) -> Finding<'_> {
        Finding { path: &self.path, side: self.side, lines: self.lines, kind: &self.kind }
    }
}

/// A finding that a case expects.
pub fn wanted_finding(of: &config::Finding) -> Finding<'_> {
    let side = match of.side {
        config::Side::Left => Side::Old,
        config::Side::Right => Side::New,
    };
    let last = of.line_end.unwrap_or(of.line);
    Finding { path: &of.path, side, lines: (of.line, last), kind: &of.kind }
}

/// What a case says of actions.
pub fn wanted_actions(of: &ExpectedActions) -> Wanted<'_> {
    Wanted { expected: &of.expected, allowed: of.allowed.as_deref(), forbidden: &of.forbidden }
}

/// Grades `trial` of `case`; `review` says where the output holds a review's findings. What the case wants of other fields
/// than the label is asked only of judges that give them: `rules` and `local` say a label, and configuration fills in the rest.
pub fn grade(
    case: &Case,
    trial: &Trial,
    gives_fields: bool,
    review: Option<&FindingsTable>,
    before: Option<Before>,
) -> Graded {
    let verdict = trial.verdict();
    let got = verdict.map(|verdict| verdict.label.clone());
    let right = got.as_ref() == Some(&case.expect.label);
    let planned: Vec<String> = trial.rehearsal.planned().map(ToString::to_string).collect();
    let mut faults = Vec::new();
    match &got {
        Some(label) if !right => {
            faults.push(format!("it is said to be {label} and not {}", case.expect.label))
        }
        Some(_) => {}
        None => faults.push(match &trial.rehearsal.ignored {
            Some(reason) => format!("it is judged by nobody: {reason}"),
            None => "it is left to a person".to_owned(),
        }),
    }
    if let Some(output) = verdict.map(|verdict| &verdict.output).filter(|_| gives_fields) {
        for (field, wanted) in &case.expect.fields {
            let said = output.get(field).unwrap_or(&Value::Null);
            if !same(said, wanted) {
                faults.push(format!("`{field}` is {said} and not {wanted}"));
            }
        }
    }
    let wanted = wanted_actions(&case.expect.actions);
    let mut wrong = actions::faults(&wanted, &planned);
    // What must not happen must not happen once in many times.
    let others =
        trial.ever_planned.iter().map(|name| name.to_string()).filter(|name| !planned.contains(name));
    wrong.extend(actions::too_much(&wanted, &others.collect::<Vec<_>>()));
    let forbidden = wrong.iter().filter_map(|fault| match fault {
        Fault::Forbidden(name) => Some(name.clone()),
        Fault::Missing(_) | Fault::NotAllowed(_) => None,
    });
    faults.extend(wrong.iter().map(ToString::to_string));
    let again = &trial.redelivery.duplicates;
    faults.extend(again.iter().map(|action| format!("`{action}` is done again if it is delivered again")));
    let told = review.and_then(|table| told(case, trial, table));
    if let (Some(table), Some(told), Some(_)) = (review, &told, verdict) {
        faults.extend(review_faults(case, told, table));
    }
    let report = CaseReport {
        id: case.id.clone(),
        line: case.line,
        split: case.split().as_str().to_owned(),
        tags: case.tags.clone(),
        cluster: case.cluster().to_owned(),
        digest: Some(test_lock::digest(case)),
        expected: case.expect.label.clone(),
        got,
        judge: verdict.map(|verdict| verdict.judge.to_string()),
        confidence: verdict.map(|verdict| verdict.confidence),
        why: trial.why(),
        right,
        passed: faults.is_empty(),
        faults,
        forbidden: forbidden.collect(),
        duplicates: again.clone(),
        actions: planned,
        samples: trial.samples.clone(),
        latency_ms: Some(trial.latency_ms),
        cost_usd: (trial.told.asked > 0).then(|| trial.told.cost.dollars() / f64::from(trial.asked_times)),
        prompt: Some(Prompt { system: trial.prompt.0.clone(), event: trial.prompt.1.clone() }),
        output: trial.said.output().cloned(),
        before,
    };
    Graded { report, actions: wrong, told }
}

/// Whether two values say the same: JSON does not tell 5 from 5.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Findings beside the diff, and expected ones that are not told. Those that nobody expects are told by the precision of
/// all.
fn review_faults(case: &Case, told: &[ToldFinding], table: &FindingsTable) -> Vec<String> {
    let astray = told.iter().filter(|finding| !finding.anchored).map(|finding| {
        let (path, (line, _)) = (&finding.path, finding.lines);
        format!("a finding is at {path}:{line}, which the diff does not show")
    });
    let expected: Vec<Finding<'_>> = case.expect.findings.iter().flatten().map(wanted_finding).collect();
    let all: Vec<Finding<'_>> = told.iter().map(ToldFinding::as_finding).collect();
    let matched = findings::matched(&expected, &all, within(table));
    let missed = expected.iter().enumerate().filter(|(at, _)| !matched.iter().any(|(found, _)| found == at));
    astray
        .chain(missed.map(|(_, Finding { path, lines: (line, _), .. })| {
            format!("the finding at {path}:{line} is not told")
        }))
        .collect()
}

/// When two findings are the same.
pub fn within(table: &FindingsTable) -> Within {
    Within { lines: table.lines_max, same_kind: table.same_kind }
}

/// The findings of the output, if it lists any or none. One that names no place is nowhere.
fn told(case: &Case, trial: &Trial, table: &FindingsTable) -> Option<Vec<ToldFinding>> {
    let Some(output) = trial.said.output() else { return Some(Vec::new()) };
    let listed = output.get(&table.field)?.as_array()?;
    let anchors = case.gathered.get(&table.diff).and_then(Value::as_str).map(Anchors::of).unwrap_or_default();
    let one = |finding: &Value| {
        let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let line = |name: &str| finding.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let side = if text("side").eq_ignore_ascii_case("left") { Side::Old } else { Side::New };
        let first = line("line").unwrap_or(0);
        let lines = (first, line("line_end").unwrap_or(first));
        let of_diff = match side {
            Side::Old => DiffSide::Old,
            Side::New => DiffSide::New,
        };
        let path = text("path");
        let anchored = anchors.hold(&path, of_diff, lines);
        ToldFinding { path, side, lines, kind: text("kind"), anchored }
    };
    Some(listed.iter().map(one).collect())
}
