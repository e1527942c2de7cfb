//! Characters that a reader does not see but a model reads.

use std::borrow::Cow;

/// `text` as a reader sees it: hidden characters are gone, and every kind of line break is `\n`.
///
/// ZWJ and ZWNJ go too, since text can be hidden in them: a family emoji falls into its members, and some Persian and
/// Indic letters join otherwise. Nothing visible is lost. U+FE0F stays, which makes a plain sign an emoji.
pub fn without_hidden(text: &str) -> Cow<'_, str> {
    // Nearly every text is plain, and this is done with each several times.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    if text.bytes().all(is_plain)
        || !text.chars().any(|c| is_hidden(c) || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
            _ if is_hidden(c) => {}
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Controls, what Unicode lets a display ignore (`Default_Ignorable_Code_Point`), and annotations. Arabic and Syriac
/// signs among the format characters are visible, and stay.
fn is_hidden(c: char) -> bool {
    if c < '\u{AD}' {
        return c.is_control() && c != '\n' && c != '\t';
    }
    matches!(c,
        '\u{AD}' // soft hyphen
        | '\u{34F}' // combining grapheme joiner
        | '\u{61C}' // Arabic letter mark: bidirectional
        | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' // Hangul fillers
        | '\u{17B4}' | '\u{17B5}' // Khmer inherent vowels
        | '\u{180B}'..='\u{180F}' // Mongolian variation selectors and vowel separator
        | '\u{200B}'..='\u{200F}' // zero width, and bidirectional marks
        | '\u{202A}'..='\u{202E}' // bidirectional embeddings and overrides
        | '\u{2060}'..='\u{206F}' // word joiner, invisible operators, bidirectional isolates
        | '\u{FE00}'..='\u{FE0E}' // variation selectors
        | '\u{FEFF}' // byte order mark
        | '\u{FFF0}'..='\u{FFFB}' // unassigned specials, and interlinear annotation
        | '\u{13430}'..='\u{1343F}' // Egyptian format controls
        | '\u{1BCA0}'..='\u{1BCA3}' // shorthand format controls
        | '\u{1D173}'..='\u{1D17A}' // musical format controls
        | '\u{E0000}'..='\u{E0FFF}' // tags, and the supplement of variation selectors
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_gone() {
        for hidden in [
            '\0',
            '\u{1B}',
            '\u{9B}',
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{115F}',
            '\u{1160}',
            '\u{180E}',
            '\u{200B}',
            '\u{200D}',
            '\u{200F}',
            '\u{202E}',
            '\u{2060}',
            '\u{2062}',
            '\u{2067}',
            '\u{206F}',
            '\u{3164}',
            '\u{FE00}',
            '\u{FE0E}',
            '\u{FEFF}',
            '\u{FFA0}',
            '\u{FFF9}',
            '\u{FFFB}',
            '\u{1D173}',
            '\u{E0001}',
            '\u{E0041}',
            '\u{E007F}',
            '\u{E0100}',
            '\u{E01EF}',
        ] {
            assert_eq!(without_hidden(&format!("pay{hidden}me")), "payme", "{}", hidden.escape_unicode());
        }
    }

    #[test]
    fn what_can_be_seen_stays() {
        for text in [
            "tab\tand\nline",
            "\u{A0}no-break, “quotes” – dash",
            "❤\u{FE0F} 👍🏽 1\u{FE0F}⃣ 🇩🇪",
            "السلام عليكم ورحمة الله",
            "नमस्ते दुनिया",
            "தமிழ் สวัสดี 한국어 ភាសាខ្មែរ",
            "e\u{301} ñ ß 漢字 かな",
        ] {
            assert_eq!(without_hidden(text), text);
        }
        assert_eq!(without_hidden("👩\u{200D}👧 می\u{200C}خواهم"), "👩👧 میخواهم");
    }

    #[test]
    fn words_are_not_joined_where_a_line_ends() {
        assert_eq!(without_hidden("a\r\nb\rc\u{2028}d\u{85}e\u{C}f"), "a\nb\nc\nd\ne\nf");
    }
}
