//! Prompts that were edited, where nobody was asked who reads them: then figures say nothing about the edit.

use super::{Baseline, Mode, Panel, report::Report};

/// The rest of the sentence.
const NOTHING: &str = "none of the judges measured reads prompts: this says nothing about the edit";

/// What to say of a run whose prompts are not those of the baseline.
pub(super) fn since_baseline(panel: &Panel, prompt: &str, baseline: &Baseline) -> Option<String> {
    let is_unread = baseline.prompt != prompt && !panel.reads_prompts();
    is_unread.then(|| format!("the prompts are not those of the baseline, but {NOTHING}"))
}

/// What to say of two runs whose prompts differ.
pub fn between(a: &Report, b: &Report) -> Option<String> {
    let is_unread =
        a.digests.prompt != b.digests.prompt && [a, b].iter().all(|run| run.mode == Mode::OFFLINE);
    is_unread.then(|| format!("the prompts of the two sides differ, but {NOTHING}"))
}
