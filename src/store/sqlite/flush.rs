//! Has the disk keep what was written to the write-ahead log. Threads of their own ask it, so that the writer goes on meanwhile:
//! whatever was written before the disk is asked is kept once it answers, and whoever waits for that is told then.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::writer::{CommitObserver, Reply};

/// How long those wait for company whom the flush for somebody else would serve as well. It mostly comes: what follows from the end of
/// a job is begun at once.
const COMPANY: Duration = Duration::from_micros(300);

/// Flushes under way at one time: who comes during the first need not wait for its end. More would only make each of them slower.
const FLUSHERS: usize = 2;

/// Operations that may have been written when the disk is asked. Beyond it the writer waits, and what is handed in meanwhile shares
/// a transaction: many small ones are more work.
const OPERATIONS_MAX: usize = 32;

/// How soon somebody has to know that it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Haste {
    /// With the next flush, or after [`COMPANY`].
    Soon,
    Now,
}

/// A transaction that was written.
pub(super) struct Written {
    /// To those who wait until it is kept.
    pub replies: Vec<Reply>,
    pub haste: Haste,
    pub operations: usize,
    /// Else there is nothing to be kept, but perhaps something was read that is not kept yet.
    pub changed: bool,
    /// How long it took.
    pub work: Duration,
}

/// The writer's end.
pub(super) struct Flush {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when something was written, or nothing will be any more.
    written: Condvar,
    /// Told when what was written is taken.
    taken: Condvar,
    /// Nanoseconds that the disk needed last; 0 before the first time.
    took_ns: AtomicU64,
}

#[derive(Default)]
struct State {
    written: Vec<Written>,
    operations: usize,
    /// Since when the first of them waits.
    since: Option<Instant>,
    /// Flushes under way.
    flushing: usize,
    is_closed: bool,
}

impl Flush {
    /// Starts the threads. What `open` gives to each has the disk keep what was written so far; where that fails the process ends: see
    /// [`give_up`]. A failure must be told to every one of them: of a file that they share it is told only once.
    pub fn start<Ask: Fn() -> io::Result<()> + Send + 'static>(
        open: impl Fn() -> io::Result<Ask>,
        on_commit: CommitObserver,
    ) -> io::Result<Self> {
        let mut flush = Flush { shared: Arc::default(), threads: Vec::new() };
        for _ in 0..FLUSHERS {
            let (shared, on_commit) = (Arc::clone(&flush.shared), Arc::clone(&on_commit));
            let flusher = Flusher { shared, ask: open()?, on_commit };
            let thread = std::thread::Builder::new().name("store-flusher".to_owned());
            flush.threads.push(thread.spawn(|| flusher.run())?);
        }
        Ok(flush)
    }

    /// Waits while more is written than the disk is asked to keep.
    pub fn wait_for_room(&self) {
        let full = |state: &mut State| state.is_full();
        // Nothing that holds the lock can fail half way.
        let room = self.shared.taken.wait_while(self.shared.state(), full);
        drop(room.unwrap_or_else(PoisonError::into_inner));
    }

    /// Has this kept, and its replies sent then.
    pub fn push(&self, written: Written) {
        let mut state = self.shared.state();
        let is_news = state.written.is_empty() || written.haste == Haste::Now;
        state.operations += written.operations;
        state.since.get_or_insert_with(Instant::now);
        state.written.push(written);
        let is_news = is_news || state.is_full();
        drop(state);
        if is_news {
            self.shared.written.notify_one();
        }
    }

    /// How long the disk needed last.
    pub fn took(&self) -> Option<Duration> {
        let took = self.shared.took_ns.load(Ordering::Relaxed);
        (took > 0).then(|| Duration::from_nanos(took))
    }
}

