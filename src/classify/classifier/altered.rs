//! A classifier whose labels stand in another order or are called otherwise. Whoever goes by what labels mean says the
//! same of an event as before: an eval looks whether it does.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{Classifier, LadderRung, Variants};
use crate::{
    classify::{Calibrated, Calibrations, Schema, SchemaError, Variant},
    domain::Verdict,
};

/// What is done to the labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// They stand in the opposite order in the schema, and what the instructions say of each does too, where each label
    /// opens a paragraph or a line of its own.
    Reordered,
    /// They are called otherwise, wherever they stand as whole words in the schema and the instructions: old names with
    /// their new ones.
    Renamed(BTreeMap<String, String>),
}

impl Alteration {
    /// What `label` is called.
    pub fn name_of<'a>(&'a self, label: &'a str) -> &'a str {
        match self {
            Alteration::Reordered => label,
            Alteration::Renamed(names) => names.get(label).map_or(label, String::as_str),
        }
    }

    /// A verdict of the altered classifier in the words of the original; `field` is the label's in the output.
    pub fn undone(&self, mut verdict: Verdict, field: &str) -> Verdict {
        let Alteration::Renamed(names) = self else { return verdict };
        let old = names.iter().find(|(_, new)| **new == verdict.label).map(|(old, _)| old.clone());
        if let Some(old) = old {
            if let Some(label) = verdict.output.get_mut(field) {
                *label = old.as_str().into();
            }
            verdict.label = old;
        }
        verdict
    }

    fn instructions(&self, text: &str, labels: &[String]) -> String {
        match self {
            Alteration::Reordered => ["\n\n", "\n"]
                .iter()
                .find_map(|by| reversed(text, by, labels))
                .unwrap_or_else(|| text.to_owned()),
            Alteration::Renamed(names) => renamed(text, names),
        }
    }

    fn schema(&self, schema: &Value, field: &str) -> Value {
        self.part(schema, field, false)
    }

    /// A part of a schema; `of_label` if it is about the label alone.
    fn part(&self, part: &Value, field: &str, of_label: bool) -> Value {
        match part {
            Value::Object(fields) => {
                let changed = fields.iter().map(|(name, value)| {
                    let value = match (name.as_str(), value, self) {
                        ("properties", Value::Object(properties), _) => {
                            let each = properties
                                .iter()
                                .map(|(name, value)| (name.clone(), self.part(value, field, name == field)));
                            Value::Object(each.collect())
                        }
                        ("enum", Value::Array(labels), _) if of_label => {
                            let labels = labels.iter().map(|label| self.value(label));
                            match self {
                                Alteration::Reordered => labels.rev().collect(),
                                Alteration::Renamed(_) => labels.collect(),
                            }
                        }
                        ("const", label, _) if of_label => self.value(label),
                        ("title" | "description", Value::String(text), Alteration::Renamed(names)) => {
                            renamed(text, names).into()
                        }
                        (_, value, _) => self.part(value, field, of_label),
                    };
                    (name.clone(), value)
                });
                Value::Object(changed.collect::<Map<_, _>>())
            }
            Value::Array(parts) => parts.iter().map(|part| self.part(part, field, of_label)).collect(),
            other => other.clone(),
        }
    }

    fn value(&self, label: &Value) -> Value {
        label.as_str().map_or_else(|| label.clone(), |label| self.name_of(label).into())
    }
}

impl Classifier {
    /// The same classifier, altered, as `variant` asks. `ladder` is who will be asked, in the place of its own: what their
    /// confidence is worth is taken over by name.
    ///
    /// # Errors
    /// The altered schema is none: two labels would have one name.
    pub fn altered(
        &self,
        alteration: &Alteration,
        variant: &Variant,
        ladder: &[LadderRung],
    ) -> Result<Self, Vec<SchemaError>> {
        let fields = self.schema.fields().clone();
        let schema = alteration.schema(self.schema.plain(), &fields.label);
        let schema = Schema::load(&schema.to_string(), fields)?;
        let system = alteration.instructions(&variant.system, self.schema.labels());
        let mut altered = Classifier {
            name: self.name.clone(),
            variants: Variants { asked: vec![variant.reworded(system)], shadow: None },
            text: Arc::clone(&self.text),
            schema,
            fill: self.fill.clone(),
            ladder: ladder.to_vec(),
            sender_budget: None,
            objective: None,
            redact: self.redact.clone(),
            calibrations: Calibrations::default(),
        };
        for rung in ladder {
            let name = rung.judge.name();
            let before = self.ladder.iter().find(|before| before.judge.name() == name).unwrap_or(rung);
            let scaling = self.calibrations.of(name, &self.subject(variant, &*before.judge));
            if let Some(scaling) = scaling {
                let of = altered.subject(variant, &*rung.judge);
                altered.calibrations.keep(name, Calibrated { of, splits: Vec::new(), scaling }, &[]);
            }
        }
        Ok(altered)
    }
}

