//! A pooled HTTP client with its own limits.

use std::{fmt, num::NonZeroU32, pin::Pin, sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, Url, redirect::Policy};

use crate::decide::breaker::{self, Outcome, Own, Shown, Word};

use super::{
    Busy, Cut, Pass, RemoteError, Request, Response,
    departure::Departure,
    error::is_ours,
    gate::{Bounds, Gate},
    guard::{self, PublicOnly},
    install_tls,
    redact::redact,
};

/// Bytes of an answer that are read unless configured otherwise; the rest is left unread.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Time for a whole exchange unless configured otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// Longest time for name, connection and TLS together.
pub const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// A connection is made in less time wherever one is to be had: who found none by then has failed, however little time was left to
/// answer in.
const CONNECTION_MADE: Duration = Duration::from_secs(1);

/// Idle connections kept for each host.
pub const IDLE_MAX: usize = 32;

/// Time an idle connection is kept. Short, so that few requests meet a connection that the other side is closing:
/// whether such a request arrived would be unknown.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

const USER_AGENT: &str = concat!("hookyard/", env!("CARGO_PKG_VERSION"));

/// How a [`Remote`] behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemoteOptions {
    /// Time for a whole exchange. At most half of it, and [`CONNECT_TIMEOUT_MAX`], goes into connecting: so that a
    /// host that does not answer at all is told from one that took the request and kept silent.
    pub timeout: Duration,
    /// Lets requests go to private addresses and to this machine.
    pub allow_private: bool,
    /// Requests per minute. Without it there is no limit of ours.
    pub limit_per_min: Option<u32>,
    /// Calls under way at one time. Without it there is no limit of ours.
    pub calls_max: Option<u32>,
    pub breaker: breaker::Settings,
    /// Bytes of an answer that are read.
    pub answer_bytes_max: usize,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        RemoteOptions {
            timeout: TIMEOUT,
            allow_private: false,
            limit_per_min: None,
            calls_max: None,
            breaker: breaker::Settings::default(),
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }
}

impl RemoteOptions {
    fn bounds(&self) -> Bounds {
        let RemoteOptions { breaker, calls_max, limit_per_min, .. } = *self;
        Bounds { breaker, per_min: limit_per_min.and_then(NonZeroU32::new), calls_max }
    }
}

/// What is left of an exchange that somebody has ceased to wait for.
pub type Rest = Pin<Box<dyn Future<Output = Result<Response, RemoteError>> + Send>>;

/// Why there can be no such remote.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("a limit of 0 requests per minute would send nothing: leave it out for no limit")]
    NoRequests,
    #[error("a time-out of 0 would wait for nothing: give it in ms, such as 15000")]
    NoTime,
    #[error("the HTTP client cannot be built: {0}")]
    Client(#[source] reqwest::Error),
}

/// One place to send requests to, with its connections and limits.
pub struct Remote {
    client: Client,
    gate: Arc<Gate>,
    options: RemoteOptions,
    /// Whether this machine has certificates by which a TLS server can be known.
    has_roots: bool,
}

