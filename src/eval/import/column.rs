//! Where a column goes: `subject=data.subject`.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::config::quoted;

/// What ends the path of a column whose cells are JSON.
const JSON: &str = ":json";

/// Names that lead to a place in an event's body, from the outside in. Never empty.
pub(super) type Path = [String];

/// What becomes of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub place: Place,
}

/// Where the cells of a column go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere.
    LeftOut,
    /// To this path of the event's body, as text.
    Text(Vec<String>),
    /// To this path of the event's body; a cell is JSON: a number, `true`, a list.
    Json(Vec<String>),
}

/// A text that is no [`Column`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not COLUMN=PATH: write `subject=data.subject`, `seats=data.seats:json` for cells that are numbers or other \
     JSON, or `email=` to leave a column out", quoted(.0)
)]
pub struct ColumnError(String);

impl FromStr for Column {
    type Err = ColumnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ColumnError(text.to_owned());
        // The last one: a column's name may hold any character, and a path of ours needs no `=`.
        let (name, path) = text.rsplit_once('=').ok_or_else(wrong)?;
        let (name, path) = (name.trim(), path.trim());
        let segments = |path: &str| {
            let segments: Vec<String> = path.split('.').map(str::to_owned).collect();
            let named = segments.iter().all(|segment| !segment.trim().is_empty());
            named.then_some(segments).ok_or_else(wrong)
        };
        let place = match path.strip_suffix(JSON) {
            _ if name.is_empty() => return Err(wrong()),
            _ if path.is_empty() => Place::LeftOut,
            Some(path) => Place::Json(segments(path)?),
            None => Place::Text(segments(path)?),
        };
        Ok(Column { name: name.to_owned(), place })
    }
}

impl Place {
    /// `data.NAME`, as a form of a website is sent. A dot in a column's name makes no path.
    pub(super) fn by_default(name: &str) -> Self {
        Place::Text(vec!["data".to_owned(), name.to_owned()])
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Place::LeftOut => None,
            Place::Text(path) | Place::Json(path) => Some(path),
        }
    }
}

/// Puts a value in its place in an event's body, or says which place is taken.
pub(super) fn put(body: &mut Map<String, Value>, path: &Path, value: Value) -> Result<(), String> {
    let Some((last, above)) = path.split_last() else { return Ok(()) };
    let mut fields = body;
    for (depth, name) in above.iter().enumerate() {
        let inner = fields.entry(name.as_str()).or_insert_with(|| Value::Object(Map::new()));
        fields = inner.as_object_mut().ok_or_else(|| path.get(..=depth).unwrap_or(path).join("."))?;
    }
    if fields.contains_key(last) {
        return Err(path.join("."));
    }
    fields.insert(last.clone(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_is_read_from_its_name_and_path() {
        let read = |text: &str| text.parse::<Column>().map(|column| (column.name, column.place));
        let path = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            read(" Subject = data.subject"),
            Ok(("Subject".to_owned(), Place::Text(path("data.subject"))))
        );
        assert_eq!(read("a=b=seats:json"), Ok(("a=b".to_owned(), Place::Json(path("seats")))));
        assert_eq!(read("email="), Ok(("email".to_owned(), Place::LeftOut)));
        for wrong in ["subject", "=data.x", "x=.", "x=a..b", "x=:json", "x=a. .b"] {
            assert_eq!(read(wrong), Err(ColumnError(wrong.to_owned())), "{wrong}");
        }
        let said = ColumnError("a\n".to_owned()).to_string();
        assert!(said.starts_with("`a\\n` is not COLUMN=PATH: write `subject=data.subject`, "), "{said}");
    }

    #[test]
    fn a_place_is_taken_once() {
        let mut body = Map::new();
        let mut put = |path: &str, value: Value| {
            put(&mut body, &path.split('.').map(str::to_owned).collect::<Vec<_>>(), value)
        };
        assert_eq!(put("a.b.c", json!(1)), Ok(()));
        assert_eq!(put("a.b.d", json!(2)), Ok(()));
        assert_eq!(put("a.b.c", json!(3)), Err("a.b.c".to_owned()));
        assert_eq!(put("a.b", json!(3)), Err("a.b".to_owned()));
        assert_eq!(put("a.b.c.d.e", json!(3)), Err("a.b.c".to_owned()));
        assert_eq!(Value::Object(body), json!({"a": {"b": {"c": 1, "d": 2}}}));
    }
}
