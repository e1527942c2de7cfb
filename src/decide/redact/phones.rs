//! Phone numbers: international ones, and national ones in the forms that only phone numbers have.

mod beside;
mod form;

use std::ops::Range;

use self::{
    beside::{Words, is_amount},
    form::Form,
};
use super::{
    edge::{after, before, is_open, is_word, two_after},
    groups::{first_digits, groups, is_dash, is_space},
    held::HELD,
};

/// Digits of the longest: those of an international number (E.164), after `00`.
const DIGITS_MAX: usize = 17;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    first_digits(text).filter_map(|at| phone(text, at)).collect()
}

/// The phone number whose first digit is at `at`.
fn phone(text: &str, at: usize) -> Option<Range<usize>> {
    let (groups, digits) = groups(text, at, DIGITS_MAX, between);
    let is_code = groups.first().is_some_and(|code| after(text, code.end) == Some(')'));
    let (start, opening) = begins(text, at, is_code)?;
    let words = || Words::before(text, start);
    (1..=groups.len()).rev().find_map(|count| {
        let groups = groups.get(..count)?;
        let last = groups.last()?;
        let digits = digits.get(..last.digits)?;
        let form = Form::of(text, opening, groups, digits)?;
        let is_phone = ends(text, last.end) && form.fits(words) && !is_amount(text, start, last.end);
        is_phone.then_some(start..last.end)
    })
}

/// What stands before the first digit and belongs to the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Plus,
    Bracket,
    Nothing,
}

/// Where the number begins; `is_code` if a bracket closes behind its first group. Not in the middle of a word, an amount, a path, a date or a UUID.
fn begins(text: &str, at: usize, is_code: bool) -> Option<(usize, Opening)> {
    let sign = before(text, at);
    let (start, opening) = match sign {
        Some('+') => (at - 1, Opening::Plus),
        Some('(') if is_code => (at - 1, Opening::Bracket),
        _ => (at, Opening::Nothing),
    };
    let beside = before(text, start);
    let is_part = |c: char| is_dash(c) || matches!(c, '.' | '/' | '#' | '+' | '\\');
    // `/+49…` and `(+49…` are numbers of their own; `1/030…` is not.
    let is_cut = beside.is_some_and(is_part) && !(opening == Opening::Plus && beside != Some('+'));
    (is_open(beside) && !is_cut).then_some((start, opening))
}

fn ends(text: &str, at: usize) -> bool {
    let (beside, next) = two_after(text, at);
    let goes_on = beside.is_some_and(|c| is_dash(c) || matches!(c, '.' | '/' | ':'))
        && next.is_some_and(|c| is_word(c) || c == HELD);
    is_open(beside) && beside != Some('@') && !goes_on
}

/// One space or sign, or a bracket of an area code with at most one of them on either side: ` `, `) `, ` (`, `-`.
fn between(rest: &str) -> Option<usize> {
    let plain = |at: usize| after(rest, at).filter(|c| is_space(*c) || is_dash(*c) || matches!(c, '.' | '/'));
    let bracket = |at: usize| after(rest, at).filter(|c| matches!(c, '(' | ')'));
    let mut length = plain(0).map_or(0, char::len_utf8);
    if bracket(length).is_some() {
        length += 1;
        length += plain(length).map_or(0, char::len_utf8);
    }
    (length > 0).then_some(length)
}

#[cfg(test)]
mod tests;
