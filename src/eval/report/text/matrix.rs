//! What cases of each label were said to be. With names above the columns if there is room, else with numbers, else
//! only the pairs that were mixed up.

use std::cmp::Reverse;

use super::{
    grid::{Cell, Column, Grid},
    sheet::{Ink, Sheet},
};
use crate::eval::report::{Report, wording::LEFT_TO_A_PERSON};

/// Pairs shown at the most where there is no room for the matrix.
const PAIRS_MAX: usize = 12;

/// Columns that a label keeps at the least, before a row and above a column. With less they all look the same.
const ROW_NAME_MIN: usize = 16;
const TITLE_MIN: usize = 8;

/// A count of nothing.
const NONE: &str = "·";

pub(super) fn matrix(report: &Report, sheet: &mut Sheet) {
    if report.classes.is_empty() {
        return;
    }
    sheet.blank();
    let named = grid(report, &titles(report, |_, label| label.to_owned()), |_, label| label.to_owned());
    let numbered = grid(report, &titles(report, |n, _| n.to_string()), |n, label| format!("{n} {label}"));
    if let Some(grid) = [named, numbered].into_iter().find(|grid| grid.fits(sheet.width())) {
        grid.show(sheet);
    } else {
        pairs(report, sheet);
    }
}

fn titles(report: &Report, title: impl Fn(usize, &str) -> String) -> Vec<String> {
    let labels = report.labels.iter().enumerate().map(|(n, label)| title(n + 1, label));
    labels.chain([LEFT_TO_A_PERSON.to_owned()]).collect()
}

fn grid(report: &Report, titles: &[String], row_name: impl Fn(usize, &str) -> String) -> Grid {
    let mut columns = vec![Column::whole("EXPECTED \\ SAID").cut_to(ROW_NAME_MIN)];
    columns.extend(titles.iter().map(|title| Column::number(title).cut_to(TITLE_MIN)));
    let mut grid = Grid::new(columns);
    for (n, class) in report.classes.iter().enumerate() {
        let mut cells = vec![Cell::new(row_name(n + 1, &class.label), Ink::Plain)];
        cells.extend(class.confusion.iter().enumerate().map(|(said, count)| {
            let ink = match (*count, said) {
                (0, _) => Ink::Dim,
                (_, said) if said == n => Ink::Good,
                (_, said) if said == report.labels.len() => Ink::Doubtful,
                _ => Ink::Bad,
            };
            Cell::new(if *count == 0 { NONE.to_owned() } else { count.to_string() }, ink)
        }));
        grid.row(cells);
    }
    grid
}

/// What was mixed up with what, the most frequent first.
fn pairs(report: &Report, sheet: &mut Sheet) {
    let titles = titles(report, |_, label| label.to_owned());
    let mut pairs = Vec::new();
    for (n, class) in report.classes.iter().enumerate() {
        let said = class.confusion.iter().zip(&titles).enumerate();
        let wrong = said.filter(|(said, (count, _))| *said != n && **count > 0);
        pairs.extend(wrong.map(|(_, (count, title))| (*count, &class.label, title)));
    }
    pairs.sort_by_key(|(count, ..)| Reverse(*count));
    let mut grid = Grid::new(vec![Column::text("EXPECTED"), Column::text("SAID"), Column::number("CASES")]);
    for (count, expected, said) in pairs.iter().take(PAIRS_MAX) {
        grid.row(vec![
            Cell::new(expected, Ink::Plain),
            Cell::new(said, Ink::Bad),
            Cell::new(count.to_string(), Ink::Strong),
        ]);
    }
    grid.show(sheet);
    sheet.and_more(pairs.len().saturating_sub(PAIRS_MAX), "  ");
}
