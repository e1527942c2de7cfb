use serde_json::json;

use super::*;
use crate::classify::fakes::{fields, output, schema, schema_file};

fn load(file: &Value) -> Result<Schema, Vec<SchemaError>> {
    Schema::load(&file.to_string(), fields())
}

/// The paths of what is wrong with the schema after `change`.
fn wrong(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut file = schema_file();
    change(&mut file);
    load(&file).expect_err("is refused").into_iter().map(|error| error.path).collect()
}

#[test]
fn labels_come_in_the_files_order() {
    let schema = schema();
    assert_eq!(schema.labels(), ["lead", "support", "spam"]);
    assert_eq!(schema.digest(), hex::encode(Sha256::digest(schema_file().to_string())));
}

#[test]
fn what_a_classifier_needs_is_demanded_by_path() {
    assert_eq!(wrong(|s| s["additionalProperties"] = json!(true)), ["#/additionalProperties"]);
    assert_eq!(wrong(|s| s["required"] = json!(["label", "reason"])), ["#/required"]);
    assert_eq!(wrong(|s| s["properties"]["label"] = json!({"type": "string"})), ["#/properties/label/enum"]);
    let same = json!({"type": "string", "enum": ["spam", "Spam"]});
    assert_eq!(wrong(|s| s["properties"]["label"] = same), ["#/properties/label/enum"]);
    let number = json!({"type": "integer", "enum": [1, 2]});
    let paths = ["#/properties/label/type", "#/properties/label/enum"];
    assert_eq!(wrong(|s| s["properties"]["label"] = number), paths);
    assert_eq!(
        wrong(|s| s["properties"]["confidence"] = json!({"type": "number"})),
        ["#/properties/confidence"]
    );
    let percent = json!({"type": "number", "minimum": 0, "maximum": 100});
    assert_eq!(wrong(|s| s["properties"]["confidence"] = percent), ["#/properties/confidence"]);
    assert_eq!(
        wrong(|s| s["properties"]["reason"]["type"] = json!("array")),
        ["#/properties/reason/type", "#/properties/reason"]
    );
    assert_eq!(wrong(|s| s["$schema"] = json!("http://json-schema.org/draft-07/schema#")), ["#/$schema"]);
    assert_eq!(
        wrong(|s| s["properties"]["reason"]["maxLength"] = json!(-1)),
        ["#/properties/reason/maxLength"]
    );
    assert_eq!(wrong(|s| s["properties"]["reason"]["pattern"] = json!("(")), ["#/properties/reason/pattern"]);
    assert_eq!(
        wrong(|s| s["properties"]["reason"]["format"] = json!("prose")),
        ["#/properties/reason/format"]
    );
    let gone = wrong(|s| drop(s["properties"].as_object_mut().expect("an object").remove("reason")));
    assert_eq!(gone, ["#/properties/reason", "#/required"]);
    let error = load(&json!({})).expect_err("is refused");
    assert!(error.len() >= 5, "all at once: {error:#?}");
    assert_eq!(Schema::load("{", fields()).expect_err("is refused")[0].path, "#");
}

