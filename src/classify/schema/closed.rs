//! The file as answers are held to it: an object holds what the file names, and nothing besides.

use serde_json::Value;

/// Keywords that say what else an object may hold.
const SAY_WHAT_ELSE: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];

/// Closes every object of which `schema` lists the properties and does not say what else it may hold. Vendors are told
/// that all objects are closed, and not every server keeps to what it is told: a field that nobody knows could be a
/// stranger's words under a name that a template reads. `schema` has no references.
pub(super) fn close(schema: &mut Value) {
    let Some(keywords) = schema.as_object_mut() else { return };
    if let Some(items) = keywords.get_mut("items") {
        close(items);
    }
    let Some(properties) = keywords.get_mut("properties").and_then(Value::as_object_mut) else {
        let options = ["anyOf", "oneOf"];
        for (_, options) in keywords.iter_mut().filter(|(key, _)| options.contains(&key.as_str())) {
            options.as_array_mut().into_iter().flatten().for_each(close);
        }
        return;
    };
    properties.values_mut().for_each(close);
    if !SAY_WHAT_ELSE.iter().any(|key| keywords.contains_key(*key)) {
        // Unlike `additionalProperties` it knows what the options beside the properties name.
        keywords.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        classify::{
            fakes::{fields, output, schema_file},
            schema::Schema,
        },
        domain::Flaw,
    };

    use super::*;

    /// The flaws of an output whose field `next` holds `said`, by a schema file that says `next` of it.
    fn flaws(next: &Value, said: &Value) -> Vec<Flaw> {
        let mut file = schema_file();
        file["properties"]["next"] = next.clone();
        let schema = Schema::load(&file.to_string(), fields()).expect("loads");
        let mut output = output("spam", 0.5);
        output["next"] = said.clone();
        schema.validate(&output).err().into_iter().flatten().map(|wrong| wrong.flaw).collect()
    }

    #[test]
    fn no_object_holds_a_field_that_the_file_does_not_name_unless_it_says_so() {
        let open = json!({"type": "object", "properties": {"step": {"type": "string"}}});
        let known = json!({"step": "call"});
        let foreign = json!({"step": "call", "url": "https://evil.example"});
        let within = |said: &Value| json!({"steps": [said]});
        let list = json!({"type": "object", "properties": {"steps": {"type": "array", "items": open}}});

        assert_eq!(flaws(&open, &known), []);
        assert_eq!(flaws(&open, &json!({})), [], "what is not required may be left out");
        assert_eq!(flaws(&open, &foreign), [Flaw::ExtraField]);
        assert_eq!(flaws(&list, &within(&known)), []);
        assert_eq!(flaws(&list, &within(&foreign)), [Flaw::ExtraField]);
        let either = json!({"anyOf": [open, {"type": "null"}]});
        assert_eq!(flaws(&either, &known), []);
        assert_eq!(flaws(&either, &json!(null)), []);
        assert_eq!(flaws(&either, &foreign).len(), 1);

        let mut said = open;
        said["additionalProperties"] = json!({"type": "string"});
        assert_eq!(flaws(&said, &foreign), []);
    }

    #[test]
    fn what_options_beside_the_properties_name_is_known() {
        let file = json!({
            "type": "object",
            "properties": {"kind": {"type": "string"}},
            "anyOf": [
                {"properties": {"kind": {"const": "call"}, "number": {"type": "string"}}},
                {"properties": {"kind": {"const": "none"}}},
            ],
        });
        assert_eq!(flaws(&file, &json!({"kind": "call", "number": "1"})), []);
        assert_eq!(flaws(&file, &json!({"kind": "none", "number": "1"})), [Flaw::ExtraField]);
    }
}
