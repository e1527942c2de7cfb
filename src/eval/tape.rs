//! A suite's recordings, as the ledger of its cases: what is on them is not bought, and what is bought goes on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Mode, Purse, Waits, report::several, shelf::Shelf};
use crate::{
    classify::{Hearing, Ledger, LedgerError, Recording, RecordingKey, Recordings, Refusal},
    config::{Files, Problems},
    decide::{budget::Cost, cost},
    domain::{Answer, Flaw, Money, Name, Price, Prior},
};

/// The recordings of one suite while it runs.
#[derive(Debug)]
pub struct Tape {
    mode: Mode,
    purse: Arc<Purse>,
    /// Who answers each judge's questions.
    vendors: BTreeMap<Name, Vendor>,
    waits: Waits,
    /// Something has hindered the run: no more questions are put.
    is_closed: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    recordings: Recordings,
    /// Requests, and numbers of their answers, that were asked for.
    used: BTreeSet<RecordingKey>,
    /// Bought in this run.
    made: BTreeSet<RecordingKey>,
    /// Whose cost was counted: two cases that ask the same share one answer.
    counted: BTreeSet<RecordingKey>,
    spent: Money,
    /// The first recording that could not be written.
    unwritten: Option<String>,
    /// Where new recordings are written.
    shelf: Option<Shelf>,
}

/// Where a judge's questions go today, and what its tokens cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Vendor {
    pub price: Price,
    pub host: String,
}

/// Why recordings cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("recordings cannot be written to {}: {source}", dir.display())]
pub struct Unwritable {
    dir: PathBuf,
    source: io::Error,
}

impl Tape {
    /// The recordings of `suite` among `files`; new ones go to `dir`. Vendors are paid out of `purse`.
    ///
    /// # Errors
    /// Files that are no recordings; the folder cannot be made.
    pub fn open(
        files: &Files,
        suite: &str,
        mode: Mode,
        dir: Option<PathBuf>,
        purse: Arc<Purse>,
        vendors: BTreeMap<Name, Vendor>,
    ) -> Result<Result<Self, Unwritable>, Problems> {
        let (recordings, problems) = Recordings::of(files, suite);
        problems.into_result()?;
        let shelf = match dir.filter(|_| mode.writes()) {
            Some(dir) => match Shelf::open(dir.clone()) {
                Ok(shelf) => Some(shelf),
                Err(source) => return Ok(Err(Unwritable { dir, source })),
            },
            None => None,
        };
        purse.open();
        let state = State { recordings, shelf, ..State::default() };
        let (waits, is_closed) = (Waits::default(), watch::Sender::new(false));
        Ok(Ok(Tape { mode, purse, vendors, waits, is_closed, state: Mutex::new(state) }))
    }

    /// Tells `waits` while a vendor is waited for.
    #[must_use]
    pub fn telling(self, waits: Waits) -> Self {
        Tape { waits, ..self }
    }

    /// From now on no more questions are put. The answers to those that are under way are recorded.
    pub(super) fn close(&self) {
        self.is_closed.send_replace(true);
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.is_closed.borrow()
    }

    /// Returns when it is.
    async fn closed(&self) {
        // It cannot fail: the sender is as old as the tape.
        let _ = self.is_closed.subscribe().wait_for(|is_closed| *is_closed).await;
    }

