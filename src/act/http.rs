//! `http`: a request of the user's own making to any HTTP API.

use async_trait::async_trait;
use indexmap::IndexMap;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Act, Destination, Freeze, ParamError, Setting, Try,
    destination::Address,
    misdirected,
    outbound::{self, unsendable},
    param, path, unfit,
};
use crate::{
    decide::retry::Failure,
    domain::{Call, EffectClass, FrozenRequest, HeaderValue, Receipt, Target},
    source::{self, Scheme},
    template::{Context, Shape, TemplateError},
};

/// Bytes of a rendered body.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one rendered header value.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;

/// Headers of the user's own.
pub const HEADERS_MAX: usize = 32;

const AUTHORIZATION: &str = "authorization";
const CONTENT_TYPE: &str = "content-type";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What the names of Standard Webhooks' headers begin with.
const SIGNED: &str = "webhook-";

/// Headers that are ours or the connection's to set.
const RESERVED: [&str; 12] = [
    AUTHORIZATION,
    "connection",
    "content-length",
    "expect",
    "host",
    IDEMPOTENCY_KEY,
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const REMEDY: &str =
    "an http action takes `method` (GET, POST, PUT, PATCH, DELETE), `path`, `headers` and `body`";

pub(super) struct Http;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct With {
    #[serde(default)]
    method: Verb,
    /// Appended to the destination's URL.
    #[serde(default)]
    path: String,
    #[serde(default)]
    headers: IndexMap<String, String>,
    /// Sent as JSON.
    body: Option<Value>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    Get,
    #[default]
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }
}

#[derive(Debug)]
struct Template {
    method: Verb,
    path: Shape,
    /// Whether a `?` in the rendered path is the user's own.
    has_query: bool,
    headers: Vec<(String, Shape)>,
    body: Option<Shape>,
}

#[async_trait]
impl Act for Http {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn compile(&self, with: &Value) -> Result<Box<dyn Freeze>, ParamError> {
        let with: With = param::read(with, REMEDY)?;
        if with.method == Verb::Get && with.body.is_some() {
            let remedy = "leave it out, or use another method";
            return Err(ParamError::at("body", "a GET request has no body", remedy));
        }
        if with.headers.len() > HEADERS_MAX {
            let message = format!("{} headers, and {HEADERS_MAX} are allowed", with.headers.len());
            return Err(ParamError::at("headers", message, "send fewer"));
        }
        let headers = with
            .headers
            .iter()
            .map(|(name, value)| Ok((header_name(name)?, param::text(&["headers", name], value)?)))
            .collect::<Result<_, _>>()?;
        Ok(Box::new(Template {
            method: with.method,
            path: param::text(&["path"], &with.path)?,
            has_query: with.path.contains('?'),
            headers,
            body: with.body.map(|body| param::shape(&["body"], &body)).transpose()?,
        }))
    }

    fn fits(&self, destination: &Destination) -> Result<(), String> {
        match &destination.address {
            Address::Nowhere => Err("the destination has no url: give it one".to_owned()),
            Address::Unset(_) | Address::At(_) | Address::SecretlyAt(_) => Ok(()),
        }
    }

    fn url_is_secret(&self) -> bool {
        false
    }

    fn class(&self, destination: &Destination) -> EffectClass {
        destination.idempotency_ms.map_or(EffectClass::Bare, |life_ms| EffectClass::Keyed { life_ms })
    }

    async fn perform(
        &self,
        request: &FrozenRequest,
        destination: &Destination,
        attempt: &Try,
    ) -> Result<Receipt, Failure> {
        let Call::Http { body, .. } = &request.call else { return Err(misdirected(self, request)) };
        let key = &request.idempotency_key;
        let mut out = outbound::prepare(request, destination)?
            .with_header(IDEMPOTENCY_KEY, key) // bare, as nearly all vendors take it, not the IETF draft's quoted form
            .map_err(unsendable)?;
        if let Setting::Set(secret) = &destination.signing_secret {
            let signed =
                source::sign(Scheme::StandardWebhooks, secret, key, body.as_bytes(), None, attempt.now);
            for (name, value) in signed.map_err(|error| super::refused(error.to_string()))? {
                if name == "webhook-signature" {
                    out = out.with_secret(name, "", &SecretString::from(value)).map_err(unsendable)?;
                } else if name.starts_with(SIGNED) {
                    out = out.with_header(name, &value).map_err(unsendable)?;
                }
            }
        }
        let response = outbound::deliver(out, request, destination, attempt).await?;
        Ok(outbound::receipt(&response))
    }
}

/// The name in lower case, if the user may set it.
fn header_name(name: &str) -> Result<String, ParamError> {
    let error = |message: String, remedy: &str| ParamError {
        path: vec!["headers".to_owned(), name.to_owned()],
        message,
        remedy: remedy.to_owned(),
    };
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || lower.starts_with(SIGNED) {
        let remedy = "leave it out; credentials and signing keys belong to the destination";
        return Err(error(format!("`{name}` is set by Hookyard"), remedy));
    }
    match ::http::HeaderName::from_bytes(lower.as_bytes()) {
        Ok(_) => Ok(lower),
        Err(_) => Err(error(format!("`{name}` is no header name"), "use letters, digits and hyphens")),
    }
}

impl Freeze for Template {
    fn freeze(&self, context: &Context, destination: &Destination) -> Result<Call, TemplateError> {
        let body = match &self.body {
            Some(shape) => shape.render(context)?.to_string(),
            None => String::new(),
        };
        if body.len() > BODY_BYTES_MAX {
            return Err(unfit(format!(
                "the body has {} bytes, and {BODY_BYTES_MAX} are allowed",
                body.len()
            )));
        }
        Ok(Call::Http {
            method: self.method.as_str().to_owned(),
            target: self.target(context, destination)?,
            headers: self.headers(context, destination)?,
            body,
        })
    }
}

impl Template {
    fn target(&self, context: &Context, destination: &Destination) -> Result<Target, TemplateError> {
        let path = self.path.render_text(context)?;
        if path.contains('?') && !self.has_query {
            return Err(unfit("a value put a `?` into the path: pass it through `urlencode`"));
        }
        match &destination.address {
            Address::Nowhere => Err(unfit("the destination has no url")),
            Address::Unset(reference) => Ok(Target::Url(path::append(&format!("${{{reference}}}"), &path)?)),
            Address::At(url) => Ok(Target::Url(path::join(url, &path)?.into())),
            Address::SecretlyAt(_) if path.is_empty() => Ok(Target::SecretUrl),
            Address::SecretlyAt(_) => {
                Err(unfit("the destination's url is a credential and is used as it is: leave out `path`"))
            }
        }
    }

    fn headers(
        &self,
        context: &Context,
        destination: &Destination,
    ) -> Result<Vec<(String, HeaderValue)>, TemplateError> {
        let mut headers = Vec::new();
        if self.body.is_some() && !self.headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
            headers.push((CONTENT_TYPE.to_owned(), HeaderValue::Plain("application/json".to_owned())));
        }
        if !matches!(destination.credential, Setting::Absent) {
            headers
                .push((AUTHORIZATION.to_owned(), HeaderValue::Credential { prefix: "Bearer ".to_owned() }));
        }
        for (name, shape) in &self.headers {
            let value = shape.render_text(context)?;
            if value.len() > HEADER_BYTES_MAX || ::http::HeaderValue::from_str(&value).is_err() {
                return Err(unfit(format!(
                    "the value of header `{name}` cannot be sent: at most {HEADER_BYTES_MAX} bytes of visible ASCII"
                )));
            }
            headers.push((name.clone(), HeaderValue::Plain(value)));
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests;
