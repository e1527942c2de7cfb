//! How far a longer work has come, and whether it may begin.

use std::io::{self, BufRead, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal; nothing in a pipe, and nothing beside JSON.
pub(super) fn bar(total: u64, what: &str, json: bool) -> ProgressBar {
    if json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    let template = format!("{{bar:30}} {{pos}}/{{len}} {what}, {{eta}} to go");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// Whether there is somebody to ask.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on a terminal, unless the answer is given. In a pipe nobody can be asked: what a filter found, and is more
/// than one, wants `--yes` there; `look` is how to see what that would be about.
///
/// # Errors
/// `--yes` is missing.
pub(super) fn confirmed(
    question: &str,
    yes: bool,
    several_by_filter: bool,
    look: &str,
) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !can_ask() {
        anyhow::ensure!(!several_by_filter, "{question} Nobody can be asked here: say --yes, or {look}");
        return Ok(true);
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
