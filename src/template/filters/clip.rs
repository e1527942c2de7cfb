//! `clip(chars_max)`

use minijinja::Error;

use super::cut::Cut;

/// At most `chars_max` characters, the cut made visible.
pub(super) fn clip(text: &str, chars_max: usize) -> Result<String, Error> {
    Ok(Cut::to_chars(text, chars_max)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipped_text_shows_its_cut_and_none_is_an_error() {
        assert_eq!(clip("äöü", 3).expect("fits"), "äöü");
        assert_eq!(clip("äöüßabc", 3).expect("is cut"), "äö\n[… 4 characters cut …]\nc");
        assert!(clip("abc", 0).is_err());
    }
}
