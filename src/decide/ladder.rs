//! Climbing: whether a judge's turn ends the ladder.

use crate::domain::{Rung, RungOutcome};

/// What follows a judge's turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Its answer is the verdict.
    Accept,
    /// Ask the next judge.
    Climb,
}

/// How the ladder ends when no judge decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PastTheLast {
    /// Every judge that could be asked was: a person decides.
    Person { reason: String },
    /// A judge failed in a way that may pass; asking again later may decide.
    TryAgain { reason: String },
}

/// `confidence` is that of a schema-valid answer, `confidence_min` the rung's demand.
pub fn step(confidence: f64, confidence_min: f64) -> Step {
    // Written so that a NaN climbs.
    if confidence >= confidence_min { Step::Accept } else { Step::Climb }
}

/// `passing` holds the reasons of judges whose failure may pass (a time-out, a 5xx, a rate limit).
pub fn past_the_last(rungs: &[Rung], passing: &[String]) -> PastTheLast {
    if let Some(first) = passing.first() {
        return PastTheLast::TryAgain { reason: first.clone() };
    }
    PastTheLast::Person { reason: format!("no judge decided: {}", told(rungs)) }
}

/// Why a person decides about an event that got `judge` to say what it must not; `before` are the turns of the others.
pub fn suspected(judge: &str, reason: &str, before: &[Rung]) -> String {
    if before.is_empty() {
        return format!("{judge}: {reason}");
    }
    format!("{judge}: {reason}; before it, {}", told(before))
}

fn told(rungs: &[Rung]) -> String {
    let mut said: Vec<String> = Vec::with_capacity(rungs.len());
    for rung in rungs {
        said.push(match rung.outcome {
            RungOutcome::Decided | RungOutcome::Unsure => {
                format!("{} was unsure ({})", rung.judge, rung.said)
            }
            RungOutcome::Abstained if rung.said.is_empty() => format!("{} abstained", rung.judge),
            RungOutcome::Abstained => format!("{} abstained ({})", rung.judge, rung.said),
            RungOutcome::Invalid => format!("{} answered outside the schema ({})", rung.judge, rung.said),
            RungOutcome::Unavailable => format!("{} could not be asked ({})", rung.judge, rung.said),
        });
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OUTCOMES: [RungOutcome; 4] =
        [RungOutcome::Unsure, RungOutcome::Abstained, RungOutcome::Invalid, RungOutcome::Unavailable];

    proptest! {
        #[test]
        fn a_higher_demand_never_accepts_more(confidence in -0.5..1.5, demand in 0.0..1.0, more in 0.0..1.0) {
            let strict = step(confidence, demand + more);
            prop_assert!(strict == Step::Climb || step(confidence, demand) == Step::Accept);
            prop_assert_eq!(step(confidence, confidence), Step::Accept);
        }

        #[test]
        fn a_person_is_told_of_every_judge_and_asked_only_if_waiting_does_not_help(
            climbed in prop::collection::vec((0..OUTCOMES.len(), "[a-z]{3,9}", "[ -~]{0,12}"), 0..6),
            passing in prop::collection::vec("[ -~]{1,20}", 0..3),
        ) {
            let rungs: Vec<Rung> =
                climbed.iter().map(|(outcome, judge, said)| rung(judge, OUTCOMES[*outcome], said)).collect();
            match past_the_last(&rungs, &passing) {
                PastTheLast::TryAgain { reason } => prop_assert_eq!(Some(&reason), passing.first()),
                PastTheLast::Person { reason } => {
                    prop_assert!(passing.is_empty());
                    prop_assert!(rungs.iter().all(|rung| reason.contains(&*rung.judge)), "{reason}");
                }
            }
        }
    }

    fn rung(judge: &str, outcome: RungOutcome, said: &str) -> Rung {
        Rung { judge: judge.into(), outcome, said: said.to_owned(), confidence: None, latency_ms: 0 }
    }

    #[test]
    fn accepts_at_the_demand_and_never_a_nan() {
        assert_eq!(step(0.7, 0.7), Step::Accept);
        assert_eq!(step(0.69, 0.7), Step::Climb);
        assert_eq!(step(f64::NAN, 0.0), Step::Climb);
    }

    #[test]
    fn past_the_last_rung_a_person_decides_unless_waiting_may_help() {
        let rungs = [
            rung("rules", RungOutcome::Abstained, ""),
            rung("local", RungOutcome::Unsure, "spam 0.31"),
            rung("claude", RungOutcome::Unavailable, "no key"),
            rung("gpt", RungOutcome::Abstained, "the model refused"),
        ];
        assert_eq!(
            past_the_last(&rungs, &[]),
            PastTheLast::Person {
                reason: "no judge decided: rules abstained; local was unsure (spam 0.31); claude could not be asked (no key); gpt abstained (the model refused)".to_owned()
            }
        );
        let again = past_the_last(&rungs, &["gpt: 503".to_owned()]);
        assert_eq!(again, PastTheLast::TryAgain { reason: "gpt: 503".to_owned() });
    }
}
