//! A table for people: aligned, and on a narrow terminal cut where that does no harm.

use console::{Alignment, Style, Term, measure_text_width, pad_str, truncate_str};

use super::out::plain;

/// Columns a cut cell keeps at the least.
const CUT_TO_MIN: usize = 8;

/// Columns between two cells.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    may_cut: bool,
    right: bool,
}

impl Column {
    /// What is copied from the table, such as an id: never cut.
    pub const fn whole(title: &'static str) -> Self {
        Column { title, may_cut: false, right: false }
    }

    /// What may be cut where the terminal is narrow.
    pub const fn text(title: &'static str) -> Self {
        Column { title, may_cut: true, right: false }
    }

    /// Aligned to the right.
    pub const fn number(title: &'static str) -> Self {
        Column { title, may_cut: false, right: true }
    }
}

/// A cell: text, and how it is coloured on a terminal.
pub(super) struct Cell(String, Style);

impl Cell {
    pub fn new(text: impl std::fmt::Display) -> Self {
        Cell(plain(&text.to_string()), Style::new())
    }

    pub fn styled(text: impl std::fmt::Display, style: Style) -> Self {
        Cell(plain(&text.to_string()), style)
    }
}

pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(columns: &[Column]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// For standard output: as wide as the terminal, or as wide as it is.
    pub fn show(&self) -> String {
        let terminal = Term::stdout();
        let width = terminal.is_term().then(|| usize::from(terminal.size().1));
        self.within(width, &Style::new().dim())
    }

    fn within(&self, width: Option<usize>, title: &Style) -> String {
        let widths = self.widths(width);
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| Cell::styled(column.title, title.clone())).collect();
        let lines: Vec<String> =
            std::iter::once(&titles).chain(&self.rows).map(|cells| self.line(cells, &widths)).collect();
        lines.join("\n")
    }

    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> =
            self.columns.iter().map(|column| measure_text_width(column.title)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(&cell.0));
            }
        }
        let Some(width) = width else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            let cuttable = widths.iter_mut().zip(&self.columns).filter(|(_, column)| column.may_cut);
            match cuttable.map(|(width, _)| width).filter(|width| **width > CUT_TO_MIN).max() {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        let last = cells.len().saturating_sub(1);
        for (n, ((cell, width), column)) in cells.iter().zip(widths).zip(&self.columns).enumerate() {
            let text = truncate_str(&cell.0, *width, "…");
            let align = if column.right { Alignment::Right } else { Alignment::Left };
            // Nothing follows the last cell: it needs no filling.
            let open = n == last && !column.right;
            let padded = if open { text } else { pad_str(&text, *width, align, None).into_owned().into() };
            line.push_str(&cell.1.apply_to(padded).to_string());
            if n != last {
                line.push_str(&" ".repeat(GAP));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[Column::whole("ID"), Column::number("N"), Column::text("REASON")]);
        table.row(vec![Cell::new("evt_0123456789"), Cell::new(7), Cell::new("it did not answer\nat all")]);
        table.row(vec![Cell::new("evt_1"), Cell::new(12), Cell::new("no")]);
        table
    }

    fn within(width: Option<usize>) -> String {
        table().within(width, &Style::new())
    }

    #[test]
    fn columns_are_aligned() {
        let want = "ID               N  REASON\n\
                    evt_0123456789   7  it did not answer at all\n\
                    evt_1           12  no";
        assert_eq!(within(None), want);
    }

    #[test]
    fn a_narrow_terminal_cuts_words_and_never_ids() {
        for width in [30, 10] {
            let shown = within(Some(width));
            assert!(shown.contains("evt_0123456789") && shown.contains('…'), "{shown}");
        }
        let longest = |shown: String| shown.lines().map(measure_text_width).max();
        assert_eq!(longest(within(Some(30))), Some(30));
    }
}
