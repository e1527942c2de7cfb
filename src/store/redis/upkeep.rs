//! What a process does beside everything else: it gives signs of life, hears of work that others made, takes back what
//! processes left that give none any more and what was not done within its lease, and does errands that a crash left behind.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use tokio::time::timeout;

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

/// What was found in a shard that is left to whoever finds it.
struct Left {
    /// That gave no sign of life any more.
    processes: Vec<String>,
    /// Jobs whose leases are over, each followed by its token.
    late: Vec<String>,
    /// With something to do elsewhere.
    events: Vec<String>,
}

/// Ends when `doing` does; never, where nothing is done.
async fn all_of(doing: &mut Option<Pin<Box<impl Future<Output = ()>>>>) {
    match doing {
        Some(doing) => doing.await,
        None => std::future::pending().await,
    }
}

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

    /// Gives signs of life, also while what they told of is being done: that may take longer than one lasts.
    async fn live(&self, shard: &Shard) {
        let mut doing = None;
        loop {
            let mut pulse = pin!(timeout(EVERY, self.pulse(shard)));
            // What is being done goes on meanwhile: it may hold what others wait for.
            let told = loop {
                tokio::select! {
                    told = &mut pulse => break told,
                    () = all_of(&mut doing) => doing = None,
                }
            };
            match told {
                Ok(Ok(told)) if doing.is_none() => doing = Some(Box::pin(self.do_left(shard, told))),
                // What was told before is done first; whatever is left then is told again.
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, shard = shard.n, "Redis was not reached; it is tried again");
                }
                // The connection may be dead; the next sign goes over another one.
                Err(_) => {
                    tracing::warn!(
                        shard = shard.n,
                        "Redis gives no answer; it is asked over another connection"
                    );
                    continue;
                }
            }
            if doing.is_some() && timeout(EVERY, all_of(&mut doing)).await.is_err() {
                continue;
            }
            doing = None;
            self.clock.rest(EVERY).await;
        }
    }

    async fn pulse(&self, shard: &Shard) -> Result<Left, StoreError> {
        let args = [ALIVE.as_millis().to_string(), LEFT.as_millis().to_string()];
        let reply = self.call(&self.scripts.pulse, shard, args).await?;
        let told: Vec<String> = reply.rest.iter().skip(DONE_WORDS).map(text).collect::<Result<_, _>>()?;
        let mut parts = told.split(|word| word == "|").map(<[String]>::to_vec);
        let mut next = || parts.next().unwrap_or_default();
        Ok(Left { processes: next(), late: next(), events: next() })
    }

    /// Does what others left.
    async fn do_left(&self, shard: &Shard, left: Left) {
        let done = async {
            for process in &left.processes {
                self.bury(shard, process).await?;
            }
            self.take_back(shard, &left.late).await?;
            self.run_left(shard, &left.events).await
        };
        if let Err(error) = done.await {
            let error: StoreError = error;
            tracing::error!(%error, shard = shard.n, "Redis was not reached; it is tried again");
        }
    }

    /// Does the errands that were left behind. One that cannot be done, such as where another server is away, holds up no
    /// other.
    pub(super) async fn run_left(&self, shard: &Shard, events: &[String]) -> Result<(), StoreError> {
        for hex in events {
            let Some(event) = keys::event_id(hex) else { continue };
            if let Err(error) = self.run_errands(shard, event).await {
                tracing::warn!(%event, %error, "what follows from an event could not be done; it is tried again");
                let mut later = redis::cmd("ZADD");
                later.arg(shard.key("errands")).arg("XX").arg(self.clock.now().as_millis()).arg(hex);
                let _: i64 = self.link.run(&later).await?;
            }
        }
        Ok(())
    }

    /// Hears when others make work while this process has none.
    async fn listen(&self, shard: &Shard, bell: &Link) {
        let mut wait = redis::cmd("BLPOP");
        wait.arg(shard.key(format_args!("bell:{}", self.process))).arg(BELL.as_secs());
        loop {
            match bell.run::<Option<(String, String)>>(&wait).await {
                Ok(Some(_)) => self.news.work.send_modify(|n| *n += 1),
                Ok(None) => {}
                // What is wrong is told by whoever gives the signs of life.
                Err(_) => self.clock.rest(AGAIN).await,
            }
        }
    }
}
