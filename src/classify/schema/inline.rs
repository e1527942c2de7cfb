//! `$ref` replaced by what it names, so that everything after this sees one plain tree.

use serde_json::{Map, Value};

use super::SchemaError;

/// Schemas in the tree after expansion; references can multiply a small file.
const NODES_MAX: usize = 10_000;

/// Keywords whose value is a schema.
const ONE: [&str; 11] = [
    "items",
    "additionalProperties",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords whose value names schemas.
const NAMED: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];
/// Where a schema keeps what it refers to; gone after expansion.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// Keywords that say something to readers and demand nothing: they may stand beside a `$ref` and win over its own.
const ANNOTATIONS: [&str; 8] =
    ["title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"];

/// `root` without `$ref` and `$defs`.
///
/// # Errors
/// A reference that is not local (`#/$defs/NAME`), leads nowhere, leads back to itself, contradicts a keyword beside
/// it, or a tree that grows beyond 10,000 schemas.
pub(super) fn inline(root: &Value) -> Result<Value, SchemaError> {
    Expansion { root, nodes: 0 }.schema(root, "#", &mut Vec::new())
}

/// The path one step further down, with JSON Pointer's escapes.
pub(super) fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

struct Expansion<'a> {
    root: &'a Value,
    nodes: usize,
}

impl<'a> Expansion<'a> {
    /// `under` holds the references being expanded, outermost first.
    fn schema(
        &mut self,
        schema: &'a Value,
        path: &str,
        under: &mut Vec<&'a str>,
    ) -> Result<Value, SchemaError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let problem = format!("expands to more than {NODES_MAX} schemas");
            return Err(SchemaError::at(path, problem, "use fewer or smaller $defs"));
        }
        let Value::Object(keywords) = schema else { return Ok(schema.clone()) };
        if keywords.contains_key("$dynamicRef") {
            return Err(SchemaError::at(path, "$dynamicRef is not supported", "use $ref to #/$defs/NAME"));
        }
        let mut own = Map::new();
        for (key, value) in keywords {
            let here = below(path, key);
            if key == "$ref" || DEFINITIONS.contains(&key.as_str()) {
                continue;
            }
            own.insert(key.clone(), self.keyword(key, value, &here, under)?);
        }
        match keywords.get("$ref") {
            None => Ok(Value::Object(own)),
            Some(reference) => self.reference(reference, own, path, under),
        }
    }

    fn keyword(
        &mut self,
        key: &str,
        value: &'a Value,
        path: &str,
        under: &mut Vec<&'a str>,
    ) -> Result<Value, SchemaError> {
        Ok(match value {
            _ if ONE.contains(&key) => self.schema(value, path, under)?,
            Value::Array(schemas) if LIST.contains(&key) => Value::Array(
                schemas
                    .iter()
                    .enumerate()
                    .map(|(i, schema)| self.schema(schema, &below(path, &i.to_string()), under))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(schemas) if NAMED.contains(&key) => Value::Object(
                schemas
                    .iter()
                    .map(|(name, schema)| Ok((name.clone(), self.schema(schema, &below(path, name), under)?)))
                    .collect::<Result<_, SchemaError>>()?,
            ),
            _ => value.clone(),
        })
    }

    fn reference(
        &mut self,
        reference: &'a Value,
        own: Map<String, Value>,
        path: &str,
        under: &mut Vec<&'a str>,
    ) -> Result<Value, SchemaError> {
        let here = below(path, "$ref");
        let remedy = "refer to a schema of the same file, as in #/$defs/NAME";
        let Some(pointer) = reference.as_str().filter(|r| *r == "#" || r.starts_with("#/")) else {
            return Err(SchemaError::at(&here, "is not a local reference", remedy));
        };
        // The whole file is around whatever refers to it.
        if pointer == "#" || under.contains(&pointer) {
            let problem = format!("`{pointer}` leads back to itself; Anthropic refuses recursive schemas");
            return Err(SchemaError::at(&here, problem, "write out as many levels as are needed"));
        }
        let Some(target) = self.root.pointer(pointer.trim_start_matches('#')) else {
            return Err(SchemaError::at(&here, format!("`{pointer}` leads nowhere"), remedy));
        };
        under.push(pointer);
        let expanded = self.schema(target, pointer, under)?;
        under.pop();
        let Value::Object(mut merged) = expanded else {
            return Err(SchemaError::at(&here, "refers to something that is no object schema", remedy));
        };
        for (key, value) in own {
            let clash = merged.get(&key).is_some_and(|there| *there != value);
            if clash && !ANNOTATIONS.contains(&key.as_str()) {
                let problem = format!("stands beside `$ref`, whose target has another `{key}`");
                return Err(SchemaError::at(&below(path, &key), problem, "say it in one of the two places"));
            }
            merged.insert(key, value);
        }
        Ok(Value::Object(merged))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_written_out_and_annotations_beside_them_win() {
        let schema = json!({
            "$defs": {"level": {"type": "string", "enum": ["low", "high"], "description": "a level"}},
            "type": "object",
            "properties": {
                "$ref": {"type": "string"},
                "a": {"$ref": "#/$defs/level"},
                "b": {"description": "how urgent", "$ref": "#/$defs/level"},
                "c": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/level"}, {"type": "null"}]}}
            }
        });
        let plain = inline(&schema).expect("inlines");
        assert_eq!(plain["properties"]["$ref"], json!({"type": "string"}), "a property may have any name");
        assert_eq!(plain["properties"]["a"]["enum"], json!(["low", "high"]));
        assert_eq!(plain["properties"]["b"]["description"], "how urgent");
        assert_eq!(plain["properties"]["c"]["items"]["anyOf"][0]["type"], "string");
        assert!(plain.get("$defs").is_none());
    }

    #[test]
    fn bad_references_name_their_path() {
        let with = |property: Value| json!({"$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}, "s": {"type": "string"}}, "properties": {"x": property}});
        for (property, path) in [
            (json!({"$ref": "https://example.com/a.json"}), "#/properties/x/$ref"),
            (json!({"$ref": "#/$defs/absent"}), "#/properties/x/$ref"),
            (json!({"$ref": "#/$defs/n"}), "#/$defs/n/properties/n/$ref"),
            (json!({"type": "array", "items": {"$ref": "#"}}), "#/properties/x/items/$ref"),
            (json!({"$ref": "#/$defs/s", "type": "number"}), "#/properties/x/type"),
            (json!({"$dynamicRef": "#meta"}), "#/properties/x"),
        ] {
            assert_eq!(inline(&with(property)).expect_err("refused").path, path);
        }
        for pointer in ["#", "#/$defs/n"] {
            let error = inline(&with(json!({"$ref": pointer}))).expect_err("refused").to_string();
            assert!(error.contains("recursive") && error.contains("Anthropic"), "{error}");
        }
    }

    #[test]
    fn expansion_is_bounded() {
        let mut defs = Map::new();
        defs.insert("d0".to_owned(), json!({"type": "string"}));
        for i in 1..20 {
            let reference = json!({"$ref": format!("#/$defs/d{}", i - 1)});
            defs.insert(format!("d{i}"), json!({"anyOf": [reference, reference]}));
        }
        let schema = json!({"$defs": defs, "properties": {"x": {"$ref": "#/$defs/d19"}}});
        assert!(inline(&schema).expect_err("refused").problem.contains("10000"));
    }
}
