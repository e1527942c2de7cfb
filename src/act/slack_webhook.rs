//! `slack.webhook`: a line in a channel, through one of Slack's incoming webhooks.
//!
//! The webhook's URL is the credential. Slack answers 200 and `ok`, or 4xx and a word such as `no_text`
//! (docs.slack.dev, "Sending messages using incoming webhooks"). Nothing protects from posting twice.
//!
//! In a text of its own Slack makes links of bare URLs, and of what looks like one; in a block it does not where the block's text is
//! `verbatim` ("Text object"). So blocks are what a channel shows, and the text is for notifications. What a template puts
//! between `<` and `>` is a link all the same; what the filter `slack` has been over never is.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Act, Destination, Freeze, ParamError, Try, destination::Address, misdirected, outbound, param, unfit,
};
use crate::{
    decide::retry::Failure,
    domain::{Call, EffectClass, FrozenRequest, HeaderValue, Receipt, Target},
    template::{Context, Shape, TemplateError},
};

/// Characters of a text; Slack cuts longer ones itself.
pub const TEXT_CHARS_MAX: usize = 40_000;

/// Characters of the text of one block ("Text object").
const BLOCK_CHARS_MAX: usize = 3_000;

pub(super) struct SlackWebhook;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct With {
    text: String,
}

#[derive(Debug)]
struct Template {
    text: Shape,
}

#[async_trait]
impl Act for SlackWebhook {
    fn kind(&self) -> &'static str {
        "slack.webhook"
    }

    fn compile(&self, with: &Value) -> Result<Box<dyn Freeze>, ParamError> {
        let with: With = param::read(with, "a slack.webhook action takes `text`, and nothing else")?;
        Ok(Box::new(Template { text: param::text(&["text"], &with.text)? }))
    }

    fn fits(&self, destination: &Destination) -> Result<(), String> {
        match &destination.address {
            Address::Unset(_) | Address::SecretlyAt(_) => Ok(()),
            Address::Nowhere => {
                Err("the destination has no url: give it that of the incoming webhook".to_owned())
            }
            Address::At(_) => {
                Err("the destination's url is not kept secret: give Slack one of its own".to_owned())
            }
        }
    }

    fn url_is_secret(&self) -> bool {
        true
    }

    fn class(&self, _: &Destination) -> EffectClass {
        EffectClass::Bare
    }

    async fn perform(
        &self,
        request: &FrozenRequest,
        destination: &Destination,
        attempt: &Try,
    ) -> Result<Receipt, Failure> {
        if !matches!(&request.call, Call::Http { target: Target::SecretUrl, .. }) {
            return Err(misdirected(self, request));
        }
        let out = outbound::prepare(request, destination)?;
        let response = outbound::deliver(out, request, destination, attempt).await?;
        if response.status == 200 && response.body.trim_ascii() == b"ok" {
            Ok(outbound::receipt(&response))
        } else {
            // Some proxy or another product answered: whether the text reached a channel cannot be said.
            let (status, excerpt) = (response.status, response.excerpt());
            Err(Failure::Unknown {
                reason: format!("answered {status} without Slack's `ok`: {excerpt}"),
                retry_after: None,
            })
        }
    }
}

impl Freeze for Template {
    fn freeze(&self, context: &Context, _: &Destination) -> Result<Call, TemplateError> {
        let text = self.text.render_text(context)?;
        if text.trim().is_empty() {
            return Err(unfit("the text came out empty, and Slack refuses that"));
        }
        let text = match text.char_indices().nth(TEXT_CHARS_MAX) {
            Some(_) => text.chars().take(TEXT_CHARS_MAX - 1).chain(['…']).collect(),
            None => text,
        };
        Ok(Call::Http {
            method: "POST".to_owned(),
            target: Target::SecretUrl,
            headers: vec![("content-type".to_owned(), HeaderValue::Plain("application/json".to_owned()))],
            body: json!({
                "text": text,
                "blocks": blocks(&text).into_iter().map(verbatim).collect::<Vec<_>>(),
                "unfurl_links": false,
                "unfurl_media": false,
            })
            .to_string(),
        })
    }
}

