//! Changes of one shard that wait at the same moment go to the server in one script: it costs half as much, and one sync of
//! the log serves all of them. Each counts for itself: one that is refused holds up no other.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::store::StoreError;

use super::{link::text, lock, script::DONE_WORDS, voice::Voice};

/// Scripts under way at one time for one shard. What comes meanwhile waits for the next.
const WAYS: usize = 4;

/// Changes in one script. Others wait for as long as it takes.
const CHANGES_MAX: usize = 64;

/// The words of one change, and where it is told whether it was written.
type Change = (Vec<Vec<u8>>, oneshot::Sender<Result<bool, StoreError>>);

/// Writes the changes of one shard.
pub(super) struct Batch {
    pub voice: Arc<Voice>,
    waiting: Mutex<Vec<Change>>,
    ways: Arc<Semaphore>,
}

fn lost() -> StoreError {
    StoreError::Unavailable("whether a change was written is not known".to_owned())
}

impl Batch {
    pub fn new(voice: Arc<Voice>) -> Self {
        Batch { voice, waiting: Mutex::default(), ways: Arc::new(Semaphore::new(WAYS)) }
    }

    /// Writes one change, alone or with others; `false` if the record is another one by now.
    pub async fn commit(self: &Arc<Self>, words: Vec<Vec<u8>>) -> Result<bool, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        lock(&self.waiting).push((words, reply));
        loop {
            let ways = Arc::clone(&self.ways);
            let way = tokio::select! {
                biased;
                told = &mut answer => return told.map_err(|_| lost())?,
                way = ways.acquire_owned() => way.map_err(|_| lost())?,
            };
            // Whoever comes first sends all that wait; a task of its own, since the others need it as much.
            let (changes, is_all) = self.next();
            if !changes.is_empty() {
                drop(tokio::spawn(Arc::clone(self).send(changes, way)));
            }
            if is_all {
                return answer.await.map_err(|_| lost())?;
            }
        }
    }

    /// What goes next, and whether that is all.
    fn next(&self) -> (Vec<Change>, bool) {
        let mut waiting = lock(&self.waiting);
        let number = waiting.len().min(CHANGES_MAX);
        // Whoever went away wants nothing any more.
        let changes = waiting.drain(..number).filter(|(_, reply)| !reply.is_closed()).collect();
        (changes, waiting.is_empty())
    }

    async fn send(self: Arc<Self>, changes: Vec<Change>, _way: OwnedSemaphorePermit) {
        let (words, replies): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        let told = self.write(words.concat()).await;
        for (n, reply) in replies.into_iter().enumerate() {
            let told = match &told {
                Ok(told) => told.get(n).copied().ok_or_else(lost),
                Err(StoreError::Unavailable(why)) => Err(StoreError::Unavailable(why.clone())),
                Err(_) => Err(lost()),
            };
            // Its asker may have gone away meanwhile.
            drop(reply.send(told));
        }
    }

    /// Which of the changes were written.
    async fn write(&self, words: Vec<Vec<u8>>) -> Result<Vec<bool>, StoreError> {
        let reply = self.voice.call(self.voice.clock.now(), &self.voice.scripts.commit, words).await?;
        reply.rest.iter().skip(DONE_WORDS).map(|told| Ok(text(told)? == "1")).collect()
    }
}
