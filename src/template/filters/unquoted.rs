//! `unquoted`

mod attribution;
mod header_block;
mod rule;

use attribution::Attribution;

/// What the writer of a mail wrote themselves: without quoted lines, what introduces them, what a mail program appended
/// of earlier mails, and the signature. Answers between quotes are kept, and so is everything from a forwarded mail on,
/// which is what the writer sends. If nothing would be left, the text stays as it is.
///
/// In doubt text is kept: a person, too, writes "On Monday your system wrote:".
pub(super) fn unquoted(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    match own_lines(&lines).text() {
        Some(own) if !own.trim().is_empty() => own,
        _ => text.to_owned(),
    }
}

fn own_lines<'a>(lines: &[&'a str]) -> Own<'a> {
    let mut own = Own::default();
    let mut in_signature = false;
    // How much had been kept when an attribution came that no quoted line has followed yet.
    let mut introduced: Option<usize> = None;
    let mut rest = lines;
    while let Some((line, below)) = rest.split_first() {
        if rule::is_forwarded(line) {
            if introduced.is_none() {
                rest.iter().for_each(|line| own.keep(line));
                rest = &[];
            }
            break;
        }
        if let Some(header) = header_block::lines(rest) {
            if introduced.is_some() || !quote_follows(rest, header) {
                break;
            }
            in_signature = false;
            own.leave_out();
            rest = rest.get(header..).unwrap_or_default();
            continue;
        }
        if let Some(Attribution { lines, is_sure }) = attribution::at(rest) {
            if introduced.is_some() {
                break;
            }
            let is_marked = quote_follows(rest, lines);
            if is_marked || is_sure {
                introduced = (!is_marked).then_some(own.kept.len());
                in_signature = false;
                own.leave_out();
                rest = rest.get(lines..).unwrap_or_default();
                continue;
            }
        }
        if line.starts_with('>') {
            // What came before it under the same attribution are answers.
            (introduced, in_signature) = (None, false);
            own.leave_out();
        } else if matches!(*line, "-- " | "-- \r") {
            in_signature = true;
            own.leave_out();
        } else if !in_signature {
            own.keep(line);
        }
        rest = below;
    }
    if let Some(kept) = introduced {
        own.kept.truncate(kept);
    }
    if introduced.is_some() || !rest.is_empty() {
        own.leave_out();
        own.drop_rules();
    }
    own
}

/// Whether the first line with something on it, past the first `skipped`, is a quoted one.
fn quote_follows(lines: &[&str], skipped: usize) -> bool {
    let below = lines.get(skipped..).unwrap_or_default();
    below.iter().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('>'))
}

/// The lines that are the writer's own.
#[derive(Default)]
struct Own<'a> {
    kept: Vec<&'a str>,
    /// Lines were left out since the last one that was kept.
    has_gap: bool,
    ends_blank: bool,
    has_left_out: bool,
}

impl<'a> Own<'a> {
    fn keep(&mut self, line: &'a str) {
        let is_blank = line.trim().is_empty();
        if self.has_gap && is_blank && (self.ends_blank || self.kept.is_empty()) {
            return;
        }
        (self.has_gap, self.ends_blank) = (false, is_blank);
        self.kept.push(line);
    }

    fn leave_out(&mut self) {
        (self.has_gap, self.has_left_out) = (true, true);
    }

    /// Mail programs draw a line above what they append.
    fn drop_rules(&mut self) {
        while self.kept.last().is_some_and(|line| line.trim().is_empty() || rule::is_drawn(line)) {
            self.kept.pop();
        }
    }

    /// Nothing if nothing was left out.
    fn text(&self) -> Option<String> {
        self.has_left_out.then(|| self.kept.join("\n").trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests;
