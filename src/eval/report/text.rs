//! The report for a terminal: as much as fits, and never wider than that.

mod cases;
mod comparison;
mod grid;
mod matrix;
mod sheet;

use super::{
    Class, Figures, Gate, Held, Report, Verdict,
    facts::facts,
    wording::{self, confidence, held, or_none, percent, percent_interval, ratio, ratio_interval, several},
};
use grid::{Cell, Column, Grid};
use sheet::{Ink, Sheet};

pub use comparison::comparison_text;

/// Notes shown at the most.
const NOTES_MAX: usize = 12;

/// A suite's report in lines of at most `width` columns. With `colour`, what is good and bad is coloured as terminals
/// understand it; without, the same is in the words.
pub fn text(report: &Report, width: usize, colour: bool) -> String {
    let mut sheet = Sheet::new(width, colour);
    head(report, &mut sheet);
    figures(&report.figures, &mut sheet);
    classes(&report.classes, &mut sheet);
    matrix::matrix(report, &mut sheet);
    gates(&report.gates, &mut sheet);
    sentences(report, &mut sheet);
    cases::missed(&report.cases, &mut sheet);
    notes(&report.notes, &mut sheet);
    sheet.finish()
}

fn head(report: &Report, sheet: &mut Sheet) {
    let ink = match report.verdict {
        Verdict::Passed => Ink::Good,
        Verdict::Failed | Verdict::Regressed => Ink::Bad,
    };
    let verdict = wording::verdict(report.verdict).to_uppercase();
    sheet.named(&report.suite, &verdict, ink);
    let about = format!(
        "{} by {}, {}, {}, seed {}",
        report.classifier,
        report.judges.join(" → "),
        report.mode,
        report.splits.join(" + "),
        report.seed
    );
    sheet.paragraph("", &about, Ink::Dim);
}

fn figures(figures: &Figures, sheet: &mut Sheet) {
    let mut grid =
        Grid::new(vec![Column::whole(""), Column::number(""), Column::whole(""), Column::extra("")]);
    let mut row = |name: &str, value: String, interval: String, about: String| {
        let interval = if interval.is_empty() { interval } else { format!("({interval})") };
        grid.row(vec![
            Cell::new(name, Ink::Plain),
            Cell::new(value, Ink::Strong),
            Cell::new(interval, Ink::Dim),
            Cell::new(about, Ink::Dim),
        ]);
    };
    let over = |what: &str| format!("over {what}");
    row("macro F1", ratio(figures.macro_f1.value), ratio_interval(&figures.macro_f1), over("all cases"));
    if let Some(f1) = &figures.macro_f1_decided {
        row("F1, decided", ratio(f1.value), ratio_interval(f1), over("the decided"));
    }
    row("micro F1", ratio(figures.micro_f1.value), ratio_interval(&figures.micro_f1), String::new());
    row("weighted F1", ratio(figures.weighted_f1.value), ratio_interval(&figures.weighted_f1), String::new());
    let accuracy = figures.accuracy.as_ref();
    row(
        "accuracy",
        or_none(accuracy, |a| percent(a.value)),
        accuracy.map(percent_interval).unwrap_or_default(),
        format!("{} of {} decided", figures.correct, figures.decided),
    );
    row(
        "coverage",
        percent(figures.coverage.value),
        percent_interval(&figures.coverage),
        format!("{} of {}", figures.decided, several(figures.cases, "case")),
    );
    if let Some(cost) = &figures.error_cost {
        row("error cost", ratio(cost.value), ratio_interval(cost), "mean per case".to_owned());
    }
    sheet.blank();
    grid.show(sheet);
}

fn classes(classes: &[Class], sheet: &mut Sheet) {
    let mut grid = Grid::new(vec![
        Column::text("CLASS"),
        Column::number("CASES"),
        Column::number("SAID"),
        Column::number("PRECISION"),
        Column::extra(""),
        Column::number("RECALL"),
        Column::extra(""),
        Column::number("F1"),
    ]);
    for class in classes {
        let interval =
            |estimate: Option<&_>| estimate.map(|e| format!("({})", percent_interval(e))).unwrap_or_default();
        let (precision, recall) = (class.precision.as_ref(), class.recall.as_ref());
        grid.row(vec![
            Cell::new(&class.label, Ink::Plain),
            Cell::new(class.support.to_string(), Ink::Plain),
            Cell::new(class.said.to_string(), Ink::Plain),
            Cell::new(or_none(precision, |p| percent(p.value)), Ink::Plain),
            Cell::new(interval(precision), Ink::Dim),
            Cell::new(or_none(recall, |r| percent(r.value)), Ink::Plain),
            Cell::new(interval(recall), Ink::Dim),
            Cell::new(ratio(class.f1), Ink::Strong),
        ]);
    }
    if !classes.is_empty() {
        sheet.blank();
        grid.show(sheet);
    }
}

/// Columns below which a table of gates would have no room for what was wanted.
const GATE_COLUMNS_MIN: usize = 60;

fn gates(gates: &[Gate], sheet: &mut Sheet) {
    if gates.is_empty() {
        return;
    }
    let state = |gate: &Gate| match gate.held {
        Held::Passed => (format!("✓ {}", held(gate.held)), Ink::Good),
        Held::Failed | Held::Regressed => (format!("✗ {}", held(gate.held)), Ink::Bad),
    };
    if sheet.width() < GATE_COLUMNS_MIN {
        sheet.blank();
        for gate in gates {
            let (state, ink) = state(gate);
            sheet.line(&[("  ", Ink::Plain), (&state, ink), (" ", Ink::Plain), (&gate.name, Ink::Plain)]);
            sheet.paragraph("    ", &format!("wanted {}, got {}", gate.wanted, gate.got), Ink::Dim);
        }
        return;
    }
    let mut grid =
        Grid::new(vec![Column::whole(""), Column::text("GATE"), Column::text("WANTED"), Column::text("GOT")]);
    for gate in gates {
        let (state, ink) = state(gate);
        grid.row(vec![
            Cell::new(state, ink),
            Cell::new(&gate.name, Ink::Plain),
            Cell::new(&gate.wanted, Ink::Dim),
            Cell::new(&gate.got, Ink::Strong),
        ]);
    }
    sheet.blank();
    grid.show(sheet);
}

fn sentences(report: &Report, sheet: &mut Sheet) {
    let facts = facts(report);
    if facts.is_empty() {
        return;
    }
    sheet.blank();
    for fact in facts {
        sheet.paragraph(&format!("  {:<13}", fact.about), &fact.says, Ink::Plain);
    }
}

fn notes(notes: &[String], sheet: &mut Sheet) {
    if notes.is_empty() {
        return;
    }
    sheet.heading("NOTES", "");
    for note in notes.iter().take(NOTES_MAX) {
        sheet.paragraph("  · ", note, Ink::Plain);
    }
    sheet.and_more(notes.len().saturating_sub(NOTES_MAX), "  ");
}

/// A confidence beside the judge who has it, such as `0.81, rules`.
fn judged(judge: Option<&str>, sure: Option<f64>) -> String {
    let parts = [sure.map(confidence), judge.map(str::to_owned)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
