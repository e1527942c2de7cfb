//! The offline suite: a classifier's judges on labelled cases, from the event to the actions that would be planned.
//!
//! - [`Panel`] is who is asked, [`Tape`] where the answers of language models come from
//! - [`run`] asks about every case, [`grade()`] holds what came of it against what the case wants, and [`measure()`] does all of it
//! - [`stats`] and [`metrics`] know numbers only; [`compare`] two runs

pub mod compare;
pub mod import;
pub mod lock;
pub mod metrics;
pub mod near;
pub mod oracle;
pub mod report;
pub mod stats;
pub mod test_lock;

mod arrivals;
mod ask;
mod baseline;
mod gates;
mod grade;
mod grading;
mod measure;
mod metamorphic;
mod mode;
mod panel;
mod purse;
mod ready;
mod redelivery;
mod shard;
mod shelf;
mod sound;
mod summary;
mod tape;
mod trial;
mod unread;
mod waits;

use std::{
    future,
    sync::{Mutex, PoisonError},
};

use futures_util::{StreamExt, stream};

use crate::{
    classify::ClassifyError,
    config::{Case, Problems},
    domain::{Clock, Name},
    engine::Engine,
};

pub use baseline::{Baseline, baseline_file};
pub use grade::{Graded, grade};
pub use measure::{Measured, Progress, Request, baseline, measure};
pub use mode::Mode;
pub use panel::Panel;
pub use purse::Purse;
pub use ready::ready;
pub use shard::Shard;
pub use sound::sound;
pub use summary::costs;
pub use tape::{Reel, Tape, Unwritable, Vendor};
pub use trial::{Said, Trial};
pub use unread::between;
pub use waits::Waits;

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
    /// A file could not be written.
    #[error("{reason}")]
    Unwritten { reason: String },
    /// No mistake: a suite of few cases has none for some of many parts.
    #[error("suite `{suite}`: none of its cases is in this part")]
    NothingInPart { suite: String },
    #[error("suite `{suite}`: {reason}")]
    Suite { suite: String, reason: String },
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
    let asked = cases.iter().map(|case| async move {
        let trial = trial::run(engine, panel, tape, case, samples, clock).await;
        done();
        trial
    });
    each(tape, asked).await
}

/// What comes of `work`, some at one time, in its order. Once something fails nothing is begun any more, and of what is
/// under way the answers are waited for: they are paid for.
///
/// # Errors
/// The first that fails.
async fn each<T>(
    tape: &Tape,
    work: impl Iterator<Item = impl Future<Output = Result<T, EvalError>>>,
) -> Result<Vec<T>, EvalError> {
    let first = Mutex::new(None);
    let failed = |error| {
        tape.close();
        first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    };
    let failed = &failed;
    let done: Vec<Option<T>> = stream::iter(work)
        .take_while(|_| future::ready(!tape.is_closed()))
        .map(|one| async move { one.await.map_err(failed).ok() })
        .buffered(CASES_AT_ONCE)
        .collect()
        .await;
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(done.into_iter().flatten().collect()),
    }
}
