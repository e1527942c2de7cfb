//! The schema as vendors are told it: the subset that both Anthropic's and OpenAI's structured outputs take.
//!
//! Objects are closed and all their properties required, null where one need not be there; only types, enums, nested
//! `anyOf`, formats and item counts of at most one survive as keywords. Every other demand is put into words and appended to the `description`, where
//! a model can read it; the file itself still enforces it on what comes back. What cannot be told at all is an error
//! when the file is loaded, not a 400 when an event is waiting.
//!
//! Sources: platform.claude.com "Structured outputs" (JSON Schema limitations; at most 16 union-typed parameters);
//! OpenAI "Structured model outputs" (supported schemas; 5,000 properties, 10 levels, 1,000 enum values, 120,000 characters of
//! names and fixed values, 15,000 of an enum of more than 250 strings).

use serde_json::{Map, Value, json};

use super::{
    SchemaError,
    absent::{admits_null, is_required},
    fixed,
    inline::below,
};

/// OpenAI's.
const DEPTH_MAX: usize = 10;
/// OpenAI's.
const PROPERTIES_MAX: usize = 5_000;
/// OpenAI's.
const ENUM_VALUES_MAX: usize = 1_000;
/// OpenAI's, of the names of properties and of fixed values. Definitions have none here.
const CHARACTERS_MAX: usize = 120_000;
/// OpenAI's: beyond so many strings an enum is a long one,
const LONG_ENUM_VALUES: usize = 250;
/// and they may have so many characters together.
const LONG_ENUM_CHARACTERS_MAX: usize = 15_000;
/// Anthropic's.
const UNIONS_MAX: usize = 16;

const TYPES: [&str; 7] = ["object", "array", "string", "integer", "number", "boolean", "null"];
/// Formats that both vendors take.
const FORMATS: [&str; 9] =
    ["date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// Keywords that the derivation handles itself.
const HANDLED: [&str; 8] =
    ["type", "enum", "const", "properties", "required", "additionalProperties", "items", "description"];
/// Keywords that demand nothing of a value; they stay behind.
const SILENT: [&str; 11] = [
    "$schema",
    "$id",
    "$comment",
    "$anchor",
    "title",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentSchema",
];
/// Keywords whose demand goes into words: none of them is in both vendors' subsets.
const BOUNDS: [&str; 31] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "format",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "prefixItems",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const CONTENT: [&str; 2] = ["contentEncoding", "contentMediaType"];

/// The wire schema of `schema`, which has no references. Problems go to `wrong`; without any the result is good.
pub(super) fn derive(schema: &Value, wrong: &mut Vec<SchemaError>) -> Value {
    let mut derivation = Derivation {
        wrong,
        properties: Count::up_to(PROPERTIES_MAX),
        enum_values: Count::up_to(ENUM_VALUES_MAX),
        characters: Count::up_to(CHARACTERS_MAX),
        unions: Count::up_to(UNIONS_MAX),
    };
    for key in ["anyOf", "oneOf"].into_iter().filter(|key| schema.get(key).is_some()) {
        let problem = format!("OpenAI refuses {key} at the root");
        derivation.problem(&below("#", key), problem, "put it into a property");
    }
    let wire = derivation.node(schema, "#", 0);
    let Derivation { wrong, properties, enum_values, characters, unions } = derivation;
    let smaller = "make the output smaller";
    wrong.extend(properties.problem("properties", "OpenAI", smaller));
    wrong.extend(enum_values.problem("enum values", "OpenAI", smaller));
    let shorter = "make the output smaller, or its names and values shorter";
    let what = "characters in its names of properties and fixed values";
    wrong.extend(characters.problem(what, "OpenAI", shorter));
    let required =
        "make the output smaller, or require fields: one that need not be there is its value or null";
    wrong.extend(unions.problem("unions (anyOf or several types)", "Anthropic", required));
    wire
}

/// How often something stands in the whole schema.
struct Count {
    max: usize,
    count: usize,
    /// Where it came to be more than `max`.
    beyond: Option<String>,
}

impl Count {
    fn up_to(max: usize) -> Self {
        Count { max, count: 0, beyond: None }
    }

    fn add(&mut self, more: usize, path: &str) {
        self.count += more;
        if self.count > self.max && self.beyond.is_none() {
            self.beyond = Some(path.to_owned());
        }
    }

    fn problem(self, what: &str, vendor: &str, remedy: &str) -> Option<SchemaError> {
        let Count { max, count, beyond } = self;
        let problem =
            format!("the schema has {count} {what}, and here are too many: {vendor} takes at most {max}");
        Some(SchemaError::at(&beyond?, problem, remedy))
    }
}

struct Derivation<'a> {
    wrong: &'a mut Vec<SchemaError>,
    properties: Count,
    enum_values: Count,
    characters: Count,
    unions: Count,
}