#[test]
fn values_that_differ_only_in_case_are_told_apart_nowhere() {
    let field = |property: Value| wrong(|s| s["properties"]["urgency"] = property);
    let at = |path: &str| vec![format!("#/properties/urgency{path}")];
    let kind = |value: &str| json!({"type": "object", "additionalProperties": false, "properties": {"kind": {"const": value}}});
    for (property, path) in [
        (json!({"type": "string", "enum": ["A", "a"]}), "/enum"),
        (json!({"type": "string", "enum": ["a", "a"]}), "/enum"),
        (json!({"type": "string", "enum": ["Straße", "b", "STRAßE", "B"]}), "/enum"),
        (json!({"type": "array", "items": {"type": "string", "enum": ["A", "a"]}}), "/items/enum"),
        (json!({"oneOf": [{"const": "A"}, {"const": "a"}]}), "/oneOf/1/const"),
        (json!({"anyOf": [{"type": "string", "enum": ["A", "b"]}, {"const": "B"}]}), "/anyOf/1/const"),
        (json!({"anyOf": [kind("A"), kind("a")]}), "/anyOf/1/properties/kind/const"),
    ] {
        assert_eq!(field(property.clone()), at(path), "{property}");
    }
    for property in [
        json!({"type": "string", "enum": ["a", "b"]}),
        json!({"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"const": "b"}]}),
        json!({"anyOf": [kind("a"), kind("a")]}),
        json!({"type": "object", "additionalProperties": false, "properties": {"A": {"const": "A"}, "b": {"const": "a"}}}),
    ] {
        let mut file = schema_file();
        file["properties"]["urgency"] = property.clone();
        assert!(load(&file).is_ok(), "{property}");
    }
}

#[test]
fn errors_tell_the_remedy() {
    let mut file = schema_file();
    file["properties"]["confidence"] = json!({"type": "number"});
    let errors = load(&file).expect_err("is refused");
    let want = "#/properties/confidence: a confidence is from 0 to 1; set \"minimum\": 0 and \"maximum\": 1";
    assert_eq!(errors[0].to_string(), want);
}

#[test]
fn what_is_wrong_with_an_output_is_told_without_quoting_it() {
    let schema = schema();
    assert_eq!(schema.validate(&output("spam", 0.5)), Ok(()));
    let mut bad = output("hush", 1.5);
    bad["evidence"] = json!(["hush", 7, "hush", "hush"]);
    bad["hush"] = json!("hush");
    bad.as_object_mut().expect("an object").remove("reason");
    let wrong = schema.validate(&bad).expect_err("is invalid");
    assert!(wrong.iter().all(|w| !w.text.contains("hush")), "{wrong:#?}");
    for (flaw, text) in [
        (Flaw::ExtraField, "the answer: has 1 field(s) that the schema does not know"),
        (Flaw::MissingField, "the answer: lacks \"reason\""),
        (Flaw::WrongEnum, "/label: what it holds is not one of \"lead\", \"support\", \"spam\""),
        (Flaw::OutOfSchema, "/confidence: what it holds is greater than the maximum of 1"),
        (Flaw::OutOfSchema, "/evidence/1: what it holds is not of type \"string\""),
        (Flaw::OutOfSchema, "/evidence: what it holds has more than 3 items"),
    ] {
        let want = Wrong { flaw, text: text.to_owned() };
        assert!(wrong.contains(&want), "{want:?} is not in {wrong:#?}");
    }
    for other in [json!("hush"), json!(["hush"]), json!(null)] {
        assert_eq!(schema.validate(&other).expect_err("is invalid").len(), 1);
    }
}

#[test]
fn the_number_of_problems_told_is_bounded() {
    let mut bad = output("spam", 0.5);
    bad["evidence"] = (0..1_000).map(|n| json!(n)).collect();
    assert_eq!(schema().validate(&bad).expect_err("is invalid").len(), PROBLEMS_MAX);
}

#[test]
fn names_that_only_the_model_knows_are_masked_in_paths() {
    let mut file = schema_file();
    file["properties"]["scores"] = json!({
        "type": "object",
        "properties": {"a/b": {"type": "number"}},
        "additionalProperties": {"type": "number"}
    });
    let schema = load(&file).expect("loads");
    let mut bad = output("spam", 0.5);
    bad["scores"] = json!({"hush": "x", "a/b": "x"});
    let wrong = schema.validate(&bad).expect_err("is invalid");
    let mut wrong: Vec<String> = wrong.into_iter().map(|wrong| wrong.text).collect();
    wrong.sort();
    assert_eq!(
        wrong,
        [
            "/scores/a~1b: what it holds is not of type \"number\"",
            "/scores/…: what it holds is not of type \"number\""
        ]
    );
}

#[test]
fn formats_and_bounds_that_vendors_do_not_take_are_enforced_here() {
    let mut file = schema_file();
    file["properties"]["mail"] = json!({"type": "string", "format": "email", "maxLength": 20});
    let schema = load(&file).expect("loads");
    for (mail, valid) in [("a@b.example", true), ("nobody", false), ("a@bbbbbbbbbbbbbbbbbbbb.example", false)]
    {
        let mut output = output("spam", 0.5);
        output["mail"] = json!(mail);
        assert_eq!(schema.validate(&output).is_ok(), valid, "{mail}");
    }
    file["properties"]["mail"]["format"] = json!("e-mail");
    load(&file).expect_err("an unknown format would enforce nothing");
}

#[test]
fn the_case_of_enum_values_is_put_right_at_any_depth_and_nothing_else_is() {
    let mut file = schema_file();
    file["$defs"] = json!({"area": {"type": "string", "enum": ["Billing", "Log-in"]}});
    file["properties"]["areas"] = json!({"type": "array", "items": {"$ref": "#/$defs/area"}});
    file["properties"]["next"] = json!({"anyOf": [
        {"type": "object", "properties": {"area": {"$ref": "#/$defs/area"}}, "additionalProperties": false},
        {"type": "string", "const": "NONE"}
    ]});
    file["properties"]["level"] = json!({"anyOf": [{"type": "string", "enum": ["x", "y"]}, {"const": "x"}]});
    let schema = load(&file).expect("loads");
    let mut said = output("SPAM", 0.5);
    said["reason"] = json!("LEAD");
    said["areas"] = json!(["billing", "LOG-IN", "other"]);
    said["next"] = json!({"area": "bILLING"});
    said["level"] = json!("X");
    let mut want = said.clone();
    want["label"] = json!("spam");
    want["level"] = json!("x");
    want["areas"] = json!(["Billing", "Log-in", "other"]);
    want["next"] = json!({"area": "Billing"});
    schema.canonical(&mut said);
    assert_eq!(said, want);
    said["next"] = json!("none");
    schema.canonical(&mut said);
    assert_eq!(said["next"], "NONE");
}

#[test]
fn only_valid_outputs_are_admitted() {
    let schema = schema();
    let admitted = schema.admit(output("Spam", 0.25)).expect("valid");
    assert_eq!(
        (admitted.label(), admitted.confidence(), admitted.reason()),
        ("spam", 0.25, "a made-up reason")
    );
    assert_eq!(admitted.value(), &output("spam", 0.25));
    schema.admit(output("ham", 0.25)).expect_err("an unknown label");
    schema.admit(output("spam", f64::NAN)).expect_err("no number at all");
}

#[test]
fn of_many_values_all_are_told() {
    let mut file = schema_file();
    file["properties"]["label"]["enum"] = json!(["a", "b", "c", "d", "e"]);
    let wrong = load(&file).expect("loads").validate(&output("hush", 0.5)).expect_err("is invalid");
    assert_eq!(Wrong::told(&wrong), "/label: what it holds is not one of \"a\", \"b\", \"c\", \"d\", \"e\"");
}

#[test]
fn a_field_that_need_not_be_there_may_be_null_on_the_wire_and_is_then_absent() {
    let mut file = schema_file();
    file["properties"]["channel"] =
        json!({"type": "string", "enum": ["mail", "phone"], "description": "how"});
    file["properties"]["due"] = json!({"anyOf": [{"type": "string", "format": "date"}, {"type": "integer"}]});
    file["properties"]["seat"] = json!({"type": ["string", "null"]});
    file["properties"]["parts"] = json!({"type": "array", "items": {
        "type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}, "required": ["name"],
    }});
    let form = |kind: &str| json!({"type": "object", "properties": {"kind": {"const": kind}, "size": {"type": "integer"}}, "required": ["kind"]});
    file["properties"]["next"] = json!({"anyOf": [form("a"), form("b")]});
    let schema = load(&file).expect("loads");
    let wire = &schema.wire()["properties"];
    let null = json!({"type": "null", "description": "there is none"});
    assert_eq!(wire["channel"]["anyOf"][0]["enum"], json!(["mail", "phone"]));
    assert_eq!((&wire["channel"]["anyOf"][1], &wire["due"]["anyOf"][2]), (&null, &null));
    assert_eq!(wire["seat"]["type"], json!(["string", "null"]), "null says something of its own");
    assert_eq!(wire["label"], wire_of_label(), "what is required is told as it is");

    let mut said = output("spam", 0.5);
    said["channel"] = json!(null);
    said["due"] = json!(null);
    said["seat"] = json!(null);
    said["parts"] = json!([{"name": "a", "size": null}]);
    said["next"] = json!({"kind": "b", "size": null});
    let admitted = schema.admit(said).expect("valid").into_value();
    assert!(admitted.get("channel").is_none() && admitted.get("due").is_none(), "{admitted:#}");
    assert_eq!((&admitted["seat"], &admitted["parts"]), (&json!(null), &json!([{"name": "a"}])));
    assert_eq!(admitted["next"], json!({"kind": "b"}));
    let mut said = output("spam", 0.5);
    said["reason"] = json!(null);
    assert_eq!(schema.admit(said).expect_err("it is required")[0].flaw, Flaw::OutOfSchema);
}

fn wire_of_label() -> Value {
    schema().wire()["properties"]["label"].clone()
}
