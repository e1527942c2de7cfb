use super::*;
use crate::classify::schema::inline::inline;

/// Derives and demands that there is no problem.
fn wire(file: &Value) -> Value {
    let mut wrong = Vec::new();
    let wire = derive(&inline(file).expect("inlines"), &mut wrong);
    assert_eq!(wrong, []);
    wire
}

fn problems(file: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    derive(&inline(file).expect("inlines"), &mut wrong);
    wrong.into_iter().map(|error| error.path).collect()
}

/// An object schema with one property `x`.
fn with(property: &Value) -> Value {
    json!({"type": "object", "properties": {"x": property}, "required": ["x"], "additionalProperties": false})
}

/// Files that between them use every keyword that can be told.
fn files() -> Vec<Value> {
    vec![
        crate::classify::fakes::schema_file(),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/x", "title": "T",
            "$defs": {
                "line": {"type": "integer", "minimum": 1, "exclusiveMaximum": 100_000, "description": "a line"},
                "finding": {
                    "type": "object",
                    "properties": {
                        "path": {"type": "string", "minLength": 1, "maxLength": 300, "pattern": "^[^/]"},
                        "start": {"$ref": "#/$defs/line"},
                        "end": {"anyOf": [{"$ref": "#/$defs/line"}, {"type": "null"}]},
                        "kind": {"oneOf": [{"const": "bug"}, {"enum": ["style", "security"]}]}
                    },
                    "required": ["path", "start"]
                }
            },
            "type": "object",
            "properties": {
                "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}, "minItems": 1, "maxItems": 10, "uniqueItems": true},
                "pair": {"type": "array", "items": {"type": ["string", "null"]}, "minItems": 2, "contains": {"type": "string"}},
                "when": {"type": "string", "format": "date-time"},
                "link": {"type": "string", "format": "uri", "default": "https://example.com"},
                "mode": {"enum": ["a", "b", null], "examples": ["a"]},
                "score": {"type": "number", "multipleOf": 0.5, "not": {"const": 1}, "x-note": "ours"},
                "flag": {"type": "boolean", "$comment": "c", "deprecated": true}
            },
            "required": ["findings"],
            "dependentRequired": {"link": ["when"]},
            "additionalProperties": false
        }),
    ]
}

