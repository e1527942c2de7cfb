//! The places of a diff that can carry a comment.
//!
//! GitHub takes a comment on any line that a hunk shows: added and unchanged lines by their number in the new file, removed and
//! unchanged ones by that in the old file. A comment on several lines must lie in one hunk.

use std::{borrow::Cow, collections::BTreeMap, ops::RangeInclusive};

/// A side of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiffSide {
    Old,
    New,
}

/// What a unified diff shows of each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchors(BTreeMap<String, Vec<Hunk>>);

/// First and last line that a hunk shows on each side; a side may have none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk {
    old: RangeInclusive<u32>,
    new: RangeInclusive<u32>,
}

impl Anchors {
    /// Reads a unified diff as git writes it. What is no diff has no places.
    pub fn of(diff: &str) -> Self {
        let mut anchors = Anchors::default();
        let (mut old_path, mut path) = (String::new(), None);
        let (mut old_left, mut new_left) = (0_u32, 0_u32);
        for line in diff.lines() {
            // A removed line may itself begin with "-- ": within a hunk its counts tell what is meant.
            if old_left > 0 || new_left > 0 {
                match line.as_bytes().first() {
                    Some(b'-') => old_left = old_left.saturating_sub(1),
                    Some(b'+') => new_left = new_left.saturating_sub(1),
                    Some(b'\\') => {}
                    _ => {
                        old_left = old_left.saturating_sub(1);
                        new_left = new_left.saturating_sub(1);
                    }
                }
            } else if let Some(old) = line.strip_prefix("--- ") {
                old_path = named(old, "a/");
            } else if let Some(new) = line.strip_prefix("+++ ") {
                // A file that is gone is commented under the name it had.
                let new = named(new, "b/");
                path = Some(if new == "/dev/null" { old_path.clone() } else { new });
            } else if let (Some(path), Some((old, new))) = (&path, hunk(line)) {
                (old_left, new_left) = (old.1, new.1);
                let hunk = Hunk { old: lines(old), new: lines(new) };
                anchors.0.entry(path.clone()).or_default().push(hunk);
            }
        }
        anchors
    }

    /// Whether a comment may stand on these lines, first and last.
    pub fn hold(&self, path: &str, side: DiffSide, lines: (u32, u32)) -> bool {
        let shows = |hunk: &Hunk| {
            let shown = match side {
                DiffSide::Old => &hunk.old,
                DiffSide::New => &hunk.new,
            };
            shown.contains(&lines.0) && shown.contains(&lines.1)
        };
        lines.0 <= lines.1 && self.0.get(path).is_some_and(|hunks| hunks.iter().any(shows))
    }
}

/// A path without the side's prefix, and without what stands after a tab.
fn named(text: &str, prefix: &str) -> String {
    let path = match text.strip_prefix('"') {
        Some(quoted) => Cow::Owned(unquoted(quoted)),
        None => Cow::Borrowed(text.split('\t').next().unwrap_or(text).trim_end()),
    };
    path.strip_prefix(prefix).unwrap_or(&path).to_owned()
}

/// What git has quoted as C does, because it is not plain ASCII or has quotes in it: from after the first quote up to the next.
fn unquoted(quoted: &str) -> String {
    let mut path = Vec::new();
    let mut rest = quoted.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'"', _) => break,
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                path.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) => {
                path.push(match escaped {
                    b'a' => 0x07,
                    b'b' => 0x08,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 0x0b,
                    b'f' => 0x0c,
                    b'r' => b'\r',
                    itself => *itself,
                });
                rest = after;
            }
            (plain, _) => path.push(*plain),
        }
    }
    String::from_utf8_lossy(&path).into_owned()
}

/// `@@ -a,b +c,d @@`: start and count of both sides. A count that is left out is 1.
fn hunk(line: &str) -> Option<((u32, u32), (u32, u32))> {
    let ranges = line.strip_prefix("@@ -")?.split_once(" @@")?.0;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| {
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    Some((range(old)?, range(new)?))
}

fn lines((start, count): (u32, u32)) -> RangeInclusive<u32> {
    match count {
        // Nothing lies in it.
        0 => RangeInclusive::new(1, 0),
        count => start..=start.saturating_add(count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -10,4 +10,4 @@ fn f() {\n \
                        one\n--- two\n+++ two\n three\n four\n@@ -40 +40,0 @@\n-gone\n\\ No newline at end of file\ndiff \
                        --git a/old.txt b/old.txt\n--- a/old.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n";

    #[test]
    fn a_comment_stands_on_what_a_hunk_shows_and_nowhere_else() {
        let anchors = Anchors::of(DIFF);
        let new = |lines| anchors.hold("src/a.rs", DiffSide::New, lines);
        assert!(new((10, 10)) && new((11, 13)));
        assert!(!new((9, 10)) && !new((13, 14)) && !new((12, 11)), "outside, or backwards");
        assert!(anchors.hold("src/a.rs", DiffSide::Old, (40, 40)), "a size that is left out is 1");
        assert!(!new((40, 40)), "the new side of that hunk is empty");
        assert!(!anchors.hold("src/a.rs", DiffSide::Old, (13, 40)), "in one hunk");
        assert!(!anchors.hold("a/src/a.rs", DiffSide::New, (10, 10)));
    }

    #[test]
    fn a_quoted_path_is_that_of_the_file() {
        let diff = |path: &str| format!("--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+x\n");
        let holds = |quoted: &str, path: &str| Anchors::of(&diff(quoted)).hold(path, DiffSide::New, (1, 1));
        assert!(holds(r#""b/docs/gr\303\266\303\237er.md""#, "docs/größer.md"));
        assert!(holds(r#""b/a \"quoted\"\tname\\.md""#, "a \"quoted\"\tname\\.md"));
        assert!(holds("b/with a space.md\t", "with a space.md"));
        assert!(holds(r#""b/cut\"#, "cut\\"), "what ends within an escape is taken as it is");
    }

    #[test]
    fn a_file_that_is_gone_has_its_old_name_and_lines() {
        let anchors = Anchors::of(DIFF);
        assert!(anchors.hold("old.txt", DiffSide::Old, (1, 2)));
        assert!(!anchors.hold("old.txt", DiffSide::New, (1, 1)));
        assert_eq!(Anchors::of("no diff at all\n@@ -1 +1 @@"), Anchors::default());
    }
}
