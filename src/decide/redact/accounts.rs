//! Bank accounts: IBANs of a known country whose length and check digits are right.

use std::ops::Range;

use super::{
    edge::{after, before, is_open, is_word, two_after},
    groups::{is_dash, is_space},
    held::HELD,
};

/// Letters and digits of an IBAN, by country (ISO 13616).
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 \
    EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 \
    LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 \
    RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let two_digits = |at: &usize| {
        text.as_bytes().get(at + 2..at + 4).is_some_and(|two| two.iter().all(u8::is_ascii_digit))
    };
    (0..text.len()).filter(two_digits).filter_map(|at| account(text, at)).collect()
}

fn account(text: &str, at: usize) -> Option<Range<usize>> {
    let country = text.get(at..at + 2)?.to_ascii_uppercase();
    if !country.bytes().all(|b| b.is_ascii_uppercase())
        || !is_open(before(text, at))
        || before(text, at).is_some_and(is_dash)
    {
        return None;
    }
    let length = LENGTHS.split(' ').find_map(|one| one.strip_prefix(&country)?.parse().ok())?;
    let mut value = country;
    let mut end = at + 2;
    while value.len() < length {
        let c = after(text, end)?;
        if c.is_ascii_alphanumeric() {
            value.push(c.to_ascii_uppercase());
        } else if !(is_space(c) || is_dash(c)) || !after(text, end + c.len_utf8())?.is_ascii_alphanumeric() {
            return None;
        }
        end += c.len_utf8();
    }
    let (beside, next) = two_after(text, end);
    let goes_on =
        beside.is_some_and(|c| is_dash(c) || c == '.') && next.is_some_and(|c| is_word(c) || c == HELD);
    (is_open(beside) && !goes_on && mod_97(&value) == 1).then_some(at..end)
}

/// What is left of an IBAN divided by 97, its first four characters moved to its end and letters counted from 10 on.
fn mod_97(value: &str) -> u32 {
    let (first, rest) = value.split_at_checked(4).unwrap_or((value, ""));
    rest.chars().chain(first.chars()).fold(0, |left, c| {
        let digit = c.to_digit(36).unwrap_or(0);
        (left * if digit < 10 { 10 } else { 100 } + digit) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::redact::Sensitive;

    fn values(text: &str) -> Vec<String> {
        find(text).into_iter().map(|at| Sensitive::Accounts.value(&text[at])).collect()
    }

    #[test]
    fn accounts_are_found_as_people_write_them() {
        for iban in [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "de89 3704 0044 0532 0130 00",
            "GB29-NWBK-6016-1331-9268-19",
            "NO93 8601 1117 947",
            "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
            "CH93\u{A0}0076\u{A0}2011\u{A0}6238\u{A0}5295\u{A0}7",
        ] {
            let plain: String = iban.chars().filter(char::is_ascii_alphanumeric).collect();
            for text in [iban.to_owned(), format!("IBAN:{iban}."), format!("to {iban} and thanks")] {
                assert_eq!(values(&text), [plain.to_uppercase()], "{text}");
            }
        }
    }

    #[test]
    fn other_numbers_are_not_accounts() {
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "XX89370400440532013000",
            "xDE89370400440532013000",
            "DE89370400440532013000x",
            "DE89  3704 0044 0532 0130 00",
            "order no 12 of 34",
            "NO93 8601 1117 94",
        ] {
            assert_eq!(values(text), Vec::<String>::new(), "{text}");
        }
    }
}
