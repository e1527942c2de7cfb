//! Signs that are ASCII ones written otherwise: who types Chinese or Japanese writes `４１１１` for 4111.

use std::ops::Range;

use super::Find;

/// The ASCII sign that `c` is in another width or type (its NFKC form, of those that values are made of).
pub(super) fn folded(c: char) -> char {
    let ascii = match c {
        '\u{3000}' => 0x20,
        '\u{FF01}'..='\u{FF5E}' => u32::from(c) - 0xFEE0,
        // Bold, double-struck and other digits of mathematics, ten of each.
        '\u{1D7CE}'..='\u{1D7FF}' => 0x30 + (u32::from(c) - 0x1D7CE) % 10,
        _ => return c,
    };
    char::from_u32(ascii).unwrap_or(c)
}

/// What `find` finds in the folded text, where it stands in `text`.
pub(super) fn found(text: &str, find: Find) -> Vec<Range<usize>> {
    if text.chars().all(|c| c == folded(c)) {
        return find(text);
    }
    let mut plain = String::with_capacity(text.len());
    // Where in `text` stands what each byte of `plain` belongs to.
    let mut origins = Vec::with_capacity(text.len() + 1);
    for (at, c) in text.char_indices() {
        let c = folded(c);
        plain.push(c);
        origins.extend((0..c.len_utf8()).map(|byte| at + byte));
    }
    origins.push(text.len());
    let origin = |at: usize| origins.get(at).copied().unwrap_or(text.len());
    find(&plain).into_iter().map(|at| origin(at.start)..origin(at.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_other_width_are_plain_ones() {
        let plain: String = "４１\u{3000}－．＠ａＺ～\u{1D7CE}\u{1D7FF}é漢²".chars().map(folded).collect();
        assert_eq!(plain, "41 -.@aZ~09é漢²");
    }

    #[test]
    fn what_is_found_is_told_in_the_text_as_it_was() {
        let find: Find = |text| text.find("12").map(|at| at..at + 2).into_iter().collect();
        for text in ["é１2!", "é12!"] {
            let at = found(text, find);
            assert_eq!(at.iter().map(|at| &text[at.clone()]).collect::<Vec<_>>(), [&text[2..text.len() - 1]]);
        }
    }
}
