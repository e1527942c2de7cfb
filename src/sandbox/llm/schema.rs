//! Whether a schema is within what both vendors take for structured outputs.
//!
//! Checked here apart from [`crate::classify`], which derives such schemas: a stand-in that shared its code would
//! find its mistakes correct. Sources: platform.claude.com "Structured outputs" (JSON Schema limitations), OpenAI
//! "Structured model outputs" (supported schemas); what Anthropic has against an enum beside a type, as users report it
//! (BerriAI/litellm#37881, openstory-so/openstory#1410).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

const TYPES: [&str; 7] = ["object", "array", "string", "integer", "number", "boolean", "null"];

/// Keywords that one vendor or the other refuses.
const REFUSED: [&str; 28] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "default",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "prefixItems",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
];

const FORMATS: [&str; 9] =
    ["date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

const LEVELS_MAX: usize = 10;
const PROPERTIES_MAX: usize = 5_000;
const ENUM_VALUES_MAX: usize = 1_000;
const UNIONS_MAX: usize = 16;
/// Of all names and fixed values.
const TEXT_MAX: usize = 120_000;
/// Of one enum that has many strings, and how many are not yet many.
const LONG_ENUM_TEXT_MAX: usize = 15_000;
const SHORT_ENUM_MAX: usize = 250;

/// What a vendor would refuse about `schema`; `None` if nothing.
pub(super) fn fault(schema: &Value) -> Option<String> {
    let definitions = schema.get("$defs").and_then(Value::as_object).into_iter().flatten();
    let text = definitions.map(|(name, _)| length(name)).sum();
    let mut walk = Walk { root: schema, properties: 0, enum_values: 0, unions: 0, text };
    if schema["type"] != "object" || schema.get("anyOf").is_some() {
        return Some("the root must be of type 'object' and not use 'anyOf'".to_owned());
    }
    if let Err(fault) = walk.node(schema, "#", 1) {
        return Some(fault);
    }
    [
        (walk.properties, PROPERTIES_MAX, "properties"),
        (walk.enum_values, ENUM_VALUES_MAX, "enum values"),
        (walk.unions, UNIONS_MAX, "parameters with union types"),
        (walk.text, TEXT_MAX, "characters of names, enum values and const values"),
    ]
    .into_iter()
    .find(|(count, max, _)| count > max)
    .map(|(count, max, what)| format!("Schema is too complex: {count} {what}, and the limit is {max}"))
}

struct Walk<'s> {
    root: &'s Value,
    properties: usize,
    enum_values: usize,
    unions: usize,
    text: usize,
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Whether a value beside a type passes. Several types pass for none: Anthropic compares the value with their list.
fn is_declared(declared: &Value, value: &Value) -> bool {
    match declared.as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some(_) => true,
        None => false,
    }
}

impl<'s> Walk<'s> {
    fn node(&mut self, schema: &'s Value, at: &str, level: usize) -> Result<(), String> {
        let Value::Object(words) = schema else { return Err(format!("{at}: expected a schema object")) };
        if level > LEVELS_MAX {
            return Err(format!("{at}: more than {LEVELS_MAX} levels, or a schema that contains itself"));
        }
        if let Some(refused) = words.keys().find(|word| REFUSED.contains(&word.as_str())) {
            return Err(format!("{at}: '{refused}' is not permitted"));
        }
        if let Some(reference) = words.get("$ref") {
            return self.reference(words, reference, at, level);
        }
        if words.get("minItems").is_some_and(|min| !matches!(min.as_u64(), Some(0 | 1))) {
            return Err(format!("{at}: 'minItems' may be 0 or 1"));
        }
        if words.get("format").is_some_and(|f| !f.as_str().is_some_and(|f| FORMATS.contains(&f))) {
            return Err(format!("{at}: this 'format' is not supported"));
        }
        self.values(words, at)?;
        if let Some(options) = words.get("anyOf") {
            self.unions += 1;
            let options = options.as_array().ok_or_else(|| format!("{at}: 'anyOf' must be an array"))?;
            for (n, option) in options.iter().enumerate() {
                self.node(option, &format!("{at}/anyOf/{n}"), level)?;
            }
        }
        for name in self.types(words, at)? {
            match name {
                "object" => self.object(words, at, level)?,
                "array" => match words.get("items") {
                    Some(items) => self.node(items, &format!("{at}/items"), level + 1)?,
                    None => return Err(format!("{at}: an array needs 'items'")),
                },
                _ => {}
            }
        }
        Ok(())
    }

