//! The same mail in another form: what it says is as it was.

use serde_json::Value;

use super::html;
use crate::config::Relation;

/// Where in a body a mail's parts stand, as JSON pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    text: String,
    /// `None`: HTML stands in the place of the text.
    html: Option<String>,
}

/// Earlier mails about nothing, with the line that says whose they are.
const QUOTED: [(&str, &str); 3] = [
    (
        "On Monday, 12 January 2026 at 09:14, Robin Hale wrote:",
        "Good morning,\n\nthank you for your message of Friday. I have read it and will write again.\n\nRobin",
    ),
    (
        "On Tue, Feb 3, 2026 at 4:41 PM Robin Hale wrote:",
        "Hello,\n\nthank you, I have seen it.\n\nBest wishes\nRobin",
    ),
    (
        "Robin Hale wrote on Thursday, 5 March 2026 at 11:02:",
        "Hello again,\n\nnothing to add from my side. Have a good weekend.\n\nRobin",
    ),
];

/// Signatures that say nothing.
const SIGNATURES: [&str; 3] = [
    "Sent from my phone",
    "Please think of the trees before you print this.",
    "Written on a small screen: please excuse brevity.",
];

impl Places {
    /// Of fields joined by dots.
    pub fn new(text: &str, html: Option<&str>) -> Self {
        let pointer = |fields: &str| {
            let parts =
                fields.split('.').map(|field| format!("/{}", field.replace('~', "~0").replace('/', "~1")));
            parts.collect::<String>()
        };
        Places { text: pointer(text), html: html.map(pointer) }
    }
}

/// `body` in the form that `relation` asks for; `draw` chooses among several. `None` if it holds no mail, or `relation` is
/// none of mails.
pub fn derived(relation: Relation, body: &Value, places: &Places, draw: u64) -> Option<Value> {
    let mut body = body.clone();
    match relation {
        Relation::Quoting => {
            let (who, said) = pick(&QUOTED, draw)?;
            let quoted: String = said.lines().map(|line| format!("> {line}\n")).collect();
            let text = format!("\n\n{who}\n{quoted}");
            let html = format!("<br><p>{who}</p><blockquote>{}</blockquote>", html::of_text(said));
            below(&mut body, places, &text, &html)?;
        }
        Relation::Signature => {
            let signature = pick(&SIGNATURES, draw)?;
            below(
                &mut body,
                places,
                &format!("\n\n-- \n{signature}"),
                &format!("<p>-- <br>{signature}</p>"),
            )?;
        }
        Relation::Html => turn(&mut body, places)?,
        Relation::Reordered | Relation::Renamed | Relation::Language => return None,
    }
    Some(body)
}

fn pick<T>(of: &[T], draw: u64) -> Option<&T> {
    of.get(usize::try_from(draw % of.len() as u64).ok()?)
}

/// What stands in a place, if anything does.
fn said<'b>(body: &'b mut Value, place: &str) -> Option<&'b mut String> {
    match body.pointer_mut(place)? {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

/// Writes more below each part that is there.
fn below(body: &mut Value, places: &Places, text: &str, html: &str) -> Option<()> {
    let mut any = None;
    for place in std::iter::once(&places.text).chain(&places.html) {
        let Some(part) = said(body, place) else { continue };
        if html::is_html(part) {
            html::append(part, html);
        } else {
            part.truncate(part.trim_end().len());
            part.push_str(text);
        }
        any = Some(());
    }
    any
}

/// Text as HTML, or HTML as text where there is no text.
fn turn(body: &mut Value, places: &Places) -> Option<()> {
    let Some(place) = &places.html else {
        let part = said(body, &places.text)?;
        *part = if html::is_html(part) { html::text_of(part) } else { html::page(part) };
        return Some(());
    };
    match said(body, &places.text).map(std::mem::take) {
        Some(text) => put(body, place, html::page(&text)),
        None => {
            let text = html::text_of(&std::mem::take(said(body, place)?));
            put(body, &places.text, text)
        }
    }
}

/// Writes `part` where it belongs, though nothing stands there yet.
fn put(body: &mut Value, place: &str, part: String) -> Option<()> {
    let (above, field) = place.rsplit_once('/')?;
    let field = field.replace("~1", "/").replace("~0", "~");
    body.pointer_mut(above)?.as_object_mut()?.insert(field, part.into());
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(relation: Relation, body: &Value, places: &Places, draw: u64) -> String {
        let found = derived(relation, body, places, draw).expect("a mail");
        found["data"]["message"].as_str().expect("text").to_owned()
    }

    #[test]
    fn what_was_said_stays_and_what_says_nothing_comes_below() {
        let (body, places) =
            (json!({"data": {"message": "The export stops.\n", "n": 1}}), Places::new("data.message", None));
        let quoted = message(Relation::Quoting, &body, &places, 0);
        assert!(quoted.starts_with("The export stops.\n\nOn Monday, 12 January 2026"), "{quoted}");
        assert!(quoted.lines().skip(3).all(|line| line.starts_with("> ")), "{quoted}");
        assert_eq!(message(Relation::Quoting, &body, &places, 3), quoted, "the same draw is the same mail");
        assert_ne!(message(Relation::Quoting, &body, &places, 1), quoted);
        let signed = message(Relation::Signature, &body, &places, 0);
        assert_eq!(signed, "The export stops.\n\n-- \nSent from my phone");
    }

    #[test]
    fn text_and_html_are_turned_into_each_other() {
        let places = Places::new("data.message", None);
        let body = json!({"data": {"message": "It stops at 5 < 6 & more.\n\nWhy?\nRegards"}});
        let turned = derived(Relation::Html, &body, &places, 0).expect("a mail");
        assert_eq!(
            turned["data"]["message"],
            "<html><body><p>It stops at 5 &lt; 6 &amp; more.</p><p>Why?<br>Regards</p></body></html>"
        );
        assert_eq!(derived(Relation::Html, &turned, &places, 0), Some(body.clone()), "and back");
        let apart = Places::new("data.message", Some("data.html"));
        let turned = derived(Relation::Html, &body, &apart, 0).expect("a mail");
        assert_eq!(turned["data"]["message"], "");
        assert!(turned["data"]["html"].as_str().is_some_and(|html| html.starts_with("<html>")), "{turned}");
        assert_eq!(
            derived(Relation::Html, &turned, &apart, 0).map(|b| b["data"]["message"].clone()),
            Some(body["data"]["message"].clone())
        );
    }

    #[test]
    fn what_is_no_mail_is_left_out() {
        let places = Places::new("data.message", None);
        for body in
            [json!({}), json!({"data": {"message": " \n"}}), json!({"data": {"message": 7}}), json!([])]
        {
            for relation in Relation::ALL {
                assert_eq!(derived(relation, &body, &places, 0), None, "{body}");
            }
        }
        let html = json!({"data": {"message": "<p>Hello</p>"}});
        assert_eq!(
            message(Relation::Signature, &html, &places, 0),
            "<p>Hello</p><p>-- <br>Sent from my phone</p>"
        );
    }
}
