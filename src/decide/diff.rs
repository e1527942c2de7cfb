//! What differs between two JSON values.

use serde::Serialize;
use serde_json::Value;

/// Differences that are told one by one; of more, [`Differences::more`] tells the number.
pub const CHANGES_MAX: usize = 200;

/// One place that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// JSON Pointer; empty for the whole.
    pub path: String,
    /// `None` if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// `None` if it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The places that differ, in the order of `before` and then of `after`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Differences {
    pub changes: Vec<Change>,
    /// How many further ones there are.
    pub more: usize,
}

/// Objects are compared field by field, arrays place by place, everything else as a whole.
pub fn diff(before: Option<&Value>, after: Option<&Value>) -> Differences {
    let mut found = Differences::default();
    compare(&mut String::new(), before, after, &mut found);
    found
}

fn compare(path: &mut String, before: Option<&Value>, after: Option<&Value>, found: &mut Differences) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            for (name, old) in before {
                below(path, name, |path| compare(path, Some(old), after.get(name), found));
            }
            for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                below(path, name, |path| compare(path, None, Some(new), found));
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for n in 0..before.len().max(after.len()) {
                below(path, &n.to_string(), |path| compare(path, before.get(n), after.get(n), found));
            }
        }
        (None, None) => {}
        (before, after) if found.changes.len() < CHANGES_MAX => {
            let change = Change { path: path.clone(), before: before.cloned(), after: after.cloned() };
            found.changes.push(change);
        }
        (_, _) => found.more += 1,
    }
}

fn below(path: &mut String, step: &str, compare: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(&step.replace('~', "~0").replace('/', "~1"));
    compare(path);
    path.truncate(length);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told_with_its_place() {
        for (before, after, want) in [
            (json!({ "a": 1, "b": [1, 2] }), json!({ "b": [1, 2], "a": 1 }), vec![]),
            (
                json!({ "a": { "b": 1 } }),
                json!({ "a": { "b": 2 } }),
                vec![("/a/b", Some(json!(1)), Some(json!(2)))],
            ),
            (
                json!({ "a": 1 }),
                json!({ "b": 1 }),
                vec![("/a", Some(json!(1)), None), ("/b", None, Some(json!(1)))],
            ),
            (
                json!([1, 2]),
                json!([1, 3, 4]),
                vec![("/1", Some(json!(2)), Some(json!(3))), ("/2", None, Some(json!(4)))],
            ),
            (
                json!({ "a/b~": null }),
                json!({ "a/b~": [] }),
                vec![("/a~1b~0", Some(json!(null)), Some(json!([])))],
            ),
            (json!("x"), json!("y"), vec![("", Some(json!("x")), Some(json!("y")))]),
        ] {
            let told = diff(Some(&before), Some(&after)).changes;
            let told: Vec<_> = told.into_iter().map(|c| (c.path, c.before, c.after)).collect();
            let want: Vec<_> = want.into_iter().map(|(path, b, a)| (path.to_owned(), b, a)).collect();
            assert_eq!(told, want, "{before} {after}");
        }
        assert_eq!(diff(None, Some(&json!(1))).changes[0].path, "");
    }

    #[test]
    fn of_very_many_differences_the_rest_is_counted() {
        let zeros = json!(vec![0; CHANGES_MAX + 5]);
        let ones = json!(vec![1; CHANGES_MAX + 5]);
        let told = diff(Some(&zeros), Some(&ones));
        assert_eq!((told.changes.len(), told.more), (CHANGES_MAX, 5));
    }
}
