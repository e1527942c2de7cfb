//! Text → phrases of folded tokens → the terms a model counts.
//!
//! | in the text | becomes |
//! |---|---|
//! | `Don’t` | `don't`: an apostrophe inside a word stays |
//! | `follow-up` | `follow` `up`: a hyphen splits, so the term `follow up` is the same either way |
//! | `1,299.00` | `<number>` |
//! | `Win32` | `win0`: digits fold inside a word too, or every order number would be a new word |
//! | `jane@mail.acme.com` | `<email>` `mail` `acme` `com`: nobody's mailbox becomes a learned word |
//! | `https://acme.com/a?b`, `www.acme.com` | `<url>` …: the host likewise, the path dropped |
//! | `見積` | `見` `積`: scripts written without spaces go by character |
//! | `#price` | `#price`: a mark, set by the template that wrote the text |
//!
//! Everything else separates. A phrase ends at a newline, at sentence punctuation, around an address and around a mark.

/// Tokens read from one text; the rest is ignored. What a text is about shows well before this.
const TOKENS_MAX: usize = 4_000;

/// Characters kept of one token; the rest is cut off.
const TOKEN_CHARS_MAX: usize = 40;

// No word contains `<`, so a marker is never mistaken for one.
const NUMBER: &str = "<number>";
const EMAIL: &str = "<email>";
const URL: &str = "<url>";

/// What a run of digits folds to.
const DIGITS: char = '0';

/// Opens a mark. Sorts before whatever opens another term.
const MARK: char = '#';

/// A text as folded tokens: one phrase a line, one space between tokens.
///
/// In this form every 1-gram and 2-gram is a slice of the whole, so listing the terms copies nothing.
#[derive(Debug)]
pub(super) struct Phrases(String);

impl Phrases {
    /// Reads a text, in time linear in its length whatever it contains.
    pub(super) fn read(text: &str) -> Self {
        let visible: String = text.chars().filter(|&c| !is_invisible(c)).collect();
        let mut reader = Reader::default();
        for line in visible.lines() {
            for piece in line.split(is_gap) {
                if reader.tokens == TOKENS_MAX {
                    return Self(reader.folded);
                }
                reader.piece(piece);
            }
            reader.in_phrase = false;
        }
        Self(reader.folded)
    }

    /// Every 1-gram, and every 2-gram within a phrase; repeats included.
    pub(super) fn terms(&self) -> Vec<&str> {
        let mut terms = Vec::new();
        for phrase in self.0.lines() {
            let mut previous = None;
            let mut start = 0;
            for token in phrase.split(' ') {
                let end = start + token.len();
                terms.push(token);
                terms.extend(previous.and_then(|from| phrase.get(from..end)));
                previous = Some(start);
                start = end + 1;
            }
        }
        terms
    }
}

/// Whether a term is a 2-gram: only those hold a space.
pub(super) fn is_pair(term: &str) -> bool {
    term.contains(' ')
}

/// Whether a term is a mark and not something that was written.
pub(super) fn is_mark(term: &str) -> bool {
    term.starts_with(MARK)
}

/// Builds the folded text; `word` is the token being read.
#[derive(Default)]
struct Reader {
    folded: String,
    tokens: usize,
    in_phrase: bool,
    word: String,
    word_chars: usize,
}

impl Reader {
    /// Reads text without gaps: words and e-mail addresses, then at most one URL, which takes the rest.
    fn piece(&mut self, piece: &str) {
        let (mut rest, url) = match split_url(piece) {
            Some((before, host)) => (before, Some(host)),
            None => (piece, None),
        };
        while let Some((before, after)) = rest.split_once('@') {
            let words = before.trim_end_matches(is_mailbox);
            let domain = host(after);
            if words.len() < before.len() && !domain.is_empty() {
                self.words(words);
                self.address(EMAIL, domain);
                rest = after.strip_prefix(domain).unwrap_or_default();
            } else {
                self.words(before);
                rest = after;
            }
        }
        self.words(rest);
        if let Some(host) = url {
            self.address(URL, host);
        }
    }

    fn address(&mut self, marker: &str, host: &str) {
        self.in_phrase = false;
        self.token(marker);
        for label in host.split('.') {
            self.words(label);
        }
        self.in_phrase = false;
    }

