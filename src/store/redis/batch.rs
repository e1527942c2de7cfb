//! Changes of one shard that wait at the same moment go to the server in one script: it costs half as much, and one sync of
//! the log serves all of them. Each counts for itself: one that is refused holds up no other.

use std::sync::{Arc, Mutex};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::store::StoreError;

use super::{link::text, lock, script::DONE_WORDS, voice::Voice};

/// Scripts under way at one time for one shard. What comes meanwhile waits for the next.
const WAYS: usize = 4;

/// Changes in one script. Others wait for as long as it takes.
const CHANGES_MAX: usize = 64;

/// The answer to several changes: what the script says of each, or why that is not known. Each of those who asked drives
/// it, so that one of them may go away.
type Answer = Shared<BoxFuture<'static, Result<Arc<[String]>, Arc<str>>>>;

/// The words of one change, and where it is told when it is sent: the answer, and its place among those that answers.
type Change = (Vec<Vec<u8>>, oneshot::Sender<(Answer, usize)>);

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
    pub async fn commit(&self, words: Vec<Vec<u8>>) -> Result<bool, StoreError> {
        let (reply, mut sent) = oneshot::channel();
        lock(&self.waiting).push((words, reply));
        let (answer, place) = loop {
            let ways = Arc::clone(&self.ways);
            tokio::select! {
                biased;
                sent = &mut sent => break sent.map_err(|_| lost())?,
                // Whoever comes first sends all that wait.
                way = ways.acquire_owned() => self.send(way.map_err(|_| lost())?),
            }
        };
        match answer.await {
            Ok(told) => match told.get(place).map(String::as_str) {
                Some("1") => Ok(true),
                Some("0") => Ok(false),
                Some(why) => Err(StoreError::Unavailable(format!("Redis: {why}"))),
                None => Err(lost()),
            },
            Err(why) => Err(StoreError::Unavailable(why.to_string())),
        }
    }

    fn send(&self, way: OwnedSemaphorePermit) {
        let (words, replies): (Vec<_>, Vec<_>) = {
            let mut waiting = lock(&self.waiting);
            let number = waiting.len().min(CHANGES_MAX);
            // Whoever went away wants nothing any more.
            waiting.drain(..number).filter(|(_, reply)| !reply.is_closed()).unzip()
        };
        if replies.is_empty() {
            return;
        }
        let answer = write(Arc::clone(&self.voice), words.concat(), way).boxed().shared();
        for (place, reply) in replies.into_iter().enumerate() {
            // Its asker may have gone away meanwhile.
            drop(reply.send((answer.clone(), place)));
        }
    }
}

/// What the script says of each change.
async fn write(
    voice: Arc<Voice>,
    words: Vec<Vec<u8>>,
    _way: OwnedSemaphorePermit,
) -> Result<Arc<[String]>, Arc<str>> {
    let why = |error: StoreError| match error {
        StoreError::Unavailable(why) => why.into(),
        other => other.to_string().into(),
    };
    let reply = voice.call(voice.clock.now(), &voice.scripts.commit, words).await.map_err(why)?;
    let told = reply.rest.iter().skip(DONE_WORDS).map(text);
    told.collect::<Result<Vec<String>, StoreError>>().map(Into::into).map_err(why)
}
