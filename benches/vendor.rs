//! The cheapest vendor there can be: a language model that says the same at once, and a destination. It writes down when
//! each event came to it, so that latencies are those of single events, by one clock for all processes. It speaks HTTP/1.1,
//! and with `--tls` also HTTP/2 as vendors do.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a tool that cannot run should stop, and keeps its own time"
)]

use std::{
    net::SocketAddr,
    path::PathBuf,
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
use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use rcgen::generate_simple_self_signed;
use rustls::pki_types::PrivateKeyDer;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Questions that are taken on one connection at one time.
const STREAMS_MAX: u32 = 2_000;

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
    /// Where it speaks TLS and HTTP/2 besides.
    #[arg(long, requires = "certificate")]
    tls: Option<SocketAddr>,
    /// Where to write what it is known by.
    #[arg(long)]
    certificate: Option<PathBuf>,
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
    let Arguments { listen, delay_ms, tls, certificate, .. } = Arguments::parse();
    let vendor = Arc::new(Vendor { delay: Duration::from_millis(delay_ms), seen: Mutex::default() });
    let router = Router::new()
        .route("/v1/messages", post(answer))
        .route("/done/{route}", post(done))
        .route("/seen", get(seen))
        .with_state(vendor);
    if let Some((tls, certificate)) = tls.zip(certificate) {
        let listener = TcpListener::bind(tls).await.expect("the address is free");
        tokio::spawn(encrypted(listener, acceptor(certificate), router.clone()));
    }
    let listener = TcpListener::bind(listen).await.expect("the address is free");
    let at_once = listener.tap_io(|stream| stream.set_nodelay(true).expect("it is TCP"));
    axum::serve(at_once, router).await.expect("serves");
}

/// TLS as this machine, by a certificate of its own.
fn acceptor(certificate: PathBuf) -> TlsAcceptor {
    let own = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(certificate, own.cert.pem()).expect("written");
    let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("TLS 1.2 and 1.3").with_no_client_auth();
    let mut config =
        config.with_single_cert(vec![own.cert.der().clone()], key).expect("they belong together");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn encrypted(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("it is TCP");
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            let stream = acceptor.accept(stream).await.expect("a handshake");
            let mut server = http2::Builder::new(TokioExecutor::new());
            server.max_concurrent_streams(STREAMS_MAX);
            // It ends when the other side goes.
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
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
