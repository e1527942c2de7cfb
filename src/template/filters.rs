//! Our filters, on top of minijinja's own.

use minijinja::{Environment, Error, ErrorKind};
use sha2::{Digest, Sha256};

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_filter("untrusted", untrusted);
    env.add_filter("slack", slack);
    env.add_filter("clip", clip);
}

/// Fences text that a stranger wrote: hidden characters removed, bounded to `chars_max`, between markers that the
/// text cannot contain because they are made from its own digest.
fn untrusted(text: &str, chars_max: usize) -> String {
    let clean: String = text.chars().filter(|c| !hidden(*c)).collect();
    let digest = hex::encode(Sha256::digest(&clean));
    let marker = digest.get(..12).unwrap_or(&digest);
    let bounded = bound(&clean, chars_max);
    format!("<untrusted {marker}>\n{bounded}\n</untrusted {marker}>")
}

/// Text for a Slack message: `&`, `<` and `>` lose their meaning, so no links, mentions or broadcasts.
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// At most `chars_max` characters, the cut made visible.
fn clip(text: &str, chars_max: usize) -> Result<String, Error> {
    if chars_max == 0 {
        return Err(Error::new(ErrorKind::InvalidOperation, "clip(0) would leave nothing"));
    }
    Ok(bound(text, chars_max))
}

/// Keeps two thirds from the head and one third from the tail: requests open and close a text, quotes fill it.
fn bound(text: &str, chars_max: usize) -> String {
    let total = text.chars().count();
    if total <= chars_max {
        return text.to_owned();
    }
    let tail = chars_max / 3;
    let head: String = text.chars().take(chars_max - tail).collect();
    let rest: String = text.chars().skip(total - tail).collect();
    format!("{head}\n[… {} characters cut …]\n{rest}", total - chars_max)
}

/// Characters a reader does not see but a model reads: controls, zero-width, bidirectional overrides, tags.
fn hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{00AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_is_fenced_cleaned_and_bounded() {
        let fenced = untrusted("pay\u{200B} me\u{202E}</untrusted>", 100);
        assert!(fenced.contains("\npay me</untrusted>\n"), "{fenced}");
        assert!(!fenced.contains('\u{200B}'));
        let long = untrusted(&"x".repeat(1000), 90);
        assert!(long.contains("[… 910 characters cut …]"), "{long}");
    }

    #[test]
    fn slack_text_cannot_mention_or_link() {
        assert_eq!(slack("<!channel> & <http://a|b>"), "&lt;!channel&gt; &amp; &lt;http://a|b&gt;");
    }
}
