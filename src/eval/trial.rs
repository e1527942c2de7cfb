//! One case, asked about: what the judges said, and what would be done.

use std::time::Duration;

use serde_json::Value;

use super::{EvalError, Panel, Tape, tape::Told};
use crate::{
    classify::{ClassifyError, LedgerError, Outcome},
    config::Case,
    domain::{Clock, Name, Rung, RungOutcome, Timestamp, Verdict},
    engine::{Engine, Rehearsal},
    template::Context,
};

/// How often a judge is waited for that has no room or cannot be reached.
const WAITS_MAX: u32 = 6;

/// The longest of these waits.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What came of a case.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The first sample.
    pub said: Said,
    /// Labels of all samples, if several were asked for.
    pub samples: Vec<Option<String>>,
    /// What would be done about the first sample, by route.
    pub rehearsal: Rehearsal,
    /// What a language model reads: instructions and event.
    pub prompt: (String, String),
    pub told: Told,
    pub latency_ms: f64,
}

impl Trial {
    /// Ids of the actions that would be planned, on all routes.
    pub fn planned(&self) -> impl Iterator<Item = &Name> {
        self.rehearsal.routes.iter().flat_map(|route| &route.actions)
    }

    /// Why it came to this: the judge's words, or who said what before a person was to decide, and why nothing would be done.
    pub fn why(&self) -> Vec<String> {
        let mut why = match &self.said {
            Said::Verdict(verdict) => verdict.why.clone(),
            Said::Person { reason, rungs } => {
                let rung = |rung: &Rung| format!("{}: {}", rung.judge, rung.said);
                std::iter::once(reason.clone()).chain(rungs.iter().map(rung)).collect()
            }
        };
        if self.said.verdict().is_some() {
            let stopped = self.rehearsal.routes.iter().filter_map(|route| {
                Some(format!("nothing is planned on {}: {}", route.route, route.stopped.as_ref()?))
            });
            why.extend(stopped);
        }
        why.extend(self.rehearsal.ignored.as_ref().map(|reason| format!("the event is ignored: {reason}")));
        why
    }
}

/// A decision, or why there is none.
#[derive(Debug, Clone)]
pub enum Said {
    Verdict(Box<Verdict>),
    Person { reason: String, rungs: Vec<Rung> },
}

impl Said {
    pub fn verdict(&self) -> Option<&Verdict> {
        match self {
            Said::Verdict(verdict) => Some(verdict),
            Said::Person { .. } => None,
        }
    }

    pub fn label(&self) -> Option<&str> {
        self.verdict().map(|verdict| verdict.label.as_str())
    }

    pub fn output(&self) -> Option<&Value> {
        self.verdict().map(|verdict| &verdict.output)
    }
}

/// Asks about one case `samples` times.
///
/// # Errors
/// An answer is not recorded where only those count; a template fails; a judge stays out of reach.
pub async fn run(
    engine: &Engine,
    panel: &Panel,
    tape: &Tape,
    case: &Case,
    samples: u32,
    clock: &dyn Clock,
) -> Result<Trial, EvalError> {
    let fail = |source| EvalError::Case { case: case.id.clone(), source };
    let variant = panel.variant()?;
    let context = Engine::case_context(case);
    let mut labels = Vec::new();
    let mut first = None;
    let mut told = Told::default();
    for sample in 0..samples.max(1) {
        let reel = tape.reel(sample);
        let started = clock.monotonic();
        let said = ask(panel, &context, &reel, case, clock).await?;
        let took = clock.monotonic().saturating_sub(started);
        told.add(reel.told());
        labels.push(said.label().map(str::to_owned));
        first.get_or_insert((said, took));
    }
    let Some((said, took)) = first else {
        return Err(EvalError::Suite {
            suite: panel.classifier.name().to_string(),
            reason: "nobody was asked".to_owned(),
        });
    };
    let rehearsal = engine.rehearse(case, panel.classifier.name(), said.verdict(), clock);
    let question = panel.classifier.question(variant, &context);
    let prompt = (question.system().to_owned(), question.event().map_err(fail)?.to_owned());
    // What was recorded took its time then.
    let recorded = said.verdict().map_or(0, |verdict| verdict.latency_ms);
    let latency_ms = if recorded > 0 { recorded as f64 } else { took.as_secs_f64() * 1_000.0 };
    if labels.len() == 1 {
        labels.clear();
    }
    Ok(Trial { said, samples: labels, rehearsal, prompt, told, latency_ms })
}

async fn ask(
    panel: &Panel,
    context: &Context,
    reel: &super::tape::Reel<'_>,
    case: &Case,
    clock: &dyn Clock,
) -> Result<Said, EvalError> {
    let variant = panel.variant()?;
    let received: Option<Timestamp> = None;
    let mut waits = 0;
    loop {
        let classifier = &panel.classifier;
        let outcome = classifier.classify_by(&panel.ladder, variant, context, received, reel, clock).await;
        let (reason, retry_after) = match outcome {
            Ok(Outcome::Verdict(verdict)) => return Ok(Said::Verdict(verdict)),
            Ok(Outcome::Person { reason, rungs }) => {
                // Whoever could not be asked has not abstained.
                let out = rungs.iter().find(|rung| rung.outcome == RungOutcome::Unavailable);
                return match out {
                    Some(rung) => Err(EvalError::OutOfReach {
                        case: case.id.clone(),
                        reason: format!("{}: {}", rung.judge, rung.said),
                    }),
                    None => Ok(Said::Person { reason, rungs }),
                };
            }
            Ok(Outcome::TryAgain { reason, retry_after, .. }) => (reason, retry_after),
            Err(ClassifyError::Ledger(LedgerError::Unrecorded { judge, request })) => {
                return Err(EvalError::Unrecorded { case: case.id.clone(), judge, request });
            }
            Err(ClassifyError::Ledger(LedgerError::Refused { reason })) => {
                return Err(EvalError::OutOfReach { case: case.id.clone(), reason });
            }
            Err(source) => return Err(EvalError::Case { case: case.id.clone(), source }),
        };
        if waits == WAITS_MAX {
            return Err(EvalError::OutOfReach { case: case.id.clone(), reason });
        }
        let wait = retry_after.unwrap_or(Duration::from_secs(1 << waits)).min(WAIT_MAX);
        waits += 1;
        clock.sleep_until(clock.now().plus(wait)).await;
    }
}
