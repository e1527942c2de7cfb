//! A request's way through a stand-in: key, question, limits, what is to be said, and the answer in the vendor's shape.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::{
    Api, Limits, LlmCall, Vendor,
    api::Spoken,
    cache::Cache,
    calls::Script,
    limits::{Buckets, Kind},
    models::facts,
    refused::{Refused, invalid},
    reply::{Reply, UnknownReply},
    speech::{Heard, say},
    tokens,
};
use crate::{
    domain::{Clock, Tokens},
    sandbox::wire::{object, text},
};

/// Orders the answer of the request that has it, before anything that was ordered otherwise.
pub const ANSWER_HEADER: &str = "x-fake-llm";

/// Which keys are taken.
pub(in crate::sandbox) enum Keys {
    Only(SecretString),
    /// Any that is not empty.
    Any,
    /// Any, or none, as a server of one's own takes it.
    Optional,
}

/// What the stand-ins share.
pub(in crate::sandbox) struct Desk {
    clock: Arc<dyn Clock>,
    keys: Keys,
    pub script: Script,
    anthropic: Account,
    openai: Account,
    /// Before every answer.
    delay: Duration,
    /// Only models that the vendors have are asked.
    strict: bool,
    /// Is told of every request.
    told: Option<mpsc::Sender<LlmCall>>,
    let_go: watch::Sender<bool>,
}

/// What a vendor keeps of us.
struct Account {
    buckets: Buckets,
    cache: Cache,
}

impl Account {
    fn new(vendor: Vendor) -> Self {
        Account { buckets: Buckets::new(vendor), cache: Cache::default() }
    }
}

/// How an answer leaves.
enum Manner {
    AtOnce,
    After(Duration),
    /// Half of it, then the connection ends.
    Broken,
}

impl Manner {
    fn of(reply: &Reply) -> Self {
        if let Reply::Slow { wait } = reply {
            Manner::After(*wait)
        } else if *reply == Reply::Reset {
            Manner::Broken
        } else {
            Manner::AtOnce
        }
    }

    fn wait(&self) -> Duration {
        match self {
            Manner::After(wait) => *wait,
            Manner::AtOnce | Manner::Broken => Duration::ZERO,
        }
    }
}

impl Desk {
    pub fn new(clock: Arc<dyn Clock>, keys: Keys) -> Self {
        Desk {
            clock,
            keys,
            script: Script::default(),
            anthropic: Account::new(Vendor::Anthropic),
            openai: Account::new(Vendor::Openai),
            delay: Duration::ZERO,
            strict: false,
            told: None,
            let_go: watch::Sender::new(false),
        }
    }

    /// Has every answer wait so long.
    pub fn delayed(self, delay: Duration) -> Self {
        Desk { delay, ..self }
    }

    /// Refuses models that neither vendor is known to have, if so.
    pub fn strict(self, strict: bool) -> Self {
        Desk { strict, ..self }
    }

    /// Answers so where nothing else is ordered.
    pub fn cycling(self, answers: Vec<Reply>) -> Self {
        Desk { script: Script::cycling(answers), ..self }
    }

    /// Tells of every request; while nobody takes it, the answer waits.
    pub fn telling(self, told: mpsc::Sender<LlmCall>) -> Self {
        Desk { told: Some(told), ..self }
    }

    pub fn limit(&self, limits: Limits) {
        let now = self.clock.monotonic();
        self.anthropic.buckets.set(limits, now);
        self.openai.buckets.set(limits, now);
    }

    /// Answers that wait leave now.
    pub fn let_go(&self) {
        self.let_go.send_replace(true);
    }

    /// Answers a request.
    pub(super) async fn put(&self, api: Api, headers: &HeaderMap, body: &[u8]) -> Response {
        let number = self.script.number();
        let mut call = LlmCall {
            api,
            model: String::new(),
            status: 200,
            answer: String::new(),
            said: String::new(),
            tokens: Tokens::default(),
        };
        let (body, manner, retry_after_s) = match self.answer(api, number, headers, body, &mut call) {
            Ok((body, manner)) => (body, manner, None),
            Err(refused) => {
                call.status = refused.status;
                if call.answer.is_empty() {
                    call.answer = refused.status.to_string();
                }
                call.said.clone_from(&refused.message);
                (api.error(number, &refused), Manner::AtOnce, refused.retry_after_s)
            }
        };
        let mut response = self.response(api, number, call.status, &body, &manner);
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        self.script.record(call.clone());
        if let Some(told) = &self.told {
            let _ = told.send(call).await; // nobody has to listen
        }
        self.wait(self.delay.saturating_add(manner.wait())).await;
        response
    }

