//! What a model says, before its vendor's API gives it a shape.

use serde_json::{Map, Value};

use super::{output, reply::Reply, tokens};

/// How an answer of a model ends.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    Whole(String),
    /// It came to the end of its room.
    Truncated(String),
    /// A content filter stopped it.
    Filtered(String),
    Refusal,
}

impl Said {
    /// What there is of it.
    pub fn text(&self) -> &str {
        match self {
            Said::Whole(text) | Said::Truncated(text) | Said::Filtered(text) => text,
            Said::Refusal => "",
        }
    }
}

/// A question, as far as the answer depends on it.
pub(super) struct Heard<'a> {
    /// What the answer follows from.
    pub text: &'a str,
    /// The form of the answer; without one it is a sentence.
    pub schema: Option<&'a Value>,
    /// Tokens that the answer may have.
    pub output_tokens_max: Option<u64>,
}

/// What the model says. Replies that are errors of the vendor are answered before anything is said.
pub(super) fn say(reply: &Reply, heard: &Heard<'_>) -> Said {
    let text = match reply {
        Reply::Output(value) => value.to_string(),
        Reply::Text(text) => text.clone(),
        Reply::Empty => String::new(),
        Reply::NotJson => "I would rather tell it in my own words than as JSON.".to_owned(),
        Reply::WrongLabel => {
            derived(heard, |value| output::relabelled(value, |_| "no_such_label".to_owned()))
        }
        Reply::OtherCase => derived(heard, |value| output::relabelled(value, str::to_uppercase)),
        Reply::MissingField => derived(heard, |value| with_fields(value, |fields| drop(fields.pop()))),
        Reply::ExtraField => derived(heard, |value| {
            with_fields(value, |fields| fields.push(("nobody_asked".to_owned(), Value::Bool(true))))
        }),
        Reply::Truncated => return Said::Truncated(half(&usual(heard))),
        Reply::Filtered => return Said::Filtered(half(&usual(heard))),
        Reply::Refusal => return Said::Refusal,
        Reply::Usual | Reply::WithoutUsage | Reply::Slow { .. } | Reply::Reset => usual(heard),
        // The vendor has answered before anything is said.
        Reply::RateLimited { .. }
        | Reply::Overloaded
        | Reply::Failed
        | Reply::SpendLimit
        | Reply::OwnLimit => String::new(),
    };
    match heard.output_tokens_max {
        Some(max) if tokens(&text) > max => {
            let bytes = usize::try_from(max).unwrap_or(usize::MAX).saturating_mul(super::TOKEN_BYTES);
            Said::Truncated(head(&text, bytes))
        }
        Some(_) | None => Said::Whole(text),
    }
}

fn usual(heard: &Heard<'_>) -> String {
    derived(heard, |value| value)
}

fn derived(heard: &Heard<'_>, change: impl FnOnce(Value) -> Value) -> String {
    match heard.schema {
        Some(schema) => change(output::derive(schema, heard.text)).to_string(),
        None => "The sandbox has nothing to say without a schema.".to_owned(),
    }
}

fn with_fields(value: Value, change: impl FnOnce(&mut Vec<(String, Value)>)) -> Value {
    let Value::Object(fields) = value else { return value };
    let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
    change(&mut fields);
    Value::Object(Map::from_iter(fields))
}

fn half(text: &str) -> String {
    head(text, text.len() / 2)
}

fn head(text: &str, bytes: usize) -> String {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().to_owned()
}

/// The JSON Schema at the end of instructions in plain words: a model that cannot be held to one is told it so.
pub(super) fn schema_in(instructions: &str) -> Option<Value> {
    let starts = instructions.match_indices('{').filter(|(at, _)| {
        let before = instructions.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with('\n')
    });
    starts
        .filter_map(|(at, _)| serde_json::from_str::<Value>(instructions.get(at..)?).ok())
        .find(|schema| schema["type"] == "object" && schema["properties"].is_object())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "properties": {
            "label": {"type": "string", "enum": ["lead", "spam"]}, "confidence": {"type": "number"},
        }})
    }

    #[test]
    fn a_schema_is_found_at_the_end_of_the_instructions_only() {
        let schema = schema();
        for told in [
            format!("Sort {{labels}}.\n\nAnswer with one JSON object:\n{schema}"),
            format!("{schema:#}\n"),
            format!("An example:\n{{\"label\": \"lead\"}}\nThe form:\n{schema:#}"),
        ] {
            assert_eq!(schema_in(&told), Some(schema.clone()), "{told}");
        }
        for told in
            [format!("{schema}\nNow answer."), "{}".to_owned(), format!("inline {schema}"), String::new()]
        {
            assert_eq!(schema_in(&told), None, "{told}");
        }
    }

    #[test]
    fn an_answer_ends_where_its_room_does() {
        let schema = schema();
        let heard = |max| Heard { text: "a demo", schema: Some(&schema), output_tokens_max: Some(max) };
        let whole = r#"{"label":"lead","confidence":0.9}"#;
        assert_eq!(say(&Reply::Usual, &heard(9)), Said::Whole(whole.to_owned()));
        assert_eq!(say(&Reply::Usual, &heard(2)), Said::Truncated(whole[..8].to_owned()));
        assert_eq!(say(&Reply::MissingField, &heard(99)), Said::Whole(r#"{"label":"lead"}"#.to_owned()));
    }
}
