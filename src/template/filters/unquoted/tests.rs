use super::*;

const HELLO: &str = "Hello,\n\nplease cancel it.\n\nAda";

#[test]
fn what_quotes_nothing_stays_byte_for_byte() {
    for text in [
        HELLO,
        "",
        "\r\n  spaces \r\n\r\n\r\n\r\n",
        "Hello,\n\nOn Monday your system wrote:\nERROR 500",
        "Hello,\n\nOn 24 Nov 2026 at 07:05 your system wrote:\n\nERROR 500",
        "Hello,\n\nOn 24 Nov 2026 bob@x.example said nothing, but wrote: ERROR 500",
        "Two seats, please.\n\nFrom: Berlin\nTo: Paris\nDate: 3 May\n\nThanks",
        "--\nnot a signature by the rule",
        "a -- b\n--- \n",
        "1 > 0\n > indented is not quoted",
        "The Original Message was lost",
    ] {
        assert_eq!(unquoted(text), text);
    }
}

#[test]
fn the_answer_above_a_quote_is_kept_in_every_language() {
    for attribution in [
        "On Tue, Nov 24, 2026 at 7:05 AM Bob <bob@x.example> wrote:",
        "On Tue, Nov 24, 2026 at 7:05 AM Bob With A Long Name <bob.with.a.long.name@x.example>\nwrote:",
        "Am Di., 24. Nov. 2026 um 07:05 Uhr schrieb Bob <bob@x.example>:",
        "Am 24.11.26 um 07:05 schrieb Bob@x.example:",
        "Le mar. 24 nov. 2026 à 07:05, Bob <bob@x.example> a écrit\u{A0}:",
        "El mar, 24 nov 2026 a las 7:05, Bob (<bob@x.example>) escribió:",
        "Il giorno mar 24 nov 2026 alle ore 07:05 Bob <bob@x.example> ha scritto:",
        "Op di 24 nov 2026 om 07:05 schreef Bob <bob@x.example>:",
        "Op 24 nov 2026 om 07:05 heeft Bob <bob@x.example> het volgende geschreven:",
        "Em ter., 24 de nov. de 2026 às 07:05, Bob <bob@x.example> escreveu:",
    ] {
        let marked = format!("{HELLO}\n\n{attribution}\n\n> Dear Ada,\n>\n> nothing.\n");
        assert_eq!(unquoted(&marked), HELLO, "{attribution}");
        let unmarked = format!("{HELLO}\n\n{attribution}\nDear Ada,\n\nnothing.\n");
        assert_eq!(unquoted(&unmarked), HELLO, "{attribution}");
        let crlf = marked.replace('\n', "\r\n");
        assert_eq!(unquoted(&crlf), HELLO.replace('\n', "\r\n"), "{attribution}");
    }
}

#[test]
fn what_outlook_appends_is_left_out_in_every_language() {
    for header in [
        "From: Bob <bob@x.example>\nSent: Tuesday\nTo: Ada\nCc: Eve\nSubject: Re: it",
        "*From:* Bob\n*Date:* Tuesday\n*To:* Ada; a long\n list of others\n*Subject:* it",
        "Von: Bob\nGesendet: Dienstag\nAn: Ada\nBetreff: AW: es",
        "De : Bob\nEnvoyé : mardi\nÀ : Ada\nObjet : RE: cela",
        "De: Bob\nEnviado el: martes\nPara: Ada\nAsunto: eso",
        "Da: Bob\nInviato: martedì\nA: Ada\nOggetto: ciò",
        "Van: Bob\nVerzonden: dinsdag\nAan: Ada\nOnderwerp: het",
        "De: Bob\nEnviada em: terça-feira\nPara: Ada\nAssunto: isto",
        "-----Original Message-----",
        "-----Ursprüngliche Nachricht-----\nVon: Bob",
        "-----Message d'origine-----",
    ] {
        let text = format!(
            "{HELLO}\n\n________________________________\n{header}\n\nDear Ada,\n\n> older\n\nnothing.\n"
        );
        assert_eq!(unquoted(&text), HELLO, "{header}");
    }
}

