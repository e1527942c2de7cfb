//! Numbers of payment cards: 13 to 19 digits of a known issuer whose check digit is right.

use std::ops::Range;

use super::{
    edge::{before, is_open, is_word, two_after},
    groups::{Group, first_digits, groups, is_dash, is_space},
    held::HELD,
};

const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

/// Digits of every group but the last: 4-4-4-4 and 4-6-5 are cards, most rows of figures are not.
const GROUP_DIGITS: [usize; 3] = [4, 6, 8];

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    first_digits(text).filter(|at| begins(text, *at)).filter_map(|at| card(text, at)).collect()
}

fn card(text: &str, at: usize) -> Option<Range<usize>> {
    let (groups, digits) = groups(text, at, DIGITS_MAX, |rest| {
        rest.chars().next().filter(|c| is_space(*c) || is_dash(*c) || *c == '.').map(char::len_utf8)
    });
    let is_grouped = |groups: &[Group]| {
        groups.split_last().is_none_or(|(_, others)| {
            others.iter().all(|group| GROUP_DIGITS.contains(&(group.end - group.start)))
        })
    };
    (0..groups.len()).rev().find_map(|last| {
        let Group { end, digits: count, .. } = *groups.get(last)?;
        let value = digits.get(..count)?;
        let is_card = count >= DIGITS_MIN
            && is_grouped(groups.get(..=last)?)
            && ends(text, end)
            && is_issued(value)
            && luhn(value);
        is_card.then_some(at..end)
    })
}

/// Not in the middle of a word, an amount or a UUID.
fn begins(text: &str, at: usize) -> bool {
    let beside = before(text, at);
    let is_decimal = beside == Some('.')
        && before(text, at.saturating_sub(1)).is_some_and(|c| c.is_ascii_digit() || c == HELD);
    is_open(beside) && !is_decimal && beside != Some('+') && !beside.is_some_and(is_dash)
}

fn ends(text: &str, at: usize) -> bool {
    let (beside, next) = two_after(text, at);
    let goes_on =
        beside.is_some_and(|c| is_dash(c) || c == '.') && next.is_some_and(|c| is_word(c) || c == HELD);
    is_open(beside) && !goes_on
}

/// Whether an issuer gives such numbers.
fn is_issued(digits: &str) -> bool {
    let first = |count: usize| digits.get(..count).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    let (one, two, three, four, length) = (first(1), first(2), first(3), first(4), digits.len());
    match length {
        13 | 19 if one == 4 => true, // Visa
        14.. if matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39) => true, // Diners Club
        15 if matches!(two, 34 | 37) => true, // American Express
        16 if one == 4 || matches!(two, 51..=55) => true, // Visa, Mastercard
        16 if (2221..=2720).contains(&four) => true, // Mastercard
        16.. if (2200..=2205).contains(&four) => true, // Mir
        16.. if (3528..=3589).contains(&four) => true, // JCB
        16.. if four == 6011 || matches!(three, 644..=649) || two == 65 => true, // Discover
        16.. if matches!(two, 60 | 62 | 81) => true, // RuPay, UnionPay
        13.. => matches!(two, 50 | 56..=59 | 61 | 63 | 66..=69), // Maestro
        _ => false,
    }
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(n, b)| {
            let digit = u32::from(b - b'0');
            if n % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::redact::Sensitive;

    fn values(text: &str) -> Vec<String> {
        find(text).into_iter().map(|at| Sensitive::Cards.value(&text[at])).collect()
    }

    #[test]
    fn cards_are_found_as_people_write_them() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "4111\u{A0}1111\u{A0}1111\u{A0}1111",
            "3782 822463 10005",
            "378282246310005",
            "5555555555554444",
            "2223003122003222",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "6200000000000005",
            "4222222222222",
        ] {
            let digits: String = card.chars().filter(char::is_ascii_digit).collect();
            for text in [
                card.to_owned(),
                format!("card no.{card}, thanks"),
                format!("({card})."),
                format!("{card} 12/27 123"),
            ] {
                assert_eq!(values(&text), [digits.as_str()], "{text}");
            }
        }
    }

    #[test]
    fn other_numbers_are_not_cards() {
        for text in [
            "4111111111111112",
            "1111111111111117",
            "41111111111111111111111",
            "a4111111111111111",
            "4111111111111111b",
            "4111_1111_1111_1111",
            "0.4111111111111111",
            "4111.1111.1111.1112",
            "10.4111.1111.1111.1111",
            "4111.1111.1111.1111.2",
            "+4111111111111111",
            "550e8400-4111-1111-1111-111111111111",
            "4111-1111-1111-1111-2222",
            "1795503900000",
            "40064 70990 93108 5175",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        ] {
            assert_eq!(values(text), Vec::<String>::new(), "{text}");
        }
    }
}
