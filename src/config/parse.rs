//! A TOML text into its tree, which no text can make too deep.
//!
//! `toml` bounds how deep tables and lists nest, and how many parts a key has, but not both together; dropping the
//! tree of `{ a.a.a… = { a.a.a… = … } }` could exhaust the stack. So long keys are looked for first.

use toml::de::DeTable;

use super::locate::Lines;

/// Most parts of a key such as `route.triage.types`.
const KEY_PARTS_MAX: usize = 16;
/// What ends a run of plain characters.
const TOKEN_STARTS: &[u8] = b".=,[]{} \t#\r\n";

/// Something in a text that is not TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// 1-based, where known.
    pub line: Option<usize>,
    /// Without anything of the text: that may be a secret.
    pub message: String,
}

/// What can be made of a text, and what is wrong with it by line.
pub(super) fn parse<'a>(text: &'a str, lines: &Lines) -> (DeTable<'a>, Vec<SyntaxError>) {
    if let Some(start) = long_key(text) {
        let message = format!("a key has more than {KEY_PARTS_MAX} parts");
        return (DeTable::new(), vec![SyntaxError { line: Some(lines.line(&(start..start))), message }]);
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<_> = errors
        .into_iter()
        .map(|error| SyntaxError {
            line: error.span().map(|span| lines.line(&span)),
            message: error.message().to_owned(),
        })
        .collect();
    // They come as they were found: all of one pass, then all of the next.
    errors.sort_by_key(|error| error.line);
    (root.into_inner(), errors)
}

/// Where a key has one part too many. Reads strings and comments as `toml`'s lexer does, also broken ones.
fn long_key(text: &str) -> Option<usize> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes();
    let mut dots = 0;
    while let Some(first) = rest.first() {
        let length = match first {
            b'.' => {
                dots += 1;
                if dots >= KEY_PARTS_MAX {
                    return Some(text.len() - rest.len());
                }
                1
            }
            b' ' | b'\t' => 1,
            b'#' => find(rest, |bytes| matches!(bytes, [b'\r' | b'\n', ..])).unwrap_or(rest.len()),
            b'"' => string(rest, b"\"\"\"", true),
            b'\'' => string(rest, b"'''", false),
            byte if TOKEN_STARTS.contains(byte) => {
                dots = 0;
                1
            }
            _ => find(rest, |bytes| bytes.first().is_some_and(|byte| TOKEN_STARTS.contains(byte)))
                .unwrap_or(rest.len()),
        };
        rest = rest.get(length..)?;
    }
    None
}

/// Length of the string that `rest` begins with. `triple` is the delimiter of strings over several lines.
fn string(rest: &[u8], triple: &[u8; 3], has_escapes: bool) -> usize {
    let [quote, ..] = *triple;
    let is_long = rest.starts_with(triple);
    let mut at = if is_long { 3 } else { 1 };
    while let Some(left) = rest.get(at..).filter(|left| !left.is_empty()) {
        match left {
            [b'\\', b'\\' | b'"', ..] if has_escapes => at += 2,
            [b'\n', ..] if !is_long => return at,
            [byte, ..] if *byte == quote && !is_long => return at + 1,
            // Up to two more quotes belong to the string, but as an own string they would be skipped just as well.
            _ if is_long && left.starts_with(triple) => return at + 3,
            _ => at += 1,
        }
    }
    at
}

fn find(bytes: &[u8], is_end: impl Fn(&[u8]) -> bool) -> Option<usize> {
    (0..bytes.len()).find(|at| bytes.get(*at..).is_some_and(&is_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_are_found_wherever_they_stand() {
        let key = |part: &str, parts: usize| vec![part; parts].join(".");
        for part in ["a", "\"a.b\"", "'=' ", "a\"x", " \"\\\"\" "] {
            for (before, after) in [
                ("", " = 1"),
                ("# x.x\n[", "]"),
                ("x = [{ y = 1.5, ", " = 1 }]"),
                ("x = \"\"\"\"\"\"\n", "=1"),
            ] {
                let fits = format!("{before}{}{after}", key(part, KEY_PARTS_MAX));
                assert_eq!(long_key(&fits), None, "{fits}");
                let long = format!("{before}{}{after}", key(part, KEY_PARTS_MAX + 1));
                assert!(long_key(&long).is_some(), "{long}");
            }
        }
    }

    #[test]
    fn dots_in_strings_comments_and_numbers_are_no_keys() {
        let dots = "a.".repeat(100);
        for text in [
            format!("x = \"{dots}\""),
            format!("x = '{dots}'"),
            format!("x = \"\"\"\n{dots}\\\"\"\"\n\"{dots}\"\"\""),
            format!("x = '''\n{dots}''{dots}'''"),
            format!("# {dots}\n"),
            format!("x = [{}]", "1.5, ".repeat(100)),
            "x.y = 1.5\n".repeat(100),
            format!("x = \"\\\\\" # \"{dots}"),
        ] {
            assert_eq!(long_key(&text), None, "{text}");
        }
    }

    #[test]
    fn errors_have_lines() {
        let lines = |text: &str| {
            let (_, errors) = parse(text, &Lines::of(text));
            errors.iter().map(|error| error.line).collect::<Vec<_>>()
        };
        assert_eq!(lines("a = 1\nb = 2"), []);
        assert_eq!(lines("a = 1\nb = \nc = 1\nd"), [Some(2), Some(4)]);
        assert_eq!(lines(&format!("\n{}a = 1", "a.".repeat(20))), [Some(2)]);
    }
}
