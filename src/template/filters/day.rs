//! `day`

use minijinja::{Error, value::Value};

use super::moment::{DAY_MS, moment};

/// From the first of January 1970 on.
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// The day of a moment, in UTC: `2026-11-24 (Tuesday)`.
pub(super) fn day(value: &Value) -> Result<String, Error> {
    let at = moment(value)?;
    let shown = at.to_string();
    let day = shown.split('T').next().unwrap_or_default();
    let days = usize::try_from(at.as_millis() / DAY_MS).unwrap_or_default();
    let weekday = WEEKDAYS.get(days % WEEKDAYS.len()).copied().unwrap_or_default();
    Ok(format!("{day} ({weekday})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_with_its_weekday() {
        for (at, want) in [
            ("1970-01-01", "1970-01-01 (Thursday)"),
            ("2024-02-29T23:59:59Z", "2024-02-29 (Thursday)"),
            ("2026-11-24T07:05:00Z", "2026-11-24 (Tuesday)"),
            ("9999-12-31", "9999-12-31 (Friday)"),
        ] {
            assert_eq!(day(&Value::from(at)).expect("a day"), want);
        }
        assert!(day(&Value::from(())).is_err());
    }
}
