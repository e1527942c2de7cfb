//! Senders as they are: what is not acknowledged they deliver again, by the same id, to whoever takes in then.

use std::{net::SocketAddr, time::Instant};

use tokio::{sync::watch, task::JoinHandle};

use crate::support::process;

use super::super::{
    load::{CONNECTIONS, Delivery, Sent},
    word,
};

/// Where deliveries are taken in at present.
pub(super) type Doors = watch::Receiver<Vec<SocketAddr>>;

/// Delivers number 0 to `number`, each until it is acknowledged; `counter` counts those.
pub(super) async fn deliver(
    doors: Doors,
    number: usize,
    delivery: fn(usize) -> Delivery,
    counter: watch::Sender<usize>,
) -> Vec<Sent> {
    let mut senders = tokio::task::JoinSet::new();
    for first in 0..CONNECTIONS {
        senders.spawn(deliver_every_fourth(doors.clone(), first, number, delivery, counter.clone()));
    }
    senders.join_all().await.into_iter().flatten().collect()
}

/// Waits until everything is acknowledged.
pub(super) async fn done(senders: JoinHandle<Vec<Sent>>, context: &str) -> Vec<Sent> {
    let mut sent = None;
    process::in_time(&format!("the last word: {context}"), async { sent = senders.await.ok() }).await;
    sent.unwrap_or_else(|| panic!("{context}: a delivery was not taken in"))
}

async fn deliver_every_fourth(
    mut doors: Doors,
    first: usize,
    number: usize,
    delivery: fn(usize) -> Delivery,
    counter: watch::Sender<usize>,
) -> Vec<Sent> {
    let client = process::client();
    let mut all = Vec::new();
    for n in (first..number).step_by(CONNECTIONS) {
        let at = Instant::now();
        let event = loop {
            // One after the other, wherever there are several.
            let open = |doors: &Vec<SocketAddr>| doors.get(n / CONNECTIONS % doors.len().max(1)).copied();
            let door =
                doors.wait_for(|doors| open(doors).is_some()).await.ok().and_then(|doors| open(&doors));
            let door = door.expect("somebody takes in again");
            let Delivery { source, headers, body } = delivery(n);
            let url = format!("http://{door}/webhooks/{source}");
            match process::deliver(&client, &url, headers, body).await {
                Some((200 | 202, answer)) => break word(&answer["event"]),
                Some((500.., _)) => {}
                Some((status, answer)) => panic!("{status}: {answer}"),
                None => {
                    // It is dead, which is told before long.
                    let _ = doors.wait_for(|doors| !doors.contains(&door)).await;
                }
            }
        };
        all.push(Sent { n, at, acknowledged: Some((event, Instant::now())) });
        counter.send_modify(|count| *count += 1);
    }
    all
}
