//! Taking today's figures for the baseline.

use std::path::Path;

use crate::{
    cli::out,
    eval::{
        Baseline, baseline_file,
        report::{Report, Verdict},
    },
};

use super::write::write;

/// Writes the baseline of each report's suite.
///
/// # Errors
/// A suite fails, and so is nothing to be held to; a file cannot be written.
pub(super) fn bless(folder: &Path, reports: &[Report]) -> anyhow::Result<()> {
    if let Some(report) = reports.iter().find(|report| report.verdict == Verdict::Failed) {
        anyhow::bail!("{} fails: what is not well is no baseline", report.suite);
    }
    for report in reports {
        let file = baseline_file(&report.suite);
        let path = folder.join(&file);
        let text = serde_json::to_string_pretty(&Baseline::of(report))? + "\n";
        write(&path, &text)?;
        out::note(format!("{}: {file} is the baseline now", report.suite));
    }
    Ok(())
}
