//! As much of HTML as a mail's words need.

/// Elements whose end is the end of a line; of a paragraph two.
const PARAGRAPHS: [&str; 6] = ["p", "div", "blockquote", "ul", "ol", "table"];
const LINES: [&str; 5] = ["br", "li", "tr", "h1", "h2"];

/// Elements of which nothing is shown.
const UNSEEN: [&str; 4] = ["style", "script", "head", "title"];

const NAMED: [(&str, char); 6] =
    [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", ' ')];

/// Whether a mail's part is HTML: it opens with a tag and has one that closes.
pub fn is_html(part: &str) -> bool {
    part.trim_start().starts_with('<') && part.contains("</")
}

/// `text` as paragraphs.
pub fn of_text(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for paragraph in text.replace("\r\n", "\n").split("\n\n").map(|one| one.trim_matches('\n')) {
        if paragraph.is_empty() {
            continue;
        }
        html.push_str("<p>");
        for c in paragraph.chars() {
            match c {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '\n' => html.push_str("<br>"),
                c => html.push(c),
            }
        }
        html.push_str("</p>");
    }
    html
}

/// `text` as a whole part.
pub fn page(text: &str) -> String {
    format!("<html><body>{}</body></html>", of_text(text))
}

/// Writes `more` at the end of what is shown.
pub fn append(part: &mut String, more: &str) {
    let end = part.to_ascii_lowercase().rfind("</body>").unwrap_or(part.len());
    part.insert_str(end, more);
}

/// The words of a part.
pub fn text_of(html: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(html.len()), html);
    let mut unseen: Option<String> = None;
    while let Some(c) = rest.chars().next() {
        let (taken, shown) = match c {
            '<' => match rest.find('>') {
                Some(end) => {
                    let tag = rest.get(1..end).unwrap_or_default();
                    unseen = after(tag, unseen);
                    (end + 1, break_of(tag))
                }
                None => (rest.len(), ""),
            },
            '&' => match entity(rest) {
                Some((taken, c)) => {
                    if unseen.is_none() {
                        text.push(c);
                    }
                    (taken, "")
                }
                None => (1, "&"),
            },
            '\r' | '\n' | '\t' | ' ' => (1, if text.ends_with([' ', '\n']) { "" } else { " " }),
            c => (c.len_utf8(), rest.get(..c.len_utf8()).unwrap_or_default()),
        };
        if unseen.is_none() {
            text.push_str(shown);
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut text = lines.join("\n");
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text.trim().to_owned()
}

/// The element of which nothing is shown from here on, if any.
fn after(tag: &str, unseen: Option<String>) -> Option<String> {
    let name = name_of(tag);
    match unseen {
        Some(open) if tag.starts_with('/') && name == open => None,
        Some(open) => Some(open),
        None => (!tag.starts_with('/') && UNSEEN.contains(&name.as_str())).then_some(name),
    }
}

/// What a tag is in text.
fn break_of(tag: &str) -> &'static str {
    let name = name_of(tag);
    let (ends, is_break) = (tag.starts_with('/'), name == "br");
    if PARAGRAPHS.contains(&name.as_str()) && ends {
        "\n\n"
    } else if LINES.contains(&name.as_str()) && (ends || is_break) {
        "\n"
    } else {
        ""
    }
}

fn name_of(tag: &str) -> String {
    let name = tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next();
    name.unwrap_or_default().to_ascii_lowercase()
}

/// A named or numbered character at the start of `rest`, and how long its name is.
fn entity(rest: &str) -> Option<(usize, char)> {
    let end = rest.find(';').filter(|end| *end <= 10)?;
    let name = rest.get(1..end)?;
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
            char::from_u32(code?)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((end + 1, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_left_and_nothing_else() {
        let html = "<html><head><style>p { a < b }</style></head><body><p>Hello&nbsp;<b>there</b>,</p>\n<div>2 &lt; 3 \
                    &#38; &#x41;<br/>last & least</div><script>no()</script></body></html>";
        assert_eq!(text_of(html), "Hello there,\n\n2 < 3 & A\nlast & least");
        assert_eq!(text_of("<p>one</p><p>two<"), "one\n\ntwo");
    }

    #[test]
    fn text_survives_the_way_there_and_back() {
        for text in ["One.\n\nTwo & \"three\" <four>\nfive", "ein Satz äöü 日本", "a;b &amp; c"] {
            assert_eq!(text_of(&page(text)), text);
            assert!(is_html(&page(text)) && !is_html(text));
        }
    }

    #[test]
    fn what_is_added_stands_at_the_end_of_what_is_shown() {
        let mut part = page("a");
        append(&mut part, "<p>b</p>");
        assert_eq!(part, "<html><body><p>a</p><p>b</p></body></html>");
    }
}
