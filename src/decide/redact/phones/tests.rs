use super::*;
use crate::decide::redact::{Sensitive, apart};

fn found(text: &str) -> Vec<&str> {
    apart(find(text)).into_iter().map(|at| &text[at]).collect()
}

#[test]
fn phones_are_found_as_people_write_them() {
    for phone in [
        "+49 170 1234567",
        "+491701234567",
        "+49 (0) 30 123 45 67",
        "+1-212-555-0123",
        "+44\u{A0}20\u{A0}7946\u{A0}0958",
        "0049 170 1234567",
        "0170 1234567",
        "0170/1234567",
        "030-1234567",
        "(030) 123 45 67",
        "020 7946 0958",
        "01 23 45 67 89",
        "01.23.45.67.89",
        "(212) 555-0123",
        "212-555-0123",
        "212.555.0123",
        "1-800-555-0199",
        "(11) 91234-5678",
    ] {
        for text in [
            phone.to_owned(),
            format!("Please ring me on {phone}."),
            format!("Ada,{phone},Berlin"),
            format!("T:{phone}\nAda"),
        ] {
            assert_eq!(found(&text), [phone], "{text}");
        }
    }
}

#[test]
fn a_bare_number_is_a_phone_if_a_word_says_so() {
    for (text, phone) in [
        ("Tel.: 01701234567", "01701234567"),
        ("call me at 555 0123", "555 0123"),
        ("my mobile is 612 345 678, thanks", "612 345 678"),
        ("Handynummer 017012345678", "017012345678"),
        ("téléphone : 0612345678", "0612345678"),
        ("phone 212 555 0123", "212 555 0123"),
        ("Please call about order 12, on 2125550123", ""),
    ] {
        assert_eq!(found(text).concat(), phone, "{text}");
    }
}

#[test]
fn two_phones_are_two() {
    assert_eq!(found("030 1234567, 030 7654321"), ["030 1234567", "030 7654321"]);
    assert_eq!(found("+49 30 1234567/+49 170 1234567"), ["+49 30 1234567", "+49 170 1234567"]);
    let same =
        ["+49 30 1234567", "0049-30-1234567", "+49301234567"].map(|text| Sensitive::Phones.value(text));
    assert_eq!(same, ["+49301234567", "+49301234567", "+49301234567"]);
}

#[test]
fn other_numbers_are_not_phones() {
    for text in [
        "Order 0170 1234567",
        "Bestellnummer: 030-1234567",
        "invoice no. 212-555-0123",
        "#0170 1234567",
        "order 4012345678 of 2026",
        "01701234567",
        "2026-11-24T07:05:00Z",
        "2026-11-24 07:05:00.123456",
        "01.02.2026 10:30",
        "01.02.2026 1030 45",
        "01/02/2026 0815 00",
        "1795503900",
        "550e8400-e29b-41d4-a716-446655440000",
        "01234567-1234-4321-8123-123456789012",
        "192.168.100.200",
        "010.020.030.040",
        "1 200 000 000 EUR",
        "€ 0170 123456",
        "call it 12 000 000 $",
        "+12 000 000 %",
        "0.123456789",
        "3.14159265358979",
        "1.234.567,89",
        "112-4567890-1234567",
        "ticket 030 1234567",
        "v0.12.345.6789",
        "https://x.example/030-1234567",
        "a030 1234567",
        "+49 30 1234567x",
        "001 002 003",
        "200 300 4000",
        "call at 10.30 24.11.2026",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}
