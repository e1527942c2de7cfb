//! Changes of one shard that wait at the same moment go to the server in one script: it costs half as much, and one sync of
//! the log serves all of them. Each counts for itself: one that is refused holds up no other.

use tokio::sync::{Semaphore, oneshot};

use crate::store::StoreError;

use super::{
    Core,
    keys::Shard,
    link::{DONE_WORDS, text},
    lock,
};

/// Scripts under way at one time for one shard. What comes meanwhile waits for the next.
const WAYS: usize = 4;

/// Changes in one script. Others wait for as long as it takes.
const CHANGES_MAX: usize = 64;

/// The words of one change, and where it is told whether it was written.
type Change = (Vec<Vec<u8>>, oneshot::Sender<bool>);

/// What waits to be written in one shard.
pub(super) struct Batch {
    waiting: std::sync::Mutex<Vec<Change>>,
    ways: Semaphore,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { waiting: std::sync::Mutex::default(), ways: Semaphore::new(WAYS) }
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable(
        "whether a change was written is not known: the server was not reached".to_owned(),
    )
}

impl Core {
    /// Writes one change, alone or with others; `false` if the record is another one by now.
    pub(super) async fn commit(&self, shard: &Shard, words: Vec<Vec<u8>>) -> Result<bool, StoreError> {
        let batch = self.batches.get(usize::from(shard.n)).ok_or_else(lost)?;
        let (reply, mut answer) = oneshot::channel();
        lock(&batch.waiting).push((words, reply));
        loop {
            // Whoever comes first says it for all; should that one be dropped, those it spoke for hear that they are lost.
            tokio::select! {
                biased;
                told = &mut answer => return told.map_err(|_| lost()),
                way = batch.ways.acquire() => {
                    let way = way.map_err(|_| lost())?;
                    let mut changes = {
                        let mut waiting = lock(&batch.waiting);
                        let number = waiting.len().min(CHANGES_MAX);
                        // Whoever went away wants nothing any more.
                        let open = |(_, reply): &Change| !reply.is_closed();
                        waiting.drain(..number).filter(open).collect::<Vec<Change>>()
                    };
                    if !changes.is_empty() {
                        let words = changes.iter_mut().flat_map(|(words, _)| std::mem::take(words));
                        let reply = self.call(&self.scripts.commit, shard, words.collect::<Vec<_>>()).await?;
                        let told = reply.rest.iter().skip(DONE_WORDS);
                        for ((_, reply), told) in changes.into_iter().zip(told) {
                            // Its asker may have gone away meanwhile.
                            let _ = reply.send(text(told)? == "1");
                        }
                    }
                    drop(way);
                }
            }
        }
    }
}