#[test]
fn answers_between_quotes_are_kept() {
    let text = "Hi Bob,\n\nOn 24 Nov 2026, Bob wrote:\n> Does it work?\n\nNo.\n\n> Since when?\nMonday.\n>> older\n\nAda\n";
    assert_eq!(unquoted(text), "Hi Bob,\n\nNo.\n\nMonday.\n\nAda");
    // Also one that comes straight after the attribution.
    let text =
        "On 24 Nov 2026, Bob <bob@x.example> wrote:\n\nBoth, see below.\n\n> Red?\nYes.\n> Blue?\nYes.";
    assert_eq!(unquoted(text), "Both, see below.\n\nYes.\nYes.");
    // And those below the signature, which some programs put on top.
    let text = "See below.\n-- \nAda\nDirector\n\nOn 24 Nov 2026, Bob wrote:\n> Red?\nYes.\n";
    assert_eq!(unquoted(text), "See below.\nYes.");
    let text =
        "Hi,\n-- \nAda\n\nOn 24 Nov 2026, Bob <bob@x.example> wrote:\nBoth, see below.\n> Red?\nYes.\n";
    assert_eq!(unquoted(text), "Hi,\nBoth, see below.\nYes.");
}

#[test]
fn earlier_mails_that_quote_are_left_out_with_what_they_quote() {
    let text = "Done.\n\nOn 24 Nov 2026 at 07:05, Bob <bob@x.example> wrote:\nThanks, but when?\n\n\
                On 23 Nov 2026 at 07:05, Ada <ada@x.example> wrote:\n> Soon.\n";
    assert_eq!(unquoted(text), "Done.");
    let text = "Done.\n\nOn 24 Nov 2026 at 07:05, Bob <bob@x.example> wrote:\nFYI\n\n---------- Forwarded message ---------\nolder";
    assert_eq!(unquoted(text), "Done.");
}

#[test]
fn a_forwarded_mail_is_what_the_writer_sends() {
    for header in [
        "Begin forwarded message:",
        "---------- Forwarded message ---------",
        "-------- Weitergeleitete Nachricht --------",
        "---------- Message transféré ---------",
    ] {
        let forwarded = format!(
            "{header}\n\n> From: Bob\n> Subject: it\n>\n> Is it broken?\n\nOn 3 May Eve wrote:\n> Yes.\n-- \nBob"
        );
        let text = format!("Please see below.\n\n{forwarded}");
        assert_eq!(unquoted(&text), text, "{header}");
        let signed = format!("Please see below.\n\n-- \nAda\n\n{forwarded}");
        assert_eq!(unquoted(&signed), format!("Please see below.\n\n{forwarded}"), "{header}");
    }
}

#[test]
fn the_signature_goes() {
    assert_eq!(unquoted("Hello\n\n-- \nAda\n+49 30 1234567\n"), "Hello");
    assert_eq!(unquoted("Hello\r\n-- \r\nAda\r\n"), "Hello");
}

#[test]
fn if_nothing_would_be_left_all_of_it_is_the_mail() {
    for text in [
        "> Does it work?\n",
        "From: Bob\nSent: Tuesday\nTo: Ada\nSubject: it\n\nDear Ada",
        "\n-- \nAda",
        "On 24 Nov 2026 at 07:05, Bob <bob@x.example> wrote:\nDear Ada",
    ] {
        assert_eq!(unquoted(text), text);
    }
}

#[test]
fn long_texts_take_no_longer_than_their_length() {
    for line in [
        "On Tue 24\n",
        "On 24 Nov 2026, b@x wrote:\n\n",
        "From: a\n",
        "\n",
        ">\n",
        "-- \n",
        "--Original Message--\n>\n",
    ] {
        let text = line.repeat(200_000 / line.len());
        assert!(unquoted(&text).len() <= text.len());
    }
    let blank = format!("a\n>\n{}\n>\n{}", " ".repeat(200_000), "\n".repeat(200_000));
    assert_eq!(unquoted(&blank), "a");
}
