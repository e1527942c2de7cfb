//! What an answer must look like: one JSON Schema file, compiled and checked when it is loaded.
//!
//! The file serves three readers: `jsonschema`, which holds every answer to it, its objects [`closed`]; the vendors, which
//! are told what [`wire`] derives from it; and the code, which reads the label, the confidence and the reason.

mod absent;
mod canonical;
mod closed;
mod fixed;
mod inline;
mod lint;
mod masked;
mod spelling;
mod wire;

use jsonschema::{PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::Flaw;

pub use lint::SchemaError;

/// Problems told of one answer.
const PROBLEMS_MAX: usize = 10;

/// The draft that schema files are written in.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The names of the three fields that every output has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// A required string `enum`.
    pub label: String,
    /// A required number from 0 to 1.
    pub confidence: String,
    /// A required string.
    pub reason: String,
}

/// A compiled schema (draft 2020-12) of a closed object.
#[derive(Debug)]
pub struct Schema {
    fields: Fields,
    labels: Vec<String>,
    /// The file without references.
    plain: Value,
    wire: Value,
    validator: Validator,
    digest: String,
}

/// One thing that is wrong with an output. Nothing of the output is quoted but field names that the schema knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub flaw: Flaw,
    pub text: String,
}

impl Wrong {
    /// All that is wrong, for the record.
    pub fn told(all: &[Wrong]) -> String {
        let texts: Vec<&str> = all.iter().map(|wrong| wrong.text.as_str()).collect();
        texts.join("; ")
    }
}

/// An output that the schema admits. Only [`Schema::admit`] makes one, so whoever holds it need not ask again.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    value: Value,
    label: String,
    confidence: f64,
    reason: String,
}

impl Schema {
    /// The confidence that an output names.
    pub fn confidence_in(&self, output: &Value) -> Option<f64> {
        output.get(&self.fields.confidence)?.as_f64()
    }

    /// Compiles the text of a schema file.
    ///
    /// # Errors
    /// Everything that is wrong with it: not JSON, not a schema, not a closed object, a field of `fields` missing or of
    /// another type, or something that cannot be told to a vendor.
    pub fn load(text: &str, fields: Fields) -> Result<Self, Vec<SchemaError>> {
        let file: Value = serde_json::from_str(text)
            .map_err(|e| vec![SchemaError::at("#", format!("not JSON: {e}"), "correct the file")])?;
        if file.get("$schema").is_some_and(|draft| draft != DRAFT) {
            let remedy = format!("write the file in draft 2020-12 and say \"{DRAFT}\"");
            return Err(vec![SchemaError::at("#/$schema", "names another draft", remedy)]);
        }
        let plain = inline::inline(&file).map_err(|e| vec![e])?;
        // Compiled for what is wrong with it: that is told by the file's own paths.
        compile(&file).map_err(|e| vec![e])?;

        let mut wrong = Vec::new();
        let labels = lint::lint(&plain, &fields, &mut wrong);
        spelling::lint(&plain, &mut wrong);
        let wire = wire::derive(&plain, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut held_to = plain.clone();
        closed::close(&mut held_to);
        let validator = compile(&held_to).map_err(|e| vec![e])?;
        let digest = hex::encode(Sha256::digest(text));
        Ok(Schema { fields, labels, plain, wire, validator, digest })
    }

    /// The labels in the file's order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// SHA-256 (hex) of the file's text.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The schema as both vendors are told it: closed objects, everything required, null for what need not be there, bounds in
    /// words.
    pub fn wire(&self) -> &Value {
        &self.wire
    }

    /// The file without references.
    pub(super) fn plain(&self) -> &Value {
        &self.plain
    }

    /// What the file says of the output's field `name`.
    pub(super) fn property(&self, name: &str) -> Option<&Value> {
        self.plain.get("properties")?.get(name)
    }

    /// Names of the output's fields in the file's order.
    pub(super) fn properties(&self) -> impl Iterator<Item = &String> {
        self.plain.get("properties").and_then(Value::as_object).into_iter().flat_map(|all| all.keys())
    }

    /// # Errors
    /// What is wrong, by path, at most ten.
    pub fn validate(&self, output: &Value) -> Result<(), Vec<Wrong>> {
        let wrong: Vec<Wrong> = self
            .validator
            .iter_errors(output)
            .take(PROBLEMS_MAX)
            .map(|error| masked::told(&error, &self.plain))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Brings enum values that differ only in case to the file's spelling: Anthropic's constrained output may change
    /// the case of enum values (platform.claude.com, structured outputs).
    pub fn canonical(&self, output: &mut Value) {
        canonical::canonical(&self.plain, output);
    }

    /// The one way to an [`Output`]: spelled as the file does, without what is null and need not be there, and valid.
    ///
    /// # Errors
    /// As [`Schema::validate`].
    pub fn admit(&self, mut output: Value) -> Result<Output, Vec<Wrong>> {
        self.canonical(&mut output);
        absent::take_out(&self.plain, &mut output);
        self.validate(&output)?;
        let label = output.get(&self.fields.label).and_then(Value::as_str).map(str::to_owned);
        let confidence = output.get(&self.fields.confidence).and_then(Value::as_f64);
        let reason = output.get(&self.fields.reason).and_then(Value::as_str).map(str::to_owned);
        match (label, confidence, reason) {
            (Some(label), Some(confidence), Some(reason)) => {
                Ok(Output { value: output, label, confidence, reason })
            }
            // Loading demanded all three of the schema, so whatever is valid has them.
            _ => {
                let text = "the answer: lacks its label, confidence or reason".to_owned();
                Err(vec![Wrong { flaw: Flaw::MissingField, text }])
            }
        }
    }
}

impl Output {
    pub fn label(&self) -> &str {
        &self.label
    }

    /// From 0 to 1.
    pub fn confidence(&self) -> f64 {
        self.confidence
    }

    /// In the judge's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// All fields.
    pub fn value(&self) -> &Value {
        &self.value
    }

    pub fn into_value(self) -> Value {
        self.value
    }
}

fn compile(file: &Value) -> Result<Validator, SchemaError> {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        // The engine of linear time: patterns meet text that strangers influence.
        .with_pattern_options(PatternOptions::regex())
        .build(file)
        .map_err(|error| uncompiled(&error))
}

fn uncompiled(error: &ValidationError<'_>) -> SchemaError {
    // An error found by the meta-schema has its place in the file as instance, one found later as schema.
    let [instance, schema] = [error.instance_path().as_str(), error.schema_path().as_str()];
    let path = format!("#{}", if instance.is_empty() { schema } else { instance });
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            let remedy = "write one without look-around and back-references";
            SchemaError::at(&path, "is no regular expression of the linear-time kind", remedy)
        }
        ValidationErrorKind::Custom { .. } if path.ends_with("/format") => {
            SchemaError::at(&path, "is no format of draft 2020-12 and would demand nothing", "correct it")
        }
        _ => SchemaError::at(&path, format!("is not JSON Schema of draft 2020-12: {error}"), "correct it"),
    }
}

#[cfg(test)]
mod tests;
