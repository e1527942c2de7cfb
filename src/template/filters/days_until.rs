//! `days_until(later)`

use minijinja::{Error, value::Value};

use super::moment::{DAY_MS, moment};

/// Whole days from a moment until `later`, rounded towards 0; negative if `later` is earlier. For "renews in 12 days".
pub(super) fn days_until(from: &Value, later: &Value) -> Result<i64, Error> {
    Ok((moment(later)?.as_millis() - moment(from)?.as_millis()) / DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_days_count() {
        let days =
            |from: &str, later: &str| days_until(&Value::from(from), &Value::from(later)).expect("days");
        assert_eq!(days("2026-11-24T07:05:00Z", "2026-12-06T07:05:00Z"), 12);
        assert_eq!(days("2026-11-24T07:05:00Z", "2026-12-06T07:04:59Z"), 11);
        assert_eq!(days("2026-12-06T07:05:00Z", "2026-11-24T07:05:01Z"), -11);
        assert!(days_until(&Value::from(0), &Value::from("soon")).is_err());
    }
}
