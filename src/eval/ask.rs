//! Asking about one case until somebody answers.

use std::time::Duration;

use super::{EvalError, Reel, trial::Said};
use crate::{
    classify::{Classifier, ClassifyError, LadderRung, LedgerError, Outcome, Variant},
    domain::{Clock, Rung, RungOutcome},
    template::{Context, View},
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

/// The place of the first who could not be asked. All of a ladder have their turn in order: there is no objective here.
fn out_of_reach(rungs: &[Rung]) -> Option<usize> {
    rungs.iter().position(|rung| rung.outcome == RungOutcome::Unavailable)
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
    let view = View::of(context);
    let mut waits = 0;
    let mut asking = *ladder;
    loop {
        let climb = classifier.classify_by(asking, variant, &view, None, reel, clock);
        let silent = |time: Duration| format!("case {} has had no answer for {} s", case(), time.as_secs());
        let outcome = reel.waits().during(climb, clock, silent).await;
        reel.give_up();
        let (reason, retry_after) = match outcome {
            // Whoever could not be asked has not abstained: those that come after would be measured in its place, and a replay
            // would miss its answer.
            Ok(Outcome::Verdict(verdict)) => match out_of_reach(&verdict.rungs) {
                Some(first) => {
                    asking = ladder.get(..=first).unwrap_or(ladder);
                    continue;
                }
                None => return Ok(Said::Verdict(verdict)),
            },
            Ok(Outcome::Person { reason, rungs }) => {
                match out_of_reach(&rungs).and_then(|first| rungs.get(first)) {
                    Some(Rung { judge, said, .. }) => {
                        let reason = format!("{judge}: {said}");
                        return Err(EvalError::OutOfReach { case: case(), reason });
                    }
                    None if asking.len() < ladder.len() => {
                        asking = ladder;
                        continue;
                    }
                    None => return Ok(Said::Person { reason, rungs }),
                }
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
        // Who needs longer than all waits together is waited for by nobody: most likely somebody has to act.
        let hopeless = retry_after.is_some_and(|wait| wait > WAIT_MAX * WAITS_MAX);
        if hopeless || waits == WAITS_MAX {
            return Err(EvalError::OutOfReach { case: case(), reason });
        }
        let wait = retry_after.unwrap_or(Duration::from_secs(1 << waits)).min(WAIT_MAX);
        waits += 1;
        reel.waits().begin(clock.monotonic(), wait, || {
            let seconds = wait.as_secs_f64().ceil();
            format!("case {} waits {seconds} s for {reason}", case())
        });
        tokio::select! {
            biased; // nobody waits for a run that has ended
            () = reel.closed() => return Err(EvalError::OutOfReach { case: case(), reason }),
            () = clock.sleep_until(clock.now().plus(wait)) => {}
        }
    }
}
