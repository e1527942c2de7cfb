//! What can be wrong with a value, and how that is said. Values are not repeated: they may be secrets.

use std::{fmt, ops::Range};

use serde::de::{Error, Expected, Unexpected};
use toml::de::DeValue;

use super::{
    codes,
    problem::{At, Problem},
    suggest::{one_of, quoted},
};

/// Something wrong with the value at `path` below the table that was read.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Bytes of the file.
    pub span: Range<usize>,
    pub path: Vec<String>,
    pub what: What,
}

#[derive(Debug)]
pub(super) enum What {
    UnknownField {
        name: String,
        allowed: &'static [&'static str],
    },
    MissingField(&'static str),
    WrongType {
        expected: String,
        found: String,
    },
    WrongValue {
        given: String,
        allowed: &'static [&'static str],
    },
    TooLong {
        found: usize,
        expected: usize,
    },
    TooLarge,
    TooDeep,
    NotFinite,
    Date,
    /// Follows from a fault that has been noted; the field that is missing for it, if that is all.
    Consequence(Option<&'static str>),
    Other(String),
}

/// A [`What`] on its way out of serde; the innermost reader adds where it was.
#[derive(Debug)]
pub(super) struct Fault {
    pub what: What,
    /// Identity of the faulty value.
    pub at: Option<usize>,
    pub span: Option<Range<usize>>,
    pub path: Vec<String>,
}

impl Wrong {
    /// As a problem of the table that is called `table` in its file.
    pub fn problem(self, at: At, table: &[&str]) -> Problem {
        let path: Vec<&str> = table.iter().copied().chain(self.path.iter().map(String::as_str)).collect();
        let subject = if path.is_empty() { "this file".to_owned() } else { quoted(&path.join(".")) };
        match self.what {
            What::UnknownField { name, allowed } => at.error(
                codes::UNKNOWN_FIELD,
                format!("{subject} has no field {}", quoted(&name)),
                one_of(&name, allowed.iter().copied()),
            ),
            What::MissingField(name) => at.error(
                codes::MISSING_FIELD,
                format!("{subject} has no `{name}`"),
                format!("add `{name} = …` to it"),
            ),
            What::WrongType { expected, found } => at.error(
                codes::WRONG_TYPE,
                format!("{subject} must be {expected}, not {found}"),
                how(&expected),
            ),
            What::WrongValue { given, allowed } => at.error(
                codes::WRONG_VALUE,
                format!("{subject} cannot be {}", quoted(&given)),
                one_of(&given, allowed.iter().copied()),
            ),
            What::TooLong { found, expected } => at.error(
                codes::WRONG_TYPE,
                format!("{subject} must be a list of {expected}, not of {found}"),
                format!("write {expected} values"),
            ),
            What::TooLarge => at.error(
                codes::OUT_OF_BOUNDS,
                format!("{subject} is a number of more than 64 bits"),
                "write a smaller number",
            ),
            What::TooDeep => at.error(
                codes::OUT_OF_BOUNDS,
                format!("{subject} is nested too deep"),
                "nest tables and lists at most 32 deep",
            ),
            What::NotFinite => at.error(
                codes::OUT_OF_BOUNDS,
                format!("{subject} is no finite number"),
                "write a number that is neither `nan` nor `inf`",
            ),
            What::Date => at.error(
                codes::WRONG_TYPE,
                format!("{subject} is a TOML date, which nothing here reads"),
                "put it in quotes",
            ),
            What::Other(text) => {
                at.error(codes::WRONG_TYPE, format!("{subject}: {text}"), "correct the value")
            }
            What::Consequence(_) => {
                at.error(codes::WRONG_TYPE, format!("{subject} is faulty"), "correct the value")
            }
        }
    }
}

/// How to write what was expected.
fn how(expected: &str) -> String {
    match expected {
        "a string" => "put it in quotes".to_owned(),
        "a list" => "put it in brackets: [ … ]".to_owned(),
        "a table" => "write `{ field = value, … }`, or its fields below a header in brackets".to_owned(),
        "true or false" => "write true or false, without quotes".to_owned(),
        other => format!("write {other}"),
    }
}

/// What a TOML value is, in words.
pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What serde found, in words and without the value.
fn found(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        _ => "another type",
    }
}

/// What serde expected, in the words of someone who writes TOML.
fn expected(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "path string" => "a string".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        other => match other.strip_prefix("an array of length ") {
            Some(length) => format!("a list of {length}"),
            None => text,
        },
    }
}

impl From<What> for Fault {
    fn from(what: What) -> Self {
        Fault { what, at: None, span: None, path: Vec::new() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        What::Other(text.to_string()).into()
    }

    fn invalid_type(unexpected: Unexpected<'_>, exp: &dyn Expected) -> Self {
        What::WrongType { expected: expected(exp), found: found(&unexpected).to_owned() }.into()
    }

    fn invalid_value(unexpected: Unexpected<'_>, exp: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Unsigned(number) => number.to_string(),
            Unexpected::Signed(number) => number.to_string(),
            ref other => found(other).to_owned(),
        };
        What::WrongType { expected: expected(exp), found }.into()
    }

    fn invalid_length(length: usize, exp: &dyn Expected) -> Self {
        What::WrongType { expected: expected(exp), found: format!("one of {length}") }.into()
    }

    fn unknown_variant(variant: &str, allowed: &'static [&'static str]) -> Self {
        What::WrongValue { given: variant.to_owned(), allowed }.into()
    }

    fn unknown_field(field: &str, allowed: &'static [&'static str]) -> Self {
        What::UnknownField { name: field.to_owned(), allowed }.into()
    }

    fn missing_field(field: &'static str) -> Self {
        What::MissingField(field).into()
    }
}
