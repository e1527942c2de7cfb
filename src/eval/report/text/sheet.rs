//! Lines that are never wider than the terminal.

use console::{Style, measure_text_width, truncate_str};

use crate::eval::report::wording::plain;

/// How a piece of a line looks on a terminal with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Dim,
    Strong,
    Good,
    Bad,
    Doubtful,
}

impl Ink {
    fn style(self) -> Style {
        // Whether there is colour was decided by the caller: the terminal is not asked again.
        let style = Style::new().force_styling(true);
        match self {
            Ink::Plain => style,
            Ink::Dim => style.dim(),
            Ink::Strong => style.bold(),
            Ink::Good => style.green(),
            Ink::Bad => style.red(),
            Ink::Doubtful => style.yellow(),
        }
    }
}

/// The lines so far.
#[derive(Debug)]
pub(super) struct Sheet {
    width: usize,
    colour: bool,
    text: String,
}

impl Sheet {
    pub fn new(width: usize, colour: bool) -> Self {
        Sheet { width, colour, text: String::new() }
    }

    /// Columns of a line.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One line, cut where it is too long. Its pieces may be text of strangers.
    pub fn line(&mut self, pieces: &[(&str, Ink)]) {
        let mut pieces: Vec<(String, Ink)> = pieces.iter().map(|(text, ink)| (plain(text), *ink)).collect();
        while pieces.pop_if(|(text, _)| text.trim_end().is_empty()).is_some() {}
        if let Some((last, _)) = pieces.last_mut() {
            last.truncate(last.trim_end().len());
        }
        let mut room = self.width;
        for (n, (text, ink)) in pieces.iter().enumerate() {
            let rest: usize = pieces.iter().skip(n + 1).map(|(text, _)| measure_text_width(text)).sum();
            let whole = measure_text_width(text);
            // What does not fit is cut in the piece that crosses the edge, so that a `…` is the last thing seen.
            if whole <= room && (rest == 0 || whole < room) {
                self.piece(text, *ink);
                room -= whole;
            } else {
                self.piece(&cut(text, room, rest > 0), *ink);
                break;
            }
        }
        self.text.push('\n');
    }

    fn piece(&mut self, text: &str, ink: Ink) {
        if self.colour && ink != Ink::Plain && !text.trim().is_empty() {
            self.text.push_str(&ink.style().apply_to(text).to_string());
        } else {
            self.text.push_str(text);
        }
    }

    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A name and what became of it.
    pub fn named(&mut self, name: &str, verdict: &str, ink: Ink) {
        let verdict_width = measure_text_width(verdict) + 2;
        let name = cut(&plain(name), self.width.saturating_sub(verdict_width).max(1), false);
        self.line(&[(&name, Ink::Strong), (": ", Ink::Plain), (verdict, ink)]);
    }

    /// What the lines below are about, after an empty line.
    pub fn heading(&mut self, title: &str, beside: &str) {
        self.blank();
        self.line(&[(title, Ink::Dim), ("  ", Ink::Plain), (beside, Ink::Dim)]);
    }

    /// Text in as many lines as it needs; `lead` stands before the first and its width before the others.
    pub fn paragraph(&mut self, lead: &str, text: &str, ink: Ink) {
        let indent = measure_text_width(lead);
        let hang = " ".repeat(indent);
        for (n, line) in wrapped(&plain(text), self.width.saturating_sub(indent)).iter().enumerate() {
            self.line(&[(if n == 0 { lead } else { &hang }, Ink::Dim), (line, ink)]);
        }
    }

    /// Says how many things were left out, if any were.
    pub fn and_more(&mut self, left_out: usize, indent: &str) {
        if left_out > 0 {
            self.line(&[(indent, Ink::Plain), (&format!("… and {left_out} more"), Ink::Dim)]);
        }
    }

    pub fn finish(self) -> String {
        self.text
    }
}

/// Text of at most `width` columns; a `…` ends it if any is missing, or if `more` would have followed.
pub(super) fn cut(text: &str, width: usize, more: bool) -> String {
    match (width, more && measure_text_width(text) <= width) {
        (0, _) => String::new(),
        (_, true) => format!("{}…", truncate_str(text, width - 1, "")),
        (_, false) => truncate_str(text, width, "…").into_owned(),
    }
}

/// The words in lines of at most `width` columns. A word that is longer is broken.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let long = measure_text_width(word);
        if used > 0 && used + 1 + long <= width {
            push(&mut lines, &format!(" {word}"));
            used += 1 + long;
            continue;
        }
        if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for letter in word.chars() {
            let wide = letter_width(letter);
            if used + wide > width && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, letter.encode_utf8(&mut [0; 4]));
            used += wide;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

fn letter_width(letter: char) -> usize {
    measure_text_width(letter.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_a_long_one_is_broken() {
        assert_eq!(wrapped("one two  three", 8), ["one two", "three"]);
        assert_eq!(wrapped("a longerthanthat b", 6), ["a", "longer", "thanth", "at b"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn a_line_is_cut_where_the_terminal_ends_and_says_so() {
        let shown = |width: usize, pieces: &[(&str, Ink)]| {
            let mut sheet = Sheet::new(width, false);
            sheet.line(pieces);
            sheet.finish()
        };
        let pieces = [("abc", Ink::Plain), ("def", Ink::Bad)];
        assert_eq!(shown(6, &pieces), "abcdef\n");
        assert_eq!(shown(5, &pieces), "abcd…\n");
        assert_eq!(shown(3, &pieces), "ab…\n");
        assert_eq!(shown(0, &pieces), "\n");
        assert_eq!(shown(3, &[("日本", Ink::Plain)]), "日…\n");
    }

    #[test]
    fn colour_is_the_callers_choice() {
        let shown = |colour: bool| {
            let mut sheet = Sheet::new(20, colour);
            sheet.line(&[("bad", Ink::Bad)]);
            sheet.finish()
        };
        assert_eq!(shown(true), "\u{1b}[31mbad\u{1b}[0m\n");
        assert_eq!(shown(false), "bad\n");
    }
}
