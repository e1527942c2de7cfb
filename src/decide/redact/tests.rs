use super::*;

fn all(text: &str) -> String {
    redact(text, Sensitive::ALL).text
}

#[test]
fn people_can_still_be_told_apart() {
    let text = "ada@x.example asked bob@x.example, and Ada@X.example paid by 4111 1111 1111 1111 (4111111111111111). \
                +49 30 1234567 is 0049 30 1234567; DE89 3704 0044 0532 0130 00. password: hunter2, later hunter2.";
    let redacted = redact(text, Sensitive::ALL);
    let want = "[email 1] asked [email 2], and [email 1] paid by [card 1] ([card 1]). \
                [phone 1] is [phone 1]; [account 1]. password: [secret 1], later hunter2.";
    assert_eq!(redacted.text, want);
    let counts = [1, 2, 1, 3, 2].into_iter();
    assert_eq!(redacted.counts, Sensitive::ALL.iter().copied().zip(counts).collect());
}

#[test]
fn only_what_was_asked_for_goes() {
    let text = "ada@x.example, 4111111111111111";
    assert_eq!(redact(text, &[Sensitive::Cards]).text, "ada@x.example, [card 1]");
    assert_eq!(redact(text, &[]), Redacted { text: text.to_owned(), counts: BTreeMap::new() });
    assert_eq!(redact("https://ada:pw@x.example/", &[Sensitive::Emails]).text, "https://ada:[email 1]/");
}

#[test]
fn new_values_do_not_take_the_numbers_of_old_ones() {
    assert_eq!(all("[email 2] met ada@x.example and [card 1]"), "[email 2] met [email 3] and [card 1]");
    assert_eq!(all("[email 999999] a@x.example b@x.example"), "[email 999999] [email 999999] [email 999999]");
    assert_eq!(all("[phone 2125550123] [card 4111111111111111]"), "[phone [phone 1]] [card [card 1]]");
}

#[test]
fn a_secret_goes_before_what_else_it_may_be() {
    for (text, want) in [
        ("postgres://ada:s3cret@db.example/x", "postgres://ada:[secret 1]@db.example/x"),
        ("password: ada@x.example!", "password: [secret 1]"),
        ("Authorization: Bearer sk-abcdefghij0123456789", "Authorization: Bearer [secret 1]"),
        ("api_key=sk-abcdefghij0123456789&x=1", "api_key=[secret 1]&x=1"),
        ("Password:\n  ada@x.example1", "Password:\n  [secret 1]"),
        ("Cookie: sid=4111111111111111; x=ada@x.example", "Cookie: sid=[secret 1]; x=[secret 2]"),
        (
            "https://api.telegram.org/bot4111111111:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1/getMe",
            "https://api.telegram.org/bot[secret 1]/getMe",
        ),
        ("https://x.example/b?se=1&sig=abcd%3D&sp=r", "https://x.example/b?se=1&sig=[secret 1]&sp=r"),
        (
            "https://discord.com/api/webhooks/1234567890/Ab-cd_EfGhIj0 and key-0123456789abcdef0123456789abcdef",
            "https://[secret 1] and [secret 2]",
        ),
        ("key: -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nbye", "key: [secret 1]\nbye"),
    ] {
        assert_eq!(all(text), want, "{text}");
    }
}

#[test]
fn what_a_placeholder_parts_is_looked_at_apart() {
    let text = "https://u:pw@-----BEGIN PRIVATE KEY-----joe@x.example";
    assert_eq!(all(text), "https://u:[secret 2]@[secret 1][email 1]");
    assert_eq!(all("a@x.example'b@x.example"), "[email 1]'[email 2]");
}

#[test]
fn a_value_is_found_in_whatever_width_it_is_written() {
    assert_eq!(all("４１１１　１１１１　１１１１　１１１１，4111 1111 1111 1111"), "[card 1]，[card 1]");
    assert_eq!(all("卡号：４１１１－1111－１１１１－1111。ａｄａ＠x.example"), "卡号：[card 1]。[email 1]");
    assert_eq!(all("共计１２３４５６元"), "共计１２３４５６元");
}

#[test]
fn ordinary_mails_stay_byte_for_byte() {
    let text = "Guten Tag,\r\n\r\nbestellung 4012345678 vom 24.11.2026 (07:05 Uhr, 2026-11-24T07:05:00.123Z) fehlt; Rechnung \
                RE-2026-000123 über 1.234,56 €, Server 192.168.100.200, Version 10.4.2, 30 Plätze à 12.000 € …\n\
                Kunde 550e8400-e29b-41d4-a716-446655440000, evt_0192aaaabbbb70008000000000000001, sub_1Stcgb26iY4b9BN7k7OXY9ns, \
                cus_TcpbsgxkhxXjeY @ada [sic] a/b@c <x> # 12,5 % 漢字\u{FDD0}\n";
    assert_eq!(redact(text, Sensitive::ALL), Redacted { text: text.to_owned(), counts: BTreeMap::new() });
}

#[test]
fn kinds_have_their_words() {
    let words: Vec<&str> = Sensitive::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words, ["secrets", "cards", "accounts", "emails", "phones"]);
    assert_eq!("cards".parse(), Ok(Sensitive::Cards));
}
