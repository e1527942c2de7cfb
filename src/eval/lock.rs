//! The lock of a suite's test split: which cases are in it, and that none was touched after it was set apart.
//!
//! `evals/NAME/test.lock` has one line a case, sorted by id: the first 16 hex digits of a SHA-256, a space, the id. The
//! digest is over what the case asks and what is right (`event`, `expect`, and `gathered` and `delivery` if it has
//! them) with sorted fields, so a tag, a weight or a second pair of eyes changes nothing. An id that a line cannot hold
//! as it is stands as JSON. Empty lines and lines that begin with `#` are skipped.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::config::quoted;

/// Hex digits of a digest that are kept: enough that no edit meets the old one by chance.
const DIGITS: usize = 16;

/// The fields of a case that are locked.
const LOCKED: [&str; 4] = ["event", "expect", "gathered", "delivery"];

/// The digest of each case, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock(BTreeMap<String, String>);

/// A line that is none of a lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LockError {
    /// 1-based.
    pub line: usize,
    pub message: String,
}

/// How a case differs from the lock. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "difference", content = "id")]
pub enum Difference {
    /// In the test split, and not locked.
    Added(String),
    /// Locked, and not in the test split any more.
    Removed(String),
    /// Asks something else than when it was locked, or another answer is right.
    Changed(String),
}

impl Lock {
    /// Of the cases of a test split, each with its id as a whole JSON object. Ids are unique; of two the last counts.
    pub fn of<'a>(cases: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        Lock(cases.into_iter().map(|(id, case)| (id.to_owned(), digest(case))).collect())
    }

    /// Reads the text that a lock displays as. All lines that are wrong are told.
    pub fn parse(text: &str) -> Result<Self, Vec<LockError>> {
        let mut lock = BTreeMap::new();
        let mut errors = Vec::new();
        for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut wrong = |message: String| errors.push(LockError { line: index + 1, message });
            match entry(line) {
                Ok((digest, id)) => match lock.entry(id) {
                    Entry::Vacant(free) => {
                        free.insert(digest);
                    }
                    Entry::Occupied(taken) => {
                        wrong(format!("the case {} is on an earlier line too", quoted(taken.key())));
                    }
                },
                Err(message) => wrong(message.to_owned()),
            }
        }
        if errors.is_empty() { Ok(Lock(lock)) } else { Err(errors) }
    }

    /// What the test split `now` has become since it was locked, by id.
    pub fn compare(&self, now: &Lock) -> Vec<Difference> {
        let gone =
            self.0.keys().filter(|id| !now.0.contains_key(*id)).map(|id| Difference::Removed(id.clone()));
        let new = now.0.iter().filter_map(|(id, digest)| match self.0.get(id) {
            None => Some(Difference::Added(id.clone())),
            Some(locked) if locked != digest => Some(Difference::Changed(id.clone())),
            Some(_) => None,
        });
        let mut differences: Vec<Difference> = gone.chain(new).collect();
        differences.sort_by(|a, b| a.id().cmp(b.id()));
        differences
    }

    /// How many cases are locked.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The file's text.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, digest) in &self.0 {
            let plain = id.trim() == id && !id.starts_with('"') && !id.contains(char::is_control);
            if plain {
                writeln!(f, "{digest} {id}")?;
            } else {
                writeln!(f, "{digest} {}", Value::from(id.as_str()))?;
            }
        }
        Ok(())
    }
}

impl Difference {
    pub fn id(&self) -> &str {
        match self {
            Difference::Added(id) | Difference::Removed(id) | Difference::Changed(id) => id,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = quoted(self.id());
        match self {
            Difference::Added(_) => write!(f, "the case {id} is in the test split and not in its lock"),
            Difference::Removed(_) => write!(f, "the case {id} is locked and no longer in the test split"),
            Difference::Changed(_) => {
                write!(f, "the case {id} is not what was locked: what it asks or what is right has changed")
            }
        }
    }
}

/// A line as digest and id.
fn entry(line: &str) -> Result<(String, String), &'static str> {
    let (digest, id) = line.split_once(' ').unwrap_or((line, ""));
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digest.len() != DIGITS || !digest.bytes().all(is_digit) {
        return Err("it does not begin with 16 hex digits in lower case and a space");
    }
    let id = match id.trim() {
        "" => return Err("there is no id after the digest"),
        json if json.starts_with('"') => {
            serde_json::from_str(json).map_err(|_| "the id begins with a quote and is no JSON text")?
        }
        plain => plain.to_owned(),
    };
    Ok((digest.to_owned(), id))
}

/// Of the locked fields of a case.
pub fn digest(case: &Value) -> String {
    let locked = LOCKED.iter().filter_map(|field| Some(((*field).to_owned(), sorted(case.get(field)?))));
    let mut digest = hex::encode(Sha256::digest(Value::Object(locked.collect()).to_string()));
    digest.truncate(DIGITS);
    digest
}

