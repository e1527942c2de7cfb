//! A destination that answers everything with 200, some time later.
#![expect(clippy::expect_used, reason = "a tool that cannot run should stop")]

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use clap::Parser;

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    /// How long an answer takes.
    #[arg(long, default_value_t = 20)]
    delay_ms: u64,
    /// Cargo says it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Arguments { listen, delay_ms, .. } = Arguments::parse();
    let delay = Duration::from_millis(delay_ms);
    let router = Router::new().fallback(move || async move { tokio::time::sleep(delay).await });
    let listener = tokio::net::TcpListener::bind(listen).await.expect("the address is free");
    axum::serve(listener, router).await.expect("serves");
}