    fn words(&mut self, text: &str) {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied().unwrap_or(' ');
            if is_unspaced(c) {
                self.end_word();
                self.push(c);
                self.end_word();
            } else if c.is_alphanumeric() {
                self.push(c);
            } else if c == MARK && self.word.is_empty() && next.is_alphabetic() && !is_unspaced(next) {
                self.keep(MARK);
            } else if matches!(c, '\'' | '’') && !self.word.is_empty() && next.is_alphanumeric() {
                self.keep('\'');
            } else if matches!(c, '.' | ',') && self.word.ends_with(DIGITS) && next.is_numeric() {
                // A separator within a number: the run of digits goes on.
            } else {
                self.end_word();
                self.in_phrase &= !ends_phrase(c);
            }
        }
        self.end_word();
    }

    fn push(&mut self, c: char) {
        if !c.is_numeric() {
            c.to_lowercase().for_each(|lower| self.keep(lower));
        } else if !self.word.ends_with(DIGITS) {
            self.keep(DIGITS);
        }
    }

    fn keep(&mut self, c: char) {
        if self.word_chars < TOKEN_CHARS_MAX {
            self.word.push(c);
            self.word_chars += 1;
        }
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        self.word_chars = 0;
        match word.as_str() {
            "" => {}
            "0" => self.token(NUMBER),
            word => self.token(word),
        }
    }

    fn token(&mut self, token: &str) {
        if self.tokens == TOKENS_MAX {
            return;
        }
        self.in_phrase &= !is_mark(token);
        if self.tokens > 0 {
            self.folded.push(if self.in_phrase { ' ' } else { '\n' });
        }
        self.folded.push_str(token);
        self.tokens += 1;
        self.in_phrase = !is_mark(token);
    }
}

/// Splits a piece that ends in a URL into what stands before it and the host.
fn split_url(piece: &str) -> Option<(&str, &str)> {
    let (before, address) = match piece.split_once("://") {
        Some((start, address)) => {
            let before = start.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
            (before.len() < start.len()).then_some((before, address))?
        }
        None => piece.get(..4).filter(|start| start.eq_ignore_ascii_case("www.")).map(|_| ("", piece))?,
    };
    let authority = address.split(['/', '?', '#']).next()?;
    // What precedes an `@` is a user name, often a lure: `https://bank.com@evil.com` leads to evil.com.
    let host_and_port = authority.rsplit('@').next()?;
    Some((before, host(host_and_port)))
}

/// The longest start of `text` that can be a host name.
fn host(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-')).next().unwrap_or_default()
}

fn is_mailbox(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-')
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, '<' | '>' | '"' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '“' | '”')
}

fn ends_phrase(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | ';' | ':' | '…' | '。' | '！' | '？' | '；' | '：' | '؟' | '।')
}

/// Kana and Chinese characters.
fn is_unspaced(c: char) -> bool {
    let in_block = matches!(c,
        '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    in_block && c.is_alphanumeric()
}

/// Characters nobody sees and accents stacked on letters: they hide a word from a filter, not from a reader.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` stands for the end of a phrase.
    #[track_caller]
    fn check(text: &str, folded: &str) {
        assert_eq!(Phrases::read(text).0.replace('\n', " | "), folded);
    }

    #[test]
    fn words_fold_as_the_table_says() {
        check("Don’t 'quote' rock'n'roll'", "don't quote rock'n'roll");
        check("follow-up_call & ÉCOLE Straße", "follow up call école straße");
        check("1,299.00 for Win32, order ab12cd345", "<number> for win0 order ab0cd0");
        check("見積もり please", "見 積 も り please");
    }

    #[test]
    fn addresses_fold_to_a_marker_and_their_host() {
        check("Ask Jane.Doe+x@Mail.ACME.com. Bye", "ask | <email> mail acme com | bye");
        check("mailto:a@b.example,c@d-e.example", "mailto | <email> b example | <email> d e example");
        check("see (https://acme.com:8080/a,b?c=d@e). Then", "see | <url> acme com | then");
        check("href='http://acme.com@evil.example/x'", "href | <url> evil example");
        check(
            "WWW.acme.com http://192.168.0.1/",
            "<url> www acme com | <url> <number> <number> <number> <number>",
        );
        check("@home meet @ noon :// x@ http://", "home meet noon | x | <url>");
    }

    #[test]
    fn marks_stand_alone() {
        check("ask for #Price #size1 now, see", "ask for | #price | #size0 | now see");
        check("C# # #1 ticket [#48213] a#b #見", "c <number> ticket <number> a b 見");
        assert!(is_mark("#price") && !is_mark("price"));
    }

    #[test]
    fn phrases_end_at_sentence_punctuation_and_newlines_only() {
        check("Pay now! Or, else (later)\nbye", "pay now | or else later | bye");
        assert_eq!(Phrases::read("a b, c. d").terms(), ["a", "b", "a b", "c", "b c", "d"]);
        assert_eq!(Phrases::read("a b, c. d").terms().into_iter().filter(|term| is_pair(term)).count(), 2);
    }

    #[test]
    fn hostile_texts_are_bounded() {
        for text in ["", " \n\t\r\n ", "\u{200b}\u{feff}\u{202e}", "🎉👩‍👧", "...!!!", "@@@", "<>'"]
        {
            assert!(Phrases::read(text).terms().is_empty(), "{text:?}");
        }
        check("fr\u{200b}ee f\u{336}r\u{336}ee", "free free");
        check(&"A".repeat(1 << 20), &"a".repeat(TOKEN_CHARS_MAX));
        check(&"7".repeat(1 << 20), NUMBER);
        for part in ["@", "a@b,", "x://", "a ", "見", "'", "\u{200b}", "İ"] {
            assert!(Phrases::read(&part.repeat((1 << 20) / part.len())).terms().len() < 2 * TOKENS_MAX);
        }
    }
}