/// With the fields of every object by name.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            Value::Object(Map::from_iter(
                fields.into_iter().map(|(name, field)| (name.clone(), sorted(field))),
            ))
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn case(label: &str) -> Value {
        json!({"id": "a", "event": {"source": "forms", "body": {"b": 1, "a": [1.5, "é"]}}, "expect": {"label": label}})
    }

    fn lock(cases: &[(&str, &Value)]) -> Lock {
        Lock::of(cases.iter().copied())
    }

    #[test]
    fn the_file_has_a_line_a_case_sorted_by_id() {
        let (x, y) = (case("x"), case("y"));
        let text = lock(&[("b", &y), ("a 1", &x), ("\"c\"\n", &x)]).to_string();
        // As another program computes it: sorted fields, no spaces, UTF-8.
        assert_eq!(text, "8b8b08d4839052c1 \"\\\"c\\\"\\n\"\n8b8b08d4839052c1 a 1\n31d7401e6ccaff67 b\n");
    }

    #[test]
    fn only_what_is_asked_and_what_is_right_is_locked() {
        let was = case("x");
        let mut reordered: Value =
            json!({"tags": ["new"], "checked_by": "someone", "expect": {"label": "x"}, "event": null});
        reordered["event"] = json!({"body": {"a": [1.5, "é"], "b": 1}, "source": "forms"});
        assert_eq!(digest(&reordered), digest(&was));
        for (field, value) in [
            ("event", json!({"source": "forms"})),
            ("expect", json!({"label": "y"})),
            ("gathered", json!({"files": []})),
            ("delivery", json!("raw")),
        ] {
            let mut changed = was.clone();
            changed[field] = value;
            assert_ne!(digest(&changed), digest(&was), "{field}");
        }
        let mut moved = was.clone();
        moved["event"]["body"]["a"] = json!(["é", 1.5]);
        assert_ne!(digest(&moved), digest(&was), "the order of a list counts");
    }

    #[test]
    fn differences_are_told_by_id_in_a_sentence() {
        let (x, y) = (case("x"), case("y"));
        let locked = lock(&[("same", &x), ("edited", &x), ("gone", &x)]);
        let now = lock(&[("same", &x), ("edited", &y), ("added\n", &x)]);
        let told: Vec<_> = locked.compare(&now).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the case `added\\n` is in the test split and not in its lock",
                "the case `edited` is not what was locked: what it asks or what is right has changed",
                "the case `gone` is locked and no longer in the test split",
            ]
        );
        assert_eq!(
            serde_json::to_value(locked.compare(&now)).expect("serializes")[1],
            json!({"difference": "changed", "id": "edited"})
        );
    }

    #[test]
    fn faulty_lines_are_all_told_with_their_number() {
        let ok = "0123456789abcdef a\r\n\n# a comment\n";
        assert_eq!(Lock::parse(&format!("\u{feff}{ok}")).map(|lock| lock.len()), Ok(1));
        let text = format!(
            "{ok}0123456789ABCDEF b\n0123456789abcde c\n0123456789abcdef\n0123456789abcdef \"d\n<<<<<<< HEAD\n\
             ffffffffffffffff a\n"
        );
        let told: Vec<_> = Lock::parse(&text).expect_err("faulty").iter().map(ToString::to_string).collect();
        let digits = "it does not begin with 16 hex digits in lower case and a space";
        assert_eq!(
            told,
            [
                format!("line 4: {digits}"),
                format!("line 5: {digits}"),
                "line 6: there is no id after the digest".to_owned(),
                "line 7: the id begins with a quote and is no JSON text".to_owned(),
                format!("line 8: {digits}"),
                "line 9: the case `a` is on an earlier line too".to_owned(),
            ]
        );
        assert!(Lock::parse("").is_ok_and(|lock| lock.is_empty()));
    }

    fn ids() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(prop_oneof!["[a-z0-9-]{1,8}", "(?s).{1,6}"], 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_whatever_the_ids_are(ids in ids()) {
            let x = case("x");
            let lock = Lock::of(ids.iter().map(|id| (id.as_str(), &x)));
            prop_assert_eq!(Lock::parse(&lock.to_string()), Ok(lock.clone()));
            prop_assert_eq!(lock.to_string().lines().count(), lock.len());
        }

        #[test]
        fn each_id_differs_in_one_way_at_most(was in ids(), now in ids(), edited in any::<bool>()) {
            let (x, y) = (case("x"), case(if edited { "y" } else { "x" }));
            let locked = Lock::of(was.iter().map(|id| (id.as_str(), &x)));
            let present = Lock::of(now.iter().map(|id| (id.as_str(), &y)));
            let differences = locked.compare(&present);
            prop_assert!(differences.is_sorted_by(|a, b| a.id() < b.id()));
            for difference in &differences {
                let (before, after) = (locked.0.contains_key(difference.id()), present.0.contains_key(difference.id()));
                prop_assert_eq!((before, after), match difference {
                    Difference::Added(_) => (false, true),
                    Difference::Removed(_) => (true, false),
                    Difference::Changed(_) => (true, true),
                });
            }
            prop_assert_eq!(differences.is_empty(), locked == present);
        }
    }
}
