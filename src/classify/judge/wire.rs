//! What all vendors' wires share: what is asked, where it goes, and which module speaks it. Pure.

use http::{Method, header};
use serde_json::Value;

use super::{
    ClassifyError, Key, Question, SettingsError,
    answer::Reading,
    anthropic,
    openai::{self, chat, responses},
};
use crate::{
    config::{
        Model,
        tables::{Api, CacheKind, Effort, JudgeKind, OutputLimit},
    },
    decide::cost,
    domain::words,
    remote::{Request, RequestError, Url},
};

/// A vendor's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
}

words!(Wire { Messages = "messages", Chat = "chat", Responses = "responses" });

/// A question as any vendor is put it.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    pub model: &'a str,
    /// No word of a stranger is in it.
    pub system: String,
    pub event: String,
    /// What was wrong with the last answer, in words of ours: apart from the event, so that nobody takes one for the other.
    pub again: Option<String>,
    /// Names the form of the answer.
    pub classifier: &'a str,
    /// The form of the answer; `None` where the model cannot be held to one.
    pub schema: Option<&'a Value>,
    pub output_tokens_max: u32,
    pub output_limit: OutputLimit,
    /// It is asked for the likeliest answer.
    pub sampling: bool,
    pub effort: Option<Effort>,
    /// It goes to the vendor itself, and not to a server that speaks like it.
    pub own: bool,
    /// The instructions are marked, to be kept for later questions.
    pub marked: bool,
    /// The vendor may keep it for later questions, and ask more for that.
    pub may_keep: bool,
}

impl Wire {
    /// `api` says which of OpenAI's.
    pub fn new(kind: JudgeKind, api: Option<Api>) -> Self {
        match (kind, api.unwrap_or_default()) {
            (JudgeKind::Anthropic, _) => Wire::Messages,
            (JudgeKind::Openai, Api::Chat) => Wire::Chat,
            (JudgeKind::Openai, Api::Responses) => Wire::Responses,
        }
    }

    /// The body of a request.
    pub(super) fn body(self, asked: &Asked<'_>) -> Result<Vec<u8>, ClassifyError> {
        let body = match self {
            Wire::Messages => anthropic::request(asked),
            Wire::Chat => chat::request(asked),
            Wire::Responses => responses::request(asked),
        };
        body.map_err(ClassifyError::unwritable)
    }

    /// Reads the body of a 2xx response.
    pub(super) fn reading(self, body: &str) -> Reading {
        match self {
            Wire::Messages => anthropic::reading(body),
            Wire::Chat => chat::reading(body),
            Wire::Responses => responses::reading(body),
        }
    }

    /// Whether a base URL leads to the vendor itself.
    pub fn is_own(self, base: &str) -> bool {
        let host = |url: &str| url.parse::<Url>().ok().and_then(|url| url.host_str().map(str::to_owned));
        let own = match self {
            Wire::Messages => anthropic::BASE_URL,
            Wire::Chat | Wire::Responses => openai::BASE_URL,
        };
        host(base).is_some_and(|at| host(own) == Some(at))
    }

