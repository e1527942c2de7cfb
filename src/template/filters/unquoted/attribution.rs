//! The line that says who wrote what follows: "On Tue, 24 Nov 2026 at 07:05, Ada <ada@x.example> wrote:".

/// How it begins, which word says "wrote", and whether that word is the last one.
const FORMS: [(&str, &str, bool); 8] = [
    ("On ", "wrote", true),
    ("Am ", "schrieb", false),
    ("Le ", "a écrit", true),
    ("El ", "escribió", true),
    ("Il ", "ha scritto", true),
    ("Op ", "schreef", false),
    ("Op ", "geschreven", true),
    ("Em ", "escreveu", true),
];

/// Lines over which mail programs wrap it, and bytes it may have.
const LINES_MAX: usize = 3;
const BYTES_MAX: usize = 400;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribution {
    /// How many lines it takes.
    pub lines: usize,
    /// A mail program wrote it: it has a moment and an address. Any other counts only above a quoted line.
    pub is_sure: bool,
}

/// The attribution with which `lines` begin.
pub(super) fn at(lines: &[&str]) -> Option<Attribution> {
    let first = lines.first()?;
    let forms: Vec<_> = FORMS.iter().filter(|(opening, ..)| first.starts_with(opening)).collect();
    if forms.is_empty() {
        return None;
    }
    let mut whole = String::new();
    for (at, line) in lines.iter().take(LINES_MAX).enumerate() {
        if whole.len() + line.len() > BYTES_MAX || line.trim().is_empty() || line.starts_with('>') {
            return None;
        }
        for word in line.split_whitespace() {
            if !whole.is_empty() {
                whole.push(' ');
            }
            whole.push_str(word);
        }
        let Some(said) = whole.strip_suffix(':').map(str::trim_end) else { continue };
        if forms.iter().any(|(_, verb, is_last)| says(said, verb, *is_last)) && has_digit(said) {
            return Some(Attribution { lines: at + 1, is_sure: said.contains('@') && has_moment(said) });
        }
    }
    None
}

fn says(said: &str, verb: &str, is_last: bool) -> bool {
    if is_last {
        said.strip_suffix(verb).is_some_and(|before| before.ends_with(' '))
    } else {
        said.split(' ').any(|word| word == verb)
    }
}

fn has_digit(said: &str) -> bool {
    said.bytes().any(|b| b.is_ascii_digit())
}

/// A time such as 7:05 or 7h05, or a year.
fn has_moment(said: &str) -> bool {
    let is_digit = |b: &u8| b.is_ascii_digit();
    let time = said.as_bytes().windows(4).any(|four| match four {
        [a, b':' | b'h', c, d] => [a, c, d].into_iter().all(is_digit),
        _ => false,
    });
    let year = |word: &str| word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
    time || said.split(|c: char| !c.is_ascii_digit()).any(year)
}
