//! The report as one HTML file that needs nothing else: no network, no server, no other file.
//!
//! What strangers wrote gets in on two ways only: through the template, which escapes it, and as JSON that the script
//! turns into text. The page's own policy lets nothing run but that one script, and nothing be fetched at all.

mod charts;
mod compared;
mod data;
mod suite;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value, context, escape_formatter,
    syntax::SyntaxConfig, value::Serde,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    Change, Comparison, Report, Verdict,
    wording::{changes, is_unseen, several},
};
use compared::ComparedView;
use suite::SuiteView;

const PAGE: &str = include_str!("html/page.j2");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("the page's template: {0}")]
    Template(#[from] minijinja::Error),
    #[error("the page's cases: {0}")]
    Cases(#[from] serde_json::Error),
}

/// The page.
#[derive(Serialize)]
struct Page<'a> {
    title: String,
    verdict: &'static str,
    policy: String,
    suites: Vec<SuiteView<'a>>,
    compared: Vec<ComparedView<'a>>,
}

/// All suites and the comparisons of two runs, as one HTML file.
///
/// # Errors
/// A case's output cannot be written as JSON, or the template does not fit the figures.
pub fn html(reports: &[Report], comparisons: &[Comparison]) -> Result<String, PageError> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_formatter(seen);
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    let page = Page {
        title: title(reports, comparisons),
        verdict: verdict(reports, comparisons),
        policy: policy(),
        suites: reports.iter().enumerate().map(|(n, report)| SuiteView::new(n, report)).collect(),
        compared: comparisons
            .iter()
            .enumerate()
            .map(|(n, comparison)| ComparedView::new(n, comparison, reports))
            .collect(),
    };
    let data = data::json(reports)?;
    let template = env.template_from_str(PAGE)?;
    Ok(template.render(context! {
        page => Serde(page),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        data => Value::from_safe_string(data),
    })?)
}

/// Whatever the template shows is escaped, with the numbers of letters that nobody sees in their places: a direction that an
/// id turns would make it read as another one. Only the page's own style, script and data are safe, and stay as they are.
fn seen(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|text| !value.is_safe() && text.contains(is_unseen)) {
        Some(text) => escape_formatter(out, state, &Value::from(numbered(text))),
        None => escape_formatter(out, state, value),
    }
}

/// As the script does it too.
fn numbered(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            shown.push_str(&format!("U+{:04X}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn title(reports: &[Report], comparisons: &[Comparison]) -> String {
    if !comparisons.is_empty() {
        return changes(comparisons);
    }
    let passed = reports.iter().filter(|report| report.verdict == Verdict::Passed).count();
    match reports {
        [] => "No suite was run".to_owned(),
        [report] => format!("{} {}", report.suite, super::wording::verdict(report.verdict)),
        _ if passed == reports.len() => format!("All {} passed", several(passed, "suite")),
        _ => format!("{passed} of {} passed", several(reports.len(), "suite")),
    }
}

/// The worst of all; without a suite there is none. A comparison speaks for itself.
fn verdict(reports: &[Report], comparisons: &[Comparison]) -> &'static str {
    if !comparisons.is_empty() {
        let is_worse = comparisons.iter().any(|one| one.verdict == Change::Worse);
        return super::wording::verdict(if is_worse { Verdict::Regressed } else { Verdict::Passed });
    }
    let any = |verdict| reports.iter().any(|report| report.verdict == verdict);
    let worst = [Verdict::Failed, Verdict::Regressed, Verdict::Passed].into_iter().find(|worst| any(*worst));
    worst.map_or("none", super::wording::verdict)
}

/// Nothing is fetched, framed or sent; no script runs and no style holds but the page's own.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

#[cfg(test)]
mod tests;
