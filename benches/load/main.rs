//! A load of signed events for one source of scheme `generic`, and what came of it as one line of JSON.
//!
//! Without `--rate` each connection sends as soon as it has its answer. With it, events are due at fixed times whether
//! or not earlier ones were answered, and their latency counts from then: a receiver that stalls is charged for
//! everything it held up.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool that cannot run should stop, and keeps its own time"
)]

mod connection;
mod event;
mod report;

use std::{
    net::SocketAddr,
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use clap::Parser;

use connection::Connection;
use event::Events;
use report::Report;

#[derive(Parser)]
struct Arguments {
    /// Where to send it.
    #[arg(long)]
    to: SocketAddr,
    #[arg(long, default_value = "/webhooks/forms")]
    path: String,
    #[arg(long, default_value = "bench-secret")]
    secret: String,
    /// Events to send.
    #[arg(short = 'n', long, default_value_t = 100_000)]
    events: u64,
    /// Connections, each with one request at a time.
    #[arg(short, long, default_value_t = 64)]
    connections: usize,
    /// Events due in a second; without it as many as are answered.
    #[arg(long)]
    rate: Option<f64>,
    /// Size of a body in bytes.
    #[arg(long, default_value_t = 3_000)]
    size: usize,
    /// Cargo says it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::parse();
    let events = Rc::new(Events::new(&arguments.path, &arguments.secret, arguments.size));
    let next = Rc::new(AtomicU64::new(0));
    let (begun, begun_at) = (Instant::now(), SystemTime::now());
    let local = tokio::task::LocalSet::new();
    let mut senders = Vec::with_capacity(arguments.connections);
    for _ in 0..arguments.connections {
        let (events, next) = (Rc::clone(&events), Rc::clone(&next));
        let load = Load { to: arguments.to, events: arguments.events, rate: arguments.rate, begun };
        senders.push(local.spawn_local(async move { load.send(&events, &next).await }));
    }
    let mut report = Report::default();
    local
        .run_until(async {
            for sender in senders {
                report.merge(sender.await.expect("a sender ends"));
            }
        })
        .await;
    // With them whoever sees an event knows when it was due.
    let begun_us = begun_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    println!("{}", report.into_json(begun.elapsed(), &events.run(), begun_us));
}

/// What every connection has to do.
struct Load {
    to: SocketAddr,
    events: u64,
    rate: Option<f64>,
    begun: Instant,
}

impl Load {
    /// Sends whatever is next until all is sent.
    async fn send(&self, events: &Events, next: &AtomicU64) -> Report {
        let mut report = Report::default();
        let mut connection = None;
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= self.events {
                return report;
            }
            let due = match self.rate {
                Some(rate) => self.begun + Duration::from_secs_f64(n as f64 / rate),
                None => Instant::now(),
            };
            tokio::time::sleep_until(due.into()).await;
            let request = events.request(n);
            if connection.is_none() {
                connection = Connection::open(self.to).await.ok();
            }
            let answer = match &mut connection {
                Some(open) => open.exchange(&request).await,
                None => Err(std::io::ErrorKind::ConnectionRefused.into()),
            };
            match answer {
                Ok(status) => report.answered(status, due.elapsed()),
                Err(_) => {
                    report.failed();
                    connection = None;
                }
            }
        }
    }
}
