//! Where in a TOML file something stands.

use std::{collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::parse::parse;

/// Depth to which places are remembered; what is nested deeper is found at its ancestor.
const DEPTH_MAX: usize = 32;

/// The line of every table, field and list item of one TOML file.
#[derive(Debug, Clone, Default)]
pub struct Locator(BTreeMap<String, Node>);

#[derive(Debug, Clone)]
struct Node {
    line: usize,
    below: Below,
}

#[derive(Debug, Clone)]
enum Below {
    Nothing,
    Fields(BTreeMap<String, Node>),
    Items(Vec<Node>),
}

impl Locator {
    /// Of a TOML text, which may be broken in places.
    pub fn of(text: &str) -> Self {
        let lines = Lines::of(text);
        Locator::new(&parse(text, &lines).0, &lines)
    }

    pub(super) fn new(root: &DeTable<'_>, lines: &Lines) -> Self {
        Locator(fields(root, lines, 0))
    }

    /// The 1-based line of the deepest existing part of a path such as `["route", "triage", "action", "0", "use"]`;
    /// items of lists count from 0. None if not even its first part exists.
    pub fn line_of(&self, path: &[&str]) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let mut node = self.0.get(*first)?;
        for part in rest {
            match node.child(part) {
                Some(child) => node = child,
                None => break,
            }
        }
        Some(node.line)
    }

    /// Whether the whole path exists.
    pub fn has(&self, path: &[&str]) -> bool {
        let Some((first, rest)) = path.split_first() else { return true };
        self.0
            .get(*first)
            .and_then(|node| rest.iter().try_fold(node, |node, part| node.child(part)))
            .is_some()
    }

    /// Takes items out of a list of tables, so that those that were read keep their places when others were not.
    pub(super) fn keep(&mut self, list: &str, kept: impl Fn(usize) -> bool) {
        if let Some(Node { below: Below::Items(items), .. }) = self.0.get_mut(list) {
            let mut index = 0;
            items.retain(|_| {
                index += 1;
                kept(index - 1)
            });
        }
    }
}

impl Node {
    fn child(&self, part: &str) -> Option<&Node> {
        match &self.below {
            Below::Nothing => None,
            Below::Fields(fields) => fields.get(part),
            Below::Items(items) => items.get(part.parse::<usize>().ok()?),
        }
    }
}

fn fields(table: &DeTable<'_>, lines: &Lines, depth: usize) -> BTreeMap<String, Node> {
    table
        .iter()
        .map(|(key, value)| {
            let node = Node { line: lines.line(&key.span()), below: below(value, lines, depth + 1) };
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn below(value: &Spanned<DeValue<'_>>, lines: &Lines, depth: usize) -> Below {
    match value.get_ref() {
        _ if depth > DEPTH_MAX => Below::Nothing,
        DeValue::Table(table) => Below::Fields(fields(table, lines, depth)),
        DeValue::Array(items) => Below::Items(
            items
                .iter()
                .map(|item| Node { line: lines.line(&item.span()), below: below(item, lines, depth + 1) })
                .collect(),
        ),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => Below::Nothing,
    }
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines(std::iter::once(0).chain(breaks).collect())
    }

    /// The 1-based line in which a span of bytes begins.
    pub fn line(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|start| *start <= span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# comment
[route.triage]
types = [
    "a.*",
    "b.*",
]

[[route.triage.action]]
id = "crm"
[[route.triage.action]]
id = "note"
use = "crm-note"
with = { deep = { er = 1 } }

[route.quiet]
types = ["c"]
"#;

    #[test]
    fn finds_fields_items_and_tables() {
        let locator = Locator::of(TEXT);
        for (path, line) in [
            (vec!["route", "triage"], 2),
            (vec!["route", "triage", "types"], 3),
            (vec!["route", "triage", "types", "1"], 5),
            (vec!["route", "triage", "action", "0"], 8),
            (vec!["route", "triage", "action", "1"], 10),
            (vec!["route", "triage", "action", "1", "use"], 12),
            (vec!["route", "triage", "action", "1", "with", "deep", "er"], 13),
            (vec!["route", "quiet", "types"], 16),
        ] {
            assert_eq!(locator.line_of(&path), Some(line), "{path:?}");
            assert!(locator.has(&path), "{path:?}");
        }
    }

    #[test]
    fn falls_back_to_what_exists() {
        let locator = Locator::of(TEXT);
        assert_eq!(locator.line_of(&["route", "triage", "action", "1", "when"]), Some(10));
        assert_eq!(locator.line_of(&["route", "triage", "action", "7", "id"]), Some(8));
        assert_eq!(locator.line_of(&["route", "triage", "types", "x"]), Some(3));
        assert_eq!(locator.line_of(&["action"]), None);
        assert_eq!(locator.line_of(&[]), None);
        assert!(!locator.has(&["route", "triage", "when"]));
    }

    #[test]
    fn survives_a_broken_text() {
        let locator = Locator::of("[a]\nx = \n[b]\ny = 1\n[c.d.e\nz = [1,\n");
        assert_eq!(locator.line_of(&["b", "y"]), Some(4));
    }

    #[test]
    fn lines_count_from_one() {
        let lines = Lines::of("a\nbc\n\nd");
        let at = |start| lines.line(&(start..start));
        assert_eq!([at(0), at(1), at(2), at(4), at(5), at(6), at(100)], [1, 1, 2, 2, 3, 4, 4]);
    }
}
