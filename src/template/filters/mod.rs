//! Our filters, on top of minijinja's own: one file each.

mod clip;
mod cut;
mod date;
mod day;
mod days_until;
mod fit;
mod marks;
mod moment;
mod redact;
mod slack;
mod uncommented;
mod unquoted;
mod untrusted;

use minijinja::{
    Environment, Error, ErrorKind, State,
    value::{Kwargs, Value},
};

/// What ours are called.
pub(super) const NAMES: [&str; 11] = [
    "clip",
    "date",
    "day",
    "days_until",
    "fit",
    "marks",
    "redact",
    "slack",
    "uncommented",
    "unquoted",
    "untrusted",
];

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_filter("clip", clip);
    env.add_filter("date", date);
    env.add_filter("day", day);
    env.add_filter("days_until", days_until);
    env.add_filter("fit", fit);
    env.add_filter("marks", marks);
    env.add_filter("redact", redact);
    env.add_filter("slack", slack);
    env.add_filter("uncommented", uncommented);
    env.add_filter("unquoted", unquoted);
    env.add_filter("untrusted", untrusted);
}

fn clip(state: &State, value: &Value, chars_max: usize) -> Result<String, Error> {
    clip::clip(state, text(value)?, chars_max)
}

fn date(value: &Value) -> Result<String, Error> {
    date::date(defined(value)?)
}

fn day(value: &Value) -> Result<String, Error> {
    day::day(defined(value)?)
}

fn days_until(from: &Value, later: &Value) -> Result<i64, Error> {
    days_until::days_until(defined(from)?, defined(later)?)
}

fn fit(state: &State, value: &Value, tokens_max: usize) -> Result<String, Error> {
    fit::fit(state, text(value)?, tokens_max)
}

fn marks(value: &Value, name: &str, hints: &str) -> Result<String, Error> {
    Ok(marks::marks(text(value)?, name, hints))
}

fn redact(state: &State, value: &Value, kinds: Option<Vec<String>>) -> Result<String, Error> {
    redact::redact(state, text(value)?, kinds)
}

fn slack(value: &Value) -> Result<String, Error> {
    Ok(slack::slack(text(value)?))
}

fn uncommented(value: &Value) -> Result<String, Error> {
    Ok(uncommented::uncommented(text(value)?))
}

fn unquoted(value: &Value) -> Result<String, Error> {
    Ok(unquoted::unquoted(text(value)?))
}

fn untrusted(
    state: &State,
    value: &Value,
    chars_max: Option<usize>,
    bounds: Kwargs,
) -> Result<String, Error> {
    untrusted::untrusted(state, text(value)?, chars_max, bounds)
}

/// What a filter is given, if that is there.
fn defined(value: &Value) -> Result<&Value, Error> {
    if value.is_undefined() {
        let message = "what stands before a filter is undefined: nothing of that name is there";
        return Err(Error::new(ErrorKind::UndefinedError, message));
    }
    Ok(value)
}

/// What a filter is given, if that is a text.
fn text(value: &Value) -> Result<&str, Error> {
    defined(value)?.as_str().ok_or_else(|| wrong("what stands before a filter is no text"))
}

/// What stops an evaluation. The text goes to logs: it never quotes what a stranger wrote.
fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
