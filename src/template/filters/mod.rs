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

use minijinja::{Environment, Error, ErrorKind};

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_filter("clip", clip::clip);
    env.add_filter("date", date::date);
    env.add_filter("day", day::day);
    env.add_filter("days_until", days_until::days_until);
    env.add_filter("fit", fit::fit);
    env.add_filter("marks", marks::marks);
    env.add_filter("redact", redact::redact);
    env.add_filter("slack", slack::slack);
    env.add_filter("uncommented", uncommented::uncommented);
    env.add_filter("unquoted", unquoted::unquoted);
    env.add_filter("untrusted", untrusted::untrusted);
}

/// What stops an evaluation. The text goes to logs: it never quotes what a stranger wrote.
fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
