//! What holds of redaction whatever the text.

use std::fmt::Write;

use proptest::{prelude::*, proptest, sample::subsequence};

use super::*;

/// Pieces of which texts are put together that come close to being sensitive, from many sides.
const PIECES: [&str; 82] = [
    " ",
    " ",
    " ",
    "\n",
    ".",
    ",",
    ":",
    "=",
    "-",
    "/",
    "+",
    "@",
    "(",
    ")",
    "'",
    "\"",
    "&",
    "%",
    "€",
    "é",
    "漢",
    "\u{FDD0}",
    "x",
    "7",
    "0",
    "00",
    "[email 1]",
    "[secret 999999]",
    "[",
    "]",
    "SG.",
    "sk-",
    "ghp_",
    "whsec_",
    "eyJ",
    ".eyJ",
    "Ab3dEf6hJk9Lm2nO5pQ",
    "abcdefghijklmnopqrstuvwx",
    "4111111111111111",
    "4111 1111 ",
    "4111.1111.",
    "４１１１ 1111",
    "＠",
    "：",
    "1111 1111",
    "DE89370400440532013000",
    "DE89 3704 0044 ",
    "0532 0130 00",
    "+49 ",
    "0170 1234567",
    "030",
    "1234567",
    "(030) ",
    "212-555-0123",
    "joe",
    "joe@x.example",
    "x.example",
    "password: ",
    "token=",
    "please",
    "Password:\n",
    "\n> ",
    "\n\n  ",
    "Winter2026!",
    ";",
    "?",
    "AccountKey=",
    "?sig=",
    "&X-Amz-Signature=",
    "Cookie: ",
    "Set-Cookie: sid=",
    "123456789:AA",
    "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDs",
    "discord.com/api/webhooks/",
    "AGE-SECRET-KEY-1",
    "key-",
    "Bearer ",
    "https://u:",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "order ",
    "call ",
];

fn close() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES.as_slice()), 0..24).prop_map(|pieces| pieces.concat())
}

fn kinds() -> impl Strategy<Value = Vec<Sensitive>> {
    subsequence(Sensitive::ALL, 0..=Sensitive::ALL.len())
}

fn card() -> impl Strategy<Value = String> {
    ("4[0-9]{14}", any::<bool>()).prop_map(|(body, is_grouped)| {
        let doubled =
            |(n, b): (usize, u8)| if n % 2 == 0 { u32::from(b - b'0') * 2 } else { u32::from(b - b'0') };
        let sum: u32 = body.bytes().enumerate().map(doubled).map(|digit| digit / 10 + digit % 10).sum();
        let card = format!("{body}{}", (10 - sum % 10) % 10);
        if is_grouped {
            format!("{} {} {} {}", &card[..4], &card[4..8], &card[8..12], &card[12..])
        } else {
            card
        }
    })
}

fn account() -> impl Strategy<Value = String> {
    "[0-9]{18}".prop_map(|number| {
        let left = number.parse::<u128>().expect("a number") * 1_000_000 % 97;
        // D is 13 and E is 14.
        format!("DE{:02}{number}", 98 - (left + 131_400) % 97)
    })
}

fn value() -> impl Strategy<Value = (Sensitive, String)> {
    prop_oneof![
        "(sk-|ghp_|AKIA)[A-Z0-9]{20,30}[0-9]".prop_map(|token| (Sensitive::Secrets, token)),
        card().prop_map(|card| (Sensitive::Cards, card)),
        account().prop_map(|account| (Sensitive::Accounts, account)),
        "[a-z]{1,8}(\\.[a-z0-9]{1,8})?@[a-z]{1,8}\\.(com|example|de)"
            .prop_map(|email| (Sensitive::Emails, email)),
        "(\\+[1-9][0-9] [0-9]{3} [0-9]{5,7}|0[1-9][0-9]{2} [0-9]{6,7}|[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4})"
            .prop_map(|phone| (Sensitive::Phones, phone)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn doing_it_again_changes_nothing(text in close(), kinds in kinds()) {
        let once = redact(&text, &kinds);
        prop_assert!(once.text.len() <= text.len() * GROWTH_MAX);
        prop_assert_eq!(once.text == text, once.counts.is_empty());
        let again = redact(&once.text, &kinds);
        prop_assert_eq!(&again.text, &once.text);
        prop_assert!(again.counts.is_empty());
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_planted_goes_and_the_rest_stays(
        planted in prop::collection::vec((value(), prop::sample::select(["and", "wrote, über", "漢字", "(so)\n"].as_slice())), 1..8),
    ) {
        let (mut text, mut want) = (String::new(), String::new());
        let mut known: Vec<(Sensitive, String)> = Vec::new();
        for ((kind, value), word) in &planted {
            let one = (*kind, kind.value(value));
            if !known.contains(&one) {
                known.push(one.clone());
            }
            let number = known.iter().filter(|(of, _)| of == kind).position(|other| *other == one).expect("known") + 1;
            write!(text, "{word} {value} ").expect("writes");
            write!(want, "{word} [{} {number}] ", kind.noun()).expect("writes");
        }
        let redacted = redact(&text, Sensitive::ALL);
        prop_assert_eq!(&redacted.text, &want, "{}", text);
        prop_assert_eq!(redacted.counts.values().sum::<u32>() as usize, planted.len());
    }

    #[test]
    fn words_stay_byte_for_byte(text in "([a-zA-Zäß]{1,12}[ ,.!?;\n]{1,2}|[1-9][0-9]{0,2} ){0,30}") {
        prop_assert_eq!(redact(&text, Sensitive::ALL), Redacted { text, counts: BTreeMap::new() });
    }
}

/// Nothing to see but that it ends: what took time by the square of the length would take minutes.
#[test]
fn long_texts_take_time_by_their_length() {
    for (at, piece) in PIECES.iter().enumerate() {
        for other in
            ["", "\u{FDD0}", "abc", PIECES[(at * 7 + 3) % PIECES.len()], PIECES[(at * 5 + 31) % PIECES.len()]]
        {
            let pair = format!("{piece}{other}");
            let text = pair.repeat(20_000 / pair.len());
            assert!(redact(&text, Sensitive::ALL).text.len() <= text.len() * GROWTH_MAX);
        }
    }
}
