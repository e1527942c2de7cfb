//! Values that a schema fixes: what `enum` and `const` list, under the types that they are of.
//!
//! Anthropic refuses a list beside several types, as in `"type": ["string", "null"], "enum": ["a", null]`, and a value that
//! is not of the type beside it; so each type is told with its own values.

use serde_json::{Map, Value};

/// What `enum` and `const` list, each under its keyword.
pub(super) fn lists(keywords: &Map<String, Value>) -> impl Iterator<Item = (&'static str, &[Value])> {
    ["enum", "const"].into_iter().filter_map(|key| {
        let value = keywords.get(key)?;
        let listed = value.as_array().filter(|_| key == "enum").map(Vec::as_slice);
        Some((key, listed.unwrap_or(std::slice::from_ref(value))))
    })
}

pub(super) fn is_primitive(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// Whether a value is of a type. Every whole number is a number, too.
pub(super) fn is_of(value: &Value, kind: &str) -> bool {
    let own = type_of(value);
    own == kind || (own == "integer" && kind == "number")
}

/// Those of the types that any of the fixed values is of, with what they list: `const` alone says it all, and a value is told
/// once. Empty if nothing is fixed.
pub(super) fn by_type<'a>(
    types: &[&'a str],
    keywords: &'a Map<String, Value>,
) -> Vec<(&'a str, Vec<&'a Value>)> {
    let listed = lists(keywords).last().map(|(_, listed)| listed).unwrap_or_default();
    let first = |value: &Value| types.iter().position(|kind| is_of(value, kind));
    let of = |at: usize| listed.iter().filter(move |value| first(value) == Some(at)).collect::<Vec<_>>();
    types
        .iter()
        .enumerate()
        .map(|(at, kind)| (*kind, of(at)))
        .filter(|(_, values)| !values.is_empty())
        .collect()
}

/// The types of the fixed values in the order in which they come up.
pub(super) fn implied(keywords: &Map<String, Value>) -> Vec<&'static str> {
    let mut types = Vec::new();
    for value in lists(keywords).flat_map(|(_, listed)| listed) {
        let kind = type_of(value);
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    if types.contains(&"number") {
        types.retain(|kind| *kind != "integer");
    }
    types
}

/// Characters of a fixed value.
pub(super) fn characters(value: &Value) -> usize {
    value.as_str().map_or_else(|| value.to_string().chars().count(), |text| text.chars().count())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
