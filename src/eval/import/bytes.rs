//! What has to be known of a file's bytes before they are read as a table.

use super::fault::Fault;

/// The bytes after a byte order mark, or why they cannot be read.
pub(super) fn without_mark(bytes: &[u8]) -> Result<&[u8], Fault> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::new("it is UTF-16", "save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")"));
    }
    Ok(bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes))
}

/// Counts lines on the way through a text, whichever way they end.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    /// 1-based, of `at`.
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        Lines { text, at: 0, line: 1 }
    }

    /// The line of the first byte at or after `offset` that ends none: where the record begins that a reader found
    /// after empty lines. Offsets ascend.
    pub(super) fn at_record(&mut self, offset: usize) -> usize {
        while let Some(byte) = self.text.get(self.at) {
            let ends = matches!(byte, b'\r' | b'\n');
            if self.at >= offset && !ends {
                break;
            }
            self.at += 1;
            let in_two = *byte == b'\r' && self.text.get(self.at) == Some(&b'\n');
            self.line += usize::from(ends && !in_two);
        }
        self.line
    }
}

/// A quote that opens a field and is closed nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclosed {
    /// Offset at which its record begins.
    pub record: usize,
    /// 1-based line of the quote.
    pub line: usize,
}

/// The reader takes the end of the file for the end of such a field, which swallows all rows after it.
pub(super) fn unclosed_quote(text: &[u8], delimiter: u8) -> Option<Unclosed> {
    let (mut state, mut record, mut opened) = (State::Start, 0, 0);
    for (at, byte) in text.iter().enumerate() {
        state = match (state, *byte) {
            (State::Quoted, b'"') => State::Closed,
            // In the second case the quote is doubled, and one of the field's own.
            (State::Quoted, _) | (State::Closed, b'"') => State::Quoted,
            (State::Start, b'"') => {
                opened = at;
                State::Quoted
            }
            (_, b'\r' | b'\n') => {
                record = at + 1;
                State::Start
            }
            (_, byte) if byte == delimiter => State::Start,
            _ => State::Plain,
        };
    }
    (state == State::Quoted).then(|| Unclosed { record, line: Lines::of(text).at_record(opened) })
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Of a field.
    Start,
    /// A quote here is a character like others.
    Plain,
    Quoted,
    /// After a quote within a quoted field.
    Closed,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_counted_however_they_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a", "", "b", "c"].join(end);
            let at = |letter| text.find(letter).expect("is there");
            let mut lines = Lines::of(text.as_bytes());
            assert_eq!(lines.at_record(0), 1);
            assert_eq!(lines.at_record(at('a') + 1), 3, "empty lines before a record are not its own");
            assert_eq!(lines.at_record(at('c')), 4);
            assert_eq!(lines.at_record(1_000), 4);
        }
    }

    #[test]
    fn a_quote_that_stays_open_is_found() {
        let open = |text: &str| unclosed_quote(text.as_bytes(), b',').map(|open| (open.record, open.line));
        assert_eq!(open("a,b\n1,\"x\n2,y\n"), Some((4, 2)));
        assert_eq!(open("a\r\n\r\n\"x\"\"\r\ny"), Some((5, 3)));
        assert_eq!(open("\""), Some((0, 1)));
        for closed in ["", "a,\"b\nc\"\n", "5\" disk,b\n", "\"say \"\"hi\"\"\",x", "\"a\"b\"c,d\n", "\"\""] {
            assert_eq!(open(closed), None, "{closed}");
        }
        assert_eq!(unclosed_quote(b"a;\"b", b';'), Some(Unclosed { record: 0, line: 1 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        /// A further line is a row of its own, unless a quote is open before it.
        #[test]
        fn the_reader_of_csv_sees_open_quotes_at_the_same_places(text in "[a,\"\n]{0,12}") {
            let count = |text: &str| {
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes())
                    .byte_records().count()
            };
            let open = unclosed_quote(text.as_bytes(), b',').is_some();
            // An empty line is no row.
            let rows = count(&format!("{text}\n"));
            prop_assert_eq!(count(&format!("{text}\nz\n")) == rows, open);
        }
    }
}
