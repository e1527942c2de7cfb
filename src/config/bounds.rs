//! What values may be, and how it is said when they are not.

use std::{fmt, ops::RangeInclusive};

use crate::domain::Lane;

use super::{
    codes,
    problem::{At, Problem},
    suggest::{one_of, quoted},
};

/// Most characters of a name.
const NAME_CHARS_MAX: usize = 64;
/// What a filter's rule says instead of a lane to drop an event.
pub const IGNORE: &str = "ignore";

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Ms,
    Seconds,
    Bytes,
    /// The number counts what its field's name says.
    Plain,
}

/// A number with its unit, and in larger units where that comes out even: `3600000 ms (1 h)`.
struct Shown(u64, Unit);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(number, unit) = *self;
        let (word, larger): (&str, &[(u64, &str)]) = match unit {
            Unit::Ms => (" ms", &[(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")]),
            Unit::Seconds => (" s", &[(86_400, "d"), (3_600, "h"), (60, "min")]),
            Unit::Bytes => (" bytes", &[(1_073_741_824, "GiB"), (1_048_576, "MiB"), (1_024, "KiB")]),
            Unit::Plain => ("", &[]),
        };
        write!(f, "{number}{word}")?;
        let even = larger.iter().find(|(size, _)| number > 0 && number.is_multiple_of(*size));
        even.map_or(Ok(()), |(size, name)| write!(f, " ({} {name})", number / size))
    }
}

/// A whole number outside of its bounds.
pub(super) fn number_problem(
    at: At,
    field: &str,
    number: u64,
    bounds: RangeInclusive<u64>,
    unit: Unit,
) -> Option<Problem> {
    let (low, high) = (Shown(*bounds.start(), unit), Shown(*bounds.end(), unit));
    (!bounds.contains(&number)).then(|| {
        at.error(
            codes::OUT_OF_BOUNDS,
            format!("`{field}` is {}", Shown(number, unit)),
            format!("write a number from {low} to {high}"),
        )
    })
}

/// A share that is not from 0 to 1.
pub(super) fn share_problem(at: At, field: &str, share: f64) -> Option<Problem> {
    (!(0.0..=1.0).contains(&share)).then(|| {
        at.error(
            codes::OUT_OF_BOUNDS,
            format!("`{field}` is {share}"),
            "write a number from 0 to 1, such as 0.8",
        )
    })
}

/// A share that is not above 0 or beyond 1.
pub(super) fn rate_problem(at: At, field: &str, rate: f64) -> Option<Problem> {
    (rate.is_nan() || rate <= 0.0 || rate > 1.0).then(|| {
        at.error(
            codes::OUT_OF_BOUNDS,
            format!("`{field}` is {rate}"),
            "write a number above 0 and up to 1, such as 0.5",
        )
    })
}

/// A name that cannot be used in addresses, files and columns alike. `of` says what it is the name of.
pub(super) fn name_problem(at: At, of: &str, name: &str) -> Option<Problem> {
    let is_start = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = name.len() <= NAME_CHARS_MAX
        && name.starts_with(is_start)
        && name.chars().all(|c| is_start(c) || c == '_' || c == '-');
    (!fits).then(|| {
        at.error(
            codes::BAD_NAME,
            format!("{} is no name for {} {of}", quoted(name), article(of)),
            format!("write 1 to {NAME_CHARS_MAX} of a-z, 0-9, `_` and `-`, beginning with a letter or digit"),
        )
    })
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// A lane that does not exist; `ignore` is fine too.
pub(super) fn lane_problem(at: At, lane: &str) -> Option<Problem> {
    let known = || Lane::ALL.iter().copied().map(Lane::as_str).chain([IGNORE]);
    (!known().any(|one| one == lane)).then(|| {
        at.error(codes::BAD_LANE, format!("there is no lane {}", quoted(lane)), one_of(lane, known()))
    })
}

/// An event type that can match nothing: `*` stands only at the end.
pub(super) fn type_problem(at: At, pattern: &str) -> Option<Problem> {
    let (message, remedy) = if pattern.is_empty() {
        ("an event type is empty".to_owned(), "write a type such as `ticket.created`, or `*` for all")
    } else if pattern.strip_suffix('*').unwrap_or(pattern).contains('*') {
        (
            format!("the event type {} has `*` before its end", quoted(pattern)),
            "write `*` only at the end, as in `ticket.*`",
        )
    } else if pattern.contains(|c: char| c.is_whitespace() || c.is_control()) {
        (
            format!("the event type {} has white space in it", quoted(pattern)),
            "write the type as the sender does",
        )
    } else {
        return None;
    };
    Some(at.error(codes::BAD_TYPE, message, remedy))
}

/// Something that must not be empty.
pub(super) fn empty_problem(at: At, field: &str, is_empty: bool, remedy: &str) -> Option<Problem> {
    is_empty.then(|| at.error(codes::EMPTY, format!("`{field}` is empty"), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> At {
        At::line("f", 1)
    }

    #[test]
    fn numbers_are_told_with_their_units() {
        let told =
            |number, bounds, unit| number_problem(at(), "x_ms", number, bounds, unit).map(|p| p.to_string());
        assert_eq!(told(1_000, 1_000..=3_600_000, Unit::Ms), None);
        assert_eq!(
            told(90, 1_000..=3_600_000, Unit::Ms).as_deref(),
            Some(
                "f:1: error[HY0010]: `x_ms` is 90 ms\n    remedy: write a number from 1000 ms (1 s) to 3600000 ms (1 h)"
            )
        );
        assert_eq!(Shown(104_857_600, Unit::Bytes).to_string(), "104857600 bytes (100 MiB)");
        assert_eq!(Shown(86_400, Unit::Seconds).to_string(), "86400 s (1 d)");
        assert_eq!(Shown(7, Unit::Plain).to_string(), "7");
    }

    #[test]
    fn shares_are_from_0_to_1() {
        for share in [0.0, 0.5, 1.0] {
            assert_eq!(share_problem(at(), "x", share), None);
        }
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(share_problem(at(), "x", share).is_some(), "{share}");
        }
    }

    #[test]
    fn rates_are_above_0() {
        for rate in [0.01, 1.0] {
            assert_eq!(rate_problem(at(), "x", rate), None);
        }
        for rate in [0.0, -0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(rate_problem(at(), "x", rate).is_some(), "{rate}");
        }
    }

    #[test]
    fn names_fit_everywhere() {
        for name in ["a", "0", "crm-contact", "a_b", &"x".repeat(64)] {
            assert_eq!(name_problem(at(), "route", name), None, "{name}");
        }
        for name in ["", "A", "-a", "_a", "a b", "ä", "a/b", "..", &"x".repeat(65)] {
            assert!(name_problem(at(), "route", name).is_some(), "{name}");
        }
        assert_eq!(
            name_problem(at(), "action", "A b").map(|p| p.to_string()).as_deref(),
            Some(
                "f:1: error[HY0011]: `A b` is no name for an action\n    remedy: write 1 to 64 of a-z, 0-9, `_` and \
                 `-`, beginning with a letter or digit"
            )
        );
    }

    #[test]
    fn stars_stand_at_the_end() {
        for pattern in ["*", "a.*", "a.b", "pull_request.opened"] {
            assert_eq!(type_problem(at(), pattern), None, "{pattern}");
        }
        for pattern in ["", "*.a", "a*b*", "**", "a b"] {
            assert!(type_problem(at(), pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn lanes_are_three_or_none() {
        for lane in ["critical", "normal", "bulk", "ignore"] {
            assert_eq!(lane_problem(at(), lane), None, "{lane}");
        }
        assert_eq!(
            lane_problem(at(), "crtical").map(|p| p.to_string()).as_deref(),
            Some(
                "f:1: error[HY0201]: there is no lane `crtical`\n    remedy: did you mean `critical`? Write one of: \
                 critical, normal, bulk, ignore"
            )
        );
    }
}
