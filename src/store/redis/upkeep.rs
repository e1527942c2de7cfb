//! What a process does beside everything else: it gives signs of life, hears of work that others made, takes back what
//! processes left that give none any more and what was not done within its lease, and does errands that a crash left behind.

use std::time::Duration;

use crate::store::StoreError;

use super::{
    Core,
    claim::ALIVE,
    keys::{self, Shard},
    link::{Link, text},
    script::DONE_WORDS,
};

/// Time between two signs of life.
const EVERY: Duration = Duration::from_millis(2_500);

/// An errand older than this was left behind.
const LEFT: Duration = Duration::from_secs(10);

/// Longest wait for the bell in one command; shorter than any answer may take.
const BELL: Duration = Duration::from_secs(2);

/// Wait before a server is asked again that did not answer.
const AGAIN: Duration = Duration::from_millis(500);

impl Core {
    /// Goes on until it is dropped.
    pub(super) async fn upkeep(&self, bells: &[Link]) {
        // A shard that is not reached holds up the life signs in no other.
        let mut all: Vec<_> = self
            .shards
            .all()
            .zip(bells)
            .map(|(shard, bell)| {
                Box::pin(async move { tokio::join!(self.live(shard), self.listen(shard, bell)) })
            })
            .collect();
        std::future::poll_fn(|context| {
            for one in &mut all {
                let _ = one.as_mut().poll(context);
            }
            std::task::Poll::<()>::Pending
        })
        .await;
    }

    async fn live(&self, shard: &Shard) {
        loop {
            if let Err(error) = self.pulse(shard).await {
                tracing::error!(%error, shard = shard.n, "Redis was not reached; it is tried again");
            }
            self.clock.rest(EVERY).await;
        }
    }

    async fn pulse(&self, shard: &Shard) -> Result<(), StoreError> {
        let args = [ALIVE.as_millis().to_string(), LEFT.as_millis().to_string()];
        let reply = self.call(&self.scripts.pulse, shard, args).await?;
        let told: Vec<String> = reply.rest.iter().skip(DONE_WORDS).map(text).collect::<Result<_, _>>()?;
        let mut parts = told.split(|word| word == "|");
        for process in parts.next().unwrap_or_default() {
            self.bury(shard, process).await?;
        }
        self.take_back(shard, parts.next().unwrap_or_default()).await?;
        for event in parts.next().unwrap_or_default().iter().filter_map(|hex| keys::event_id(hex)) {
            self.run_errands(shard, event).await?;
        }
        Ok(())
    }

    /// Hears when others make work while this process has none.
    async fn listen(&self, shard: &Shard, bell: &Link) {
        let mut wait = redis::cmd("BLPOP");
        wait.arg(shard.key(format_args!("bell:{}", self.process))).arg(BELL.as_secs());
        loop {
            match bell.run::<Option<(String, String)>>(&wait).await {
                Ok(Some(_)) => self.work.send_modify(|n| *n += 1),
                Ok(None) => {}
                // What is wrong is told by whoever gives the signs of life.
                Err(_) => self.clock.rest(AGAIN).await,
            }
        }
    }
}
