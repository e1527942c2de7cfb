//! Numbers as people write them: groups of digits with something in between.

/// One group, and how much of the number ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub start: usize,
    pub end: usize,
    /// Digits up to its end, those of earlier groups included.
    pub digits: usize,
}

/// The groups from `at` on, and their digits. It ends before a group that would make more than `digits_max` of them.
/// `between` says how many bytes of the text it is given part two groups, if any do.
pub(super) fn groups(
    text: &str,
    at: usize,
    digits_max: usize,
    between: fn(&str) -> Option<usize>,
) -> (Vec<Group>, String) {
    let (mut groups, mut digits, mut start) = (Vec::new(), String::new(), at);
    loop {
        let rest = text.get(start..).unwrap_or_default();
        let room = digits_max - digits.len();
        let length = rest.bytes().take(room + 1).take_while(u8::is_ascii_digit).count();
        if length == 0 || length > room {
            break;
        }
        digits.push_str(rest.get(..length).unwrap_or_default());
        let end = start + length;
        groups.push(Group { start, end, digits: digits.len() });
        match between(text.get(end..).unwrap_or_default()) {
            Some(parting) => start = end + parting,
            None => break,
        }
    }
    (groups, digits)
}

/// A space, also one at which no line is broken.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{2009}' | '\u{202F}')
}

/// A dash as it stands within numbers.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}' | '\u{2013}')
}

/// Where a digit stands that no digit stands before.
pub(super) fn first_digits(text: &str) -> impl Iterator<Item = usize> {
    let mut was_digit = false;
    text.bytes().enumerate().filter_map(move |(at, b)| {
        let is_first = b.is_ascii_digit() && !was_digit;
        was_digit = b.is_ascii_digit();
        is_first.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_end_at_the_limit_or_at_other_text() {
        let space = |rest: &str| rest.starts_with(' ').then_some(1);
        let told = |text: &str, max| {
            let (groups, digits) = groups(text, 0, max, space);
            (groups.iter().map(|group| group.digits).collect::<Vec<_>>(), digits)
        };
        assert_eq!(told("12 345 6x", 9), (vec![2, 5, 6], "123456".to_owned()));
        assert_eq!(told("12 345 6", 5), (vec![2, 5], "12345".to_owned()));
        assert_eq!(told("123456", 5), (vec![], String::new()));
        assert_eq!(told("12  345", 9), (vec![2], "12".to_owned()));
        assert_eq!(first_digits("a12 ä3").collect::<Vec<_>>(), [1, 6]);
    }
}
