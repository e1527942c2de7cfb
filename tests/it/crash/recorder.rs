//! What stands between the service and the sandbox: it writes down when each request came and when it was answered, and
//! can keep requests to Slack from arriving, or their answers from coming back.

use std::{collections::BTreeSet, future::pending, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hookyard::sandbox::Sandbox;
use tokio::{net::TcpListener, sync::watch};

use crate::support::process;

use super::mixed;

/// Where the incoming webhook is, as the sandbox has it.
pub(super) const SLACK: &str = "/slack/services/T/B/x";

/// What is lost of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Request,
    Answer,
}

/// A request for the delivery `n`.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub n: usize,
    pub path: String,
    /// The process that sent it, counted from 0.
    pub life: u32,
    /// When it came and when it was answered, on one count of both; what was not answered was under way to the end.
    pub began: u64,
    pub ended: Option<u64>,
}

#[derive(Default)]
struct Books {
    arrivals: Vec<Arrival>,
    ticks: u64,
    life: u32,
    /// Requests that the sandbox has not answered, by their place among all.
    passing: BTreeSet<usize>,
    losing: Option<Loss>,
    /// Deliveries of which something was lost.
    lost: Vec<usize>,
}

impl Books {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }
}

struct Shared {
    /// The sandbox, without a path.
    behind: String,
    client: reqwest::Client,
    books: watch::Sender<Books>,
}

/// Runs as long as the test does.
pub(super) struct Recorder {
    pub base: String,
    shared: Arc<Shared>,
}

impl Recorder {
    pub async fn before(sandbox: &Sandbox) -> Self {
        let behind = sandbox.urls().crm.strip_suffix("/crm").expect("a first segment").to_owned();
        let shared = Arc::new(Shared { behind, client: process::client(), books: watch::Sender::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Recorder { base, shared }
    }

    /// From now on this is lost of requests to Slack. Completes when it has been of one.
    pub async fn lose(&self, loss: Loss) {
        self.shared.books.send_modify(|books| books.losing = Some(loss));
        let mut books = self.shared.books.subscribe();
        let lost = async { drop(books.wait_for(|books| !books.lost.is_empty()).await) };
        process::in_time("a request to Slack", lost).await;
    }

    /// To be called once the process is dead: waits until what it had sent has come to its end, and loses nothing more.
    /// The deliveries of which something was lost.
    pub async fn ended(&self) -> Vec<usize> {
        // As for `Lives`: what the dead process had written is read before this is.
        for _ in 0..2 {
            process::client().get(format!("{}/probe", self.base)).send().await.expect("an answer");
        }
        let mut books = self.shared.books.subscribe();
        // Others may be at work, and ask for more.
        let under_way = books.borrow().passing.clone();
        let passed = async { drop(books.wait_for(|books| books.passing.is_disjoint(&under_way)).await) };
        process::in_time("the sandbox's answers", passed).await;
        self.shared.books.send_modify(|books| {
            books.life += 1;
            books.losing = None;
        });
        self.shared.books.borrow().lost.clone()
    }

    /// All requests, in the order in which they came.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.books.borrow().arrivals.clone()
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        let mut changed = None;
        self.books.send_modify(|books| changed = Some(change(books)));
        changed.expect("it is called once")
    }

    /// Whether `loss` befalls the request for `n` at `path`.
    fn loses(&self, loss: Loss, path: &str, n: usize) -> bool {
        self.change(|books| {
            let loses = path == SLACK && books.losing == Some(loss);
            if loses {
                books.lost.push(n);
            }
            loses
        })
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    // Half a request is none.
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let Some(n) = mixed::number(&body) else { return StatusCode::NOT_FOUND.into_response() };
    let at = shared.change(|books| {
        let (life, began) = (books.life, books.tick());
        books.arrivals.push(Arrival { n, path: path.clone(), life, began, ended: None });
        books.arrivals.len() - 1
    });
    if shared.loses(Loss::Request, &path, n) {
        return pending().await;
    }
    // Whoever asked may die meanwhile: what has arrived takes its course.
    shared.change(|books| books.passing.insert(at));
    let passing = Arc::clone(&shared);
    let url = format!("{}{path}", shared.behind);
    let answer = tokio::spawn(async move {
        let request = passing.client.request(parts.method, url).headers(parts.headers).body(body);
        let answer = request.send().await.expect("the sandbox answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.expect("a whole answer");
        passing.change(|books| books.passing.remove(&at));
        (status, headers, Body::from(body)).into_response()
    });
    let answer = answer.await.expect("it passes");
    if shared.loses(Loss::Answer, &path, n) {
        return pending().await;
    }
    shared.change(|books| {
        let now = books.tick();
        books.arrivals[at].ended = Some(now);
    });
    answer
}
