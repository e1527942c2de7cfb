//! `date`

use minijinja::{Error, value::Value};

use super::moment::moment;

/// A moment to the minute: `2026-11-24 07:05 UTC`.
pub(super) fn date(value: &Value) -> Result<String, Error> {
    let shown = moment(value)?.to_string();
    let (day, time) = shown.split_once('T').unwrap_or((&shown, ""));
    Ok(format!("{day} {} UTC", time.get(.."07:05".len()).unwrap_or(time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(date(&Value::from(1_795_503_959)).expect("a date"), "2026-11-24 07:05 UTC");
        assert_eq!(date(&Value::from("2026-11-24T00:05:00+02:00")).expect("a date"), "2026-11-23 22:05 UTC");
        assert!(date(&Value::from("tomorrow")).is_err());
    }
}
