//! Two runs side by side, for a terminal.

use super::{
    grid::{Cell, Column, Grid},
    sheet::{Ink, Sheet},
};
use crate::eval::report::{
    Change, Changed, ClassChange, Comparison,
    wording::{
        chance, change, change_estimate, change_reason, detectable, or_none, percent, points, ratio_change,
        said, several,
    },
};

/// Changed cases shown at the most, of those mended and of those broken each.
const CHANGED_MAX: usize = 20;

/// A comparison in lines of at most `width` columns. With `colour`, what is good and bad is coloured as terminals
/// understand it; without, the same is in the words.
pub fn comparison_text(comparison: &Comparison, width: usize, colour: bool) -> String {
    let mut sheet = Sheet::new(width, colour);
    let ink = match comparison.verdict {
        Change::Better => Ink::Good,
        Change::Worse => Ink::Bad,
        Change::Equivalent => Ink::Plain,
        Change::Inconclusive => Ink::Doubtful,
    };
    sheet.named(&comparison.suite, &change(comparison.verdict).to_uppercase(), ink);
    sheet.paragraph("", &change_reason(comparison), Ink::Plain);
    comparison.notes.iter().for_each(|note| sheet.paragraph("", note, Ink::Doubtful));
    sheet.blank();
    sheet.paragraph("  A  ", &comparison.a, Ink::Plain);
    sheet.paragraph("  B  ", &comparison.b, Ink::Plain);
    figures(comparison, &mut sheet);
    classes(&comparison.classes, &mut sheet);
    let (mended, broken): (Vec<&Changed>, _) =
        comparison.changed.iter().partition(|case| case.b.as_ref() == Some(&case.expected));
    cases("RIGHT ONLY IN B", &mended, &mut sheet);
    cases("RIGHT ONLY IN A", &broken, &mut sheet);
    sheet.finish()
}

fn figures(comparison: &Comparison, sheet: &mut Sheet) {
    let accuracy = format!("{} points", change_estimate(&comparison.accuracy_delta, points));
    sheet.blank();
    sheet.paragraph("  share right  ", &accuracy, Ink::Strong);
    sheet.paragraph(
        "  macro F1     ",
        &change_estimate(&comparison.macro_f1_delta, ratio_change),
        Ink::Strong,
    );
    let counts = format!(
        "{}: {} right in both, {} only in A, {} only in B, {} in neither; exact McNemar p = {}",
        several(comparison.cases, "case"),
        comparison.both,
        comparison.only_a,
        comparison.only_b,
        comparison.neither,
        chance(comparison.p_value)
    );
    sheet.paragraph("  ", &counts.replace("= <", "<"), Ink::Plain);
    sheet.paragraph("  ", &detectable(comparison), Ink::Dim);
}

fn classes(classes: &[ClassChange], sheet: &mut Sheet) {
    if classes.is_empty() {
        return;
    }
    let mut grid = Grid::new(vec![
        Column::text("CLASS"),
        Column::number("CASES"),
        Column::number("RECALL A"),
        Column::number("RECALL B"),
        Column::number("CHANGE"),
        Column::extra("P"),
        Column::number("P (HOLM)"),
    ]);
    for class in classes {
        let difference = class.recall_a.zip(class.recall_b).map(|(a, b)| b - a);
        let ink = match difference {
            Some(difference) if difference > 0.0 => Ink::Good,
            Some(difference) if difference < 0.0 => Ink::Bad,
            _ => Ink::Dim,
        };
        grid.row(vec![
            Cell::new(&class.label, Ink::Plain),
            Cell::new(class.support.to_string(), Ink::Plain),
            Cell::new(or_none(class.recall_a, percent), Ink::Plain),
            Cell::new(or_none(class.recall_b, percent), Ink::Plain),
            Cell::new(or_none(difference, points), ink),
            Cell::new(chance(class.p_value), Ink::Dim),
            Cell::new(chance(class.p_corrected), Ink::Plain),
        ]);
    }
    sheet.blank();
    grid.show(sheet);
}

fn cases(title: &str, changed: &[&Changed], sheet: &mut Sheet) {
    if changed.is_empty() {
        return;
    }
    sheet.heading(title, &several(changed.len(), "case"));
    let mut grid = Grid::new(vec![
        Column::text("CASE"),
        Column::text("EXPECTED"),
        Column::text("A SAID"),
        Column::text("B SAID"),
    ]);
    for case in changed.iter().take(CHANGED_MAX) {
        let cell = |got: &Option<String>| {
            let ink = if got.as_ref() == Some(&case.expected) { Ink::Good } else { Ink::Bad };
            Cell::new(said(got.as_deref()), ink)
        };
        grid.row(vec![
            Cell::new(&case.id, Ink::Strong),
            Cell::new(&case.expected, Ink::Plain),
            cell(&case.a),
            cell(&case.b),
        ]);
    }
    grid.show(sheet);
    sheet.and_more(changed.len().saturating_sub(CHANGED_MAX), "  ");
}