/// The vendors' common subset, stated once more and in another way: llm-stage.md §3, 1–4. Written against the rules, not
/// against the derivation.
fn breaches(schema: &Value, path: &str, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        found.push(format!("{path}: no object"));
        return;
    };
    let mut breach = |what: &str| found.push(format!("{path}: {what}"));
    let allowed = [
        "type",
        "description",
        "enum",
        "const",
        "format",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "anyOf",
    ];
    for key in keywords.keys().filter(|key| !allowed.contains(&key.as_str())) {
        breach(&format!("keyword {key}"));
    }
    if !keywords.contains_key("type") && !keywords.contains_key("anyOf") {
        breach("neither type nor anyOf");
    }
    if path == "#" && (keywords.contains_key("anyOf") || schema["type"] != "object") {
        breach("the root is no plain object");
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().map(|t| t.as_str().unwrap_or("?")).collect(),
        _ => Vec::new(),
    };
    let known = ["object", "array", "string", "integer", "number", "boolean", "null"];
    if kinds.iter().any(|kind| !known.contains(kind)) {
        breach("unknown type");
    }
    if kinds.contains(&"object") {
        let mut names: Vec<String> =
            schema["properties"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
        let mut required: Vec<String> =
            serde_json::from_value(schema["required"].clone()).unwrap_or_default();
        names.sort();
        required.sort();
        if names != required || names.is_empty() || schema["additionalProperties"] != json!(false) {
            breach("not closed, or not everything required");
        }
    }
    if kinds.contains(&"array") && !schema["items"].is_object() {
        breach("items missing");
    }
    if schema.get("minItems").is_some_and(|min| *min != json!(0) && *min != json!(1)) {
        breach("minItems over 1");
    }
    let formats = ["date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];
    if schema.get("format").is_some_and(|format| !formats.iter().any(|known| format == known)) {
        breach("format");
    }
    let nested = schema.get("items").into_iter().map(|s| ("items".to_owned(), s));
    let nested =
        nested.chain(schema["properties"].as_object().into_iter().flatten().map(|(n, s)| (n.clone(), s)));
    let options = schema["anyOf"].as_array().into_iter().flatten().enumerate();
    for (name, inner) in nested.chain(options.map(|(i, s)| (i.to_string(), s))) {
        breaches(inner, &format!("{path}/{name}"), found);
    }
}

#[test]
fn every_wire_schema_keeps_to_the_common_subset() {
    for file in files() {
        let mut found = Vec::new();
        breaches(&wire(&file), "#", &mut found);
        assert_eq!(found, Vec::<String>::new());
        breaches(&file, "#", &mut found);
        assert_ne!(found, Vec::<String>::new(), "the checker sees what is wrong with the file itself");
    }
}

#[test]
fn deriving_again_changes_nothing() {
    for file in files() {
        let once = wire(&file);
        assert_eq!(wire(&once), once);
    }
}

/// The wire only forgets demands: whatever the file admits in full, the wire admits.
#[test]
fn full_outputs_that_the_file_admits_are_admitted_on_the_wire() {
    let line = json!({"path": "src/a.rs", "start": 1, "end": null, "kind": "bug"});
    let whole = |findings: Value, mode: Value| {
        json!({"findings": findings, "pair": ["a", null], "when": "2026-11-23T00:00:00Z",
            "link": "https://example.com", "mode": mode, "score": 1.5, "flag": true})
    };
    let samples = [
        vec![crate::classify::fakes::output("spam", 0.5)],
        vec![whole(json!([line]), json!("a")), whole(json!([line]), json!(null))],
    ];
    for (file, outputs) in files().iter().zip(samples) {
        let [file, wire] = [file, &wire(file)].map(|s| jsonschema::draft202012::new(s).expect("compiles"));
        for output in outputs {
            assert!(file.is_valid(&output), "{:?}", file.validate(&output));
            assert!(wire.is_valid(&output), "{:?}", wire.validate(&output));
        }
    }
}

#[test]
fn demands_that_stay_behind_are_put_into_words() {
    let told = |property: Value| wire(&with(&property))["properties"]["x"].clone();
    for (property, want) in [
        (
            json!({"type": "number", "minimum": 0, "maximum": 1, "description": "how sure"}),
            json!({"type": "number", "description": "how sure (at least 0; at most 1)"}),
        ),
        (
            json!({"type": "string", "maxLength": 300}),
            json!({"type": "string", "description": "at most 300 characters"}),
        ),
        (
            json!({"type": "string", "pattern": "^a", "title": "A"}),
            json!({"type": "string", "description": "A (matching the regular expression ^a)"}),
        ),
        (json!({"type": "string", "format": "email"}), json!({"type": "string", "format": "email"})),
        (
            json!({"type": "string", "format": "uri"}),
            json!({"type": "string", "description": "in the format uri"}),
        ),
        (json!({"const": 1}), json!({"type": "integer", "const": 1})),
        (
            json!({"enum": ["a", null, 2, 1.5], "description": "d"}),
            json!({
                "anyOf": [
                    {"type": "string", "enum": ["a"]},
                    {"type": "null"},
                    {"type": "number", "enum": [2, 1.5]},
                ],
                "description": "d",
            }),
        ),
        (
            json!({"type": ["null", "string"], "enum": ["a", null]}),
            json!({"anyOf": [{"type": "null"}, {"type": "string", "enum": ["a"]}]}),
        ),
        (json!({"type": ["string", "null"], "enum": ["a"]}), json!({"type": "string", "enum": ["a"]})),
        (json!({"type": ["string", "null"], "const": "a"}), json!({"type": "string", "const": "a"})),
        (json!({"type": "number", "enum": [1, 1.5]}), json!({"type": "number", "enum": [1, 1.5]})),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}], "description": "d"}),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "d (exactly one of the options)"}),
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": false}),
            json!({"type": "array", "description": "at least 2 items", "items": {"type": "string"}}),
        ),
        (
            json!({"type": "integer", "not": {"const": 0}}),
            json!({"type": "integer", "description": "not: {\"const\":0}"}),
        ),
    ] {
        assert_eq!(told(property.clone()), want, "{property}");
    }
}