    fn reference(
        &mut self,
        words: &Map<String, Value>,
        reference: &'s Value,
        at: &str,
        level: usize,
    ) -> Result<(), String> {
        if words.len() > 1 {
            return Err(format!("{at}: '$ref' cannot have siblings"));
        }
        let inner = reference.as_str().and_then(|text| text.strip_prefix('#'));
        match inner.and_then(|pointer| self.root.pointer(pointer)) {
            Some(target) => self.node(target, at, level + 1),
            None => Err(format!("{at}: '$ref' must point into '#/$defs'")),
        }
    }

    fn types(&mut self, words: &'s Map<String, Value>, at: &str) -> Result<Vec<&'s str>, String> {
        let names: Vec<&str> = match words.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(some)) => {
                self.unions += 1;
                some.iter().map(|one| one.as_str().unwrap_or_default()).collect()
            }
            Some(_) => vec![""],
            None if ["anyOf", "enum", "const"].iter().any(|word| words.contains_key(*word)) => Vec::new(),
            None => return Err(format!("{at}: schema must have a 'type' key")),
        };
        match names.iter().find(|name| !TYPES.contains(name)) {
            Some(unknown) => Err(format!("{at}: '{unknown}' is no type")),
            None => Ok(names),
        }
    }

    fn values(&mut self, words: &Map<String, Value>, at: &str) -> Result<(), String> {
        let listed = match words.get("enum") {
            Some(Value::Array(values)) => values.as_slice(),
            Some(_) => return Err(format!("{at}: 'enum' must be an array")),
            None => &[],
        };
        if words.contains_key("enum") && listed.is_empty() {
            return Err(format!("{at}: 'enum' must not be empty"));
        }
        self.enum_values += listed.len();
        let fixed = || listed.iter().chain(words.get("const"));
        if fixed().any(|value| value.is_object() || value.is_array()) {
            return Err(format!("{at}: enum values must be primitives"));
        }
        if let Some(declared) = words.get("type")
            && let Some(other) = fixed().find(|value| !is_declared(declared, value))
        {
            return Err(format!(
                "{at}: Invalid schema: Enum value {other} does not match declared type {declared}"
            ));
        }
        let strings: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
        let together: usize = strings.iter().map(|text| length(text)).sum();
        if strings.len() > SHORT_ENUM_MAX && together > LONG_ENUM_TEXT_MAX {
            return Err(format!(
                "{at}: an enum of more than {SHORT_ENUM_MAX} strings may have {LONG_ENUM_TEXT_MAX} characters, not {together}"
            ));
        }
        self.text += fixed()
            .map(|value| value.as_str().map_or_else(|| length(&value.to_string()), length))
            .sum::<usize>();
        Ok(())
    }

    fn object(&mut self, words: &'s Map<String, Value>, at: &str, level: usize) -> Result<(), String> {
        if words.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err(format!("{at}: 'additionalProperties' is required to be supplied and to be false"));
        }
        let none = Map::new();
        let properties = words.get("properties").and_then(Value::as_object);
        let required = words.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let required: BTreeSet<&str> = required.iter().filter_map(Value::as_str).collect();
        let named: BTreeSet<&str> = properties.unwrap_or(&none).keys().map(String::as_str).collect();
        if required != named {
            return Err(format!(
                "{at}: 'required' is required to be supplied and to be an array including every key in properties"
            ));
        }
        self.properties += named.len();
        self.text += named.iter().map(|name| length(name)).sum::<usize>();
        for (name, property) in properties.into_iter().flatten() {
            self.node(property, &format!("{at}/properties/{name}"), level + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(property: Value) -> Value {
        json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": property}})
    }

    /// Different strings of one length.
    fn many(count: usize, characters: usize) -> Vec<String> {
        (0..count).map(|n| format!("{n:ä>characters$}")).collect()
    }

    #[test]
    fn names_and_fixed_values_are_counted_together() {
        let fine = with(json!({"type": "string", "enum": many(239, 500)}));
        assert_eq!(fault(&fine), None);
        let mut longer = fine.clone();
        longer["properties"]["a"] = with(json!({"type": "string", "const": "b".repeat(500)}));
        assert_eq!(fault(&longer), None);
        longer["properties"]["a"]["properties"]["a"]["enum"] = json!(many(239, 500));
        assert!(fault(&longer).unwrap().contains("120002 characters of names"), "{:?}", fault(&longer));
        let mut defined = fine;
        defined["$defs"] = json!({"b".repeat(500): {"type": "null"}});
        assert!(fault(&defined).unwrap().contains("120001 characters of names"));
    }

    #[test]
    fn what_both_vendors_take_passes() {
        for property in [
            json!({"type": "string", "description": "x", "enum": ["a", "b"]}),
            json!({"type": ["number", "null"]}),
            json!({"const": 1}),
            json!({"type": "integer", "const": 1}),
            json!({"type": "number", "enum": [1, 1.5]}),
            json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null", "enum": [null]}]}),
            json!({"type": "string", "enum": many(250, 61)}),
            json!({"type": "string", "enum": many(300, 50)}),
            json!({"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}),
            json!({"type": "array", "minItems": 1, "items": {"type": "boolean"}}),
            with(json!({"type": "integer"})),
        ] {
            assert_eq!(fault(&with(property.clone())), None, "{property}");
        }
        let mut defined = with(json!({"$ref": "#/$defs/b"}));
        defined["$defs"] = json!({"b": {"type": "string"}});
        assert_eq!(fault(&defined), None);
    }

    #[test]
    fn what_a_vendor_refuses_is_refused_and_named() {
        for (property, want) in [
            (json!({"type": "number", "minimum": 0}), "'minimum'"),
            (json!({"type": "string", "maxLength": 9}), "'maxLength'"),
            (json!({"type": "string", "pattern": "x"}), "'pattern'"),
            (json!({"type": "string", "format": "uri"}), "'format'"),
            (json!({"type": "array", "minItems": 2, "items": {"type": "null"}}), "'minItems'"),
            (json!({"type": "array"}), "'items'"),
            (json!({"type": "text"}), "'text'"),
            (json!({}), "'type'"),
            (json!(true), "schema object"),
            (json!({"oneOf": []}), "'oneOf'"),
            (json!({"enum": [{}]}), "primitives"),
            (json!({"type": "string", "enum": []}), "empty"),
            (json!({"enum": []}), "empty"),
            (json!({"type": "string", "enum": ["a", 1]}), "Enum value 1 does not match declared type"),
            (json!({"type": "integer", "enum": [1, 1.5]}), "Enum value 1.5 does not match declared type"),
            (json!({"type": "boolean", "const": "yes"}), "does not match declared type"),
            (json!({"type": ["string", "null"], "enum": ["a", null]}), "does not match declared type"),
            (json!({"type": "string", "enum": many(251, 60)}), "15000 characters, not 15060"),
            (json!({"type": "object", "properties": {}, "required": []}), "'additionalProperties'"),
            (json!({"$ref": "#/$defs/none"}), "'$ref'"),
            (json!({"$ref": "#/properties/a"}), "levels"),
            (json!({"$ref": "#", "description": "x"}), "siblings"),
        ] {
            let fault = fault(&with(property.clone())).unwrap_or_default();
            assert!(fault.contains(want) && fault.contains("properties/a"), "{property}: {fault}");
        }
        let mut optional = with(json!({"type": "null"}));
        optional["required"] = json!([]);
        assert!(fault(&optional).unwrap().contains("'required'"));
        assert!(fault(&json!({"type": "array", "items": {"type": "null"}})).unwrap().contains("root"));
        let unions = (0..17).fold(json!({}), |mut all, n| {
            all[format!("p{n}")] = json!({"type": ["string", "null"]});
            all
        });
        let names: Vec<&String> = unions.as_object().unwrap().keys().collect();
        let many =
            json!({"type": "object", "additionalProperties": false, "required": names, "properties": unions});
        assert!(fault(&many).unwrap().contains("17 parameters with union types"));
    }
}