impl Derivation<'_> {
    fn problem(&mut self, path: &str, problem: impl Into<String>, remedy: &str) {
        self.wrong.push(SchemaError::at(path, problem, remedy));
    }

    /// `depth` counts the objects and arrays around this schema.
    fn node(&mut self, schema: &Value, path: &str, depth: usize) -> Value {
        let Value::Object(keywords) = schema else {
            self.problem(path, "is `true` or `false`, where OpenAI demands a type", "write a type");
            return Value::Null;
        };
        self.known(keywords, path);
        if fixed::lists(keywords).any(|(_, listed)| listed.is_empty()) {
            self.problem(&below(path, "enum"), "lists nothing: no answer could be right", "list its values");
            return Value::Null;
        }
        let mut wire = Map::new();
        let types = types(keywords);
        let options = ["anyOf", "oneOf"].iter().find_map(|key| Some((*key, keywords.get(*key)?.as_array()?)));
        match (types.is_empty(), options) {
            (true, Some((key, options))) => {
                let here = below(path, key);
                self.unions.add(1, &here);
                let options = options
                    .iter()
                    .enumerate()
                    .map(|(i, o)| self.node(o, &below(&here, &i.to_string()), depth));
                wire.insert("anyOf".to_owned(), options.collect());
                describe(&mut wire, keywords, &[key]);
                return Value::Object(wire);
            }
            (true, None) => {
                self.problem(path, "has no type, which OpenAI demands", "write a type, an enum, or anyOf");
                return Value::Null;
            }
            (false, _) => {}
        }
        if let Some(unknown) = types.iter().find(|t| !TYPES.contains(t)) {
            self.problem(
                &below(path, "type"),
                format!("`{unknown}` is no type"),
                "write a type of JSON Schema",
            );
        }
        self.values(keywords, &types, path);
        let fixed = fixed::by_type(&types, keywords);
        if fixed.len() > 1 {
            self.unions.add(1, &below(path, "enum"));
            let told = |(kind, values): (&str, Vec<&Value>)| match kind {
                "null" => json!({"type": kind}),
                _ => json!({"type": kind, "enum": values}),
            };
            wire.insert("anyOf".to_owned(), fixed.into_iter().map(told).collect());
            describe(&mut wire, keywords, &[]);
            return Value::Object(wire);
        }
        // Types that no fixed value is of are those of no answer.
        let types = fixed.first().map_or(types, |(kind, _)| vec![*kind]);
        let told = match types.as_slice() {
            [one] => json!(one),
            several => {
                self.unions.add(1, &below(path, "type"));
                json!(several)
            }
        };
        wire.insert("type".to_owned(), told);
        describe(&mut wire, keywords, &[]);
        for (key, listed) in fixed::lists(keywords) {
            let theirs = || listed.iter().filter(|value| types.iter().any(|kind| fixed::is_of(value, kind)));
            let told = if key == "enum" { theirs().cloned().collect() } else { json!(theirs().next()) };
            wire.insert(key.to_owned(), told);
        }
        if let Some(format) = keywords.get("format").filter(|f| shared(f)) {
            wire.insert("format".to_owned(), format.clone());
        }
        if types.contains(&"object") {
            self.object(&mut wire, keywords, path, depth);
        }
        if types.contains(&"array") {
            self.array(&mut wire, keywords, path, depth);
        }
        Value::Object(wire)
    }

    /// A misspelt keyword would silently demand nothing.
    fn known(&mut self, keywords: &Map<String, Value>, path: &str) {
        let all: [&[&str]; 4] = [&HANDLED, &SILENT, &BOUNDS, &CONTENT];
        for key in keywords.keys() {
            if !key.starts_with("x-") && !all.iter().any(|known| known.contains(&key.as_str())) {
                let remedy = "correct it, or start its name with `x-` if it is a note";
                self.problem(&below(path, key), "is no keyword that is supported here", remedy);
            }
        }
    }

    /// Demands of fixed values that they can be told, and counts them.
    fn values(&mut self, keywords: &Map<String, Value>, types: &[&str], path: &str) {
        for (key, listed) in fixed::lists(keywords) {
            let here = below(path, key);
            let stranger = listed.iter().find(|value| !types.iter().any(|kind| fixed::is_of(value, kind)));
            if !listed.iter().all(fixed::is_primitive) {
                let problem = "Anthropic takes only strings, numbers, booleans and null as fixed values";
                self.problem(&here, problem, "describe the structure with properties or items");
            } else if let Some(stranger) = stranger {
                let problem =
                    format!("{stranger} is not of the type {}: Anthropic refuses it", types.join(" or "));
                self.problem(&here, problem, "correct the value, or add its type");
            }
            let texts: Vec<&Value> = listed.iter().filter(|value| value.is_string()).collect();
            let characters: usize = texts.iter().map(|text| fixed::characters(text)).sum();
            if texts.len() > LONG_ENUM_VALUES && characters > LONG_ENUM_CHARACTERS_MAX {
                let problem = format!(
                    "lists {} strings of {characters} characters: of more than {LONG_ENUM_VALUES} OpenAI takes \
                     {LONG_ENUM_CHARACTERS_MAX} characters at most",
                    texts.len()
                );
                self.problem(&here, problem, "list fewer values, or shorter ones");
            }
            self.enum_values.add(listed.len(), &here);
            self.characters.add(listed.iter().map(fixed::characters).sum(), &here);
        }
    }

    fn object(
        &mut self,
        wire: &mut Map<String, Value>,
        keywords: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) {
        let properties = keywords.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty());
        let Some(properties) = properties else {
            let remedy = "list its properties, or make it an array of {name, value} objects";
            self.problem(
                path,
                "an object needs properties: OpenAI and Anthropic refuse free-form objects",
                remedy,
            );
            return;
        };
        self.deep(path, depth);
        let here = below(path, "properties");
        self.properties.add(properties.len(), &here);
        self.characters.add(properties.keys().map(|name| name.chars().count()).sum(), &here);
        for name in missing(keywords.get("required"), properties) {
            let problem = format!("`{name}` is no property of this object: no answer could ever have it");
            self.problem(&below(path, "required"), problem, "correct the name, or describe the property");
        }
        let told: Map<String, Value> = properties
            .iter()
            .map(|(name, schema)| {
                let path = below(&here, name);
                let told = self.node(schema, &path, depth + 1);
                let is_plain = is_required(keywords.get("required"), name) || admits_null(schema);
                (name.clone(), if is_plain { told } else { self.or_null(told, &path) })
            })
            .collect();
        wire.insert("properties".to_owned(), Value::Object(told));
        wire.insert("required".to_owned(), properties.keys().map(|name| json!(name)).collect());
        wire.insert("additionalProperties".to_owned(), Value::Bool(false));
    }

    /// What need not be there is null where there is none: vendors have every property written.
    fn or_null(&mut self, told: Value, path: &str) -> Value {
        let none = json!({"type": "null", "description": "there is none"});
        match told {
            Value::Object(mut options) if options.get("anyOf").is_some_and(Value::is_array) => {
                options
                    .get_mut("anyOf")
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .for_each(|all| all.push(none.clone()));
                Value::Object(options)
            }
            told => {
                self.unions.add(1, path);
                json!({"anyOf": [told, none]})
            }
        }
    }

    fn array(
        &mut self,
        wire: &mut Map<String, Value>,
        keywords: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) {
        let Some(items) = keywords.get("items") else {
            self.problem(path, "an array needs items", "write what its items are");
            return;
        };
        self.deep(path, depth);
        wire.insert("items".to_owned(), self.node(items, &below(path, "items"), depth + 1));
        if let Some(min) = keywords.get("minItems").filter(|min| few(min)) {
            wire.insert("minItems".to_owned(), min.clone());
        }
    }

    fn deep(&mut self, path: &str, depth: usize) {
        if depth == DEPTH_MAX {
            let problem = format!("nests deeper than {DEPTH_MAX} levels, which OpenAI refuses");
            self.problem(path, problem, "make the output flatter");
        }
    }
}

