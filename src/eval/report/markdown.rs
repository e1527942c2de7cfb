//! The report as Markdown, for a comment on a pull request: the figures open, the rest folded.

mod comment;
mod escape;

use super::{
    CaseReport, Change, Changed, Class, Comparison, Held, Report, Verdict,
    facts::facts,
    wording::{
        chance, change, change_estimate, change_reason, changes, detectable, held, or_none, percent,
        percent_estimate, points, ratio, ratio_change, ratio_estimate, said, several, verdict,
    },
};
use comment::{Comment, Table};
use escape::{account, code, prose};

/// Suites, classes and gates shown at the most.
const ROWS_MAX: usize = 60;

/// Cases shown at the most in one list.
const CASES_MAX: usize = 25;

/// A comment on all suites and on the comparisons of two runs. It is never longer than a comment may
/// be: what has no room is left out, and said to be.
pub fn markdown(reports: &[Report], comparisons: &[Comparison]) -> String {
    let mut comment = Comment::new();
    comment.add(format!("## {}\n", headline(reports, comparisons)));
    comment.add(suites(reports));
    for report in reports {
        comment.add_some(gates(report));
    }
    for comparison in comparisons {
        comment.add(compared(comparison));
        comment.add_some(changed(comparison));
    }
    for report in reports {
        comment.add_some(since_baseline(report));
        comment.add_some(missed(report));
        comment.add_some(classes(report));
        comment.add_some(remarks(report));
    }
    comment.finish()
}

/// A comparison speaks for itself: what its sides miss is not asked.
fn headline(reports: &[Report], comparisons: &[Comparison]) -> String {
    if !comparisons.is_empty() {
        let mark = if comparisons.iter().any(|one| one.verdict == Change::Worse) { "❌" } else { "✅" };
        return format!("{mark} Eval: {}", changes(comparisons));
    }
    let passed = reports.iter().filter(|report| report.verdict == Verdict::Passed).count();
    match (passed, reports.len()) {
        (_, 0) => "Eval: no suite was run".to_owned(),
        (passed, all) if passed == all => format!("✅ Eval: {} passed", several(all, "suite")),
        (passed, all) => format!("❌ Eval: {} of {} did not pass", all - passed, several(all, "suite")),
    }
}

fn suites(reports: &[Report]) -> String {
    let mut table = Table::new(&[
        "Suite",
        "Verdict",
        "Macro F1",
        "Right of the decided",
        "Decided",
        "Missed",
        "Gates held",
    ]);
    for report in reports.iter().take(ROWS_MAX) {
        let figures = &report.figures;
        let mark = if report.verdict == Verdict::Passed { "✅" } else { "❌" };
        let missed = report.cases.iter().filter(|case| !case.passed).count();
        let kept = report.gates.iter().filter(|gate| gate.held == Held::Passed).count();
        table.row(&[
            code(&report.suite),
            format!("{mark} {}", verdict(report.verdict)),
            ratio_estimate(&figures.macro_f1),
            or_none(figures.accuracy.as_ref(), percent_estimate),
            percent_estimate(&figures.coverage),
            format!("{missed} of {}", figures.cases),
            format!("{kept} of {}", report.gates.len()),
        ]);
    }
    table.finish(reports.len().saturating_sub(ROWS_MAX))
}

/// The gates that did not hold: they are what the reader has to act on.
fn gates(report: &Report) -> Option<String> {
    let broken: Vec<_> = report.gates.iter().filter(|gate| gate.held != Held::Passed).collect();
    if broken.is_empty() {
        return None;
    }
    let mut table = Table::new(&["Gate", "Wanted", "Got", ""]);
    for gate in broken.iter().take(ROWS_MAX) {
        let state = format!("❌ {}", held(gate.held));
        table.row(&[prose(&gate.name), prose(&gate.wanted), prose(&gate.got), state]);
    }
    let table = table.finish(broken.len().saturating_sub(ROWS_MAX));
    Some(format!("**Gates that did not hold in {}**\n\n{table}", code(&report.suite)))
}

fn compared(comparison: &Comparison) -> String {
    let mut table = Table::new(&["", "B less A"]);
    let accuracy = format!("{} points", change_estimate(&comparison.accuracy_delta, points));
    table.row(&["Share right".to_owned(), accuracy]);
    table.row(&["Macro F1".to_owned(), change_estimate(&comparison.macro_f1_delta, ratio_change)]);
    let counts = format!(
        "{} right in both, {} only in A, {} only in B, {} in neither",
        comparison.both, comparison.only_a, comparison.only_b, comparison.neither
    );
    table.row(&[several(comparison.cases, "case"), counts]);
    table.row(&["Exact McNemar".to_owned(), format!("p {}", equals(comparison.p_value))]);
    for class in comparison.classes.iter().take(ROWS_MAX) {
        let [a, b] = [class.recall_a, class.recall_b].map(|recall| or_none(recall, percent));
        let holm = equals(class.p_corrected);
        table.row(&[format!("Recall of {}", code(&class.label)), format!("{a} → {b}, p {holm} (Holm)")]);
    }
    let notes: String = comparison.notes.iter().map(|note| format!("{}\n\n", prose(note))).collect();
    format!(
        "### {}: {}\n\n{} A is {}, B is {}.\n\n{notes}{}\n{}\n",
        code(&comparison.suite),
        change(comparison.verdict),
        change_reason(comparison),
        code(&comparison.a),
        code(&comparison.b),
        table.finish(comparison.classes.len().saturating_sub(ROWS_MAX)),
        detectable(comparison)
    )
}

