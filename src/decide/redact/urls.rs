//! Passwords in addresses: `https://user:password@host`.

use std::ops::Range;

use super::held::HELD;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    text.match_indices("://").filter_map(|(at, scheme)| password(text, at + scheme.len())).collect()
}

/// In the part from `start` up to the path. That ends at a `/`, so none is read twice; and at a placeholder, since a later
/// `@` may be gone the next time.
fn password(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let is_end = |c: char| c.is_whitespace() || c == HELD || "/?#\"'<>".contains(c);
    let part = rest.get(..rest.find(is_end).unwrap_or(rest.len()))?;
    let (user, _host) = part.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let from = start + name.len() + 1;
    (!password.is_empty()).then(|| from..from + password.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn only_the_password_of_an_address_is_a_secret() {
        assert_eq!(
            parts("postgres://ada:p@ss:w0rd@db.example/x and redis://:hidden@r"),
            ["p@ss:w0rd", "hidden"]
        );
        for text in [
            "https://x.example:8080/a@b",
            "https://ada@x.example",
            "https://ada:@x.example",
            "://",
            "a: //b:c@d",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }
}
