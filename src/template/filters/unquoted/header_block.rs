//! The header of an earlier mail, as Outlook puts it above that mail.

use super::rule;

const FROM: [&str; 7] = ["from", "von", "de", "da", "van", "expéditeur", "remitente"];
const SENT: [&str; 19] = [
    "sent",
    "date",
    "gesendet",
    "gesendet am",
    "datum",
    "envoyé",
    "envoyé le",
    "date d'envoi",
    "enviado",
    "enviado el",
    "enviado em",
    "enviada em",
    "fecha",
    "inviato",
    "inviato il",
    "data",
    "verzonden",
    "verstuurd",
    "verzonden op",
];
const SUBJECT: [&str; 7] = ["subject", "betreff", "objet", "asunto", "oggetto", "onderwerp", "assunto"];

/// Lines a block may have: long lists of recipients are wrapped.
const LINES_MAX: usize = 10;

/// Bytes of the longest label, its colon and stars not counted.
const LABEL_BYTES_MAX: usize = 24;

/// How many of the first lines are such a header, with `-----Original Message-----` above it or without.
///
/// A sender, a date and a subject are asked for: a traveller's "From: … To: … Date: …" is none.
pub(super) fn lines(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    if rule::is_original(first) {
        return Some(1 + block(lines.get(1..)?).unwrap_or(0));
    }
    block(lines)
}

fn block(lines: &[&str]) -> Option<usize> {
    let is_one_of =
        |line: &str, labels: &[&str]| label(line).is_some_and(|label| labels.contains(&label.as_str()));
    if !is_one_of(lines.first()?, &FROM) {
        return None;
    }
    let lines = lines.iter().take(LINES_MAX).take_while(|line| !line.trim().is_empty());
    let (mut is_sent, mut ends) = (false, None);
    for (at, line) in lines.enumerate() {
        is_sent = is_sent || is_one_of(line, &SENT);
        if is_one_of(line, &SUBJECT) {
            ends = Some(at + 1);
        }
    }
    ends.filter(|_| is_sent)
}

/// What stands before the colon: `*Sent:* Tuesday` and `Envoyé : mardi` have one as well.
fn label(line: &str) -> Option<String> {
    let (label, _) = line.split_once(':')?;
    let label = label.trim_matches(|c: char| c.is_whitespace() || c == '*');
    (label.len() <= LABEL_BYTES_MAX).then(|| label.to_lowercase())
}