fn verbatim(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

/// The text in pieces that a block can hold, at the ends of lines or words where there are any.
fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.char_indices().nth(BLOCK_CHARS_MAX) {
        let (piece, _) = rest.split_at(end);
        let at = piece.rfind('\n').or_else(|| piece.rfind(' ')).map_or(end, |at| at + 1);
        let (block, after) = rest.split_at(at);
        blocks.push(block);
        rest = after;
    }
    blocks.push(rest);
    // Slack refuses a block without text.
    blocks.retain(|block| !block.trim().is_empty());
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::tests::{attempt, destination, frozen, secret_url, serving};

    fn freeze(text: &str) -> Result<Call, TemplateError> {
        let context = Context::new().with("event", &json!({"who": "<!channel>", "nothing": ""}));
        let freeze = SlackWebhook.compile(&json!({ "text": text })).unwrap();
        freeze.freeze(&context, &destination(secret_url("https://hooks.slack.example/services/T/B/x")))
    }

    #[test]
    fn the_text_is_rendered_and_the_url_is_not() {
        let Ok(call) = freeze("hello {{ event.who | slack }}") else { panic!("freezes") };
        let json = serde_json::to_value(&call).unwrap();
        assert_eq!(json["target"], "secret_url");
        let body: Value = serde_json::from_str(json["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["text"], "hello &lt;!channel&gt;");
        assert!(!json.to_string().contains("services"), "{json}");
        assert!(freeze(" {{ event.nothing }}\n").is_err(), "empty");
    }

    #[test]
    fn long_text_is_cut() {
        let Ok(Call::Http { body, .. }) = freeze(&"é".repeat(TEXT_CHARS_MAX + 1)) else { panic!("freezes") };
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = body["text"].as_str().unwrap();
        assert_eq!(text.chars().count(), TEXT_CHARS_MAX);
        assert!(text.ends_with("é…"));
    }

    #[test]
    fn nothing_becomes_a_link_that_the_template_does_not_make_one() {
        let Ok(Call::Http { body, .. }) = freeze("see https://evil.example") else { panic!("freezes") };
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = json!({"type": "mrkdwn", "text": "see https://evil.example", "verbatim": true});
        assert_eq!(body["blocks"], json!([{"type": "section", "text": text}]));
        assert_eq!((&body["unfurl_links"], &body["unfurl_media"]), (&json!(false), &json!(false)));
    }

    #[test]
    fn a_long_text_is_told_in_blocks_that_slack_takes() {
        let lines = "a line of words\n".repeat(2_000);
        for text in [lines, "é".repeat(TEXT_CHARS_MAX), format!("{}\n\n", "x".repeat(BLOCK_CHARS_MAX - 1))] {
            let all = blocks(&text);
            assert!(all.iter().all(|block| block.chars().count() <= BLOCK_CHARS_MAX));
            assert_eq!(all.concat().trim_end(), text.trim_end());
        }
        assert!(blocks(&"a line of words\n".repeat(2_000)).iter().all(|block| block.ends_with('\n')));
        assert_eq!(blocks("short"), ["short"]);
    }

    #[test]
    fn parameters_are_checked() {
        let paths =
            [json!({}), json!({"text": 7}), json!({"text": "x", "channel": "#a"}), json!({"text": "{{ "})]
                .map(|with| SlackWebhook.compile(&with).unwrap_err().path.join("."));
        assert_eq!(paths, ["", "text", "channel", "text"]);
    }

    #[tokio::test]
    async fn only_ok_is_success_and_the_url_stays_secret() {
        let echo = || async { (http::StatusCode::NOT_FOUND, "no team at /services/T/B/x") };
        let answers = axum::Router::new()
            .route("/ok", axum::routing::post(|| async { "ok" }))
            .route("/page", axum::routing::post(|| async { "<html>" }))
            .route("/busy", axum::routing::post(|| async { http::StatusCode::TOO_MANY_REQUESTS }))
            .route("/down", axum::routing::post(|| async { http::StatusCode::BAD_GATEWAY }))
            .route("/services/T/B/x", axum::routing::post(echo));
        let base = serving(answers).await;
        for (path, want) in [
            ("/ok", "Ok"),
            ("/page", "Unknown"),
            ("/busy", "Throttled"),
            ("/down", "Unknown"),
            ("/services/T/B/x", "Permanent"),
        ] {
            let destination = destination(secret_url(&format!("{base}{path}")));
            let request = frozen(&SlackWebhook, freeze("hi").unwrap(), EffectClass::Bare);
            let got = SlackWebhook.perform(&request, &destination, &attempt()).await;
            let shown = format!("{got:?} {destination:?}");
            assert!(shown.starts_with(&format!("Err({want}")) || shown.starts_with(want), "{path}: {shown}");
            assert!(!shown.contains(path), "{shown}");
        }
    }
}
