//! Moments as senders write them.

use minijinja::{
    Error,
    value::{Value, ValueKind},
};

use super::wrong;
use crate::domain::Timestamp;

/// From here on a number counts milliseconds, below it seconds: as seconds it is the year 5138, as milliseconds 1973.
const MILLIS_MIN: u64 = 100_000_000_000;

/// The last millisecond of the year 9999.
const LAST_MS: i64 = 253_402_300_799_999;

pub(super) const DAY_MS: i64 = 86_400_000;

/// Reads seconds or milliseconds since 1970, RFC 3339, or a day such as `2026-11-24`, which is its midnight in UTC.
///
/// # Errors
/// `value` is something else, or outside the years 1970 to 9999. It is not quoted.
pub(super) fn moment(value: &Value) -> Result<Timestamp, Error> {
    let ms = match value.kind() {
        ValueKind::Number => {
            let number = value.as_i64().ok_or_else(|| wrong("a moment is a whole number, and this one is not"))?;
            if number.unsigned_abs() < MILLIS_MIN { number * 1000 } else { number }
        }
        ValueKind::String => value.as_str().and_then(written).ok_or_else(|| {
            wrong("a moment is seconds or milliseconds since 1970, or RFC 3339 text such as 2026-11-24T07:05:00Z; this is other text")
        })?,
        other => {
            return Err(wrong(format!(
                "a moment is seconds or milliseconds since 1970, or RFC 3339 text; this is {other}: say what stands in with default(…)"
            )));
        }
    };
    if (0..=LAST_MS).contains(&ms) {
        Ok(Timestamp::from_millis(ms))
    } else {
        Err(wrong("a moment lies in the years 1970 to 9999, and this one does not"))
    }
}

/// Milliseconds since 1970 of RFC 3339 text.
fn written(text: &str) -> Option<i64> {
    if text.len() == "2026-11-24".len() {
        return written(&format!("{text}T00:00:00Z"));
    }
    let upper = text.to_ascii_uppercase();
    let (local, ahead_ms) = match upper.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let (local, offset) = upper.split_at_checked(upper.len().checked_sub("+00:00".len())?)?;
            (local, offset_ms(offset)?)
        }
    };
    let at = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(i64::try_from(since.as_millis()).ok()? - ahead_ms)
}

/// `+02:00` in milliseconds.
fn offset_ms(offset: &str) -> Option<i64> {
    let (sign, offset) = offset.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let number = |text: &str| match text.len() {
        2 => text.parse::<i64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())),
        _ => None,
    };
    let ms = (number(hours)? * 60 + number(minutes)?) * 60_000;
    match sign {
        "+" => Some(ms),
        "-" => Some(-ms),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<i64, String> {
        moment(&Value::from(Serde(&value))).map(Timestamp::as_millis).map_err(|error| error.to_string())
    }

    #[test]
    fn seconds_milliseconds_and_text_mean_the_same() {
        let at = 1_795_503_900_000;
        for value in [
            json!(1_795_503_900),
            json!(1_795_503_900_000_i64),
            json!(1_795_503_900.0),
            json!("2026-11-24T07:05:00Z"),
            json!("2026-11-24t07:05:00.000z"),
            json!("2026-11-24T07:05:00+00:00"),
            json!("2026-11-24T09:05:00+02:00"),
            json!("2026-11-24T01:35:00-05:30"),
        ] {
            assert_eq!(read(value.clone()), Ok(at), "{value}");
        }
        assert_eq!(read(json!("2026-11-24")), Ok(at - (7 * 60 + 5) * 60_000));
    }

    #[test]
    fn anything_else_is_an_error_that_names_its_kind_and_does_not_quote_it() {
        for (value, want) in [
            (json!(null), "this is none"),
            (json!(true), "this is bool"),
            (json!({"at": "secret"}), "this is map"),
            (json!(["secret"]), "this is sequence"),
            (json!(1.5), "whole number"),
            (json!(-1), "1970 to 9999"),
            (json!(i64::MAX), "1970 to 9999"),
            (json!(i64::MIN), "1970 to 9999"),
            (json!(u64::MAX), "whole number"),
            (json!("secret"), "other text"),
            (json!("1795503900"), "other text"),
            (json!("2026-13-24"), "other text"),
            (json!("2026-11-24T07:05:00"), "other text"),
            (json!("2026-11-24T07:05:00+0x:00"), "other text"),
            (json!("2026-11-24T07:05:00é2:00"), "other text"),
            (json!("1970-01-01T00:00:00+02:00"), "1970 to 9999"),
        ] {
            let error = read(value.clone()).expect_err("is no moment");
            assert!(error.contains(want) && !error.contains("secret"), "{value}: {error}");
        }
    }
}
