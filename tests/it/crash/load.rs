//! Deliveries by several connections at a time, and a kill among them.

use std::time::Instant;

use tokio::sync::{oneshot, watch};

use crate::support::process::{self, Headers, Log, Running};

use super::word;

/// Connections that deliveries come by.
pub(super) const CONNECTIONS: usize = 4;

/// What is delivered to a source.
pub(super) struct Delivery {
    pub source: &'static str,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// A delivery that was on its way before the kill.
#[derive(Debug)]
pub(super) struct Sent {
    pub n: usize,
    pub at: Instant,
    /// The event that it was acknowledged as, and when; none if the kill came first.
    pub acknowledged: Option<(String, Instant)>,
}

/// Delivers number 0 to `number`, and kills the service once `kill_after` of them are acknowledged and `ripe` has come
/// or never will. `counter` counts what is acknowledged. What was sent, and what was logged.
pub(super) async fn load(
    service: Running,
    number: usize,
    delivery: fn(usize) -> Delivery,
    kill_after: usize,
    counter: watch::Sender<usize>,
    ripe: oneshot::Receiver<()>,
) -> (Vec<Sent>, Log) {
    let base = format!("http://{}/webhooks", service.public);
    let mut counted = counter.subscribe();
    let runtime = tokio::runtime::Handle::current();
    // A thread of its own: the kill comes when it is time, and not when nobody else has anything to do.
    let killer = tokio::task::spawn_blocking(move || {
        let _ = runtime.block_on(counted.wait_for(|count| *count >= kill_after)); // an error: no more will come
        let _ = ripe.blocking_recv();
        service.kill()
    });
    let mut senders = tokio::task::JoinSet::new();
    for first in 0..CONNECTIONS {
        senders.spawn(send_every_fourth(base.clone(), first, number, delivery, counter.clone()));
    }
    drop(counter);
    let sent = senders.join_all().await.into_iter().flatten().collect();
    // Not by blocking: what makes it ripe may be this very thread's to do.
    (sent, killer.await.expect("the service is killed"))
}

/// Delivers by one connection until it breaks.
async fn send_every_fourth(
    base: String,
    first: usize,
    number: usize,
    delivery: fn(usize) -> Delivery,
    counter: watch::Sender<usize>,
) -> Vec<Sent> {
    let client = process::client();
    let mut all = Vec::new();
    for n in (first..number).step_by(CONNECTIONS) {
        let Delivery { source, headers, body } = delivery(n);
        let at = Instant::now();
        let answer = process::deliver(&client, &format!("{base}/{source}"), headers, body).await;
        let Some((status, answer)) = answer else {
            all.push(Sent { n, at, acknowledged: None });
            break;
        };
        assert_eq!(status, 202, "{answer}");
        all.push(Sent { n, at, acknowledged: Some((word(&answer["event"]), Instant::now())) });
        counter.send_modify(|count| *count += 1);
    }
    all
}
