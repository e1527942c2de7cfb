//! What a command says. Whoever stops reading its standard output ends it quietly.

use std::io::{self, Write};

use serde::Serialize;

/// One line or several.
pub(super) fn say(text: impl std::fmt::Display) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// What is told beside the output, on standard error. Nobody has to read it.
pub(super) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// One JSON document.
pub(super) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(document)?)
}

/// One JSON document on a line of its own.
pub(super) fn json_line(document: &impl Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string(document)?)
}

/// Whether an error says that nobody reads any more.
pub(super) fn is_unread(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Text of strangers on one line, without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text of strangers with its line ends, without what a terminal would obey.
pub(super) fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// A number of things, such as `1 event` or `2 events`.
pub(super) fn several(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_shown() {
        assert_eq!(plain("a\x1b[31mb\nc\u{9b}d"), "a [31mb c d");
        assert_eq!(plain_lines("a\x07\r\nb"), "a \nb");
    }
}
