//! Lines that part a mail from what a mail program appended.

/// How mail programs head the mail that is answered.
const ORIGINAL: [&str; 10] = [
    "original message",
    "original-nachricht",
    "ursprüngliche nachricht",
    "message d'origine",
    "message d’origine",
    "mensaje original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "mensagem original",
    "original appointment",
];

/// How they head a mail that is passed on.
const FORWARDED: [&str; 16] = [
    "begin forwarded message",
    "forwarded message",
    "anfang der weitergeleiteten nachricht",
    "weitergeleitete nachricht",
    "début du message transféré",
    "début du message réexpédié",
    "message transféré",
    "inicio del mensaje reenviado",
    "mensaje reenviado",
    "inizio messaggio inoltrato",
    "messaggio inoltrato",
    "begin doorgestuurd bericht",
    "doorgestuurd bericht",
    "início da mensagem reencaminhada",
    "mensagem encaminhada",
    "mensagem reencaminhada",
];

/// Longer lines are none of these.
const BYTES_MAX: usize = 120;

/// `-----Original Message-----`
pub(super) fn is_original(line: &str) -> bool {
    line.trim_start().starts_with("--") && is_one_of(line, &ORIGINAL)
}

/// `---------- Forwarded message ---------`, `Begin forwarded message:`
pub(super) fn is_forwarded(line: &str) -> bool {
    is_one_of(line, &FORWARDED)
}

/// A line that is nothing but a line.
pub(super) fn is_drawn(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 5 && line.bytes().all(|b| matches!(b, b'_' | b'-' | b'=' | b'*'))
}

fn is_one_of(line: &str, phrases: &[&str]) -> bool {
    if line.len() > BYTES_MAX {
        return false;
    }
    let phrase =
        line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | '*' | ':')).to_lowercase();
    phrases.contains(&phrase.as_str())
}
