//! The forms of phone numbers.

use super::{Opening, Words};
use crate::decide::redact::groups::{Group, is_space};

/// Digits of a whole number with its country, and of one without.
const WORLD_MIN: usize = 8;
const WORLD_MAX: usize = 15;
const HOME_MIN: usize = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `+49 30 1234567`
    Plus,
    /// `0049 30 1234567`
    DoubleZero,
    /// `030 1234567`, `(11) 91234-5678`, `212-555-0123`: groups, as in a phone number of some country.
    Grouped,
    /// Anything else of the right length: `01701234567`.
    Bare,
}

impl Form {
    /// The form of these groups and their digits, if they have one.
    pub(super) fn of(text: &str, opening: Opening, groups: &[Group], digits: &str) -> Option<Self> {
        let count = digits.len();
        if has_date(groups, digits) || is_address(text, groups, digits) {
            return None;
        }
        let is_grouped = groups.len() > 1;
        if opening == Opening::Plus {
            return (!digits.starts_with('0') && (WORLD_MIN..=WORLD_MAX).contains(&count))
                .then_some(Form::Plus);
        }
        if let Some(rest) = digits.strip_prefix("00") {
            let is_world = !rest.starts_with('0') && (WORLD_MIN + 1..=WORLD_MAX).contains(&rest.len());
            return is_world.then_some(if is_grouped { Form::DoubleZero } else { Form::Bare });
        }
        let is_trunk = digits.starts_with('0') && (9..=12).contains(&count) && first_digits(groups) >= 2;
        let is_bracketed = opening == Opening::Bracket
            && (2..=5).contains(&first_digits(groups))
            && (8..=12).contains(&count);
        if is_grouped && (is_trunk || is_bracketed || is_american(text, groups, digits)) {
            return Some(Form::Grouped);
        }
        (HOME_MIN..=WORLD_MAX).contains(&count).then_some(Form::Bare)
    }

    /// Whether the words before it leave it a phone number. What only looks like one may be the number of an order.
    pub(super) fn fits(self, words: impl FnOnce() -> Words) -> bool {
        match self {
            Form::Plus => true,
            Form::DoubleZero | Form::Grouped => words() != Words::SomethingElse,
            Form::Bare => words() == Words::Phones,
        }
    }
}

fn first_digits(groups: &[Group]) -> usize {
    groups.first().map_or(0, |group| group.digits)
}

fn lengths(groups: &[Group]) -> Vec<usize> {
    groups.iter().map(|group| group.end - group.start).collect()
}

/// `212-555-0123`, `1 (800) 555-0199`: neither code begins with 0 or 1. With spaces alone it may be a row of figures.
fn is_american(text: &str, groups: &[Group], digits: &str) -> bool {
    let local = match lengths(groups).as_slice() {
        [3, 3, 4] => digits,
        [1, 3, 3, 4] => digits.strip_prefix('1').unwrap_or_default(),
        _ => return false,
    };
    let code = |at: usize| local.as_bytes().get(at).is_some_and(|b| (b'2'..=b'9').contains(b));
    let is_signed = |two: &[Group]| match two {
        [a, b] => text.get(a.end..b.start).is_some_and(|parting| !parting.chars().all(is_space)),
        _ => false,
    };
    code(0) && code(3) && groups.windows(2).any(is_signed)
}

/// Three groups are a day: `24.11.2026`, `2026-11-24`.
fn has_date(groups: &[Group], digits: &str) -> bool {
    let is_year = |group: &Group| {
        let year = digits.get(group.digits.saturating_sub(4)..group.digits).unwrap_or_default();
        group.end - group.start == 4 && (year.starts_with("19") || year.starts_with("20"))
    };
    let is_short = |group: &Group| group.end - group.start <= 2;
    groups.windows(3).any(|three| match three {
        [a, b, c] => (is_short(a) && is_short(b) && is_year(c)) || (is_year(a) && is_short(b) && is_short(c)),
        _ => false,
    })
}

/// `010.000.000.001`
fn is_address(text: &str, groups: &[Group], digits: &str) -> bool {
    let mut start = 0;
    groups.len() == 4
        && groups.windows(2).all(|two| matches!(two, [a, b] if text.get(a.end..b.start) == Some(".")))
        && groups.iter().all(|group| {
            let number = digits.get(start..group.digits).and_then(|number| number.parse::<u8>().ok());
            start = group.digits;
            number.is_some()
        })
}
