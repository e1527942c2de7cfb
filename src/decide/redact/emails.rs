//! Mail addresses, also international ones.

use std::ops::Range;

use super::edge::is_word;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let free_from = found.last().map_or(0, |last| last.end);
        found.extend(address(text, free_from, at));
    }
    found
}

/// The address around the `@` at `at`. Both of its parts end at the next `@`, so nothing is read more than twice.
fn address(text: &str, free_from: usize, at: usize) -> Option<Range<usize>> {
    let (local, domain) = (text.get(free_from..at)?, text.get(at + 1..)?);
    let local = local.get(local.trim_end_matches(in_local).len()..)?;
    let local = local.trim_start_matches(|c| !is_word(c) && c != '_');
    let domain = domain.get(..domain.find(|c| !in_domain(c)).unwrap_or(domain.len()))?;
    let domain = domain.trim_end_matches(['.', '-']);
    let (below, top) = domain.rsplit_once('.')?;
    let is_top = top.chars().count() >= 2 && top.starts_with(char::is_alphabetic);
    let is_below = below.split('.').all(|label| label.starts_with(is_word));
    let is_address = !local.is_empty() && !local.ends_with('.') && is_top && is_below;
    is_address.then_some(at - local.len()..at + 1 + domain.len())
}

fn in_local(c: char) -> bool {
    is_word(c) || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'')
}

fn in_domain(c: char) -> bool {
    is_word(c) || matches!(c, '.' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn addresses_are_found_whole() {
        for address in [
            "a@b.cd",
            "Ada.Lovelace+news@mail.x-y.example",
            "o'neil_1%x@x.example",
            "jörg@müller.example",
            "a@xn--mller-kva.example",
            "почта@пример.бел",
        ] {
            for text in [
                address.to_owned(),
                format!("'{address}'."),
                format!("<mailto:{address}>"),
                format!("email={address}, or"),
                format!("邮箱{address}谢谢"),
            ] {
                assert_eq!(parts(&text), [address], "{text}");
            }
        }
        assert_eq!(
            parts("a@x.example,b@x.example;c@x.example"),
            ["a@x.example", "b@x.example", "c@x.example"]
        );
        assert_eq!(
            parts("a@x.example'b@y.example%c@z.example"),
            ["a@x.example", "b@y.example", "c@z.example"]
        );
    }

    #[test]
    fn other_signs_are_not_addresses() {
        for text in [
            "@ada",
            "ada@",
            "a @ b.example",
            "pkg@1.2.3",
            "ada@localhost",
            "a.@x.example",
            "a@.example",
            "@x.example",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }
}
