//! One attempt at a frozen HTTP call, the same for every kind that makes one.

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    Destination, Setting, Try,
    destination::{Address, SecretUrl},
    refused,
};
use crate::{
    decide::retry::Failure,
    domain::{Call, EffectClass, Fill, FrozenRequest, HeaderValue, Receipt, Sent, Target, Timestamp},
    remote::{self, RemoteError, Request, RequestError, Response, Url},
};

/// Bytes of an answer that a receipt keeps; a longer one is kept as text and cut.
pub const RECEIPT_BYTES_MAX: usize = 16 * 1024;

/// Levels of arrays and objects of an answer that are kept as JSON. What is stored wraps it further, and must stay
/// within what a JSON reader takes.
const RECEIPT_DEPTH_MAX: usize = 32;

/// The request as frozen, with its credentials filled in.
///
/// # Errors
/// What was frozen cannot be sent to the destination as it is configured now.
pub(super) fn prepare(request: &FrozenRequest, destination: &Destination) -> Result<Request, Failure> {
    if let Some(reason) = destination.unready() {
        return Err(refused(format!("{reason}: set it, then replay the event")));
    }
    match &request.call {
        Call::Http { method, target, headers, body } => {
            let method = method.parse().map_err(|_| refused("the frozen method is no method"))?;
            let mut out = aimed(method, target, destination)?;
            for (name, value) in headers {
                out = match value {
                    HeaderValue::Plain(value) => out.with_header(name, value),
                    HeaderValue::Credential { prefix } => {
                        out.with_secret(name, prefix, credential(destination)?)
                    }
                }
                .map_err(unsendable)?;
            }
            Ok(out.with_body(body.clone()))
        }
        Call::Post { target, fill, body } => {
            let out = aimed(Method::POST, target, destination)?;
            filled(out, fill, body, request, destination)
        }
        Call::Append { .. } => Err(refused("what was frozen is no HTTP call")),
    }
}

/// A request to where the call was frozen to go, if that is where the destination still is.
fn aimed(method: Method, target: &Target, destination: &Destination) -> Result<Request, Failure> {
    match (target, &destination.address) {
        (Target::Url(frozen), Address::At(url)) => Ok(Request::new(method, same_origin(frozen, url)?)),
        (Target::SecretUrl, Address::SecretlyAt(SecretUrl(url))) => {
            Ok(Request::new(method, url.clone()).with_secret_url())
        }
        (Target::Url(_) | Target::SecretUrl, _) => {
            Err(refused("the destination's url was changed in kind since: replay the event"))
        }
    }
}

/// Puts the fields that were left open before the frozen ones, whose bytes stay as they are.
fn filled(
    mut out: Request,
    fill: &[(String, Fill)],
    body: &str,
    request: &FrozenRequest,
    destination: &Destination,
) -> Result<Request, Failure> {
    let Some(rest) = body.strip_prefix('{').filter(|rest| rest.starts_with('"')) else {
        return Err(refused("the frozen body is no JSON object with a field"));
    };
    let mut whole = "{".to_owned();
    for (field, fill) in fill {
        let value = match fill {
            Fill::Credential => {
                let secret = credential(destination)?;
                out = out.with_secret_inside(secret);
                secret.expose_secret()
            }
            Fill::IdempotencyKey => &request.idempotency_key,
        };
        whole += &format!("{}:{},", Value::from(field.as_str()), Value::from(value));
    }
    Ok(out.with_json(whole + rest))
}

/// Sends it and says what the answer means under the class that was frozen.
///
/// # Errors
/// There was no answer, or one other than success.
pub(super) async fn deliver(
    out: Request,
    request: &FrozenRequest,
    destination: &Destination,
    attempt: &Try,
) -> Result<Response, Failure> {
    let Some(remote) = &destination.remote else {
        return Err(refused("the destination has no url"));
    };
    let sent = match &attempt.pass {
        Some(pass) => remote.send_under(out, pass).await,
        None => remote.send(out).await,
    };
    let response = sent.map_err(|error| match error {
        RemoteError::NotSent { reason } => Failure::Transient { reason, retry_after: None },
        RemoteError::Unknown { reason } => Failure::Unknown { reason, retry_after: None },
    })?;
    match failure(&response, request.class, attempt.now) {
        None => Ok(response),
        Some(failure) => Err(failure),
    }
}

/// [`remote::failure`], seen by what protects from a second effect.
fn failure(response: &Response, class: EffectClass, now: Timestamp) -> Option<Failure> {
    let failure = remote::failure(response, now)?;
    Some(match (failure, class) {
        // Whether that may simply be repeated is for the class to say: a key has a life span.
        (
            Failure::Transient { reason, retry_after },
            EffectClass::Bare | EffectClass::Marked | EffectClass::Keyed { .. },
        ) if response.is_ambiguous() => Failure::Unknown { reason, retry_after },
        (Failure::Permanent { reason, .. }, EffectClass::Keyed { .. }) if in_flight(response) => {
            Failure::Transient { reason, retry_after: remote::retry_after(&response.headers, now) }
        }
        (failure, _) => failure,
    })
}

/// An earlier attempt with our key is still being worked on: 409 that speaks of idempotency, unless it says that the
/// key came with another body (Resend: `concurrent_idempotent_requests` against `invalid_idempotent_request`;
/// Stripe: `idempotency_key_in_use`; the IETF draft: any 409).
fn in_flight(response: &Response) -> bool {
    let said = response.excerpt().to_ascii_lowercase();
    response.status == 409 && said.contains("idempoten") && !said.contains("invalid_idempotent")
}

