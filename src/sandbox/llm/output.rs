//! Making an output that is valid for a schema and has something to do with the question.

use serde_json::{Map, Value, json};

use super::words;

/// References and nesting are followed this deep.
const DEPTH_MAX: usize = 16;

/// A value valid for `schema`, which is within [`super::schema`]'s subset. Bounds that the wire subset cannot carry
/// are met as far as can be guessed: short texts, 0.9 where a confidence is asked for, 1 for other numbers.
pub(super) fn derive(schema: &Value, text: &str) -> Value {
    let lower = text.to_lowercase();
    Making { root: schema, text: &lower }.value(schema, "", 0)
}

/// The output with its label replaced: the field `label`, or else the first text without spaces.
pub(super) fn relabelled(mut output: Value, other: impl Fn(&str) -> String) -> Value {
    let Some(fields) = output.as_object_mut() else { return output };
    let is_word = |value: &Value| value.as_str().is_some_and(|text| !text.contains(' '));
    let name = if fields.get("label").is_some_and(is_word) {
        Some("label".to_owned())
    } else {
        fields.iter().find(|(_, value)| is_word(value)).map(|(name, _)| name.clone())
    };
    if let Some(Value::String(label)) = name.and_then(|name| fields.get_mut(&name)) {
        *label = other(label);
    }
    output
}

struct Making<'a> {
    root: &'a Value,
    text: &'a str,
}

impl Making<'_> {
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.value(target, name, depth + 1));
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.choice(values);
        }
        if let Some(first) = schema["anyOf"].get(0) {
            return self.value(first, name, depth + 1);
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
        match kind {
            Some("object") => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                let fields: Map<String, Value> = properties
                    .map(|(name, inner)| (name.clone(), self.value(inner, name, depth + 1)))
                    .collect();
                Value::Object(fields)
            }
            Some("array") => match schema["minItems"].as_u64() {
                Some(1..) => json!([self.value(&schema["items"], name, depth + 1)]),
                Some(0) | None => json!([]),
            },
            Some("string") => Value::String(self.string(schema["format"].as_str())),
            Some("number") if name.contains("confidence") || name.contains("probability") => json!(0.9),
            Some("number" | "integer") => json!(1),
            Some("boolean") => json!(false),
            Some(_) | None => Value::Null,
        }
    }

    fn choice(&self, values: &[Value]) -> Value {
        let labels: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        match words::choose(&labels, self.text) {
            Some(label) => Value::String(label.to_owned()),
            None => values.first().cloned().unwrap_or(Value::Null),
        }
    }

    fn string(&self, format: Option<&str>) -> String {
        let text = match format {
            Some("date-time") => "2026-01-01T00:00:00Z",
            Some("date") => "2026-01-01",
            Some("time") => "00:00:00Z",
            Some("duration") => "PT1H",
            Some("email") => "sandbox@sandbox.example",
            Some("hostname") => "sandbox.example",
            Some("ipv4") => "192.0.2.1",
            Some("ipv6") => "2001:db8::1",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            Some(_) | None => {
                let found = words::found(self.text);
                if found.is_empty() {
                    return "The sandbox found no telling word.".to_owned();
                }
                return format!("The sandbox found: {}.", found.join(", "));
            }
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object", "additionalProperties": false,
            "required": ["reason", "label", "urgency", "confidence", "score", "tags", "at", "owner"],
            "properties": {
                "reason": {"type": "string"},
                "label": {"type": "string", "enum": ["lead", "support", "internal", "spam"]},
                "urgency": {"type": "string", "enum": ["low", "normal", "high", "urgent"]},
                "confidence": {"type": "number"},
                "score": {"type": "integer"},
                "tags": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/tag"}},
                "at": {"type": "string", "format": "date-time"},
                "owner": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            },
            "$defs": {"tag": {"type": "string", "enum": ["x"]}},
        })
    }

    #[test]
    fn what_is_made_is_valid_and_follows_from_the_words() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for (text, label, urgency) in [
            ("Could we book a demonstration, and what is the price?", "lead", "normal"),
            ("URGENT: the export is broken and shows an error", "support", "urgent"),
            ("", "lead", "normal"),
        ] {
            let output = derive(&schema(), text);
            assert!(validator.is_valid(&output), "{output}");
            assert_eq!((&output["label"], &output["urgency"]), (&json!(label), &json!(urgency)), "{output}");
            assert!(output["reason"].as_str().unwrap().len() < 200, "{output}");
        }
    }

    #[test]
    fn a_label_can_be_spoilt() {
        let spoilt = relabelled(json!({"reason": "so", "label": "lead"}), str::to_uppercase);
        assert_eq!(spoilt, json!({"reason": "so", "label": "LEAD"}));
        let spoilt = relabelled(json!({"reason": "so it is", "class": "a"}), |_| "none".to_owned());
        assert_eq!(spoilt, json!({"reason": "so it is", "class": "none"}));
    }
}
