//! The cheapest vendor there can be: a language model that says the same at once, and a destination. It writes down when
//! each event came to it, so that latencies are those of single events, by one clock for all processes.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a tool that cannot run should stop, and keeps its own time"
)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use clap::Parser;
use serde::Serialize;

/// What begins the id of an event of `benches/load`.
const ID: &[u8] = b"evt_";

/// What Anthropic's Messages would answer, with an output that the schema of `triage` admits.
const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-5-5","content":[{"type":"text","text":"{\"reason\":\"An order of a customer.\",\"label\":\"support\",\"urgency\":\"normal\",\"confidence\":0.93}"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":2100,"output_tokens":34}}"#;

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    /// How long the language model thinks.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Cargo says it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What was seen since it was last asked for.
#[derive(Default, Serialize)]
struct Seen {
    /// Events that came to the model: id, when the question was there, when its answer was; in µs of the system's clock.
    asked: Vec<(String, u64, u64)>,
    /// Events that came to the destination: route, id, when.
    done: Vec<(String, String, u64)>,
    /// Questions at one time, at the most.
    together: usize,
    #[serde(skip)]
    under_way: usize,
}

struct Vendor {
    delay: Duration,
    seen: Mutex<Seen>,
}

impl Vendor {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Arguments { listen, delay_ms, .. } = Arguments::parse();
    let vendor = Arc::new(Vendor { delay: Duration::from_millis(delay_ms), seen: Mutex::default() });
    let router = Router::new()
        .route("/v1/messages", post(answer))
        .route("/done/{route}", post(done))
        .route("/seen", get(seen))
        .with_state(vendor);
    let listener = tokio::net::TcpListener::bind(listen).await.expect("the address is free");
    let at_once = listener.tap_io(|stream| stream.set_nodelay(true).expect("it is TCP"));
    axum::serve(at_once, router).await.expect("serves");
}

async fn answer(State(vendor): State<Arc<Vendor>>, body: Bytes) -> impl IntoResponse {
    let at = now_us();
    let id = id_in(&body);
    drop(body);
    {
        let mut seen = vendor.seen();
        seen.under_way += 1;
        seen.together = seen.together.max(seen.under_way);
    }
    if !vendor.delay.is_zero() {
        tokio::time::sleep(vendor.delay).await;
    }
    let mut seen = vendor.seen();
    seen.under_way -= 1;
    seen.asked.push((id, at, now_us()));
    ([(CONTENT_TYPE, "application/json")], ANSWER)
}

async fn done(State(vendor): State<Arc<Vendor>>, Path(route): Path<String>, body: Bytes) {
    let at = now_us();
    vendor.seen().done.push((route, id_in(&body), at));
}

async fn seen(State(vendor): State<Arc<Vendor>>) -> Json<Seen> {
    let mut seen = vendor.seen();
    let under_way = seen.under_way;
    Json(std::mem::replace(&mut seen, Seen { under_way, ..Seen::default() }))
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("before the year 500,000")
}

/// The first event's id in a body.
fn id_in(body: &[u8]) -> String {
    let begin = body.windows(ID.len()).position(|word| word == ID).unwrap_or(body.len());
    let is_of_id = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    body[begin..].iter().take_while(is_of_id).map(|byte| char::from(*byte)).collect()
}
