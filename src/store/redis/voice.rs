//! One shard as scripts know it: where it is, by what its database is known, who asks, and what time it is.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use crate::{domain::Timestamp, store::StoreError};

use super::{
    clock::{self, StoreClock},
    keys::Shard,
    link::{Link, number},
    lock,
    script::{Code, Reply, Scripts},
};

/// See the module.
pub(super) struct Voice {
    pub shard: Shard,
    /// What the database is known by.
    pub epoch: String,
    /// What this process is known by.
    pub process: Arc<str>,
    pub link: Arc<Link>,
    pub scripts: Arc<Scripts>,
    pub clock: Arc<StoreClock>,
    pub load: ShardLoad,
}

/// How much is in a shard, as it was last told.
#[derive(Debug, Default)]
pub(super) struct ShardLoad {
    pub open_jobs: AtomicU64,
    pub payload_bytes: AtomicU64,
    /// When the server said so, in µs: answers on several connections may overtake each other.
    told_at: Mutex<i64>,
}

impl ShardLoad {
    fn told(&self, at: i64, open_jobs: i64, payload_bytes: i64) {
        let mut told_at = lock(&self.told_at);
        if at < *told_at && at > *told_at - clock::SET_BACK_MS * 1_000 {
            return;
        }
        *told_at = at;
        self.open_jobs.store(open_jobs.max(0).unsigned_abs(), Ordering::Relaxed);
        self.payload_bytes.store(payload_bytes.max(0).unsigned_abs(), Ordering::Relaxed);
    }
}

impl Voice {
    /// Runs a script at the store's `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also where the database is not the one that was opened.
    pub async fn call(&self, now: Timestamp, code: &Code, args: Vec<Vec<u8>>) -> Result<Reply, StoreError> {
        let (key, now) = (self.shard.key("epoch"), now.as_millis().to_string());
        let head = ["1", &key, self.shard.tag(), &self.epoch, &now, &self.process];
        let words = head.iter().map(|word| word.as_bytes()).chain(args.iter().map(Vec::as_slice));
        let reply = Reply::read(self.link.eval(code, words).await?)?;
        match (reply.word.as_str(), reply.rest.as_slice()) {
            ("wiped", _) => return Err(wiped()),
            ("done", [seconds, micros, open_jobs, bytes, ..]) => {
                let (seconds, micros) = (number(seconds)?, number(micros)?);
                self.clock.told(seconds, micros);
                let at = seconds.saturating_mul(1_000_000).saturating_add(micros);
                self.load.told(at, number(open_jobs)?, number(bytes)?);
            }
            _ => {}
        }
        Ok(reply)
    }
}

/// What is said of a database that is another one now.
pub(super) fn wiped() -> StoreError {
    let told = "the database was emptied or exchanged: what was accepted before is not there";
    StoreError::Unavailable(told.to_owned())
}
