//! In which forms a report is given.

use std::path::PathBuf;

use clap::Args;
use console::Term;

use crate::{
    cli::out,
    eval::report::{Comparison, Report, comparison_text, html, junit, markdown, text},
};

use super::write::write;

/// Columns of a report where there is no terminal to measure.
const WIDTH: usize = 110;

#[derive(Debug, Args)]
pub(super) struct Forms {
    /// One JSON array of reports, with every case.
    #[arg(long)]
    json: bool,
    /// List the files of recordings that are left over, too. --json always does.
    #[arg(long)]
    verbose: bool,
    /// Write a page to look through: one HTML file that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write JUnit XML, for CI.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write Markdown, for a comment on a pull request.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl Forms {
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Writes and prints what was found.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn give(&self, reports: &[Report], comparisons: &[Comparison]) -> anyhow::Result<()> {
        if let Some(file) = &self.html {
            write(file, &html(reports, comparisons)?)?;
        }
        if let Some(file) = &self.junit {
            write(file, &junit(reports, comparisons))?;
        }
        if let Some(file) = &self.markdown {
            write(file, &markdown(reports, comparisons))?;
        }
        if self.json {
            return match comparisons {
                [] => out::json(&reports),
                comparisons => out::json(&comparisons),
            };
        }
        let terminal = Term::stdout();
        let width = terminal.size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
        let colour = console::colors_enabled();
        if comparisons.is_empty() {
            reports.iter().try_for_each(|report| {
                out::say(text(report, width, colour).trim_end())?;
                let left = report.leftovers.iter().filter(|_| self.verbose);
                left.flat_map(|leftover| &leftover.files).try_for_each(|file| out::say(format!("  {file}")))
            })
        } else {
            comparisons.iter().try_for_each(|one| out::say(comparison_text(one, width, colour).trim_end()))
        }
    }
}