    /// The ledger of one case, whose questions are asked for the `sample`-th time, from 0.
    pub fn reel(&self, sample: u32) -> Reel<'_> {
        Reel { tape: self, sample, heard: Mutex::default() }
    }

    /// Answers that were bought in this run, and what they cost.
    pub fn bought(&self) -> (usize, Money) {
        let state = self.lock();
        let is_answer =
            |key: &&RecordingKey| state.recordings.get(key).is_some_and(|made| made.status.is_none());
        (state.made.iter().filter(is_answer).count(), state.spent)
    }

    /// The first recording of this run that could not be written, and why.
    pub fn unwritten(&self) -> Option<String> {
        self.lock().unwritten.clone()
    }

    /// What was taken from before although it came from elsewhere than it would come from now: one sentence for each place.
    pub fn moved(&self) -> Vec<String> {
        let state = self.lock();
        let mut from: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
        for key in state.used.difference(&state.made) {
            if let Some(recording) = state.recordings.get(key) {
                *from.entry((recording.judge.as_str(), recording.host.as_deref())).or_default() += 1;
            }
        }
        let told = |((judge, host), count): ((&str, Option<&str>), usize)| {
            let answers = format!("{} of {judge}", several(count, "recording"));
            match (host, &self.vendors.get(judge)?.host) {
                (Some(host), now) if host == now => None,
                (Some(host), now) => {
                    Some(format!("{answers} came from {host}; {judge} is asked at {now} now"))
                }
                (None, _) => Some(format!("{answers} came from nobody knows which host")),
            }
        };
        from.into_iter().filter_map(told).collect()
    }

    /// By judge, files of answers by one of `judges` that nothing in this run asked for.
    pub fn unused(&self, judges: &[Name]) -> BTreeMap<String, Vec<String>> {
        let state = self.lock();
        let asked = |recording: &&Recording| judges.iter().any(|judge| **judge == *recording.judge);
        let unused = |recording: &&Recording| !state.used.contains(&recording.key());
        by_judge(state.recordings.iter().filter(asked).filter(unused))
    }

    /// By judge, files of answers by judges that are not among `known`.
    pub fn stale(&self, known: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<String>> {
        let state = self.lock();
        by_judge(state.recordings.iter().filter(|recording| !known(&recording.judge)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds an answer or a refusal that may be taken: one from before where the mode reads those, or one of this run.
    fn find(&self, judge: &str, request: &str, sample: u32) -> Option<Recording> {
        let mut state = self.lock();
        let key = RecordingKey { judge: judge.to_owned(), request: request.to_owned(), sample };
        if !self.mode.reads() && !state.made.contains(&key) {
            return None;
        }
        // That the judge has moved since is told: see `moved`.
        let recording = state.recordings.get(&key)?.clone();
        state.used.insert(key);
        Some(recording)
    }

    fn keep(&self, recording: Recording) {
        let mut state = self.lock();
        let key = recording.key();
        if let Some(shelf) = &mut state.shelf {
            let name = recording.file_name();
            let text = recording.text().map_err(|error| format!("{name}: {error}"));
            if let Err(reason) = text.and_then(|text| shelf.keep(&name, &text)) {
                state.unwritten.get_or_insert(reason);
            }
        }
        state.used.insert(key.clone());
        state.made.insert(key);
        state.recordings.keep(recording);
    }
}

fn by_judge<'a>(recordings: impl Iterator<Item = &'a Recording>) -> BTreeMap<String, Vec<String>> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for recording in recordings {
        files.entry(recording.judge.clone()).or_default().push(recording.file_name());
    }
    files
}

/// One case's questions.
#[derive(Debug)]
pub struct Reel<'t> {
    tape: &'t Tape,
    sample: u32,
    heard: Mutex<HeardSoFar>,
}

#[derive(Debug, Default)]
struct HeardSoFar {
    /// Requests whose answer was counted: one that is put again after a wait has the same answer.
    counted: BTreeSet<String>,
    /// Requests whose answer was read.
    read: BTreeSet<String>,
    /// Bought, and not read yet.
    unread: BTreeMap<String, Recording>,
    /// Of the purse, for the question under way.
    taken: Money,
    told: Told,
}

/// What the judges of one case answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Judges that answered; a repair is not another one.
    pub asked: usize,
    pub valid_first: usize,
    pub repaired: usize,
    pub flaws: BTreeMap<&'static str, usize>,
    /// What their answers cost, at today's prices.
    pub cost: Money,
    /// The part of it for answers that nobody before in this run had asked for.
    pub cost_new: Money,
    /// The time that their answers took, one after the other, repairs among them.
    pub latency_ms: u64,
}

impl Told {
    /// Adds what another sample heard.
    pub fn add(&mut self, other: Told) {
        self.asked += other.asked;
        self.valid_first += other.valid_first;
        self.repaired += other.repaired;
        self.cost = self.cost.and(other.cost);
        self.cost_new = self.cost_new.and(other.cost_new);
        self.latency_ms = self.latency_ms.saturating_add(other.latency_ms);
        for (flaw, count) in other.flaws {
            *self.flaws.entry(flaw).or_default() += count;
        }
    }
}

