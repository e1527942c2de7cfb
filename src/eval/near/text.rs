//! What counts of a text when two are compared.

use icu_normalizer::DecomposingNormalizerBorrowed;
use serde_json::Value;

use crate::config::Case;

/// Words in a [`plain`] string that make it somebody's words: names, companies, plans and states of an envelope have fewer.
const WORDS_MIN: usize = 5;

/// Characters that stand for one word in scripts written without spaces.
const UNSPACED_CHARS: usize = 2;

/// Characters from which a word with both letters and digits is an id or a digest.
const CODE_CHARS_MIN: usize = 8;

/// Longest tag of HTML, in bytes, that is taken for one.
const TAG_BYTES_MAX: usize = 1_000;

/// Characters of a [`plain`] text from which what was gathered is compared. A shorter one, such as "there is no customer with this
/// address", is much the same for events that have nothing in common.
pub const GATHERED_CHARS_MIN: usize = 100;

/// What a case says, as near-duplicates are told by it: the words of its event, and apart from them those of what was
/// gathered. Apart, because the same diff is the same however much is written above it.
pub fn texts_of(case: &Case) -> Vec<String> {
    let mut texts = vec![words_of([&case.event.body])];
    let gathered = words_of(case.gathered.values());
    if plain(&gathered).chars().nth(GATHERED_CHARS_MIN - 1).is_some() {
        texts.push(gathered);
    }
    texts
}

/// The words that people wrote: every string, at any depth, that has five words, one string a line. Ids, URLs, addresses,
/// states and names of an envelope are no such strings, so two events of Stripe are as similar as the comments in them.
pub(super) fn words_of<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut texts = Vec::new();
    values.into_iter().for_each(|value| collect(value, &mut texts));
    texts.join("\n")
}

fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if words(&plain(text)) >= WORDS_MIN => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Numbers are no words, and a line of an invoice has little else.
fn words(plain: &str) -> usize {
    let unspaced = plain.chars().filter(|&c| is_unspaced(c)).count();
    let spaced = plain.split(' ').filter(|word| word.chars().any(|c| c.is_alphabetic() && !is_unspaced(c)));
    spaced.count() + unspaced / UNSPACED_CHARS
}

/// A text without what does not count:
///
/// | in the text | becomes |
/// |---|---|
/// | `Ｆｒｅｅ`, `ﬁle`, `É`, upper case | `free`, `file`, `e`: compatibility forms, accents and case fold |
/// | invisible characters, apostrophes inside words | nothing |
/// | `1,299.00`, `Win32` | `0`, `win0`: digits fold |
/// | URLs, mail addresses, `<br/>`, words of letters and digits such as `sub_1Stcgb26` | a space |
/// | all other punctuation, line breaks | a space, and never two |
pub(super) fn plain(text: &str) -> String {
    let spelled = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let western = |c: char| if c.is_numeric() && !c.is_ascii() { '0' } else { c };
    let visible: String = spelled.chars().filter(|&c| !is_unseen(c)).map(western).collect();
    let mut plain = Plain::default();
    for piece in without_tags(&visible).split(|c: char| c.is_whitespace() || c.is_control()) {
        // In scripts without spaces an address has letters at both ends.
        for run in piece.split_inclusive(|c: char| !c.is_ascii()) {
            let ascii = run.trim_end_matches(|c: char| !c.is_ascii());
            plain.ascii(ascii);
            run.chars().skip(ascii.len()).for_each(|letter| plain.push(letter));
        }
        plain.gap();
    }
    plain.0.truncate(plain.0.trim_end().len());
    plain.0
}

#[derive(Default)]
struct Plain(String);

impl Plain {
    fn ascii(&mut self, run: &str) {
        if is_address(run) {
            return self.gap();
        }
        for part in run.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_code(word) {
                self.gap();
            } else {
                part.chars().for_each(|c| self.push(c));
            }
        }
    }

    fn push(&mut self, c: char) {
        if c.is_numeric() {
            // `10 000` and `1.5` are one number like `10000`.
            if !self.0.trim_end().ends_with('0') {
                self.0.push('0');
            }
        } else if c.is_alphabetic() {
            self.0.extend(c.to_lowercase());
        } else {
            self.gap();
        }
    }

    fn gap(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with(' ') {
            self.0.push(' ');
        }
    }
}

/// `https://…`, `www.…` or `x@y.z`, whatever punctuation is around it.
fn is_address(run: &str) -> bool {
    let mail = || {
        let (mailbox, host) = run.rsplit_once('@')?;
        let ends = mailbox.ends_with(|c: char| c.is_ascii_alphanumeric());
        Some(ends && host.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).contains('.'))
    };
    run.contains("://") || run.contains("www.") || mail() == Some(true)
}

fn is_code(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    word.len() >= CODE_CHARS_MIN && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

/// With a space for each tag and comment of HTML that is not too long. Linear: no byte is looked at for two tags.
fn without_tags(text: &str) -> String {
    let mut rest = text;
    let mut shown = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once('<') {
        shown.push_str(before);
        let opens = after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        let end = after.find(['<', '>']).filter(|end| opens && *end <= TAG_BYTES_MAX);
        match end.and_then(|end| after.get(end..)?.strip_prefix('>')) {
            Some(beyond) => {
                shown.push(' ');
                rest = beyond;
            }
            None => {
                shown.push('<');
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown
}

/// Characters nobody sees, accents apart from their letters, and apostrophes, of which there are several.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\'' | '‘' | '’' | '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3099}' | '\u{309a}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana and Chinese characters.
fn is_unspaced(c: char) -> bool {
    let in_block = matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3041}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}');
    in_block && c.is_alphabetic()
}