/// `text` with its parts that each open with a label in the opposite order; `None` unless each label opens one part, and
/// only one.
fn reversed(text: &str, by: &str, labels: &[String]) -> Option<String> {
    let mut parts: Vec<&str> = text.split(by).collect();
    let place = |label: &String| {
        let mut places = parts.iter().enumerate().filter(|(_, part)| opens(part, label)).map(|(at, _)| at);
        places.next().filter(|_| places.next().is_none())
    };
    let mut places: Vec<usize> = labels.iter().map(place).collect::<Option<_>>()?;
    places.sort_unstable();
    for (first, last) in places.iter().zip(places.iter().rev()).take(places.len() / 2) {
        parts.swap(*first, *last);
    }
    Some(parts.join(by))
}

/// Whether `part` says what `label` is: `label: …`, perhaps in a list or marked.
fn opens(part: &str, label: &str) -> bool {
    let marks = |c: char| c.is_whitespace() || "-*#•`\"'_".contains(c);
    part.trim_start_matches(marks)
        .strip_prefix(label)
        .is_some_and(|rest| rest.trim_start_matches(marks).starts_with([':', '–', '—', '=']))
}

/// `text` with every whole word that is an old name called by the new one.
fn renamed(text: &str, names: &BTreeMap<String, String>) -> String {
    let is_inner = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, ' ');
    while let Some(next) = rest.chars().next() {
        let fits = |old: &&String| {
            let after = rest.strip_prefix(old.as_str());
            after.is_some_and(|after| !after.starts_with(is_inner)) && !old.is_empty()
        };
        let found = names.keys().filter(fits).max_by_key(|old| old.len()).filter(|_| !is_inner(before));
        let taken = match found.and_then(|old| Some((old, names.get(old)?))) {
            Some((old, new)) => {
                out.push_str(new);
                old.as_str()
            }
            None => {
                out.push(next);
                rest.get(..next.len_utf8()).unwrap_or_default()
            }
        };
        before = taken.chars().next_back().unwrap_or(next);
        rest = rest.get(taken.len()..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> BTreeMap<String, String> {
        [("lead", "prospect"), ("spam", "lead")].map(|(old, new)| (old.to_owned(), new.to_owned())).into()
    }

    #[test]
    fn only_whole_words_are_renamed_and_all_at_once() {
        let text = "spam: no lead, misleading leads, `lead`, lead_time, un-lead";
        assert_eq!(
            renamed(text, &names()),
            "lead: no prospect, misleading leads, `prospect`, lead_time, un-prospect"
        );
    }

    #[test]
    fn what_is_said_of_each_label_changes_places_and_all_else_stays() {
        let labels = ["lead", "spam", "support"].map(str::to_owned);
        let paragraphs =
            "Choose.\n\nlead: buys.\n\n**spam**: sells.\nA lot.\n\nsupport: asks.\n\nlabel: lead, spam";
        let turned =
            "Choose.\n\nsupport: asks.\n\n**spam**: sells.\nA lot.\n\nlead: buys.\n\nlabel: lead, spam";
        assert_eq!(Alteration::Reordered.instructions(paragraphs, &labels), turned);
        let lines = "Choose.\n- lead: buys\n- spam: sells\n- support: asks\n";
        let turned = "Choose.\n- support: asks\n- spam: sells\n- lead: buys\n";
        assert_eq!(Alteration::Reordered.instructions(lines, &labels), turned);
        let prose = "lead: buys. spam: sells.";
        assert_eq!(Alteration::Reordered.instructions(prose, &labels), prose);
    }

    #[test]
    fn of_a_schema_the_label_alone_is_altered() {
        let schema = json!({"properties": {
            "label": {"enum": ["lead", "spam"], "description": "lead: buys"},
            "other": {"enum": ["lead", "spam"]},
        }, "if": {"properties": {"label": {"const": "spam"}}}});
        let turned = Alteration::Reordered.schema(&schema, "label");
        assert_eq!(turned["properties"]["label"]["enum"], json!(["spam", "lead"]));
        assert_eq!(turned["properties"]["other"], schema["properties"]["other"]);
        let called = Alteration::Renamed(names()).schema(&schema, "label");
        assert_eq!(
            called,
            json!({"properties": {
                "label": {"enum": ["prospect", "lead"], "description": "prospect: buys"},
                "other": {"enum": ["lead", "spam"]},
            }, "if": {"properties": {"label": {"const": "lead"}}}})
        );
    }
}
