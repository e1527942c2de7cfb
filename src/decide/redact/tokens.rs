//! Tokens that vendors mark by a prefix, and JSON web tokens.

use std::ops::Range;

use super::{
    edge::{before, free},
    held::HELD,
};

/// Characters of what follows a prefix, and how many there are at least: fewer than the vendor gives, since people cut.
struct Vendor {
    prefix: &'static str,
    class: Class,
    chars_min: usize,
}

#[derive(Clone, Copy)]
enum Class {
    /// Letters and digits.
    Plain,
    /// Also `-` and `_`.
    Dashed,
    /// Also dots: several parts.
    Dotted,
    /// Also what Base64 and paths have: `+`, `/`, `=`.
    Slashed,
}

const fn vendor(prefix: &'static str, class: Class, chars_min: usize) -> Vendor {
    Vendor { prefix, class, chars_min }
}

const VENDORS: [Vendor; 42] = [
    WEB_TOKEN,
    vendor("sk-", Class::Dashed, 16),
    vendor("sk_live_", Class::Plain, 10),
    vendor("sk_test_", Class::Plain, 10),
    vendor("rk_live_", Class::Plain, 10),
    vendor("rk_test_", Class::Plain, 10),
    vendor("whsec_", Class::Slashed, 16),
    vendor("ghp_", Class::Plain, 20),
    vendor("gho_", Class::Plain, 20),
    vendor("ghu_", Class::Plain, 20),
    vendor("ghs_", Class::Plain, 20),
    vendor("ghr_", Class::Plain, 20),
    vendor("github_pat_", Class::Dashed, 20),
    vendor("glpat-", Class::Dotted, 16),
    vendor("AKIA", Class::Plain, 16),
    vendor("ASIA", Class::Plain, 16),
    vendor("xoxa-", Class::Dashed, 10),
    vendor("xoxb-", Class::Dashed, 10),
    vendor("xoxp-", Class::Dashed, 10),
    vendor("xoxr-", Class::Dashed, 10),
    vendor("xoxs-", Class::Dashed, 10),
    vendor("xapp-", Class::Dashed, 10),
    vendor("AIza", Class::Dashed, 30),
    vendor("ya29.", Class::Dashed, 20),
    vendor("hf_", Class::Plain, 20),
    vendor("npm_", Class::Plain, 20),
    vendor("pypi-", Class::Dashed, 20),
    vendor("SG.", Class::Dotted, 20),
    vendor("lin_api_", Class::Plain, 16),
    vendor("shpat_", Class::Plain, 20),
    vendor("dop_v1_", Class::Plain, 20),
    vendor("gsk_", Class::Plain, 20),
    vendor("xai-", Class::Plain, 20),
    vendor("pat-na1-", Class::Dashed, 20),
    vendor("pat-eu1-", Class::Dashed, 20),
    vendor("hooks.slack.com/services/", Class::Slashed, 16),
    vendor("discord.com/api/webhooks/", Class::Slashed, 16),
    vendor("discordapp.com/api/webhooks/", Class::Slashed, 16),
    // Mailgun's, and no word that begins so: it has 32 hexadecimal digits.
    vendor("key-", Class::Plain, 32),
    vendor("AGE-SECRET-KEY-1", Class::Plain, 40),
    vendor("sq0csp-", Class::Dashed, 20),
    vendor("sq0atp-", Class::Dashed, 20),
];

/// A JSON web token begins with `{"` in Base64 and has three parts, or five.
const WEB_TOKEN: Vendor = vendor("eyJ", Class::Dotted, 27);

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    // Up to where each vendor's class was read in vain: what begins later in the same run is no token either.
    let mut read = [0; VENDORS.len()];
    let mut was_part = false;
    for (at, b) in text.bytes().enumerate() {
        let is_start = b.is_ascii_alphabetic() && !was_part && found.last().is_none_or(|last| at >= last.end);
        was_part = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !is_start {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        for (vendor, read) in VENDORS.iter().zip(&mut read) {
            if at < *read || !rest.starts_with(vendor.prefix) {
                continue;
            }
            let body = rest.get(vendor.prefix.len()..).unwrap_or_default();
            let run = body.find(|c| !vendor.class.has(c)).and_then(|end| body.get(..end)).unwrap_or(body);
            // A dot or dash at its end belongs to the sentence.
            let run = run.trim_end_matches(['.', '-']);
            let end = at + vendor.prefix.len() + run.len();
            match free(text, at..end).filter(|_| vendor.gives(run)) {
                Some(token) => found.push(token),
                // The one beside a placeholder is refused for that alone.
                None if before(text, at) == Some(HELD) => {}
                None => *read = end,
            }
        }
    }
    found
}

impl Vendor {
    fn gives(&self, body: &str) -> bool {
        let is_whole = self.prefix != WEB_TOKEN.prefix || body.matches('.').count() >= 2;
        // Words have no digits.
        is_whole && body.len() >= self.chars_min && body.bytes().any(|b| b.is_ascii_digit())
    }
}

impl Class {
    fn has(self, c: char) -> bool {
        c.is_ascii_alphanumeric()
            || match self {
                Class::Plain => false,
                Class::Dashed => matches!(c, '-' | '_'),
                Class::Dotted => matches!(c, '-' | '_' | '.'),
                Class::Slashed => matches!(c, '-' | '_' | '+' | '/' | '='),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|at| &text[at]).collect()
    }

    #[test]
    fn every_vendors_tokens_are_found() {
        for vendor in VENDORS.iter().filter(|vendor| vendor.prefix != WEB_TOKEN.prefix) {
            let token = format!("{}{}", vendor.prefix, "Ab3dEf6h".repeat(5));
            for text in
                [token.clone(), format!("use {token}."), format!("KEY={token}&x"), format!("(\"{token}\")")]
            {
                assert_eq!(parts(&text), [token.as_str()], "{text}");
            }
        }
    }

    #[test]
    fn web_tokens_are_found() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g";
        assert_eq!(parts(&format!("see {token}.")), [token]);
        assert_eq!(parts("eyJhbGciOiJIUzI1NiJ9eyJzdWIiOiIxIn0"), Vec::<&str>::new());
    }

    #[test]
    fn words_that_begin_alike_are_not_tokens() {
        for text in [
            "sk-institutions-of-learning-and-more",
            "task-1234567890123456789012345",
            "sk-short1",
            "npm_config_registry_with_a_long_name1",
            "AKIA",
            "ASIAN markets 2026",
            "xoxo-1234567890",
            "_ghp_abcdefghij0123456789abcdefghij",
            "key-account",
            "key-accounts-of-2026-and-what-they-are-to-pay",
            "monkey-3ax6xnjp29jd6fds4gc373sgvjxteol0",
            "discord.com/api/webhooks/docs",
            "sq0csp-1",
            "AGE-SECRET-KEY-1 is how it starts",
        ] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text}");
        }
    }
}
