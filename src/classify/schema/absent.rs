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

/// The schemas that list an object's properties: `schema` itself, or its options.
fn forms(schema: &Value) -> impl Iterator<Item = &Value> {
    let own = schema.get("properties").map(|_| schema);
    let options = options(schema).filter(move |_| own.is_none());
    own.into_iter().chain(options)
}

/// Takes out what is null and need not be there, unless null says something of its own.
pub(super) fn take_out(schema: &Value, output: &mut Value) {
    match output {
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| take_out(schema, item));
            }
        }
        Value::Object(fields) => fields.retain(|name, field| {
            let known: Vec<(&Value, &Value)> =
                forms(schema).filter_map(|form| Some((form, form.get("properties")?.get(name)?))).collect();
            // Which of several forms it is cannot be said from here.
            if let [(_, schema)] = known.as_slice() {
                take_out(schema, field);
            }
            let needs = |(form, schema): &(&Value, &Value)| {
                is_required(form.get("required"), name) || admits_null(schema)
            };
            !field.is_null() || known.is_empty() || known.iter().any(needs)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
