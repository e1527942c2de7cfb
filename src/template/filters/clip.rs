//! `clip(chars_max)`

use minijinja::{Error, State};

use super::cut::Cut;
use crate::template::redactor::cuttable;

/// At most `chars_max` characters, the cut made visible.
pub(super) fn clip(state: &State, text: &str, chars_max: usize) -> Result<String, Error> {
    Ok(Cut::to_chars(&cuttable(state, text), chars_max)?.to_string())
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;

    use super::*;

    #[test]
    fn clipped_text_shows_its_cut_and_none_is_an_error() {
        let env = Environment::new();
        let clip = |text, chars_max| clip(&env.empty_state(), text, chars_max);
        assert_eq!(clip("äöü", 3).expect("fits"), "äöü");
        assert_eq!(clip("äöüßabc", 3).expect("is cut"), "äö\n[… 4 characters cut …]\nc");
        assert!(clip("abc", 0).is_err());
    }
}
