//! What the text around a number says about it.

use super::super::{edge::after, groups::is_space, held::HELD};

/// Words that are looked at, and bytes in which they must stand.
const WORDS_MAX: usize = 4;
const BYTES_MAX: usize = 48;

/// What the nearest telling word speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    Phones,
    SomethingElse,
    Nothing,
}

const PHONES: [&str; 16] = [
    "tel", "cell", "fon", "ring", "fax", "sms", "dial", "natel", "gsm", "portable", "fijo", "anruf",
    "rückruf", "hotline", "viber", "signal",
];
const PHONE_STEMS: [&str; 14] = [
    "phon", "telef", "teleph", "téléph", "telep", "mobil", "móvil", "movil", "handy", "call", "cellu",
    "whatsapp", "appel", "llam",
];
const OTHERS: [&str; 9] = ["id", "nr", "case", "ref", "sku", "isbn", "vat", "po", "konto"];
const OTHER_STEMS: [&str; 20] = [
    "order", "invoice", "ticket", "refer", "serial", "account", "custom", "track", "bestell", "rechnung",
    "auftrag", "vorgang", "kunden", "kontonum", "sendung", "command", "factur", "pedido", "ordin", "fattura",
];

impl Words {
    /// Of the same line, and not past another number: that one has words of its own.
    pub(super) fn before(text: &str, at: usize) -> Self {
        let near = text.get(text.floor_char_boundary(at.saturating_sub(BYTES_MAX))..at).unwrap_or_default();
        let own = near.rsplit(|c: char| c == '\n' || c == HELD || c.is_ascii_digit()).next();
        let own = own.unwrap_or_default().to_lowercase();
        let words = own.rsplit(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        let told = |word: &str| {
            if PHONES.contains(&word) || PHONE_STEMS.iter().any(|stem| word.starts_with(stem)) {
                Some(Words::Phones)
            } else if OTHERS.contains(&word) || OTHER_STEMS.iter().any(|stem| word.starts_with(stem)) {
                Some(Words::SomethingElse)
            } else {
                None
            }
        };
        words.take(WORDS_MAX).find_map(told).unwrap_or(Words::Nothing)
    }
}

/// A sum of money or a share, by what stands beside it.
pub(super) fn is_amount(text: &str, start: usize, end: usize) -> bool {
    let is_sign = |c: char| matches!(c, '€' | '$' | '£' | '¥' | '₹' | '%');
    let before = text.get(..start).unwrap_or_default().trim_end_matches(is_space);
    let space = after(text, end).filter(|c| is_space(*c)).map_or(0, char::len_utf8);
    let behind = text.get(end + space..).unwrap_or_default();
    let code = behind.get(..3).map(str::to_ascii_lowercase);
    let is_code = matches!(
        code.as_deref(),
        Some("eur" | "usd" | "gbp" | "chf" | "jpy" | "pln" | "sek" | "dkk" | "nok")
    );
    before.ends_with(is_sign) || behind.starts_with(is_sign) || is_code
}