pub(super) fn receipt(response: &Response) -> Receipt {
    Receipt { sent: Sent::Sent, status: Some(response.status), body: kept(response) }
}

/// Levels of arrays and objects in a value.
fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(nesting).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// JSON if it is short and flat enough, else text, cut.
fn kept(response: &Response) -> Value {
    let short = response.body.get(..RECEIPT_BYTES_MAX);
    match response.json() {
        Some(json)
            if short.is_none_or(|short| short.len() == response.body.len())
                && nesting(&json) <= RECEIPT_DEPTH_MAX =>
        {
            json
        }
        Some(_) | None if response.body.is_empty() => Value::Null,
        Some(_) | None => {
            let text = String::from_utf8_lossy(short.unwrap_or(&response.body));
            let end = text.floor_char_boundary(RECEIPT_BYTES_MAX);
            Value::String(text.get(..end).unwrap_or_default().to_owned())
        }
    }
}

/// Credentials go only where the configuration says today.
fn same_origin(frozen: &str, configured: &Url) -> Result<Url, Failure> {
    match frozen.parse::<Url>() {
        Ok(url) if url.origin() == configured.origin() => Ok(url),
        Ok(_) => Err(refused("the destination's url points to another host since: replay the event")),
        Err(_) => Err(refused("it was frozen while the destination's url was not set: replay the event")),
    }
}

fn credential(destination: &Destination) -> Result<&SecretString, Failure> {
    match &destination.credential {
        Setting::Set(credential) => Ok(credential),
        Setting::Absent | Setting::Unset(_) => {
            Err(refused("the destination has no credential any more: give it one, or replay the event"))
        }
    }
}

pub(super) fn unsendable(error: RequestError) -> Failure {
    refused(error.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: http::HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            cut: None,
        }
    }

    #[test]
    fn an_answer_too_deep_to_be_read_back_is_kept_as_text() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(receipt(&response(200, &nested(RECEIPT_DEPTH_MAX))).body.is_array());
        let deep = receipt(&response(200, &nested(127)));
        assert!(deep.body.is_string(), "{:?}", deep.body);
        let stored = serde_json::to_string(&deep).expect("written");
        assert_eq!(serde_json::from_str::<Receipt>(&stored).expect("read back"), deep);
    }

    #[test]
    fn what_a_status_means_depends_on_what_protects() {
        let keyed = EffectClass::Keyed { life_ms: 1 };
        let in_flight = r#"{"name":"concurrent_idempotent_requests"}"#;
        let reused = r#"{"name":"invalid_idempotent_request"}"#;
        for (status, body, class, want) in [
            (200, "", EffectClass::Bare, "done"),
            (503, "", EffectClass::Bare, "unknown"),
            (500, "", EffectClass::Bare, "unknown"),
            (408, "", EffectClass::Bare, "unknown"),
            (425, "", EffectClass::Bare, "transient"),
            (429, "", EffectClass::Bare, "throttled"),
            (422, "", EffectClass::Bare, "permanent"),
            (302, "", EffectClass::Bare, "permanent"),
            (503, "", keyed, "unknown"),
            (408, "", keyed, "unknown"),
            (503, "", EffectClass::Natural, "transient"),
            (503, "", EffectClass::Marked, "unknown"),
            (409, in_flight, keyed, "transient"),
            (409, r#"{"error":{"code":"idempotency_key_in_use"}}"#, keyed, "transient"),
            (409, reused, keyed, "permanent"),
            (409, "contact exists", keyed, "permanent"),
            (409, in_flight, EffectClass::Bare, "permanent"),
            (400, "IdempotentRequestError", keyed, "permanent"),
        ] {
            let got = match failure(&response(status, body), class, Timestamp::default()) {
                None => "done",
                Some(Failure::Transient { .. }) => "transient",
                Some(Failure::Throttled { .. }) => "throttled",
                Some(Failure::Unaffordable { .. }) => "unaffordable",
                Some(Failure::Permanent { .. }) => "permanent",
                Some(Failure::Unknown { .. }) => "unknown",
            };
            assert_eq!(got, want, "{status} {body} {class:?}");
        }
    }

    #[test]
    fn a_receipt_keeps_json_and_is_bounded() {
        let kept = |body: &str| receipt(&response(200, body)).body;
        assert_eq!(kept(r#"{"id":7}"#), serde_json::json!({"id": 7}));
        assert_eq!(kept("ok"), Value::String("ok".to_owned()));
        assert_eq!(kept(""), Value::Null);
        let exact = format!("\"{}\"", "x".repeat(RECEIPT_BYTES_MAX - 2));
        assert_eq!(kept(&exact), Value::String("x".repeat(RECEIPT_BYTES_MAX - 2)));
        for long in [format!("[\"{}\"]", "é".repeat(RECEIPT_BYTES_MAX)), "é".repeat(RECEIPT_BYTES_MAX)] {
            let Value::String(text) = kept(&long) else { panic!("cut JSON is text") };
            assert!(text.len() <= RECEIPT_BYTES_MAX && text.len() > RECEIPT_BYTES_MAX - 4, "{}", text.len());
        }
        let bytes = Response { body: vec![0xff; RECEIPT_BYTES_MAX * 2].into(), ..response(200, "") };
        assert!(receipt(&bytes).body.as_str().unwrap().len() <= RECEIPT_BYTES_MAX);
    }
}
