//! One thread that commits whatever is waiting, and answers after the commit.

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::rows::Table;

/// Events that may share one commit.
const BATCH_MAX: usize = 512;

pub struct Received {
    pub id: String,
    pub kind: String,
    pub body: Bytes,
}

type Waiting = (Received, oneshot::Sender<bool>);

pub struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    pub fn start(mut table: Table) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Waiting>(4_096);
        std::thread::spawn(move || {
            let mut batch = Vec::with_capacity(BATCH_MAX);
            while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
                let new = table.commit(batch.iter().map(|(received, _)| received));
                for ((_, reply), new) in batch.drain(..).zip(new) {
                    // A sender that went away does not want its answer.
                    let _ = reply.send(new);
                }
            }
        });
        Writer(queue)
    }

    /// Whether it is new. Returns after the commit.
    pub async fn write(&self, received: Received) -> bool {
        let (reply, answer) = oneshot::channel();
        self.0.send((received, reply)).await.expect("the writer runs");
        answer.await.expect("the writer runs")
    }
}