    async fn wait(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let mut let_go = self.let_go.subscribe();
        tokio::select! {
            () = self.clock.sleep_until(self.clock.now().plus(time)) => {}
            _ = let_go.wait_for(|go| *go) => {}
        }
    }

    fn account(&self, api: Api) -> &Account {
        match api.vendor() {
            Vendor::Anthropic => &self.anthropic,
            Vendor::Openai => &self.openai,
        }
    }

    /// The answer to a question, and how it leaves; notes in `call` what it comes to know.
    fn answer(
        &self,
        api: Api,
        number: u64,
        headers: &HeaderMap,
        body: &[u8],
        call: &mut LlmCall,
    ) -> Result<(Value, Manner), Refused> {
        if !self.admits(api.key(headers)) {
            return Err(api.unknown_key());
        }
        let question = object(body).ok_or_else(|| invalid("The request body is not valid JSON."))?;
        call.model = question.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.strict && !call.model.is_empty() && facts(&call.model).maker.is_none() {
            return Err(api.unknown_model(&call.model));
        }
        let ordered: Option<Reply> = text(headers, ANSWER_HEADER)
            .map(str::parse)
            .transpose()
            .map_err(|unknown: UnknownReply| invalid(format!("{ANSWER_HEADER}: {unknown}")))?;
        let taken = api.take(headers, &question)?;
        self.script.ask(Value::Object(question));
        let (account, now) = (self.account(api), self.clock.monotonic());
        let cache = account.cache.usage(&taken.prompt, now);
        account.buckets.take(&api.wants(&taken, &cache), now).map_err(|short| api.too_much(&short))?;
        let reply = ordered.unwrap_or_else(|| self.script.next());
        call.answer = reply.to_string();
        if let Some(refused) = api.trouble(&reply) {
            return Err(refused);
        }
        let heard = Heard {
            text: &taken.text,
            schema: taken.schema.as_ref(),
            output_tokens_max: taken.output_tokens_max,
        };
        let said = say(&reply, &heard);
        account.cache.keep(&taken.prompt, now);
        let output = tokens(said.text());
        // One of them was taken with the question.
        account.buckets.owe(Kind::OutputTokens, output.saturating_sub(1));
        said.text().clone_into(&mut call.said);
        let cache_writes = api.tells_writes(&call.model);
        let cache_write = if cache_writes { cache.written() } else { 0 };
        call.tokens = Tokens {
            input_uncached: taken.prompt.tokens.saturating_sub(cache.read + cache_write),
            cache_write,
            cache_read: cache.read,
            output,
        };
        let mut answer = api.answer(&Spoken {
            number,
            at: self.clock.now(),
            model: &call.model,
            said: &said,
            input_tokens: taken.prompt.tokens,
            output_tokens: output,
            cache: &cache,
            cache_writes,
        });
        if reply == Reply::WithoutUsage {
            answer.as_object_mut().and_then(|fields| fields.shift_remove("usage"));
        }
        Ok((answer, Manner::of(&reply)))
    }

    fn admits(&self, key: Option<&str>) -> bool {
        match &self.keys {
            Keys::Only(known) => key == Some(known.expose_secret()),
            Keys::Any => key.is_some_and(|key| !key.trim().is_empty()),
            Keys::Optional => true,
        }
    }

    fn response(&self, api: Api, number: u64, status: u16, body: &Value, manner: &Manner) -> Response {
        let body = Bytes::from(body.to_string());
        let mut response = match manner {
            Manner::AtOnce | Manner::After(_) => Response::new(Body::from(body)),
            Manner::Broken => broken(&body),
        };
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Strangers are told nothing.
        let stands = match status {
            401 => Vec::new(),
            _ => self.account(api).buckets.stands(self.clock.monotonic()),
        };
        for (name, value) in api.head(number, &stands, self.clock.now()) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// A body whose head promises all of it, and of which half comes.
fn broken(body: &Bytes) -> Response {
    let half: Result<Bytes, io::Error> = Ok(body.slice(..body.len() / 2));
    let end = async {
        // What was written so far goes out before the connection ends.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    let stream = stream::iter([half]).chain(stream::once(end));
    let mut response = Response::new(Body::from_stream(stream));
    response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    response
}
