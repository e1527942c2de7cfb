//! What is wrong with an output, without a word of the output: a model wrote it under a stranger's influence, and
//! these texts reach records, logs and the question that asks it for a better one.

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::Value;

use super::{Wrong, inline::below};
use crate::domain::Flaw;

/// One problem: where, by path, and what the schema demanded there. `schema` is the one without references.
pub(super) fn told(error: &ValidationError<'_>, schema: &Value) -> Wrong {
    let (flaw, demand) = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            (Flaw::ExtraField, format!("has {} field(s) that the schema does not know", unexpected.len()))
        }
        ValidationErrorKind::PropertyNames { .. } => {
            (Flaw::ExtraField, "has a field with a name that is not allowed".to_owned())
        }
        ValidationErrorKind::Required { property } => (Flaw::MissingField, format!("lacks {property}")),
        ValidationErrorKind::Enum { options } => {
            (Flaw::WrongEnum, format!("what it holds is not one of {}", listed(options)))
        }
        ValidationErrorKind::Constant { expected_value } => {
            (Flaw::WrongEnum, format!("what it holds is not {expected_value}"))
        }
        _ => (Flaw::OutOfSchema, error.masked_with("what it holds").to_string()),
    };
    let text = format!("{}: {demand}", whereabouts(error.instance_path().as_str(), schema));
    Wrong { flaw, text }
}

/// All values that are allowed: a list that is cut short would lead whoever reads it to those that it names.
fn listed(options: &Value) -> String {
    let values: Vec<String> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
    values.join(", ")
}

/// The path with every segment masked that is neither an index nor a property of the schema.
fn whereabouts(path: &str, schema: &Value) -> String {
    if path.is_empty() {
        return "the answer".to_owned();
    }
    let shown = |segment: &str| {
        let digits = segment.bytes().all(|b| b.is_ascii_digit());
        if digits || names(schema, &format!("/{segment}")) { segment.to_owned() } else { "…".to_owned() }
    };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

/// Whether some object of the schema has a property of that name, given as a pointer of one segment.
fn names(schema: &Value, segment: &str) -> bool {
    match schema {
        Value::Object(keywords) => keywords.iter().any(|(key, value)| {
            let properties = value.as_object().filter(|_| key == "properties");
            properties.is_some_and(|all| all.keys().any(|name| below("", name) == segment))
                || names(value, segment)
        }),
        Value::Array(items) => items.iter().any(|item| names(item, segment)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
