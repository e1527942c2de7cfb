//! Measuring again whenever a file changes.

use std::{path::Path, thread, time::Duration};

use console::Term;

use crate::{
    cli::{End, out},
    config::Stamp,
};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs `measure` now and after each change below `folder`; what goes wrong is told and waits for the next change.
///
/// # Errors
/// Nobody reads the output any more.
pub(super) fn watch(folder: &Path, measure: impl Fn() -> anyhow::Result<End>) -> anyhow::Result<End> {
    let terminal = Term::stdout();
    loop {
        let seen = Stamp::of(folder);
        if terminal.is_term() {
            terminal.clear_screen()?;
        }
        if let Err(error) = measure() {
            if out::is_unread(&error) {
                return Err(error);
            }
            out::note(format!("error: {error:#}"));
        }
        out::note("waiting for a change; Ctrl-C ends it");
        while Stamp::of(folder) == seen {
            thread::sleep(LOOK_EVERY);
        }
    }
}
