//! Fields that need not be there. Vendors demand that every field is written, so one that has nothing to say is told to be null.

use serde_json::Value;

/// Whether null is a value of `schema`, which has no references.
pub(super) fn admits_null(schema: &Value) -> bool {
    if let Some(listed) = schema.get("enum").and_then(Value::as_array) {
        return listed.iter().any(Value::is_null);
    }
    if let Some(constant) = schema.get("const") {
        return constant.is_null();
    }
    match schema.get("type") {
        Some(Value::String(one)) => return one == "null",
        Some(Value::Array(several)) => return several.iter().any(|one| one == "null"),
        _ => {}
    }
    options(schema).any(admits_null)
}

/// Whether `required` of an object names the field.
pub(super) fn is_required(required: Option<&Value>, name: &str) -> bool {
    required.and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name))
}

fn options(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(key)?.as_array()).flatten()
}

/// Takes out what is null and need not be there, unless null says something of its own.
pub(super) fn take_out(schema: &Value, output: &mut Value) {
    match output {
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| take_out(schema, item));
            }
        }
        Value::Object(fields) => {
            let schema = match schema.get("properties") {
                Some(_) => schema,
                // Of several one cannot say which it is.
                None => {
                    let mut objects = options(schema).filter(|option| option.get("properties").is_some());
                    let (Some(only), None) = (objects.next(), objects.next()) else { return };
                    only
                }
            };
            let required = schema.get("required");
            fields.retain(|name, field| {
                let Some(schema) = schema.get("properties").and_then(|all| all.get(name)) else {
                    return true;
                };
                take_out(schema, field);
                !field.is_null() || is_required(required, name) || admits_null(schema)
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
