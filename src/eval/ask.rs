//! Asking about one case until somebody answers.

use std::time::Duration;

use super::{EvalError, Reel, trial::Said};
use crate::{
    classify::{Classifier, ClassifyError, LadderRung, LedgerError, Outcome, Variant},
    domain::{Clock, RungOutcome},
    template::Context,
};

/// How often a judge is waited for that has no room or cannot be reached.
const WAITS_MAX: u32 = 6;

/// The longest of these waits.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Who is asked, and by which prompts.
pub(super) struct Asked<'a> {
    pub classifier: &'a Classifier,
    pub ladder: &'a [LadderRung],
    pub variant: &'a Variant,
}

/// Asks about the case called `case`, and waits in bounds for whoever has no room now.
///
/// # Errors
/// An answer is not recorded where only those count; a template fails; a judge stays out of reach.
pub(super) async fn ask(
    asked: &Asked<'_>,
    case: &str,
    context: &Context,
    reel: &Reel<'_>,
    clock: &dyn Clock,
) -> Result<Said, EvalError> {
    let Asked { classifier, ladder, variant } = asked;
    let case = || case.to_owned();
    let mut waits = 0;
    loop {
        let outcome = classifier.classify_by(ladder, variant, context, None, reel, clock).await;
        let (reason, retry_after) = match outcome {
            Ok(Outcome::Verdict(verdict)) => return Ok(Said::Verdict(verdict)),
            Ok(Outcome::Person { reason, rungs }) => {
                // Whoever could not be asked has not abstained.
                let out = rungs.iter().find(|rung| rung.outcome == RungOutcome::Unavailable);
                return match out {
                    Some(rung) => Err(EvalError::OutOfReach {
                        case: case(),
                        reason: format!("{}: {}", rung.judge, rung.said),
                    }),
                    None => Ok(Said::Person { reason, rungs }),
                };
            }
            Ok(Outcome::TryAgain { reason, retry_after, .. }) => (reason, retry_after),
            Err(ClassifyError::Ledger(LedgerError::Unrecorded { judge, request })) => {
                return Err(EvalError::Unrecorded { case: case(), judge, request });
            }
            Err(ClassifyError::Ledger(LedgerError::Refused { reason })) => {
                return Err(EvalError::OutOfReach { case: case(), reason });
            }
            Err(source) => return Err(EvalError::Case { case: case(), source }),
        };
        if waits == WAITS_MAX {
            return Err(EvalError::OutOfReach { case: case(), reason });
        }
        let wait = retry_after.unwrap_or(Duration::from_secs(1 << waits)).min(WAIT_MAX);
        waits += 1;
        clock.sleep_until(clock.now().plus(wait)).await;
    }
}