/// Different strings of the same length.
fn strings(count: usize, characters: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:0>characters$}")).collect()
}

/// An object schema with so many properties, whose names have so many characters.
fn named(count: usize, characters: usize) -> Value {
    let names = strings(count, characters);
    let properties: Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!({"type": "boolean"}))).collect();
    json!({"type": "object", "properties": properties, "required": names})
}

#[test]
fn names_and_fixed_values_may_have_so_many_characters_and_no_more() {
    let long = |count, characters| with(&json!({"enum": strings(count, characters)}));
    let pointer = "#/properties/x/enum";
    for (file, wrong) in [
        (long(250, 61), vec![]),
        (long(300, 50), vec![]),
        (long(300, 51), vec![pointer]),
        (long(251, 479), vec![pointer, pointer]),
        // The name `x` counts as well.
        (long(240, 500), vec![pointer]),
        (named(3_000, 40), vec![]),
        (named(3_000, 41), vec!["#/properties"]),
    ] {
        assert_eq!(problems(&file), wrong);
    }
    let umlauts: Vec<String> = strings(300, 49).iter().map(|text| format!("ä{text}")).collect();
    assert_eq!(problems(&with(&json!({"enum": umlauts}))), Vec::<String>::new(), "characters, not bytes");
}

#[test]
fn a_problem_says_which_vendor_has_it() {
    let union = json!({"type": ["string", "null"]});
    let properties: Map<String, Value> = (0..=UNIONS_MAX).map(|i| (format!("p{i}"), union.clone())).collect();
    let values: Vec<usize> = (0..=ENUM_VALUES_MAX).collect();
    for (file, want) in [
        (
            json!({"type": "object", "properties": properties}),
            "the schema has 17 unions (anyOf or several types), and here are too many: Anthropic takes at most 16",
        ),
        (
            with(&json!({"enum": values})),
            "the schema has 1001 enum values, and here are too many: OpenAI takes at most 1000",
        ),
        (with(&json!({})), "has no type, which OpenAI demands"),
        (
            with(&json!({"type": "string", "enum": ["a", 1]})),
            "1 is not of the type string: Anthropic refuses it",
        ),
        (
            with(&json!({"enum": strings(251, 60)})),
            "lists 251 strings of 15060 characters: of more than 250 OpenAI takes 15000 characters at most",
        ),
        (
            named(3_000, 41),
            "the schema has 123000 characters in its names of properties and fixed values, and here are too many: OpenAI takes \
             at most 120000",
        ),
    ] {
        let mut wrong = Vec::new();
        derive(&file, &mut wrong);
        assert_eq!(wrong.iter().map(|error| error.problem.as_str()).collect::<Vec<_>>(), [want]);
    }
}

#[test]
fn what_one_field_demands_of_another_is_told_too() {
    let mut file = with(&json!({"type": "string"}));
    file["if"] = json!({"properties": {"x": {"const": "a"}}});
    file["then"] = json!({"required": ["x"]});
    file["else"] = json!({"maxProperties": 1});
    file["dependentRequired"] = json!({"x": ["x"]});
    file["dependentSchemas"] = json!({"x": {"minProperties": 1}});
    let told = wire(&file)["description"].as_str().expect("a description").to_owned();
    for demand in [
        "if: {\"properties\":{\"x\":{\"const\":\"a\"}}}",
        "then: {\"required\":[\"x\"]}",
        "else: {\"maxProperties\":1}",
        "dependentRequired: {\"x\":[\"x\"]}",
        "dependentSchemas: {\"x\":{\"minProperties\":1}}",
    ] {
        assert!(told.contains(demand), "{told}");
    }
}

