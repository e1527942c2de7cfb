//! Enum values in the file's spelling.

use serde_json::Value;

/// Gives every string in `output` that differs from one allowed value only in case that value's spelling. `schema`
/// has no references.
pub(super) fn canonical(schema: &Value, output: &mut Value) {
    let options = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    for option in options {
        canonical(option, output);
    }
    match output {
        Value::String(said) => {
            let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            let allowed = listed.chain(schema.get("const")).filter_map(Value::as_str);
            let folded = said.to_lowercase();
            let mut alike = allowed.filter(|value| value.to_lowercase() == folded);
            if let (Some(only), None) = (alike.next(), alike.next()) {
                *said = only.to_owned();
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| canonical(schema, item));
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(schema) = schema.get("properties").and_then(|all| all.get(name)) {
                    canonical(schema, field);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