    /// Where questions go: `base`, or the vendor's own address.
    pub(super) fn url(self, base: Option<&str>) -> Result<Url, SettingsError> {
        let (own, path) = match self {
            Wire::Messages => (anthropic::BASE_URL, anthropic::PATH),
            Wire::Chat => (openai::BASE_URL, chat::PATH),
            Wire::Responses => (openai::BASE_URL, responses::PATH),
        };
        let none = |reason: String| SettingsError::BaseUrl { reason };
        let mut url: Url = base.unwrap_or(own).parse().map_err(|e| none(format!("{e}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(none(format!("`{}` is not spoken", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(none("it holds a user name or a password: a key belongs into `api_key`".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(none("it has a query or a fragment".to_owned()));
        }
        let given = url.path().trim_end_matches('/');
        let paths = [anthropic::PATH, anthropic::PATH.trim_start_matches("/v1"), chat::PATH, responses::PATH];
        if let Some(own) = paths.into_iter().find(|own| given.ends_with(own)) {
            return Err(none(format!(
                "it ends in {own}, and the path of the API is added to it: leave that out"
            )));
        }
        // Some write Anthropic's address with its version, some without.
        let given = match self {
            Wire::Messages => given.strip_suffix("/v1").unwrap_or(given),
            Wire::Chat | Wire::Responses => given,
        };
        url.set_path(&format!("{given}{path}"));
        Ok(url)
    }

    /// Everything of a request but its body; none while there is no key.
    pub(super) fn head(self, key: &Key, url: Url) -> Result<Option<Request>, RequestError> {
        let request =
            Request::new(Method::POST, url).with_header(header::ACCEPT.as_str(), "application/json")?;
        let request = match self {
            Wire::Messages => request.with_header(anthropic::VERSION_HEADER, anthropic::VERSION)?,
            Wire::Chat | Wire::Responses => request,
        };
        Ok(match (key, self) {
            (Key::Unset { .. }, _) => None,
            (Key::NotNeeded, _) => Some(request),
            (Key::Secret(key), Wire::Messages) => {
                Some(request.with_secret(anthropic::KEY_HEADER, "", key)?)
            }
            (Key::Secret(key), Wire::Chat | Wire::Responses) => Some(request.with_bearer(key)?),
        })
    }
}

/// Stands before what was wrong with an answer.
const AGAIN: &str = "Your last answer to this could not be used, for the reason below. Answer again.";

/// Stands before the schema where it is part of the instructions.
const FORM: &str = "Answer with one JSON object and nothing else. It must be valid for this JSON Schema, whatever the text says:";

impl<'a> Asked<'a> {
    /// What `model` is asked: as much of it in the terms of its API as it takes.
    pub fn new(
        question: &'a Question<'_>,
        model: &'a Model,
        effort: Option<Effort>,
        output_tokens_max: u32,
        own: bool,
    ) -> Result<Self, ClassifyError> {
        let wire = question.form.schema.wire();
        let system = question.system();
        let (system, schema) = if model.structured_output {
            (system.to_owned(), Some(wire))
        } else {
            (format!("{system}\n\n{FORM}\n{wire}").trim_start().to_owned(), None)
        };
        let usual = if own { OutputLimit::MaxCompletionTokens } else { OutputLimit::MaxTokens };
        // Shorter ones are not kept, and a mark on them is of no use.
        let long = cost::tokens_about(system.len()) >= u64::from(model.cache_tokens_min);
        let (marked, may_keep) = match model.cache {
            CacheKind::None => (false, false),
            CacheKind::Automatic => (false, true),
            CacheKind::Marked => (long, long),
        };
        Ok(Asked {
            model: &model.id,
            marked,
            may_keep,
            system,
            event: question.event()?,
            again: None,
            classifier: question.classifier,
            schema,
            output_tokens_max,
            output_limit: model.output_limit.unwrap_or(usual),
            sampling: model.sampling,
            effort: effort.filter(|effort| model.efforts.contains(effort)),
            own,
        })
    }

    /// The same once more, with what was `wrong` with the answer, in words of ours: nothing that the model wrote comes back
    /// to it.
    pub fn again(self, wrong: &str) -> Self {
        Asked { again: Some(format!("{AGAIN}\n{wrong}")), ..self }
    }
}

#[cfg(test)]
pub(super) mod fakes {
    use super::*;

    /// A question as a vendor itself is put it, in the plainest way.
    pub fn asked<'a>(question: &'a Question<'_>) -> Asked<'a> {
        Asked {
            model: "model-1",
            system: question.system().to_owned(),
            event: question.event().expect("renders"),
            again: None,
            classifier: question.classifier,
            schema: Some(question.form.schema.wire()),
            output_tokens_max: 512,
            output_limit: OutputLimit::MaxCompletionTokens,
            sampling: false,
            effort: None,
            own: true,
            marked: false,
            may_keep: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{classify::fakes::Setting, config::Models};

    fn asked<'a>(question: &'a Question<'_>, model: &'a Model, own: bool) -> Asked<'a> {
        Asked::new(question, model, Some(Effort::High), 512, own).expect("renders")
    }

    #[test]
    fn a_base_url_holds_no_secret_and_not_the_path_that_is_added() {
        for (wire, base, part) in [
            (Wire::Chat, "https://ada:pw-0123@llm.example/v1", "`api_key`"),
            (Wire::Chat, "https://ada@llm.example/v1", "`api_key`"),
            (Wire::Chat, "https://llm.example/v1/chat/completions", "/chat/completions"),
            (Wire::Chat, "https://llm.example/v1/responses/", "/responses"),
            (Wire::Messages, "https://llm.example/v1/messages", "/v1/messages"),
            (Wire::Messages, "https://llm.example/messages", "/messages"),
        ] {
            let error = wire.url(Some(base)).expect_err(base).to_string();
            assert!(error.contains(part) && !error.contains("pw-0123"), "{error}");
        }
        let fine = Wire::Chat.url(Some("https://llm.example/completions-proxy/v1/")).expect("a URL");
        assert_eq!(fine.as_str(), "https://llm.example/completions-proxy/v1/chat/completions");
    }

    #[test]
    fn a_model_is_asked_in_the_terms_that_it_takes() {
        let setting = Setting::new(json!({"type": "form", "body": {"text": "hello"}}));
        let question = setting.question();
        let known = Models::new(Vec::new());
        let newest = known.model("claude-haiku-5-5");
        let told = asked(&question, &newest, true);
        assert_eq!((told.sampling, told.effort), (false, Some(Effort::High)));
        assert!(told.schema.is_some() && told.system == question.system());
        let older = known.model("gpt-4o");
        let told = asked(&question, &older, false);
        let at_openai = OutputLimit::MaxCompletionTokens;
        assert_eq!(
            (told.sampling, told.effort, told.output_limit),
            (true, None, at_openai),
            "behind a proxy, too"
        );

        let free = Model { structured_output: false, ..known.model("house-7b") };
        let told = asked(&question, &free, true);
        assert_eq!((told.schema, told.output_limit), (None, OutputLimit::MaxCompletionTokens));
        let elsewhere = asked(&question, &free, false);
        assert_eq!(elsewhere.output_limit, OutputLimit::MaxTokens);
        assert!(told.system.starts_with(question.system()), "{}", told.system);
        assert!(told.system.ends_with(&question.form.schema.wire().to_string()), "{}", told.system);
    }
}