impl Reel<'_> {
    /// What was heard so far.
    pub fn told(&self) -> Told {
        self.lock().told.clone()
    }

    /// Who hears that a vendor is waited for.
    pub(super) fn waits(&self) -> &Waits {
        &self.tape.waits
    }

    /// Nobody waits for an answer any more: what was taken for one that never came may have to be paid.
    pub(super) fn give_up(&self) {
        let taken = std::mem::take(&mut self.lock().taken);
        if taken != Money::default() {
            self.tape.purse.settle(taken, taken);
        }
    }

    /// Returns once no more questions are put.
    pub(super) async fn closed(&self) {
        self.tape.closed().await;
    }

    /// The question under way has cost `paid`.
    fn settle(&self, paid: Money) {
        let taken = std::mem::take(&mut self.lock().taken);
        self.tape.purse.settle(taken, paid);
    }

    fn count(&self, judge: &str, digest: &str, answer: &Answer, cost: Money) {
        let mut heard = self.lock();
        if heard.counted.insert(digest.to_owned()) {
            heard.told.cost = heard.told.cost.and(cost);
            let (judge, request) = (judge.to_owned(), digest.to_owned());
            if self.tape.lock().counted.insert(RecordingKey { judge, request, sample: self.sample }) {
                heard.told.cost_new = heard.told.cost_new.and(cost);
            }
            heard.told.latency_ms = heard.told.latency_ms.saturating_add(answer.latency_ms);
        }
    }

    /// Notes what came, an answer or a refusal of `status`, until it is read.
    fn take_in(&self, cost: &Cost<'_>, digest: &str, said: &Answer, paid: Money, status: Option<u16>) {
        let recording = Recording::new(digest.to_owned(), cost.judge, said, cost.asked_at);
        let host = self.tape.vendors.get(cost.judge).map(|vendor| vendor.host.clone());
        let recording = Recording { sample: self.sample, status, host, ..recording };
        self.count(cost.judge, digest, said, paid);
        self.lock().unread.insert(digest.to_owned(), recording);
    }

    fn lock(&self) -> MutexGuard<'_, HeardSoFar> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reel<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

#[async_trait]
impl Ledger for Reel<'_> {
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError> {
        match self.tape.find(judge, digest, self.sample) {
            Some(recording) => {
                let answer = recording.answer();
                let cost =
                    self.tape.vendors.get(judge).map(|vendor| cost::cost(answer.tokens, &vendor.price));
                self.count(judge, digest, &answer, cost.unwrap_or_default());
                Ok(Some(answer))
            }
            None if self.tape.mode.buys() => Ok(None),
            None => Err(LedgerError::Unrecorded { judge: judge.clone(), request: digest.to_owned() }),
        }
    }

    async fn begin(&self, cost: &Cost<'_>, _digest: &str) -> Result<Prior, LedgerError> {
        let room = self.tape.lock().shelf.as_ref().map_or(Ok(()), Shelf::room);
        room.map_err(|reason| LedgerError::Refused { reason })?;
        // It asks one question at a time.
        self.give_up();
        let taken = tokio::select! {
            biased; // a run that has ended buys nothing
            () = self.tape.closed() => Err("the run has come to its end".to_owned()),
            taken = self.tape.purse.take(cost.most) => taken,
        };
        taken.map_err(|reason| LedgerError::Refused { reason })?;
        self.lock().taken = cost.most;
        Ok(Prior::Begun)
    }

    async fn answered(
        &self,
        cost: &Cost<'_>,
        digest: &str,
        answer: &Answer,
        paid: Money,
    ) -> Result<(), LedgerError> {
        self.settle(paid);
        let mut state = self.tape.lock();
        state.spent = state.spent.and(paid);
        drop(state);
        self.take_in(cost, digest, answer, paid, None);
        Ok(())
    }

    async fn refusal(&self, judge: &Name, digest: &str) -> Result<Option<Refusal>, LedgerError> {
        let refusal = self.tape.find(judge, digest, self.sample).and_then(|found| found.refusal());
        if let Some(refusal) = &refusal {
            self.count(judge, digest, &refusal.said, Money::default());
        }
        Ok(refusal)
    }

    async fn refused(&self, cost: &Cost<'_>, digest: &str, refusal: &Refusal) -> Result<(), LedgerError> {
        self.take_in(cost, digest, &refusal.said, Money::default(), Some(refusal.status));
        Ok(())
    }

    async fn not_billed(&self, _cost: &Cost<'_>, _digest: &str) -> Result<(), LedgerError> {
        self.settle(Money::default());
        Ok(())
    }

    fn heard(&self, _judge: &Name, digest: &str, hearing: Hearing<'_>) {
        let Hearing { flaw, again, is_new: _, finish, redacted } = hearing;
        let mut heard = self.lock();
        if !heard.read.insert(digest.to_owned()) {
            return;
        }
        let told = &mut heard.told;
        match (flaw, again) {
            (None, false) => told.valid_first += 1,
            (None, true) => told.repaired += 1,
            (Some(flaw), _) => *told.flaws.entry(Flaw::as_str(flaw)).or_default() += 1,
        }
        told.asked += usize::from(!again);
        let unread = heard.unread.remove(digest);
        drop(heard);
        if let Some(recording) = unread {
            self.tape.keep(Recording { finish: finish.map(str::to_owned), redacted, ..recording });
        }
    }
}