/// Names that are required of an object and that its properties lack.
fn missing<'a>(
    required: Option<&'a Value>,
    properties: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a str> {
    let names = required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| !properties.contains_key(*name))
}

/// The types of a value: as written, or as its other keywords imply.
fn types(keywords: &Map<String, Value>) -> Vec<&str> {
    match keywords.get("type") {
        Some(Value::String(one)) => return vec![one],
        Some(Value::Array(several)) => return several.iter().filter_map(Value::as_str).collect(),
        _ => {}
    }
    let mut types: Vec<&str> = fixed::implied(keywords);
    if types.is_empty() && keywords.contains_key("properties") {
        types.push("object");
    }
    if types.is_empty() && keywords.contains_key("items") {
        types.push("array");
    }
    types
}

fn shared(format: &Value) -> bool {
    format.as_str().is_some_and(|f| FORMATS.contains(&f))
}

/// Whether an item count is one that both vendors take.
fn few(min: &Value) -> bool {
    min.as_u64().is_some_and(|min| min <= 1)
}

/// Writes the description: the file's, then every demand that stays behind. `told` names keywords that do not.
fn describe(wire: &mut Map<String, Value>, keywords: &Map<String, Value>, told: &[&str]) {
    let mut demands = Vec::new();
    for (key, value) in keywords {
        let key = key.as_str();
        let kept = told.contains(&key) && key != "oneOf"
            || key == "format" && shared(value)
            || key == "minItems" && few(value);
        if !kept && (BOUNDS.contains(&key) || CONTENT.contains(&key)) {
            demands.extend(in_words(key, value, told.contains(&key)));
        }
    }
    let text = keywords.get("description").or_else(|| keywords.get("title")).and_then(Value::as_str);
    let demands = demands.join("; ");
    let description = match (text, demands.is_empty()) {
        (None, true) => return,
        (Some(text), true) => text.to_owned(),
        (Some(text), false) => format!("{text} ({demands})"),
        (None, false) => demands,
    };
    wire.insert("description".to_owned(), Value::String(description));
}

/// A keyword's demand as a model reads it. `structural` is a `oneOf` that is told as `anyOf`.
fn in_words(key: &str, value: &Value, structural: bool) -> Option<String> {
    let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(match key {
        "oneOf" if structural => "exactly one of the options".to_owned(),
        "minimum" => format!("at least {value}"),
        "maximum" => format!("at most {value}"),
        "exclusiveMinimum" => format!("more than {value}"),
        "exclusiveMaximum" => format!("less than {value}"),
        "multipleOf" => format!("a multiple of {value}"),
        "minLength" => format!("at least {value} characters"),
        "maxLength" => format!("at most {value} characters"),
        "pattern" => format!("matching the regular expression {}", text()),
        "minItems" => format!("at least {value} items"),
        "maxItems" => format!("at most {value} items"),
        "uniqueItems" => return (*value == Value::Bool(true)).then(|| "no two items alike".to_owned()),
        "minProperties" => format!("at least {value} properties"),
        "maxProperties" => format!("at most {value} properties"),
        "format" => format!("in the format {}", text()),
        other => format!("{other}: {value}"),
    })
}

#[cfg(test)]
mod tests;