impl Remote {
    /// Opens no connection.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(options: RemoteOptions) -> Result<Self, SetupError> {
        install_tls();
        if options.timeout.is_zero() {
            return Err(SetupError::NoTime);
        }
        if options.limit_per_min == Some(0) {
            return Err(SetupError::NoRequests);
        }
        // Building fails on a machine without CA certificates, as minimal containers are. Plain HTTP needs none.
        let (client, has_roots) = match builder(options).build() {
            Ok(client) => (client, true),
            Err(_) => (builder(options).tls_certs_only([]).build().map_err(SetupError::Client)?, false),
        };
        Ok(Remote { client, gate: Gate::new(options.bounds()), options, has_roots })
    }

    /// `own` with what `earlier` knows of the other side, which has to be the same one: whether its breaker is open, whether
    /// it rests, and what was taken of a limit that stays as it is. Connections are kept where they are made in the same way.
    #[must_use]
    pub fn continued(own: &Arc<Remote>, earlier: &Arc<Remote>) -> Arc<Remote> {
        if own.options == earlier.options {
            return Arc::clone(earlier);
        }
        let Remote { options, has_roots, .. } = **own;
        let connects = |options: RemoteOptions| (options.timeout, options.allow_private);
        let is_same = connects(options) == connects(earlier.options);
        let client = if is_same { &earlier.client } else { &own.client };
        let gate = earlier.gate.going_on(options.bounds());
        Arc::new(Remote { client: client.clone(), gate, options, has_roots })
    }

    /// Takes the right to send one request, or tells how long to wait for it. To be asked before anything is begun, as
    /// waiting costs nothing then; [`Remote::send_under`] does not ask again. How it went is noted in the [`Pass`]. `elapsed`
    /// is [`crate::domain::Clock::monotonic`].
    ///
    /// # Errors
    /// Its breaker is open, or a limit is reached; nothing was taken.
    pub fn ready(&self, elapsed: Duration) -> Result<Pass, Busy> {
        self.gate.pass(elapsed)
    }

    /// How many requests its breaker lets be under way; `None` for any number.
    pub fn held(&self, elapsed: Duration) -> Option<u32> {
        self.gate.held(elapsed)
    }

    /// How long its breaker stays open.
    pub fn held_for(&self, elapsed: Duration) -> Option<Duration> {
        self.gate.left(elapsed)
    }

    /// How long it asked to be left alone; `None` while its breaker is not closed, as nobody knows then whether it works.
    pub fn rests(&self, elapsed: Duration) -> Option<Duration> {
        self.gate.rests(elapsed)
    }

    /// How long it asked to be left alone, and why; `None` if it does not rest.
    pub fn resting(&self, elapsed: Duration) -> Option<(Duration, String)> {
        self.gate.resting(elapsed)
    }

    /// What is shown of its breaker.
    pub fn breaker(&self, elapsed: Duration) -> Shown {
        self.gate.shown(elapsed)
    }

    /// What is known of its breaker here.
    pub fn own(&self) -> Own {
        self.gate.own()
    }

    /// Has its breaker take the word of another process for its own.
    pub fn hear(&self, word: &Word, elapsed: Duration) {
        self.gate.hear(word, elapsed);
    }

    /// How it behaves.
    pub fn options(&self) -> RemoteOptions {
        self.options
    }

    /// Requests that may be sent in a minute.
    pub fn limit_per_min(&self) -> Option<u32> {
        self.options.limit_per_min
    }

    /// Time in which one of several processes finds out whether it works again. By its end whoever did has said what came
    /// of it, and it is free again when the next one is due.
    pub fn probe_every(&self) -> Duration {
        self.options.breaker.open / 2
    }

    /// Whether requests may go to `url`, as far as can be said without resolving names.
    ///
    /// # Errors
    /// Why they may not, and what to do about it. Names the host at most.
    pub fn admits(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is not spoken: use https or http", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL holds a user name or password: give it as `credential`".to_owned());
        }
        if url.scheme() == "https" && !self.has_roots {
            return Err(
                "this machine has no CA certificates to check https by: install ca-certificates".to_owned()
            );
        }
        if self.options.allow_private { Ok(()) } else { guard::check_literal(url).map_err(|e| e.to_string()) }
    }

    /// Sends the request once and reads the answer up to the bound. An answer of any status is an answer. For those who
    /// did not ask [`Remote::ready`].
    ///
    /// # Errors
    /// There is no answer; the variant says whether the request may have arrived.
    pub fn send(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, RemoteError>> + Send + use<> {
        self.exchange(request, None, |_| {})
    }

    /// As [`Remote::send`], noting in `pass` how it went.
    ///
    /// # Errors
    /// As [`Remote::send`].
    pub fn send_under(
        &self,
        request: Request,
        pass: &Pass,
    ) -> impl Future<Output = Result<Response, RemoteError>> + Send + use<> {
        self.exchange(request, None, pass.noting())
    }

    /// As [`Remote::send_under`], for somebody who waits no longer than `within`. That there was no answer by then says nothing about
    /// the other side, be it slow or dead: whoever wants to know drives what is left to its end, where it is noted in `pass`. Nothing
    /// is left of a request that found no connection: it never leaves.
    pub fn send_within(
        &self,
        request: Request,
        pass: &Pass,
        within: Option<Duration>,
    ) -> impl Future<Output = (Result<Response, RemoteError>, Option<Rest>)> + Send + use<> {
        let timeout = self.options.timeout;
        let time = within.filter(|within| *within < timeout);
        // Later there is a connection, or the search for one has ended: only before does it take a look to know whether it has left.
        let looks = time.is_some_and(|time| time <= connect_timeout(timeout)) && !request.body.is_empty();
        let departure = looks.then(Departure::default);
        let note = pass.noting();
        // Whoever waits holds no more than where it is.
        let mut exchange: Rest = Box::pin(self.exchange(request, departure.clone(), pass.noting()));
        async move {
            let Some(time) = time else { return (exchange.await, None) };
            match tokio::time::timeout(time, &mut exchange).await {
                Ok(done) => (done, None),
                Err(_) if departure.is_none_or(|departure| departure.has_begun()) => {
                    (Err(RemoteError::unheard(time)), Some(exchange))
                }
                Err(_) => {
                    let unconnected = RemoteError::unconnected(time);
                    if time >= CONNECTION_MADE {
                        note(Outcome::Failed { reason: unconnected.reason().to_owned() });
                    }
                    (Err(unconnected), None)
                }
            }
        }
    }

    /// The request is handed over before anybody waits: whoever does holds no more of it than the client does. `departure` is told
    /// when it leaves.
    fn exchange<N: Fn(Outcome) + Send>(
        &self,
        request: Request,
        departure: Option<Departure>,
        note: N,
    ) -> impl Future<Output = Result<Response, RemoteError>> + Send + use<N> {
        let admitted = self.admits(&request.url);
        let Request { method, url, headers, body, secrets } = request;
        let RemoteOptions { timeout, answer_bytes_max, .. } = self.options;
        let body = match &departure {
            Some(departure) => departure.of(body),
            None => body.into(),
        };
        let request = self.client.request(method, url).headers(headers).body(body).timeout(timeout);
        let sent = admitted.map(|()| request.send());
        async move {
            let answer = sent.map_err(|reason| RemoteError::NotSent { reason })?.await;
            let mut answer = answer.map_err(|error| {
                let may_have_left = departure.is_none_or(|departure| departure.has_begun());
                let told = RemoteError::from_reqwest(&error, timeout, may_have_left);
                if !is_ours(&error) {
                    note(Outcome::Failed { reason: told.reason().to_owned() });
                }
                told
            })?;
            let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
            let (body, cut) = read(&mut answer, answer_bytes_max).await;
            note(told_by(status, cut));
            Ok(Response { status, headers, body: redact(body, &secrets).into(), cut })
        }
    }
}

