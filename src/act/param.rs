//! Reading an action's parameters.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::template::Shape;

/// Something is wrong with an action's `with`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {remedy}")]
pub struct ParamError {
    /// Where in `with`: field names and list positions, outermost first. Empty for `with` itself.
    pub path: Vec<String>,
    pub message: String,
    pub remedy: String,
}

impl ParamError {
    pub(super) fn at(field: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        ParamError { path: vec![field.to_owned()], message: message.into(), remedy: remedy.into() }
    }
}

/// Reads `with` into a table that refuses unknown fields. No `with` is an empty one. `remedy` says what may stand there.
pub(super) fn read<T: DeserializeOwned>(with: &Value, remedy: &str) -> Result<T, ParamError> {
    let empty = Value::Object(serde_json::Map::new());
    let with = if with.is_null() { &empty } else { with };
    serde_path_to_error::deserialize(with).map_err(|error| {
        let path = error.path().iter().filter_map(segment).collect();
        ParamError { path, message: error.inner().to_string(), remedy: remedy.to_owned() }
    })
}

fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Unknown => None,
    }
}

/// Compiles the templates in one parameter; an error names the very string that does not parse.
pub(super) fn shape(path: &[&str], value: &Value) -> Result<Shape, ParamError> {
    Shape::compile(value).map_err(|error| {
        let mut path: Vec<String> = path.iter().map(|&segment| segment.to_owned()).collect();
        let culprit = culprit(value, &mut path);
        // Only a string that stands by itself is complained about without a path in front.
        let error = Shape::compile(culprit).err().unwrap_or(error);
        let line = error.line.map(|line| format!(" (line {line} of the template)")).unwrap_or_default();
        ParamError {
            path,
            message: format!("{}{line}", error.message),
            remedy: "see the README on templates; a literal `{{` is written `{{ '{{' }}`".to_owned(),
        }
    })
}

/// Text with templates in it.
pub(super) fn text(path: &[&str], text: &str) -> Result<Shape, ParamError> {
    shape(path, &Value::String(text.to_owned()))
}

/// The innermost value that does not compile; its place is added to `path`.
fn culprit<'v>(value: &'v Value, path: &mut Vec<String>) -> &'v Value {
    let wrong = |value: &Value| Shape::compile(value).is_err();
    let below = match value {
        Value::Object(fields) => {
            fields.iter().find(|(_, field)| wrong(field)).map(|(key, field)| (key.clone(), field))
        }
        Value::Array(items) => {
            items.iter().enumerate().find(|(_, item)| wrong(item)).map(|(at, item)| (at.to_string(), item))
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => None,
    };
    match below {
        Some((key, inner)) => {
            path.push(key);
            culprit(inner, path)
        }
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct With {
        #[serde(rename = "text")]
        _text: String,
        #[serde(default, rename = "list")]
        _list: Vec<u8>,
    }

    fn path_of(with: Value) -> (Vec<String>, String) {
        let error = read::<With>(&with, "give `text`").unwrap_err();
        assert_eq!(error.remedy, "give `text`");
        (error.path, error.message)
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let (path, message) = path_of(json!({"text": "x", "colour": 1}));
        assert_eq!(path, ["colour"]);
        assert!(message.contains("unknown field `colour`"), "{message}");
        assert_eq!(path_of(json!({"text": "x", "list": [1, "2"]})).0, ["list", "1"]);
        let (path, message) = path_of(Value::Null);
        assert!(path.is_empty() && message.contains("missing field `text`"), "{path:?} {message}");
    }

    #[test]
    fn a_template_that_does_not_parse_is_named() {
        let value = json!({"fine": "{{ event }}", "list": [1, {"deep": "a\n{{ event. }}"}]});
        let error = shape(&["body"], &value).unwrap_err();
        assert_eq!(error.path, ["body", "list", "1", "deep"]);
        assert!(error.message.contains("line 2"), "{error}");
        assert!(!error.message.starts_with("list."), "{error}");
    }
}
