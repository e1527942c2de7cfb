//! Taking today's figures for the baseline.

use std::path::Path;

use crate::{
    cli::out,
    eval::{
        Baseline, baseline_file,
        report::{Gate, Held, Report},
    },
};

use super::write::write;

/// Writes the baseline of each report's suite.
///
/// # Errors
/// A suite fails, and so is nothing to be held to; a file cannot be written.
pub(super) fn bless(folder: &Path, reports: &[Report]) -> anyhow::Result<()> {
    // That the baseline had a case more is what the new one is for.
    let fails = |gate: &&Gate| gate.held == Held::Failed && gate.name != Gate::BASELINE_CASES;
    for report in reports {
        if let Some(gate) = report.gates.iter().find(fails) {
            anyhow::bail!("{} fails by {}: what is not well is no baseline", report.suite, gate.name);
        }
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
