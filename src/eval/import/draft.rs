//! One row as the draft of a case.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    column::{Place, put},
    fault::Fault,
    options::{Given, Options},
};
use crate::config::{self, Case, Split, one_of, quoted};

/// Hex digits of its event's digest in an id that is made.
const ID_DIGITS: usize = 12;

/// Longest id, in characters.
pub const ID_CHARS_MAX: usize = 128;

/// The fields of a case that come first, in this order.
const ORDER: [&str; 7] = ["id", "event", "delivery", "expect", "tags", "author", "split"];

/// A case as it will stand on its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// 1-based line on which its row begins.
    pub line: usize,
    pub id: String,
    pub case: Value,
    /// The same as it is read.
    pub read: Case,
}

/// The cells of one row that are not empty, by column.
pub(super) struct Row {
    pub line: usize,
    pub cells: Vec<(String, Value)>,
}

/// A row as a case, or all that is wrong with it.
pub(super) fn draft(row: Row, options: &Options) -> Result<Draft, Vec<Fault>> {
    let line = row.line;
    let mut faults = Vec::new();
    let mut known = |name: &str, what| match text(&row, name, what) {
        Ok(text) => text,
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    let label = known(&options.label, Some("label"));
    let id = options.id.as_deref().and_then(|name| known(name, None));
    let mut given = |given: &Given, what| match given {
        Given::Fixed(text) => Some(text.clone()),
        Given::Column(name) => known(name, Some(what)),
    };
    let (source, event_type) = (given(&options.source, "source"), given(&options.event_type, "type"));
    faults.extend(label.as_ref().and_then(|label| unknown_label(label, &options.label, options)));
    faults.extend(id.as_ref().and_then(|id| bad_id(id)).map(|fault| match &options.id {
        Some(name) => fault.in_column(name),
        None => fault,
    }));
    let body = match body(row.cells, event_type.as_deref(), options) {
        Ok(body) => Some(body),
        Err(found) => {
            faults.extend(found);
            None
        }
    };
    match (label, source, event_type, body) {
        (Some(label), Some(source), Some(event_type), Some(body)) if faults.is_empty() => {
            let event = json!({"source": source, "type": event_type, "body": body});
            let fields = [("id", json!(id)), ("event", event), ("expect", json!({"label": label}))];
            let fields = fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
            completed(line, fields, options)
        }
        _ => Err(faults.into_iter().map(|fault| fault.at_line(line)).collect()),
    }
}

/// A line that is a case already, completed by what the options say for all: only what it does not say itself, and the
/// tags.
pub(super) fn adopted(line: usize, case: Map<String, Value>, options: &Options) -> Result<Draft, Vec<Fault>> {
    let label = case.get("expect").and_then(|expect| expect.get("label")?.as_str());
    let id = case.get("id").and_then(Value::as_str);
    let faults = label
        .and_then(|label| unknown_label(label, "expect.label", options))
        .into_iter()
        .chain(id.and_then(bad_id));
    let faults: Vec<Fault> = faults.map(|fault| fault.at_line(line)).collect();
    if faults.is_empty() { completed(line, case, options) } else { Err(faults) }
}

/// A case with what the options say for all, if it can be read.
fn completed(line: usize, mut case: Map<String, Value>, options: &Options) -> Result<Draft, Vec<Fault>> {
    for name in ["id", "split"] {
        if case.get(name).is_some_and(Value::is_null) {
            case.shift_remove(name);
        }
    }
    if !case.contains_key("id") {
        let arrived = case.get("event").or_else(|| case.get("delivery")).unwrap_or(&Value::Null);
        case.insert("id".to_owned(), json!(made_id(arrived, &options.prefix)));
    }
    let tags = case.entry("tags").or_insert_with(|| json!([]));
    if let Value::Array(tags) = tags {
        for tag in &options.tags {
            if !tags.contains(&json!(tag)) {
                tags.push(json!(tag));
            }
        }
    }
    case.entry("author").or_insert_with(|| json!(options.author));
    if let Some(split) = options.split {
        case.entry("split").or_insert_with(|| json!(split));
    }
    let mut ordered = Map::new();
    for name in ORDER {
        ordered.extend(case.shift_remove_entry(name));
    }
    ordered.extend(case);
    let case = Value::Object(ordered);
    let told = |fault: Fault| vec![fault.at_line(line)];
    let read = config::case(case.clone()).map_err(|(message, remedy)| told(Fault::new(message, remedy)))?;
    if options.test_is_locked && read.split() == Split::Test {
        let message = "it would be a test case, and those of the suite are locked";
        let remedy = "write another `split`, or say --split test and lock anew";
        return Err(told(Fault::new(message, remedy).in_column("split")));
    }
    Ok(Draft { line, id: read.id.clone(), case, read: Case { line, ..read } })
}

/// The same for the same event, on whatever day and in whatever file it is imported.
fn made_id(event: &Value, prefix: &str) -> String {
    let digest = hex::encode(Sha256::digest(event.to_string()));
    format!("{prefix}-{}", digest.get(..ID_DIGITS).unwrap_or(&digest))
}

/// The text in a column; `needed` is what it is, where there must be one.
fn text(row: &Row, name: &str, needed: Option<&str>) -> Result<Option<String>, Fault> {
    let text = match row.cells.iter().find(|(column, _)| column == name).map(|(_, cell)| cell) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            return Err(Fault::new("it is neither a text nor a number", "write a text").in_column(name));
        }
    };
    match (text.is_empty(), needed) {
        (false, _) => Ok(Some(text)),
        (true, None) => Ok(None),
        (true, Some(what)) => {
            let remedy = format!("write it, or name the column that has the {what}");
            Err(Fault::new(format!("there is no {what}"), remedy).in_column(name))
        }
    }
}

