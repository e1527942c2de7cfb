//! One case, asked about: what the judges said, and what would be done.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    EvalError, Panel, Tape,
    ask::{Asked, ask},
    redelivery::{FIRST, Redelivery, redelivered},
    tape::Told,
};
use crate::{
    config::Case,
    domain::{Clock, Name, Rung, Verdict},
    engine::{Engine, Rehearsal},
    template::View,
};

/// What came of a case.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The first sample.
    pub said: Said,
    /// Labels of all samples, if several were asked for.
    pub samples: Vec<Option<String>>,
    /// What would be done about the first sample, by route.
    pub rehearsal: Rehearsal,
    /// Ids of what would be done about any sample.
    pub ever_planned: BTreeSet<Name>,
    /// What would be done if it came twice.
    pub redelivery: Redelivery,
    /// What a language model reads: instructions and event.
    pub prompt: (String, String),
    /// Of all samples.
    pub told: Told,
    /// How many samples there are.
    pub asked_times: u32,
    /// Of the first sample.
    pub latency_ms: f64,
}

impl Trial {
    /// What a judge decides: nothing of an event that reaches none.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.said.verdict().filter(|_| self.rehearsal.ignored.is_none())
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
    let asked = Asked { classifier: &panel.classifier, ladder: &panel.ladder, variant };
    let context = engine.case_context(case);
    let classifier = panel.classifier.name();
    let mut labels = Vec::new();
    let mut first = None;
    let mut ever_planned = BTreeSet::new();
    let mut told = Told::default();
    let asked_times = samples.max(1);
    for sample in 0..asked_times {
        let reel = tape.reel(sample);
        let started = clock.monotonic();
        let said = ask(&asked, &case.id, &context, &reel, clock).await?;
        let took = clock.monotonic().saturating_sub(started);
        let heard = reel.told();
        // A recorded answer took its time then, and so did one for which there was no room at first.
        let latency_ms =
            if heard.latency_ms > 0 { heard.latency_ms as f64 } else { took.as_secs_f64() * 1_000.0 };
        told.add(heard);
        labels.push(said.label().map(str::to_owned));
        let rehearsal = engine.rehearse(FIRST, case, classifier, said.verdict(), clock);
        ever_planned.extend(rehearsal.planned().cloned());
        first.get_or_insert((said, rehearsal, latency_ms));
    }
    let Some((said, rehearsal, latency_ms)) = first else {
        return Err(EvalError::Suite {
            suite: classifier.to_string(),
            reason: "nobody was asked".to_owned(),
        });
    };
    let redelivery = redelivered(engine, classifier, case, said.verdict(), &rehearsal, clock);
    let view = View::of(&context);
    let question = panel.classifier.question(variant, &view);
    let prompt = (question.system().to_owned(), question.event().map_err(fail)?);
    if labels.len() == 1 {
        labels.clear();
    }
    Ok(Trial {
        said,
        samples: labels,
        rehearsal,
        ever_planned,
        redelivery,
        prompt,
        told,
        asked_times,
        latency_ms,
    })
}
