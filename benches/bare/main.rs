//! The least a receiver can do and still keep its word: check the signature, read id and type, write, and answer 202
//! after the fsync. What Hookyard costs above it is what its features cost.
//!
//! `--rows id` writes a body and its unique id. `--rows all` writes what Hookyard writes for an event with one route,
//! into a file that Hookyard made: same tables, same indexes. With `--redis URL` it is a Redis that is written to:
//! `id` adds an entry to a stream, `all` runs Hookyard's own script, over as many connections.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a tool that cannot run should stop, and keeps its own time"
)]

mod redis;
mod rows;
mod writer;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use clap::Parser;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use redis::Server;
use rows::Rows;
use writer::{Received, Writer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How far the signed time may be from ours, in seconds.
const TOLERANCE_S: u64 = 300;

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    /// An empty folder.
    #[arg(long, required_unless_present = "redis")]
    data: Option<PathBuf>,
    #[arg(long)]
    redis: Option<String>,
    /// To Redis.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    #[arg(long, value_enum)]
    rows: Rows,
    #[arg(long, default_value = "bench-secret")]
    secret: String,
    /// Cargo says it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

struct Receiver {
    key: Hmac<Sha256>,
    to: Destination,
}

enum Destination {
    File(Writer),
    Redis(Server),
}

/// What is read of a body.
#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

#[tokio::main]
async fn main() {
    let Arguments { listen, data, redis, connections, rows, secret, .. } = Arguments::parse();
    let to = match redis {
        Some(url) => Destination::Redis(Server::open(&url, connections, rows).await),
        None => Destination::File(Writer::start(rows.open(&data.expect("it is required")))),
    };
    let key = Hmac::new_from_slice(secret.as_bytes()).expect("any length will do");
    let receiver = Arc::new(Receiver { key, to });
    let router = Router::new().route("/webhooks/forms", post(receive)).with_state(receiver);
    let listener = tokio::net::TcpListener::bind(listen).await.expect("the address is free");
    axum::serve(listener, router).await.expect("serves");
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !signed(&receiver.key, &headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(Envelope { id, kind }) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    let received = Received { id, kind, body };
    let new = match &receiver.to {
        Destination::File(writer) => writer.write(received).await,
        Destination::Redis(server) => server.write(received).await,
    };
    match new {
        true => StatusCode::ACCEPTED,
        false => StatusCode::OK,
    }
}

/// The `generic` scheme: HMAC-SHA256 over `{time}.{body}`.
fn signed(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(time), Some(signature)) = (header("x-webhook-timestamp"), header("x-webhook-signature")) else {
        return false;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let fresh = time.parse().is_ok_and(|time: u64| now.abs_diff(time) <= TOLERANCE_S);
    let Ok(signature) = hex::decode(signature.trim_start_matches("sha256=")) else { return false };
    let mut mac = key.clone();
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    fresh && mac.verify_slice(&signature).is_ok()
}
