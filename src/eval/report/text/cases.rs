//! The cases that did not come out as they should.

use super::{
    judged,
    sheet::{Ink, Sheet},
};
use crate::eval::report::{
    CaseReport,
    wording::{clipped, said},
};

/// Cases shown at the most.
const CASES_MAX: usize = 20;

/// Faults shown of one case at the most.
const FAULTS_MAX: usize = 3;

/// Characters shown of one fault at the most.
const FAULT_CHARS_MAX: usize = 300;

pub(super) fn missed(cases: &[CaseReport], sheet: &mut Sheet) {
    let missed: Vec<&CaseReport> = cases.iter().filter(|case| !case.passed).collect();
    if missed.is_empty() {
        return;
    }
    sheet.heading("MISSED CASES", &format!("{} of {}", missed.len(), cases.len()));
    for case in missed.iter().take(CASES_MAX) {
        one(case, sheet);
    }
    sheet.and_more(missed.len().saturating_sub(CASES_MAX), "  ");
}

fn one(case: &CaseReport, sheet: &mut Sheet) {
    let got = said(case.got.as_deref());
    let ink = match (case.right, &case.got) {
        (true, _) => Ink::Good,
        (false, None) => Ink::Doubtful,
        (false, Some(_)) => Ink::Bad,
    };
    let by = judged(case.judge.as_deref(), case.confidence);
    let by = if by.is_empty() { by } else { format!("  ({by})") };
    // Short ids are the rule; one that would push the labels off the line is cut.
    let id = clipped(&case.id, (sheet.width() / 2).max(8));
    sheet.line(&[
        ("  ", Ink::Plain),
        (&id, Ink::Strong),
        ("  ", Ink::Plain),
        (&case.expected, Ink::Plain),
        (" → ", Ink::Dim),
        (got, ink),
        (&by, Ink::Dim),
    ]);
    let told = if case.faults.is_empty() { &case.why } else { &case.faults };
    for sentence in told.iter().take(FAULTS_MAX) {
        sheet.paragraph("    · ", &clipped(sentence, FAULT_CHARS_MAX), Ink::Plain);
    }
    sheet.and_more(told.len().saturating_sub(FAULTS_MAX), "    ");
}
