//! Fixed values that differ only in case. Anthropic may change a value's case, so of two such the one that was meant
//! cannot be told.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::{SchemaError, fixed::lists, inline::below};

/// Where in an output a value stands: names of fields, and `None` for any item of a list.
type Place<'a> = Vec<Option<&'a str>>;

/// The strings that a place may hold, each with the path of the list that it is from.
type Listed<'a> = Vec<(String, &'a str)>;

/// Demands of all strings that one place of an output may hold, whichever options list them, that they are still
/// different when their case is lost. `schema` has no references; problems go to `wrong`.
pub(super) fn lint(schema: &Value, wrong: &mut Vec<SchemaError>) {
    let mut places = IndexMap::new();
    collect(schema, "#", &mut Vec::new(), &mut places);
    for listed in places.values() {
        let mut known: HashMap<String, (&str, &str)> = HashMap::new();
        let mut told: HashSet<&str> = HashSet::new();
        for (path, value) in listed {
            let (first, at) = *known.entry(value.to_lowercase()).or_insert((*value, path.as_str()));
            let is_itself = std::ptr::eq(first, *value);
            // Two options may list the same value.
            if is_itself || (first == *value && at != path) || !told.insert(path) {
                continue;
            }
            let problem = if first == *value {
                format!("lists {value:?} twice")
            } else {
                format!("{first:?} and {value:?} differ only in case, which Anthropic may change")
            };
            let remedy = "list values that differ in more than case, each once";
            wrong.push(SchemaError::at(path, problem, remedy));
        }
    }
}

fn collect<'a>(
    schema: &'a Value,
    path: &str,
    place: &mut Place<'a>,
    places: &mut IndexMap<Place<'a>, Listed<'a>>,
) {
    let Value::Object(keywords) = schema else { return };
    for (key, listed) in lists(keywords) {
        let here = below(path, key);
        let texts = listed.iter().filter_map(Value::as_str).map(|text| (here.clone(), text));
        places.entry(place.clone()).or_default().extend(texts);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        let options = keywords.get(key).and_then(Value::as_array).into_iter().flatten();
        for (n, option) in options.enumerate() {
            collect(option, &below(&below(path, key), &n.to_string()), place, places);
        }
    }
    let fields = keywords.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, field) in fields {
        place.push(Some(name));
        collect(field, &below(&below(path, "properties"), name), place, places);
        place.pop();
    }
    if let Some(items) = keywords.get("items") {
        place.push(None);
        collect(items, &below(path, "items"), place, places);
        place.pop();
    }
}
