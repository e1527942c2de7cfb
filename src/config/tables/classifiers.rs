//! `config/classifiers.toml`: what an event may mean, and who is asked in which order.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::decide::redact::Sensitive;

/// `config/classifiers.toml`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassifiersFile {
    pub classifier: IndexMap<String, ClassifierTable>,
}

/// One classifier: prompts, a schema, and a ladder of judges.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassifierTable {
    /// Folder of `prompts/` with `system.j2` and `event.j2`; the classifier's name if left out.
    pub prompts: Option<String>,
    /// Several sets of prompts by name, of which each event is asked by one, always the same. The one called `shadow` acts on
    /// nothing: a share of the events is shown to it as well, and what it says is recorded.
    #[serde(default)]
    pub variants: IndexMap<String, VariantTable>,
    /// `schemas/NAME.schema.json`; the classifier's name if left out.
    pub schema: Option<String>,
    /// Folder of `evals/` with the labelled cases that `local` learns from; the classifier's name if left out.
    pub cases: Option<String>,
    /// Field of the output that holds the label: a required string `enum` of the schema.
    #[serde(default = "label_field")]
    pub label_field: String,
    /// Field of the output that holds the confidence: a required number from 0 to 1.
    #[serde(default = "confidence_field")]
    pub confidence_field: String,
    /// Field of the output that holds the reason: a required string.
    #[serde(default = "reason_field")]
    pub reason_field: String,
    /// The text that `local` reads: a template over the event.
    pub text: String,
    /// Judges in the order they are asked. Past the last one a person decides.
    pub ladder: Vec<RungTable>,
    /// Values for the schema's other required fields when a judge gives only a label (`rules`, `local`).
    #[serde(default)]
    pub fill: Map<String, Value>,
    /// Time in ms from an event's receipt in which it is to have its verdict: judges that would be too slow are passed over or
    /// cut short while another one is in time. Once it is missed, the whole ladder is climbed, and the verdict is `late`.
    pub objective_ms: Option<u64>,
    /// What the events of one sender may cost in a day: nobody burns the money of all.
    pub sender_budget: Option<SenderBudgetTable>,
    /// What is taken out of the event before a language model reads it.
    #[serde(default)]
    pub redact: Vec<SensitiveKind>,
    /// `[[classifier.NAME.gate]]`: verdicts that a person sees before anything is done.
    #[serde(default)]
    pub gate: Vec<GateTable>,
    /// `[[classifier.NAME.rule]]`: for the judge `rules`; the first one that holds decides.
    #[serde(default)]
    pub rule: Vec<RuleTable>,
}

/// A verdict that is not acted on before a person has said yes, whatever a judge says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateTable {
    /// A condition on `event`, `verdict`, and what our own code knows of the sender: `trust`.
    pub when: String,
    /// Why, in words for the person.
    pub reason: String,
}

/// What may have to stay in the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensitiveKind {
    /// Keys, tokens, passwords, cookies and private keys.
    Secrets,
    /// Numbers of payment cards.
    Cards,
    /// Bank accounts: IBANs.
    Accounts,
    Emails,
    Phones,
}

impl From<SensitiveKind> for Sensitive {
    fn from(kind: SensitiveKind) -> Self {
        match kind {
            SensitiveKind::Secrets => Sensitive::Secrets,
            SensitiveKind::Cards => Sensitive::Cards,
            SensitiveKind::Accounts => Sensitive::Accounts,
            SensitiveKind::Emails => Sensitive::Emails,
            SensitiveKind::Phones => Sensitive::Phones,
        }
    }
}

/// What the events of one sender may cost.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderBudgetTable {
    /// Who the sender is: a template over the event. All events for which it is empty share one budget.
    pub who: String,
    /// US dollars in a day, by UTC. Beyond it the sender's events wait for the next day.
    pub day_usd: f64,
}

impl ClassifierTable {
    /// The folder of `prompts/` that the variant of this classifier called `name` is in.
    pub fn folder<'a>(&'a self, name: &'a str, variant: Option<&str>) -> &'a str {
        let own = variant.and_then(|variant| self.variants.get(variant)?.prompts.as_deref());
        own.or(self.prompts.as_deref()).unwrap_or(name)
    }
}

/// The variant that acts on nothing.
pub const SHADOW: &str = "shadow";

/// One set of prompts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantTable {
    /// Folder of `prompts/` with `system.j2` and `event.j2`; the classifier's own if left out.
    pub prompts: Option<String>,
    /// Its share of the events, against the weights of the others. Of `shadow` the share of all events, from 0 to 1.
    #[serde(default = "whole")]
    pub weight: f64,
}

const fn whole() -> f64 {
    1.0
}

/// One rung of a ladder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RungTable {
    /// `rules`, `local`, or a `[judge.NAME]`.
    pub judge: String,
    /// Confidence from 0 to 1 below which the next rung is asked.
    #[serde(default)]
    pub confidence_min: f64,
}

/// One exact rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTable {
    /// A condition on the event. Fields that may be absent need `is defined` or `default(…)`.
    pub when: String,
    pub label: String,
    /// Why, in words for the record.
    pub reason: String,
    /// Values of further output fields, over `fill`.
    #[serde(default)]
    pub fill: Map<String, Value>,
}

fn label_field() -> String {
    "label".to_owned()
}

fn confidence_field() -> String {
    "confidence".to_owned()
}

fn reason_field() -> String {
    "reason".to_owned()
}
