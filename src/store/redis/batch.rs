//! What waits at the same moment to be written to one shard goes to the server in one script: that saves what a script costs
//! beside its commands, and one sync of the log serves all. Each entry counts for itself: one that is refused holds up no
//! other.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use crate::{domain::Timestamp, store::StoreError};

use super::{
    link::text,
    lock,
    script::{Code, DONE_WORDS, Scripts},
    voice::Voice,
};

/// Scripts under way at one time: one is on its way while the other is carried out. What comes meanwhile waits for the next.
const WAYS: usize = 2;

/// Longest time for which an answer that does not come keeps others waiting: the connection may be dead.
const WAY_HELD: Duration = Duration::from_millis(500);

/// Entries in one script. Others wait for as long as it takes.
const ENTRIES_MAX: usize = 64;

/// Bytes in one script, unless a single entry has more. The server answers nobody else meanwhile.
const BYTES_MAX: usize = 1024 * 1024;

/// The answer to several entries: what the script says of each, or why that is not known. Each of those who asked drives
/// it, so that one of them may go away.
type Answer = Shared<BoxFuture<'static, Result<Arc<[String]>, Arc<str>>>>;

/// An entry that waits to be sent.
struct Waiting {
    words: Vec<Vec<u8>>,
    bytes: usize,
    /// Is told when it is sent: the answer, and its place among those that answers.
    sent: oneshot::Sender<(Answer, usize)>,
}

/// What is written to one shard by one script, which must use `each`.
pub(super) struct Batch {
    pen: Arc<Pen>,
    waiting: Mutex<Vec<Waiting>>,
    ways: Arc<Semaphore>,
}

/// What writes.
struct Pen {
    code: fn(&Scripts) -> &Code,
    voice: Arc<Voice>,
    /// Is called when a script has answered.
    written: Box<dyn Fn() + Send + Sync>,
}

fn lost() -> StoreError {
    StoreError::Unavailable("whether it was written is not known".to_owned())
}

impl Batch {
    /// `written` is called whenever something was, even if whoever asked for it has gone away.
    pub fn new(
        code: fn(&Scripts) -> &Code,
        voice: Arc<Voice>,
        written: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let pen = Arc::new(Pen { code, voice, written: Box::new(written) });
        Batch { pen, waiting: Mutex::default(), ways: Arc::new(Semaphore::new(WAYS)) }
    }

    /// Has the script do one thing that was decided at `now`, alone or with others; what it says of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may have been done all the same.
    pub async fn ask(&self, now: Timestamp, mut words: Vec<Vec<u8>>) -> Result<String, StoreError> {
        let head = [now.as_millis().to_string(), words.len().to_string()];
        words.splice(0..0, head.map(String::into_bytes));
        let bytes = words.iter().map(Vec::len).sum();
        let (sent, mut is_sent) = oneshot::channel();
        lock(&self.waiting).push(Waiting { words, bytes, sent });
        let (answer, place) = loop {
            let ways = Arc::clone(&self.ways);
            tokio::select! {
                biased;
                sent = &mut is_sent => break sent.map_err(|_| lost())?,
                // Whoever comes first sends all that wait.
                way = ways.acquire_owned() => self.send(way.map_err(|_| lost())?),
            }
        };
        let told = answer.await.map_err(|why| StoreError::Unavailable(why.to_string()))?;
        let told = told.get(place).ok_or_else(lost)?;
        match told.strip_prefix('!') {
            Some(why) => Err(StoreError::Unavailable(format!("Redis: {why}"))),
            None => Ok(told.clone()),
        }
    }

    fn send(&self, way: OwnedSemaphorePermit) {
        let (words, replies): (Vec<_>, Vec<_>) = {
            let mut waiting = lock(&self.waiting);
            let mut bytes = 0;
            let fits = waiting.iter().take(ENTRIES_MAX).take_while(|one| {
                let is_first = bytes == 0;
                bytes += one.bytes;
                is_first || bytes <= BYTES_MAX
            });
            let number = fits.count();
            // Whoever went away wants nothing any more.
            let wanted = waiting.drain(..number).filter(|one| !one.sent.is_closed());
            wanted.map(|one| (one.words, one.sent)).unzip()
        };
        if replies.is_empty() {
            return;
        }
        let words = words.into_iter().flatten().collect();
        let pen = Arc::clone(&self.pen);
        let answer = async move { pen.write(words, way).await }.boxed().shared();
        for (place, reply) in replies.into_iter().enumerate() {
            // Its asker may have gone away meanwhile.
            drop(reply.send((answer.clone(), place)));
        }
    }
}

impl Pen {
    /// What the script says of each entry.
    async fn write(&self, words: Vec<Vec<u8>>, way: OwnedSemaphorePermit) -> Result<Arc<[String]>, Arc<str>> {
        let why = |error: StoreError| match error {
            StoreError::Unavailable(why) => why.into(),
            other => other.to_string().into(),
        };
        let Pen { code, voice, written } = self;
        let mut call = pin!(voice.call(voice.clock.now(), code(&voice.scripts), words));
        let in_time = timeout(WAY_HELD, &mut call).await;
        drop(way);
        let reply = match in_time {
            Ok(reply) => reply,
            Err(_) => call.await,
        };
        let reply = reply.map_err(why)?;
        written();
        let told = reply.rest.iter().skip(DONE_WORDS).map(text);
        told.collect::<Result<Vec<String>, StoreError>>().map(Into::into).map_err(why)
    }
}
