//! What every classifier's schema must have.

use serde_json::Value;

use super::{Fields, inline::below};

/// Something in a schema file that has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}; {remedy}")]
pub struct SchemaError {
    /// JSON Pointer into the file, as a fragment: `#/properties/label`.
    pub path: String,
    pub problem: String,
    pub remedy: String,
}

impl SchemaError {
    pub(super) fn at(path: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        SchemaError { path: path.to_owned(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Demands a closed object with the three fields. Gives the labels; problems go to `wrong`.
pub(super) fn lint(schema: &Value, fields: &Fields, wrong: &mut Vec<SchemaError>) -> Vec<String> {
    if schema.get("type").is_none_or(|t| t != "object") {
        wrong.push(SchemaError::at("#/type", "an output is an object", "set \"type\": \"object\""));
    }
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        let remedy = "set \"additionalProperties\": false";
        wrong.push(SchemaError::at("#/additionalProperties", "the object is not closed", remedy));
    }
    let remedy = "make it a string with an enum of the labels";
    let label = field(schema, "label", &fields.label, "string", remedy, wrong);
    let remedy = "make it a number with \"minimum\": 0 and \"maximum\": 1";
    let confidence = field(schema, "confidence", &fields.confidence, "number", remedy, wrong);
    field(schema, "reason", &fields.reason, "string", "make it a string", wrong);
    if let Some(property) = confidence {
        let within = |key: &str| {
            property.get(key).and_then(Value::as_f64).is_some_and(|bound| (0.0..=1.0).contains(&bound))
        };
        if !within("minimum") || !within("maximum") {
            let path = below("#/properties", &fields.confidence);
            let remedy = "set \"minimum\": 0 and \"maximum\": 1";
            wrong.push(SchemaError::at(&path, "a confidence is from 0 to 1", remedy));
        }
    }
    label.map(|property| labels(property, &fields.label, wrong)).unwrap_or_default()
}

/// The property `name` that holds `what`, demanded to be required and of type `kind`.
fn field<'a>(
    schema: &'a Value,
    what: &str,
    name: &str,
    kind: &str,
    remedy: &str,
    wrong: &mut Vec<SchemaError>,
) -> Option<&'a Value> {
    let path = below("#/properties", name);
    let Some(property) = schema.get("properties").and_then(Value::as_object).and_then(|all| all.get(name))
    else {
        let problem = format!("is missing; it holds the {what}");
        let remedy = format!("{remedy}, or name another field as `{what}_field` of the classifier");
        wrong.push(SchemaError::at(&path, problem, remedy));
        return None;
    };
    let required = schema.get("required").and_then(Value::as_array);
    if !required.is_some_and(|all| all.iter().any(|r| r == name)) {
        let problem = format!("`{name}` is not among them; it holds the {what}");
        wrong.push(SchemaError::at("#/required", problem, format!("add \"{name}\"")));
    }
    if property.get("type").is_none_or(|t| t != kind) {
        wrong.push(SchemaError::at(&below(&path, "type"), format!("the {what} is a {kind}"), remedy));
    }
    Some(property)
}

fn labels(property: &Value, name: &str, wrong: &mut Vec<SchemaError>) -> Vec<String> {
    let path = below(&below("#/properties", name), "enum");
    let remedy = "list the labels as strings, each once";
    let Some(listed) = property.get("enum").and_then(Value::as_array) else {
        wrong.push(SchemaError::at(&path, "the label has no enum", remedy));
        return Vec::new();
    };
    let labels: Vec<String> = listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if labels.len() != listed.len() || labels.is_empty() || labels.iter().any(|l| l.trim().is_empty()) {
        wrong.push(SchemaError::at(&path, "holds something that cannot be a label", remedy));
    }
    labels
}
