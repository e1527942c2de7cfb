//! The header `Authentication-Results` (RFC 8601, section 2.2).

use std::{iter::Peekable, str::Chars};

/// What one server found of a mail.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuthenticationResults {
    /// The `authserv-id` of the server that says so.
    pub(super) server: String,
    /// Methods and their results, in lower case and in order; none if a quotation or comment has no end, which may hide
    /// where a result begins.
    results: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// What a quoted string says: a sender may have chosen it, so it is no method and no result.
    Quoted(String),
    Sign(char),
}

/// What stands for itself outside of quotations and comments.
const SIGNS: [char; 3] = [';', '=', '/'];

impl AuthenticationResults {
    /// None if it does not say whose it is.
    pub(super) fn read(value: &str) -> Option<Self> {
        let (tokens, is_whole) = tokens(value);
        let mut parts = tokens.split(|token| *token == Token::Sign(';'));
        let (Token::Word(server) | Token::Quoted(server)) = parts.next()?.first()? else { return None };
        let results = if is_whole { parts.filter_map(result).collect() } else { Vec::new() };
        Some(AuthenticationResults { server: server.clone(), results })
    }

    /// The first result of `method`.
    pub(super) fn result(&self, method: &str) -> Option<&str> {
        self.results.iter().find(|(of, _)| of == method).map(|(_, result)| result.as_str())
    }
}

/// `dkim=pass` or `dkim/1=pass`, with which a part begins.
fn result(part: &[Token]) -> Option<(String, String)> {
    let (method, result) = match part {
        [Token::Word(method), Token::Sign('='), Token::Word(result), ..]
        | [
            Token::Word(method),
            Token::Sign('/'),
            Token::Word(_),
            Token::Sign('='),
            Token::Word(result),
            ..,
        ] => (method, result),
        _ => return None,
    };
    Some((method.to_ascii_lowercase(), result.to_ascii_lowercase()))
}

/// What the value is made of, comments left out, and whether all that was opened in it is closed.
fn tokens(value: &str) -> (Vec<Token>, bool) {
    let mut tokens = Vec::new();
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => match quoted(&mut chars) {
                Some(text) => tokens.push(Token::Quoted(text)),
                None => return (tokens, false),
            },
            '(' => {
                if !comment(&mut chars) {
                    return (tokens, false);
                }
            }
            sign if SIGNS.contains(&sign) => tokens.push(Token::Sign(sign)),
            space if space.is_whitespace() => {}
            first => {
                let mut word = String::from(first);
                while let Some(c) = chars.next_if(|c| !is_end(*c)) {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    (tokens, true)
}

fn is_end(c: char) -> bool {
    c.is_whitespace() || SIGNS.contains(&c) || matches!(c, '"' | '(')
}

/// What stands up to the closing quote; a backslash takes the meaning from what follows it (RFC 5322, section 3.2.4).
fn quoted(chars: &mut Peekable<Chars>) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

/// Passes by a comment and those within it (RFC 5322, section 3.2.2); false if it has no end.
fn comment(chars: &mut Peekable<Chars>) -> bool {
    let mut depth = 1_usize;
    while depth > 0 {
        match chars.next() {
            Some('(') => depth += 1,
            Some(')') => depth -= 1,
            Some('\\') if chars.next().is_some() => {}
            Some('\\') | None => return false,
            Some(_) => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Server, spf, dkim and dmarc.
    fn told(value: &str) -> Option<[String; 4]> {
        let results = AuthenticationResults::read(value)?;
        let [spf, dkim, dmarc] =
            ["spf", "dkim", "dmarc"].map(|method| results.result(method).unwrap_or("-").to_owned());
        Some([results.server, spf, dkim, dmarc])
    }

    #[test]
    fn results_are_read_as_servers_write_them() {
        for (value, want) in [
            ("mx.example; none", ["mx.example", "-", "-", "-"]),
            ("mx.example 1; spf=pass", ["mx.example", "pass", "-", "-"]),
            (
                "\"mx example\";dkim=pass header.i=@a.example;SPF=SoftFail",
                ["mx example", "softfail", "pass", "-"],
            ),
            (
                "mx.example;\r\n\tdkim / 1 = pass (2048-bit key);\r\n\tdmarc=fail (p=none)",
                ["mx.example", "-", "pass", "fail"],
            ),
            ("(a) mx.example (b); spf (c) = (d) pass(e)", ["mx.example", "pass", "-", "-"]),
            ("mx.example; dkim=fail; dkim=pass", ["mx.example", "-", "fail", "-"]),
            (
                "mx.example; dkim=neutral reason=\"no; key\" header.b=a/b=; spf=none",
                ["mx.example", "none", "neutral", "-"],
            ),
        ] {
            assert_eq!(told(value), Some(want.map(str::to_owned)), "{value}");
        }
        assert_eq!((told(""), told("; spf=pass"), told("(x)")), (None, None, None));
    }

    #[test]
    fn what_a_sender_chose_is_no_result() {
        for (value, want) in [
            (
                "mx.ours.example; spf=pass smtp.mailfrom=\"; dkim=pass; dmarc=pass;\"@evil.example; dkim=none; dmarc=fail",
                ["mx.ours.example", "pass", "none", "fail"],
            ),
            (
                "mx.ours.example; spf=fail smtp.mailfrom=\"a\\\"; dkim=pass\"@x",
                ["mx.ours.example", "fail", "-", "-"],
            ),
            (
                "mx.ours.example; spf=fail (a (b; dkim=pass) \\); dkim=pass); dkim=none",
                ["mx.ours.example", "fail", "none", "-"],
            ),
            ("mx.ours.example; \"dkim\"=pass; dmarc=\"pass\"", ["mx.ours.example", "-", "-", "-"]),
            ("mx.ours.example; spf=fail smtp.helo=dkim=pass", ["mx.ours.example", "fail", "-", "-"]),
            ("mx.ours.example; dkim=none smtp.mailfrom=\"x; spf=pass", ["mx.ours.example", "-", "-", "-"]),
            ("mx.ours.example; dkim=none (x; spf=pass", ["mx.ours.example", "-", "-", "-"]),
        ] {
            assert_eq!(told(value), Some(want.map(str::to_owned)), "{value}");
        }
    }
}