/// What a status says of the other side. The answer itself is not quoted: this stands in the records of other events.
fn told_by(status: u16, cut: Option<Cut>) -> Outcome {
    match (status, cut) {
        (408 | 500..=599, _) => Outcome::Failed { reason: format!("answered {status}") },
        (_, Some(cut @ (Cut::BrokeOff | Cut::OutOfTime))) => {
            Outcome::Failed { reason: format!("its answer {}", cut.told()) }
        }
        (_, Some(Cut::TooLong) | None) => Outcome::Answered,
    }
}

/// The body up to `bytes_max`, and why there is no more of it.
async fn read(answer: &mut reqwest::Response, bytes_max: usize) -> (Vec<u8>, Option<Cut>) {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => match chunk.get(..bytes_max - body.len()) {
                Some(fits) if fits.len() < chunk.len() => {
                    body.extend_from_slice(fits);
                    return (body, Some(Cut::TooLong));
                }
                Some(_) | None => body.extend_from_slice(&chunk),
            },
            Ok(None) => return (body, None),
            Err(error) if error.is_timeout() => return (body, Some(Cut::OutOfTime)),
            Err(_) => return (body, Some(Cut::BrokeOff)),
        }
    }
}

fn connect_timeout(timeout: Duration) -> Duration {
    (timeout / 2).min(CONNECT_TIMEOUT_MAX)
}

fn builder(options: RemoteOptions) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .timeout(options.timeout)
        .connect_timeout(connect_timeout(options.timeout))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_MAX)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy();
    if options.allow_private { builder } else { builder.dns_resolver(PublicOnly) }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("options", &self.options).finish_non_exhaustive()
    }
}
