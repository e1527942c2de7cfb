//! What stands beside a value.

use std::ops::Range;

use super::held::HELD;

pub(super) fn before(text: &str, at: usize) -> Option<char> {
    text.get(..at)?.chars().next_back()
}

pub(super) fn after(text: &str, at: usize) -> Option<char> {
    text.get(at..)?.chars().next()
}

/// The two characters from `at` on.
pub(super) fn two_after(text: &str, at: usize) -> (Option<char>, Option<char>) {
    let mut chars = text.get(at..).unwrap_or_default().chars();
    (chars.next(), chars.next())
}

/// A letter or digit that joins what stands beside it into one word. Chinese, Japanese or Thai letters do not: those who
/// write them put no space before an address.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() && c < '\u{530}'
}

/// Whether a value may begin after `before` or end ahead of it.
pub(super) fn is_open(beside: Option<char>) -> bool {
    !beside.is_some_and(|c| is_word(c) || c == '_' || c == HELD)
}

/// The range, unless it is empty or there is a placeholder in it or directly beside it.
pub(super) fn free(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let beside = [before(text, at.start), after(text, at.end)];
    let is_held = beside.contains(&Some(HELD)) || text.get(at.clone())?.contains(HELD);
    (!is_held && !at.is_empty()).then_some(at)
}
