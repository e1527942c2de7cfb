//! The judge `rules`: conditions in the configuration. Exact, free, and first on most ladders.

use async_trait::async_trait;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Form, Hindrance, Judge, Question, Said, Turn};
use crate::{
    classify::{ClassifyError, Ledger, Wrong},
    domain::{Clock, Name, Tokens},
    template::{Condition, Context},
};

/// Hex digits of the digest that the record shows as the model.
const DIGEST_DIGITS: usize = 12;

/// Characters of a condition that a reason quotes.
const GIST_CHARS_MAX: usize = 80;

/// When `when` holds, the label is certain.
#[derive(Debug)]
pub struct Rule {
    pub when: Condition,
    pub label: String,
    /// Why, in words for the record.
    pub reason: String,
    /// Values of further output fields, over the classifier's fill.
    pub fill: Map<String, Value>,
}

/// Asks its rules in order; the first that holds decides.
#[derive(Debug)]
pub struct Rules {
    name: Name,
    rules: Vec<Rule>,
    model: String,
}

impl Rules {
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut all = Sha256::new();
        for rule in &rules {
            let fill = Value::Object(rule.fill.clone()).to_string();
            for part in [rule.when.source(), &rule.label, &rule.reason, &fill] {
                all.update(part.len().to_be_bytes());
                all.update(part);
            }
        }
        let digest: String = hex::encode(all.finalize()).chars().take(DIGEST_DIGITS).collect();
        Rules { name: "rules".into(), rules, model: format!("rules:{digest}") }
    }

    /// The first rule that holds.
    ///
    /// # Errors
    /// A condition that could not be told true from false, named; rules after it are not asked, because it might have
    /// decided.
    fn first(&self, context: &Context) -> Result<Option<&Rule>, String> {
        for (i, rule) in self.rules.iter().enumerate() {
            let held = rule.when.holds(context);
            if held.map_err(|e| format!("rule {} (`{}`): {e}", i + 1, gist(rule.when.source())))? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }
}

/// A condition on one line, to know it by.
fn gist(source: &str) -> String {
    let line = source.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(GIST_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(&line)),
        None => line,
    }
}

#[async_trait]
impl Judge for Rules {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "rules in configuration"
    }

    fn model(&self) -> String {
        self.model.clone()
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        _ledger: &dyn Ledger,
        clock: &dyn Clock,
    ) -> Result<Turn, ClassifyError> {
        let started = clock.monotonic();
        let rule = match self.first(&question.context()?) {
            Ok(Some(rule)) => rule,
            Ok(None) => return Ok(Turn::Abstained { reason: "no rule holds".to_owned() }),
            Err(reason) => {
                return Ok(Turn::Unavailable {
                    reason,
                    may_pass: false,
                    retry_after: None,
                    hindrance: Hindrance::Failed,
                });
            }
        };
        let output = question.form.output(&rule.label, 1.0, &rule.reason, &rule.fill);
        Ok(match question.form.schema.admit(output) {
            Ok(output) => Turn::Said(Box::new(Said {
                output,
                calibrated: true,
                repaired: None,
                why: vec![rule.reason.clone()],
                model: self.model(),
                tokens: Tokens::default(),
                latency_ms: super::elapsed_ms(clock, started),
            })),
            Err(wrong) => Turn::Invalid { reason: Wrong::told(&wrong) },
        })
    }

    fn check(&self, form: &Form<'_>) -> Vec<String> {
        let problems = |(i, rule): (usize, &Rule)| {
            form.problems(&format!("rule {}", i + 1), &rule.label, &rule.reason, &rule.fill)
        };
        self.rules.iter().enumerate().flat_map(problems).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::classify::FreeLedger;
    use crate::classify::fakes::{self, HandClock, Setting};

    fn rule(when: &str, label: &str, fill: Value) -> Rule {
        let fill = fill.as_object().expect("an object").clone();
        let when = Condition::compile(when).expect("compiles");
        Rule { when, label: label.to_owned(), reason: format!("because {label}"), fill }
    }

    async fn ask(rules: Vec<Rule>) -> Turn {
        let setting = Setting::new(json!({"type": "form", "body": {"seats": 40}}));
        Rules::new(rules).ask(&setting.question(), &FreeLedger, &HandClock::default()).await.expect("a turn")
    }

    #[tokio::test]
    async fn the_first_rule_that_holds_decides_with_certainty() {
        let turn = ask(vec![
            rule("event.body.seats > 100", "lead", json!({})),
            rule("event.body.seats > 10", "support", json!({"priority": "high"})),
            rule("true", "spam", json!({})),
        ]);
        let said = fakes::said(turn.await);
        let want = json!({"evidence": [], "label": "support", "priority": "high", "confidence": 1.0, "reason": "because support"});
        assert_eq!(said.output.value(), &want);
        assert_eq!(said.output.value().to_string(), want.to_string(), "in the schema's order");
        assert!(said.calibrated);
        assert_eq!(said.why, ["because support"]);
        assert!(said.model.starts_with("rules:"), "{}", said.model);
    }

    #[tokio::test]
    async fn without_a_rule_that_holds_it_abstains() {
        assert!(matches!(ask(vec![rule("false", "lead", json!({}))]).await, Turn::Abstained { .. }));
        assert!(matches!(ask(Vec::new()).await, Turn::Abstained { .. }));
    }

    #[tokio::test]
    async fn a_condition_that_cannot_be_told_names_its_rule_and_hides_later_ones() {
        let rules = vec![
            rule("false", "lead", json!({})),
            rule("event.body.absent > 1", "lead", json!({})),
            rule("true", "spam", json!({})),
        ];
        let Turn::Unavailable { reason, may_pass, .. } = ask(rules).await else { panic!("not unavailable") };
        assert!(reason.starts_with("rule 2 (`event.body.absent > 1`): "), "{reason}");
        assert!(!may_pass);
    }

    #[test]
    fn a_fill_that_the_schema_refuses_is_found_before_any_event() {
        let setting = Setting::new(json!({}));
        let rules = Rules::new(vec![
            rule("true", "lead", json!({})),
            rule("true", "nonsense", json!({})),
            rule("true", "lead", json!({"priority": "sky-high"})),
            rule("true", "lead", json!({"unheard_of": 1, "confidence": 1})),
        ]);
        let problems = rules.check(&setting.form());
        let starts =
            ["rule 2 would not", "rule 3 would not", "rule 4: fill sets `confidence`", "rule 4 would not"];
        assert_eq!(problems.len(), starts.len(), "{problems:#?}");
        for (problem, start) in problems.iter().zip(starts) {
            assert!(problem.starts_with(start), "{problem}");
        }
    }
}
