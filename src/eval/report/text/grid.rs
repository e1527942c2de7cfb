//! Columns that line up: what may be cut is cut, and what is only extra goes, before a line gets too long.

use console::{Alignment, measure_text_width, pad_str};

use super::sheet::{Ink, Sheet, cut};
use crate::eval::report::wording::plain;

/// Columns before each line.
const INDENT: usize = 2;

/// Columns between two cells.
const GAP: usize = 2;

/// Columns a cut cell keeps at the least, unless its column says otherwise.
const CUT_TO_MIN: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Yields {
    Never,
    /// Down to so many columns.
    Shortens(usize),
    Vanishes,
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    title: String,
    right: bool,
    yields: Yields,
}

impl Column {
    /// Never cut.
    pub fn whole(title: &str) -> Self {
        Column { title: plain(title), right: false, yields: Yields::Never }
    }

    /// Cut where the terminal is narrow.
    pub fn text(title: &str) -> Self {
        Column { yields: Yields::Shortens(CUT_TO_MIN), ..Column::whole(title) }
    }

    /// Left out, with all others of its kind, where the terminal is narrow.
    pub fn extra(title: &str) -> Self {
        Column { yields: Yields::Vanishes, ..Column::whole(title) }
    }

    /// Aligned to the right, never cut.
    pub fn number(title: &str) -> Self {
        Column { right: true, ..Column::whole(title) }
    }

    /// Cut where the terminal is narrow, but not to less than so many columns.
    pub fn cut_to(self, least: usize) -> Self {
        Column { yields: Yields::Shortens(least), ..self }
    }

    fn least(&self) -> Option<usize> {
        match self.yields {
            Yields::Shortens(least) => Some(least),
            Yields::Never | Yields::Vanishes => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    ink: Ink,
}

impl Cell {
    pub fn new(text: impl AsRef<str>, ink: Ink) -> Self {
        Cell { text: plain(text.as_ref()), ink }
    }
}

#[derive(Debug)]
pub(super) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    pub fn new(columns: Vec<Column>) -> Self {
        Grid { columns, rows: Vec::new() }
    }

    /// One cell per column.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether the lines are narrow enough once everything has yielded that may.
    pub fn fits(&self, width: usize) -> bool {
        let widths = self.widths(width);
        let shown: Vec<usize> = widths.iter().flatten().copied().collect();
        shown.iter().sum::<usize>() + gaps(shown.len()) <= width
    }

    /// The lines, under the titles if there are any.
    pub fn show(&self, sheet: &mut Sheet) {
        let widths = self.widths(sheet.width());
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            let titles: Vec<Cell> =
                self.columns.iter().map(|column| Cell::new(&column.title, Ink::Dim)).collect();
            self.line(&titles, &widths, sheet);
        }
        for row in &self.rows {
            self.line(row, &widths, sheet);
        }
    }

    /// As wide as the widest cell.
    fn natural(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|c| measure_text_width(&c.title)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(&cell.text));
            }
        }
        widths
    }

    /// A width per column; `None`: left out.
    fn widths(&self, room: usize) -> Vec<Option<usize>> {
        let mut widths: Vec<Option<usize>> = self.natural().into_iter().map(Some).collect();
        let total = |widths: &[Option<usize>]| {
            let shown: Vec<usize> = widths.iter().flatten().copied().collect();
            shown.iter().sum::<usize>() + gaps(shown.len())
        };
        if total(&widths) > room {
            for (width, column) in widths.iter_mut().zip(&self.columns) {
                if column.yields == Yields::Vanishes {
                    *width = None;
                }
            }
        }
        while total(&widths) > room {
            let cuttable = widths.iter_mut().zip(&self.columns).filter_map(|(width, column)| {
                let (width, least) = (width.as_mut()?, column.least()?);
                (*width > least).then_some(width)
            });
            match cuttable.max() {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[Option<usize>], sheet: &mut Sheet) {
        let indent = " ".repeat(INDENT);
        let gap = " ".repeat(GAP);
        let mut pieces = Vec::new();
        for ((cell, width), column) in cells.iter().zip(widths).zip(&self.columns) {
            let Some(width) = *width else { continue };
            let align = if column.right { Alignment::Right } else { Alignment::Left };
            let text = cut(&cell.text, width, false);
            let padded = pad_str(&text, width, align, None).into_owned();
            pieces.push((if pieces.is_empty() { &indent } else { &gap }, padded, cell.ink));
        }
        let pieces: Vec<(&str, Ink)> = pieces
            .iter()
            .flat_map(|(space, text, ink)| [(space.as_str(), Ink::Plain), (text.as_str(), *ink)])
            .collect();
        sheet.line(&pieces);
    }
}

/// Columns before and between so many cells.
fn gaps(cells: usize) -> usize {
    INDENT + GAP * cells.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: usize) -> String {
        let mut grid = Grid::new(vec![Column::text("CLASS"), Column::number("N"), Column::extra("")]);
        grid.row(vec![
            Cell::new("complaint", Ink::Plain),
            Cell::new("7", Ink::Plain),
            Cell::new("(1–9)", Ink::Dim),
        ]);
        grid.row(vec![Cell::new("spam", Ink::Plain), Cell::new("12", Ink::Plain), Cell::new("", Ink::Dim)]);
        let mut sheet = Sheet::new(width, false);
        grid.show(&mut sheet);
        sheet.finish()
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(shown(40), "  CLASS       N\n  complaint   7  (1–9)\n  spam       12\n");
    }

    #[test]
    fn what_is_extra_goes_first_and_then_words_are_cut() {
        assert_eq!(shown(16), "  CLASS       N\n  complaint   7\n  spam       12\n");
        assert_eq!(shown(13), "  CLASS     N\n  compla…   7\n  spam     12\n");
    }
}