/// What was written is kept, and told, before the database is closed.
impl Drop for Flush {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.written.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a flusher of the store had panicked");
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what there is to flush, and whether it has to be; nothing once the writer is gone.
    fn next(&self) -> Option<(Vec<Written>, bool)> {
        let mut state = self.state();
        loop {
            let wait = state.wait();
            state = match wait {
                Wait::Over if state.written.is_empty() => return None,
                Wait::Over => break,
                Wait::Forever => self.written.wait(state).unwrap_or_else(PoisonError::into_inner),
                Wait::AtMost(time) => {
                    self.written.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let written = std::mem::take(&mut state.written);
        (state.operations, state.since) = (0, None);
        // What was only read, and is told, may be of what another flush is about to have kept.
        let is_told = written.iter().any(|one| !one.replies.is_empty());
        let is_needed = written.iter().any(|one| one.changed) || state.flushing > 0 && is_told;
        state.flushing += usize::from(is_needed);
        drop(state);
        self.taken.notify_one();
        Some((written, is_needed))
    }
}

/// For how long the flusher has nothing to do.
enum Wait {
    Over,
    AtMost(Duration),
    Forever,
}

impl State {
    fn is_full(&self) -> bool {
        self.operations >= OPERATIONS_MAX
    }

    fn wait(&self) -> Wait {
        let Some(since) = self.since else {
            return if self.is_closed { Wait::Over } else { Wait::Forever };
        };
        if self.is_closed || self.is_full() || self.written.iter().any(|one| one.haste == Haste::Now) {
            return Wait::Over;
        }
        COMPANY.checked_sub(since.elapsed()).map_or(Wait::Over, Wait::AtMost)
    }
}

struct Flusher<Ask> {
    shared: Arc<Shared>,
    ask: Ask,
    on_commit: CommitObserver,
}

impl<Ask: Fn() -> io::Result<()>> Flusher<Ask> {
    fn run(self) {
        let _end = super::writer::EndWithTheStore;
        while let Some((written, is_needed)) = self.shared.next() {
            if is_needed {
                self.flush(&written);
            }
            written.into_iter().flat_map(|one| one.replies).for_each(|reply| reply(Ok(())));
        }
    }

    fn flush(&self, written: &[Written]) {
        let begun = Instant::now();
        if let Err(error) = (self.ask)() {
            give_up(&error);
        }
        let took = begun.elapsed();
        self.shared.state().flushing -= 1;
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.shared.took_ns.store(ns, Ordering::Relaxed);
        let work: Duration = written.iter().map(|one| one.work).sum();
        (self.on_commit)(work + took, written.iter().map(|one| one.operations).sum());
    }
}

/// Nobody knows what is kept: the next process reads what there is. Whoever asks once more is told that all is well.
pub(super) fn give_up(error: &io::Error) -> ! {
    tracing::error!(%error, "the disk did not keep what was written: ending the process, so that what is kept is read anew");
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::mpsc::{self, Receiver, Sender},
    };

    use tokio::sync::oneshot::{self, error::TryRecvError};

    use super::*;

    /// A disk that answers when it is let.
    struct Disk {
        flush: Flush,
        asked: Receiver<Question>,
        /// How many operations shared a flush.
        kept: Receiver<usize>,
    }

    /// What the disk was asked.
    struct Question(Sender<()>);

    impl Question {
        fn answer(self) {
            self.0.send(()).unwrap();
        }
    }

    fn disk() -> Disk {
        let (ask, asked) = mpsc::channel();
        let (tell, kept) = mpsc::channel();
        let (ask, tell) = (Mutex::new(ask), Mutex::new(tell));
        let answer = move || {
            let (let_answer, answer) = mpsc::channel();
            ask.lock().unwrap().send(Question(let_answer)).unwrap();
            answer.recv().map_err(io::Error::other)
        };
        let on_commit = Arc::new(move |_, operations| tell.lock().unwrap().send(operations).unwrap());
        let answer = Arc::new(answer);
        let open = || {
            let answer = Arc::clone(&answer);
            Ok(move || answer())
        };
        Disk { flush: Flush::start(open, on_commit).unwrap(), asked, kept }
    }

    impl Disk {
        fn push(&self, haste: Haste, changed: bool, operations: usize) -> oneshot::Receiver<()> {
            let (reply, told) = oneshot::channel();
            // Some do not wait for it.
            let reply: Reply = Box::new(move |kept| {
                assert!(kept.is_ok());
                let _ = reply.send(());
            });
            let written = Written { replies: vec![reply], haste, operations, changed, work: Duration::ZERO };
            self.flush.push(written);
            told
        }

        /// Waits until it is asked.
        fn asked(&self) -> Question {
            self.asked.recv().unwrap()
        }

        /// As many questions as there can be at one time, each about one operation.
        fn busy(&self) -> Vec<Question> {
            let begin = |_| {
                drop(self.push(Haste::Now, true, 1));
                self.asked()
            };
            (0..FLUSHERS).map(begin).collect()
        }
    }

    fn is_told(told: &mut oneshot::Receiver<()>) -> bool {
        told.try_recv() != Err(TryRecvError::Empty)
    }

    #[test]
    fn nobody_is_told_before_the_disk_answers() {
        let disk = disk();
        let mut first = disk.push(Haste::Now, true, 1);
        let question = disk.asked();
        // What is written meanwhile is not what the disk was asked to keep.
        let mut second = disk.push(Haste::Now, true, 1);
        let later = disk.asked();
        assert!(!is_told(&mut first) && !is_told(&mut second));
        question.answer();
        first.blocking_recv().unwrap();
        assert!(!is_told(&mut second));
        later.answer();
        second.blocking_recv().unwrap();
        assert!(disk.flush.took().is_some());
    }

    #[test]
    fn what_comes_while_the_disk_is_busy_shares_a_flush() {
        let disk = disk();
        let busy = disk.busy();
        let told = [Haste::Now, Haste::Soon, Haste::Now].map(|haste| disk.push(haste, true, 1));
        busy.into_iter().for_each(Question::answer);
        disk.asked().answer();
        told.into_iter().for_each(|told| told.blocking_recv().unwrap());
        let kept: BTreeSet<usize> = (0..=FLUSHERS).map(|_| disk.kept.recv().unwrap()).collect();
        assert_eq!(kept, [1, 3].into(), "one each, and one for all three");
    }

    #[test]
    fn what_was_only_read_waits_for_what_was_written_before() {
        let disk = disk();
        drop(disk.push(Haste::Now, true, 1));
        let question = disk.asked();
        let mut read = disk.push(Haste::Now, false, 1);
        let later = disk.asked();
        assert!(!is_told(&mut read), "it may be of what is not kept");
        later.answer();
        read.blocking_recv().unwrap();
        question.answer();
        for _ in 0..2 {
            disk.kept.recv().unwrap();
        }
        disk.push(Haste::Now, false, 1).blocking_recv().unwrap();
        assert!(disk.asked.try_recv().is_err(), "there was nothing to keep");
    }

    #[test]
    fn who_is_in_no_haste_is_told_all_the_same() {
        let disk = disk();
        let told = disk.push(Haste::Soon, true, 1);
        disk.asked().answer();
        told.blocking_recv().unwrap();
    }

    #[test]
    fn the_writer_waits_while_much_is_written() {
        let disk = disk();
        let busy = disk.busy();
        drop(disk.push(Haste::Soon, true, OPERATIONS_MAX - 1));
        disk.flush.wait_for_room();
        drop(disk.push(Haste::Soon, true, 1));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| disk.flush.wait_for_room());
            assert!(!waits.is_finished());
            busy.into_iter().for_each(Question::answer);
            waits.join().unwrap();
        });
        disk.asked().answer();
    }

    #[test]
    fn whatever_was_written_is_kept_before_it_ends() {
        let disk = disk();
        let told = disk.push(Haste::Soon, true, 1);
        let Disk { flush, asked, kept: _kept } = disk;
        std::thread::scope(|scope| {
            scope.spawn(move || asked.recv().unwrap().answer());
            drop(flush);
        });
        assert_eq!(told.blocking_recv(), Ok(()));
    }
}
