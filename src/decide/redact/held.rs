//! A text in which placeholders are one character each, so that nothing is looked for in them or across them.

use std::{mem, ops::Range};

use super::Sensitive;

/// Stands for a placeholder. It is no character that text may hold (Unicode reserves it for use inside programs); where
/// one comes in nevertheless, it stands for itself.
pub(super) const HELD: char = '\u{FDD0}';

/// The largest number of a placeholder; all later values share it.
pub(super) const NUMBER_MAX: u32 = 999_999;

/// Bytes of the longest placeholder, `[account 999999]`. No more is read, or a text of nothing but `[` would take long.
const PLACEHOLDER_BYTES_MAX: usize = 16;

pub(super) struct Held {
    text: String,
    /// What each [`HELD`] of the text stands for, in order.
    held: Vec<String>,
}

impl Held {
    /// Placeholders that are in `text` already are held.
    pub(super) fn read(text: &str) -> Self {
        let mut read = Held { text: String::with_capacity(text.len()), held: Vec::new() };
        let mut rest = text;
        while let Some(at) = rest.find(['[', HELD]) {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            read.text.push_str(before);
            let length = match placeholder(from) {
                Some((.., length)) => {
                    read.hold_here(from.get(..length));
                    length
                }
                None if from.starts_with(HELD) => {
                    read.hold_here(from.get(..HELD.len_utf8()));
                    HELD.len_utf8()
                }
                None => {
                    read.text.push('[');
                    1
                }
            };
            rest = from.get(length..).unwrap_or_default();
        }
        read.text.push_str(rest);
        read
    }

    fn hold_here(&mut self, placeholder: Option<&str>) {
        self.text.push(HELD);
        self.held.push(placeholder.unwrap_or_default().to_owned());
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Puts placeholders in the place of ranges that are sorted and do not overlap.
    pub(super) fn hold(&mut self, named: Vec<(Range<usize>, String)>) {
        let old_text = mem::take(&mut self.text);
        let mut old = mem::take(&mut self.held).into_iter();
        let mut done = 0;
        for (at, placeholder) in named {
            let before = old_text.get(done..at.start).unwrap_or_default();
            self.text.push_str(before);
            self.held.extend(old.by_ref().take(before.matches(HELD).count()));
            let inside = old_text.get(at.clone()).unwrap_or_default();
            old.by_ref().take(inside.matches(HELD).count()).for_each(drop);
            self.hold_here(Some(&placeholder));
            done = at.end;
        }
        self.text.push_str(old_text.get(done..).unwrap_or_default());
        self.held.extend(old);
    }

    pub(super) fn write(self) -> String {
        let mut held = self.held.into_iter();
        let mut written = String::with_capacity(self.text.len());
        for (n, part) in self.text.split(HELD).enumerate() {
            if n > 0 {
                written.extend(held.next());
            }
            written.push_str(part);
        }
        written
    }
}

/// The placeholders of a text: their kinds and numbers.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = (Sensitive, u32)> {
    let from = text.match_indices('[').filter_map(|(at, _)| text.get(at..));
    from.filter_map(placeholder).map(|(kind, number, _)| (kind, number))
}

/// The placeholder with which `text` begins: its kind, its number, and how many bytes it takes.
fn placeholder(text: &str) -> Option<(Sensitive, u32, usize)> {
    let inside = text.strip_prefix('[')?;
    let end = inside.bytes().take(PLACEHOLDER_BYTES_MAX).position(|b| b == b']')?;
    let inside = inside.get(..end)?;
    let (noun, digits) = inside.split_once(' ')?;
    let kind = Sensitive::ALL.iter().copied().find(|kind| kind.noun() == noun)?;
    let number = digits.parse().ok().filter(|number| (1..=NUMBER_MAX).contains(number))?;
    (kind.placeholder(number).len() == inside.len() + 2).then_some((kind, number, inside.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_come_out_as_they_went_in() {
        let text = "[[email 7] and [card 0] [card 01] [card 1000000] [phone +1] [x 1] [secret 2]\u{FDD0}[";
        let held = Held::read(text);
        assert_eq!(
            held.text(),
            "[\u{FDD0} and [card 0] [card 01] [card 1000000] [phone +1] [x 1] \u{FDD0}\u{FDD0}["
        );
        assert_eq!(held.write(), text);
    }

    #[test]
    fn what_is_held_later_stands_in_its_place() {
        let mut held = Held::read("a [card 1] b [card 2] c");
        let at = |text: &str, part: &str| text.find(part).map(|at| at..at + part.len()).expect("is there");
        held.hold(vec![(at(held.text(), "a"), "[A]".to_owned()), (at(held.text(), "b"), "[B]".to_owned())]);
        held.hold(vec![(at(held.text(), "c"), "[C]".to_owned())]);
        assert_eq!(held.write(), "[A] [card 1] [B] [card 2] [C]");
    }
}
