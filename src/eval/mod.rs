//! The offline suite: a classifier's judges on labelled cases, from the event to the actions that would be planned.
//!
//! - [`Panel`] is who is asked, [`Tape`] where the answers of language models come from
//! - [`run`] asks about every case

mod mode;
mod panel;
mod report;
mod tape;
mod trial;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    classify::ClassifyError,
    config::{self, Case, Files, Problems, Suite},
    domain::{Clock, Name},
    engine::Engine,
};

pub use mode::Mode;
pub use panel::Panel;
pub use report::{Graded, Report};
pub use tape::{Tape, Unwritable, recordings_folder};
pub use trial::{Said, Trial};

/// Cases that are asked about at one time.
pub const CASES_AT_ONCE: usize = 8;

/// Why a suite could not be run.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("{0}")]
    Problems(Problems),
    #[error("case {case}: {source}")]
    Case { case: String, source: ClassifyError },
    #[error(
        "case {case}: no answer of {judge} to its question is recorded ({request}): record it with --mode record-missing"
    )]
    Unrecorded { case: String, judge: Name, request: String },
    #[error("case {case}: {reason}")]
    OutOfReach { case: String, reason: String },
    #[error("suite `{suite}`: {reason}")]
    Suite { suite: String, reason: String },
}

/// The cases of a suite's splits.
///
/// # Errors
/// They cannot be read, or there are none.
pub fn cases(files: &Files, name: &str, suite: &Suite) -> Result<Vec<Case>, EvalError> {
    let (mut cases, problems) = config::cases(files, name);
    for problem in &problems.into_result().map_err(EvalError::Problems)? {
        tracing::warn!(%problem, "a case is doubtful");
    }
    cases.retain(|case| suite.splits.contains(&case.split()));
    if cases.is_empty() {
        let reason = "it has no cases in its splits".to_owned();
        return Err(EvalError::Suite { suite: name.to_owned(), reason });
    }
    Ok(cases)
}

/// Asks `panel` about every case, `samples` times each; `done` is called after each case.
///
/// # Errors
/// The first that hinders it; see [`EvalError`].
pub async fn run(
    engine: &Engine,
    panel: &Panel,
    tape: &Tape,
    cases: &[Case],
    samples: u32,
    clock: &dyn Clock,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Trial>, EvalError> {
    stream::iter(cases)
        .map(|case| async move {
            let trial = trial::run(engine, panel, tape, case, samples, clock).await;
            done();
            trial
        })
        .buffered(CASES_AT_ONCE)
        .try_collect()
        .await
}