fn unknown_label(label: &str, column: &str, options: &Options) -> Option<Fault> {
    let known = options.labels.is_empty() || options.labels.iter().any(|known| known == label);
    (!known).then(|| {
        let labels = options.labels.iter().map(String::as_str);
        Fault::new(format!("no label is called {}", quoted(label)), one_of(label, labels)).in_column(column)
    })
}

fn bad_id(id: &str) -> Option<Fault> {
    let bad = id.chars().count() > ID_CHARS_MAX || id.contains(char::is_control);
    bad.then(|| {
        let remedy = format!("write up to {ID_CHARS_MAX} characters on one line");
        Fault::new(format!("the id {} is too long or has control characters", quoted(id)), remedy)
    })
}

/// The event's body. Its `type` is the event's, unless a column has that place: our own scheme reads it there.
fn body(
    cells: Vec<(String, Value)>,
    event_type: Option<&str>,
    options: &Options,
) -> Result<Map<String, Value>, Vec<Fault>> {
    let mut placed: Vec<(Place, String, Value)> =
        cells.into_iter().map(|(name, cell)| (options.place(&name), name, cell)).collect();
    // What holds others first, so that it does not depend on the order of the columns whether they have room.
    placed.sort_by_key(|(place, ..)| place.path().map_or(0, <[String]>::len));
    let mut body = Map::new();
    let mut faults = Vec::new();
    for (place, name, cell) in placed {
        if let Err(fault) = filled(&mut body, &place, cell) {
            faults.push(fault.in_column(&name));
        }
    }
    if let (Some(event_type), false) = (event_type, body.contains_key("type")) {
        body.shift_insert(0, "type".to_owned(), json!(event_type));
    }
    if faults.is_empty() { Ok(body) } else { Err(faults) }
}

fn filled(body: &mut Map<String, Value>, place: &Place, cell: Value) -> Result<(), Fault> {
    let cell = match (place, cell) {
        (Place::Json(_), Value::String(text)) => serde_json::from_str(&text).map_err(|_| {
            let remedy = "write a number, true, false, null, a list or an object; a text needs its quotes";
            Fault::new(format!("{} is not JSON", quoted(&text)), remedy)
        })?,
        (_, cell) => cell,
    };
    let Some(path) = place.path() else { return Ok(()) };
    put(body, path, cell).map_err(|taken| {
        let message = format!("its place {} in the event is taken by another column", quoted(&taken));
        Fault::new(message, "give one of them another place")
    })
}

/// The columns that would not find their place in any row.
pub(super) fn misplaced(names: &[&str], options: &Options) -> Vec<Fault> {
    let cells = names.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    body(cells, None, options).err().unwrap_or_default()
}