#[test]
fn fields_keep_the_files_order() {
    let names = |schema: &Value| {
        schema["properties"].as_object().expect("an object").keys().cloned().collect::<Vec<_>>()
    };
    for file in files() {
        let wire = wire(&file);
        assert_eq!(names(&wire), names(&file));
        assert_eq!(wire["required"], json!(names(&file)), "a model writes in this order");
    }
}

#[test]
fn what_cannot_be_told_is_a_problem_with_its_path() {
    let deep = (0..DEPTH_MAX).fold(json!({"type": "string"}), |inner, _| with(&inner));
    assert_eq!(problems(&deep), Vec::<String>::new());
    let deeper = problems(&with(&deep));
    assert_eq!(deeper, [format!("#{}", "/properties/x".repeat(DEPTH_MAX))]);

    let union = json!({"type": ["string", "null"]});
    let unions = |count: usize| {
        let properties: Map<String, Value> = (0..count).map(|i| (format!("p{i}"), union.clone())).collect();
        json!({"type": "object", "properties": properties})
    };
    assert_eq!(problems(&unions(UNIONS_MAX)), Vec::<String>::new());
    assert_eq!(problems(&unions(UNIONS_MAX + 1)), ["#/properties/p16/type"]);
    let values: Vec<usize> = (0..=ENUM_VALUES_MAX).collect();
    assert_eq!(problems(&with(&json!({"enum": values}))), ["#/properties/x/enum"]);

    for (property, path) in [
        (json!(true), "#/properties/x"),
        (json!({}), "#/properties/x"),
        (json!({"description": "anything"}), "#/properties/x"),
        (json!({"type": "object"}), "#/properties/x"),
        (json!({"type": "object", "additionalProperties": {"type": "number"}}), "#/properties/x"),
        (json!({"type": "array"}), "#/properties/x"),
        (json!({"type": "text"}), "#/properties/x/type"),
        (json!({"enum": [{"a": 1}], "type": "string"}), "#/properties/x/enum"),
        (json!({"enum": [], "type": "string"}), "#/properties/x/enum"),
        (json!({"enum": []}), "#/properties/x/enum"),
        (json!({"enum": ["a", 1], "type": "string"}), "#/properties/x/enum"),
        (json!({"enum": ["a", null], "type": "string"}), "#/properties/x/enum"),
        (json!({"enum": [1, 1.5], "type": ["integer", "string"]}), "#/properties/x/enum"),
        (json!({"const": 1, "type": "string"}), "#/properties/x/const"),
        (json!({"anyOf": [{"type": "string"}, {}]}), "#/properties/x/anyOf/1"),
        (json!({"type": "string", "maxLenght": 3}), "#/properties/x/maxLenght"),
    ] {
        assert_eq!(problems(&with(&property)), [path], "{property}");
    }
    let root =
        json!({"type": "object", "properties": {"x": {"type": "string"}}, "anyOf": [{"required": ["x"]}]});
    assert_eq!(problems(&root), ["#/anyOf"]);
}

#[test]
fn what_is_required_and_is_no_property_is_an_error_at_any_depth() {
    let inner = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]});
    let property = "#/properties/x";
    for (property, path) in [
        (inner.clone(), format!("{property}/required")),
        (json!({"type": "array", "items": inner}), format!("{property}/items/required")),
        (json!({"anyOf": [inner, {"type": "null"}]}), format!("{property}/anyOf/0/required")),
    ] {
        assert_eq!(problems(&with(&property)), [path]);
    }
    let mut wrong = Vec::new();
    derive(&with(&inner), &mut wrong);
    assert!(wrong[0].problem.contains("`b`"), "{wrong:?}");
}