fn equals(p: f64) -> String {
    let p = chance(p);
    if p.starts_with('<') { prose(&p) } else { format!("= {p}") }
}

fn changed(comparison: &Comparison) -> Option<String> {
    let rows = |changed: &Changed| {
        [Some(&changed.expected), changed.a.as_ref(), changed.b.as_ref()]
            .map(|label| label_of(label.map(String::as_str)))
    };
    let mut table = Table::new(&["Case", "Expected", "A", "B", ""]);
    for case in comparison.changed.iter().take(CASES_MAX) {
        let mended = case.b.as_ref() == Some(&case.expected);
        let [expected, a, b] = rows(case);
        table.row(&[code(&case.id), expected, a, b, (if mended { "mended" } else { "broke" }).to_owned()]);
    }
    let count = comparison.changed.len();
    let title = format!("{} changed from A to B", several(count, "case"));
    (count > 0).then(|| folded(&title, &table.finish(count.saturating_sub(CASES_MAX))))
}

fn since_baseline(report: &Report) -> Option<String> {
    let other = |case: &&CaseReport| {
        case.before.as_ref().is_some_and(|b| b.got != case.got || b.passed != case.passed)
    };
    let changed: Vec<&CaseReport> = report.cases.iter().filter(other).collect();
    let mut table = Table::new(&["Case", "Expected", "Baseline", "Now", ""]);
    for case in changed.iter().take(CASES_MAX) {
        let before = case.before.as_ref();
        let what = match (before.is_some_and(|before| before.passed), case.passed) {
            (false, true) => "mended",
            (true, false) => "broke",
            (true, true) | (false, false) => "other",
        };
        table.row(&[
            code(&case.id),
            code(&case.expected),
            label_of(before.and_then(|before| before.got.as_deref())),
            label_of(case.got.as_deref()),
            what.to_owned(),
        ]);
    }
    let title =
        format!("{}: {} changed since the baseline", code(&report.suite), several(changed.len(), "case"));
    (!changed.is_empty()).then(|| folded(&title, &table.finish(changed.len().saturating_sub(CASES_MAX))))
}

fn missed(report: &Report) -> Option<String> {
    let missed: Vec<&CaseReport> = report.cases.iter().filter(|case| !case.passed).collect();
    let mut table = Table::new(&["Case", "Expected", "Got", "What is wrong"]);
    for case in missed.iter().take(CASES_MAX) {
        let faults = case.faults.iter().take(3).map(|fault| prose(fault)).collect::<Vec<_>>().join("<br>");
        table.row(&[code(&case.id), code(&case.expected), label_of(case.got.as_deref()), faults]);
    }
    let title = format!("{}: {} missed", code(&report.suite), several(missed.len(), "case"));
    (!missed.is_empty()).then(|| folded(&title, &table.finish(missed.len().saturating_sub(CASES_MAX))))
}

fn classes(report: &Report) -> Option<String> {
    let mut table =
        Table::new(&["Class", "Cases", "Said", "Precision", "Recall", "F1", "Said to be instead"]);
    for (n, class) in report.classes.iter().enumerate().take(ROWS_MAX) {
        table.row(&[
            code(&class.label),
            class.support.to_string(),
            class.said.to_string(),
            or_none(class.precision.as_ref(), percent_estimate),
            or_none(class.recall.as_ref(), percent_estimate),
            ratio(class.f1),
            instead(report, n, class),
        ]);
    }
    let count = report.classes.len();
    let title = format!(
        "{}: {}",
        code(&report.suite),
        if count == 1 { "1 class".to_owned() } else { format!("{count} classes") }
    );
    (count > 0).then(|| folded(&title, &table.finish(count.saturating_sub(ROWS_MAX))))
}

/// The three labels that cases of a class were most often mistaken for.
fn instead(report: &Report, n: usize, class: &Class) -> String {
    let labels = report.labels.iter().map(|label| Some(label.as_str())).chain([None]);
    let counts = class.confusion.iter().zip(labels).enumerate();
    let mut wrong: Vec<(usize, Option<&str>)> = counts
        .filter(|(said, (count, _))| *said != n && **count > 0)
        .map(|(_, (count, label))| (*count, label))
        .collect();
    wrong.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    wrong
        .iter()
        .take(3)
        .map(|(count, label)| format!("{count} {}", label_of(*label)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn remarks(report: &Report) -> Option<String> {
    let facts = facts(report).into_iter().map(|fact| format!("- {}: {}\n", fact.about, account(&fact.says)));
    let notes = report.notes.iter().take(CASES_MAX).map(|note| format!("- {}\n", account(note)));
    let measured = format!(
        "- {} by {}, {}, {}, seed {}; prompt {}, schema {}, cases {}\n",
        code(&report.classifier),
        prose(&report.judges.join(", ")),
        prose(&report.mode),
        prose(&report.splits.join(", ")),
        report.seed,
        code(&report.digests.prompt),
        code(&report.digests.schema),
        code(&report.digests.cases)
    );
    let mut list: String = facts.chain(notes).collect();
    if report.notes.len() > CASES_MAX {
        list.push_str(&format!("- … and {} more\n", report.notes.len() - CASES_MAX));
    }
    Some(folded(&format!("{}: notes and other figures", code(&report.suite)), &(measured + &list)))
}

fn label_of(label: Option<&str>) -> String {
    label.map_or_else(|| said(None).to_owned(), code)
}

fn folded(title: &str, inside: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{inside}\n</details>\n")
}

#[cfg(test)]
mod tests;
