//! The cases as JSON within the page, which the script shows one by one when they are asked for.

use std::collections::HashMap;

use serde::Serialize;

use super::charts::{Dot, Reliability, RiskCoverage};
use crate::eval::report::{Before, CaseReport, Report};

#[derive(Serialize)]
struct SuiteData<'a> {
    labels: &'a [String],
    /// Every system prompt once: cases share them.
    systems: Vec<&'a str>,
    reliability: Vec<Dot>,
    risk_coverage: Vec<Dot>,
    cases: Vec<CaseData<'a>>,
}

#[derive(Serialize)]
struct CaseData<'a> {
    id: &'a str,
    line: usize,
    split: &'a str,
    tags: &'a [String],
    cluster: &'a str,
    expected: &'a str,
    got: Option<&'a str>,
    judge: Option<&'a str>,
    confidence: Option<f64>,
    why: &'a [String],
    right: bool,
    passed: bool,
    faults: &'a [String],
    actions: &'a [String],
    samples: &'a [Option<String>],
    latency_ms: Option<f64>,
    cost_usd: Option<f64>,
    /// Its place among the suite's system prompts.
    system: Option<usize>,
    event: Option<&'a str>,
    /// Written out here: a script would round long numbers.
    output: Option<String>,
    before: Option<&'a Before>,
}

/// JSON that may stand within a script element.
///
/// # Errors
/// A case's output cannot be written.
pub(super) fn json(reports: &[Report]) -> Result<String, serde_json::Error> {
    let suites: Result<Vec<SuiteData<'_>>, _> = reports.iter().map(suite).collect();
    Ok(within_script(&serde_json::to_string(&suites?)?))
}

/// The same JSON without signs that end a script element or begin a comment in one. They occur within strings only,
/// where they can be written as their numbers.
fn within_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    safe
}

fn suite(report: &Report) -> Result<SuiteData<'_>, serde_json::Error> {
    let mut systems = Vec::new();
    let mut places = HashMap::new();
    let mut cases = Vec::with_capacity(report.cases.len());
    for one in &report.cases {
        let system = one.prompt.as_ref().map(|prompt| {
            *places.entry(prompt.system.as_str()).or_insert_with(|| {
                systems.push(prompt.system.as_str());
                systems.len() - 1
            })
        });
        cases.push(case(one, system)?);
    }
    Ok(SuiteData {
        labels: &report.labels,
        systems,
        reliability: report
            .calibration
            .as_ref()
            .and_then(Reliability::new)
            .map(|plot| plot.dots)
            .unwrap_or_default(),
        risk_coverage: RiskCoverage::new(&report.risk_coverage).map(|plot| plot.dots).unwrap_or_default(),
        cases,
    })
}

fn case(case: &CaseReport, system: Option<usize>) -> Result<CaseData<'_>, serde_json::Error> {
    Ok(CaseData {
        id: &case.id,
        line: case.line,
        split: &case.split,
        tags: &case.tags,
        cluster: &case.cluster,
        expected: &case.expected,
        got: case.got.as_deref(),
        judge: case.judge.as_deref(),
        confidence: case.confidence,
        why: &case.why,
        right: case.right,
        passed: case.passed,
        faults: &case.faults,
        actions: &case.actions,
        samples: &case.samples,
        latency_ms: case.latency_ms,
        cost_usd: case.cost_usd,
        system,
        event: case.prompt.as_ref().map(|prompt| prompt.event.as_str()),
        output: case.output.as_ref().map(serde_json::to_string_pretty).transpose()?,
        before: case.before.as_ref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::report::{sample, sample::HOSTILE};

    #[test]
    fn no_text_ends_the_element_it_is_in() {
        let json = json(&[sample::report()]).unwrap();
        assert!(!json.contains(['<', '>', '&']), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read[0]["cases"][5]["event"], HOSTILE);
        assert_eq!(read[0]["cases"][5]["faults"][0], HOSTILE);
    }

    #[test]
    fn a_system_prompt_is_there_once() {
        let mut report = sample::report();
        report.cases[3].prompt = None;
        report.cases[4].prompt.as_mut().unwrap().system = "another".to_owned();
        let read: serde_json::Value = serde_json::from_str(&json(&[report]).unwrap()).unwrap();
        assert_eq!(read[0]["systems"], serde_json::json!(["You sort mail.", "another"]));
        let places: Vec<&serde_json::Value> =
            read[0]["cases"].as_array().unwrap().iter().map(|c| &c["system"]).collect();
        assert_eq!(serde_json::json!(places), serde_json::json!([0, 0, 0, null, 1, 0, 0]));
    }
}
