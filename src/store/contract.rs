//! The contract. Each operation is atomic and durable when it returns `Ok`, unless it says otherwise; one that returns
//! an error has changed nothing.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use crate::domain::{
    Answer, Bill, Day, Event, EventId, FrozenRequest, Job, JobId, Lease, Name, Prior, PurchaseOrder, Spent,
    Timestamp,
};

use super::{
    admission::{Accepted, Admission, NewJob},
    coming::{Coming, LimitsNow},
    keep::{EraseStep, Erased, RateDraw, RateDrawn, RetainStep, Retained},
    query::{DeadGroup, Depths, EventQuery, EventSummary, JobQuery, Load, Pause, Timeline},
    work::{Claim, ClaimRequest, Replayed, Resolution, Settlement},
};

/// Why the store could not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The lease is no longer held: what its holder wanted to say counts for nothing.
    #[error("the lease on {0} is no longer held")]
    StaleLease(JobId),
    /// It is not there, or not in the state the request supposed.
    #[error("{0}")]
    Conflict(String),
    /// This job is to be replaced and has gone on since that was planned: plan again, from a fresh record.
    #[error("{0} has gone on since it was planned to replace it")]
    Overtaken(JobId),
    /// Nothing was changed; trying again later may work.
    #[error("the store cannot answer: {0}")]
    Unavailable(String),
}

/// A backend. Every answer to a sender and every effect outside rests on these promises.
///
/// **Atomicity.** Whatever one operation changes, it changes together or not at all, also under kill -9. What several
/// callers do at the same time happens as if one after the other.
///
/// **Durability.** What an operation answers is kept, also when the machine ends. Only jobs are handed out as soon as they
/// can be: an effect outside waits for [`Store::begin`] or [`Store::begin_purchase`], whose answer says that all before it
/// is kept too. Reads and [`Store::changes`] may tell of what is about to be kept: no effect follows from them alone.
///
/// **Order.** Within a lane, jobs are claimed by due time. A store in several parts keeps to that within each of them, and
/// each has its turn; shares, limits, pauses and lines hold over all of them. Jobs with the same order key are claimable one event at a
/// time, in the order of acceptance: see [`super::Order`].
///
/// **Time.** A store goes by a time of its own, which follows the wall clock forward and never back. What is to happen
/// later is told to it as a length of time, and it adds its own present in the same atomic step: a wait passes whatever
/// the wall clock does. `due`, `fresh_at` and `first_begun_at` of a job, and so the `since` and `until` of a
/// [`JobQuery`], are times of the store: they are to be compared with [`Claimed::at`](super::Claimed::at) and
/// [`Store::now`]. When an event was received is the wall clock's.
///
/// **Leases.** A claim's token is larger than that of every earlier claim of the job, and what an older token says is
/// refused with [`StoreError::StaleLease`]. A lease is lost when its process ends, or when work is asked for after it
/// has expired (until then a late report still counts: what was done is worth knowing); the job is then ready again,
/// `lost_leases` counts up, and it is `in_doubt` if an effect had been begun. What follows from the losses is
/// [`crate::decide::lease::after_loss`]'s to say: a suspect is handed out only while its process has no other job.
///
/// **Errors.** [`StoreError::Unavailable`] may come from any operation: nothing was changed, or (only where the
/// connection to a server broke) it is not known whether it was. Every operation may be asked for again; a draw may then
/// count twice, and a turn be left out.
#[async_trait]
pub trait Store: Send + Sync {
    // ── Taking in ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes in an event with its jobs, or reports the event that has one of its keys. Keys are compared in order.
    /// A duplicate's dead jobs are made ready again with fresh attempts, and the redelivery is put on record.
    /// Idempotent by its keys: accepting the same delivery twice makes one event.
    async fn accept(&self, admission: Admission) -> Result<Accepted, StoreError>;

    /// Whether one of `keys` is known: such a delivery is let past inbound limits.
    async fn knows(&self, keys: &[super::DedupeKey]) -> Result<bool, StoreError>;

    /// How much is here, as of the last commit. Costs nothing: asked for every delivery.
    fn load(&self) -> Load;

    /// Whether more waits to be stored than is stored in good time: what is handed in now is answered late. So it is
    /// after more work than can be done, not after a burst. Costs nothing: asked for every delivery.
    fn congested(&self) -> bool;

    // ── Working ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Hands out due jobs that are neither paused nor beyond the request's limits. Does not wait for work: see
    /// [`Store::work`]. Each job goes to one caller.
    async fn claim(&self, request: ClaimRequest) -> Result<Claim, StoreError>;

    /// As [`Store::claim`]. A request that finds nothing may be left with the store, which then hands out jobs as soon as there are
    /// some. The limits are asked for whenever there may be; that must not wait for anything.
    async fn claim_or_wait(
        &self,
        request: ClaimRequest,
        _limits: LimitsNow,
    ) -> Result<(Claim, Option<Coming>), StoreError> {
        Ok((self.claim(request).await?, None))
    }

    /// The body of an event, read from wherever it is; `None` if it is gone.
    async fn body(&self, event: &Event) -> Result<Option<Bytes>, StoreError>;

    /// Puts on record that an effect is about to be attempted, with the request if it was not frozen before. After
    /// this, a lost lease leaves the job in doubt.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`]; [`StoreError::Conflict`] if another request is frozen already.
    async fn begin(&self, lease: Lease, request: Option<FrozenRequest>) -> Result<(), StoreError>;

    /// Whether what is asked for takes effect in the order in which it was asked, also if nobody waits for the answers in
    /// between. Only then is a settlement's `bill` heeded.
    fn keeps_order(&self) -> bool {
        false
    }

    /// The answer on record to a paid question, if a job of the event bought one. Reads only.
    async fn bought(&self, event: EventId, judge: &Name, digest: &str) -> Result<Option<Answer>, StoreError>;

    /// Puts on record that a paid question is about to be asked, and draws what it may cost, unless the record of the event
    /// already answers it or forbids asking again (see [`crate::decide::purchase`]), or one of its charges would go beyond its
    /// limit: then nothing is drawn. Charges of all questions together never go beyond a limit.
    ///
    /// A store in several parts draws first and puts on record then: a crash in between leaves too much drawn, never too
    /// little. Where an answer may be lost on its way, an order with the same id draws and is put on record once.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`].
    async fn begin_purchase(&self, lease: Lease, order: &PurchaseOrder) -> Result<Prior, StoreError>;

    /// Puts the answer on record, before anyone acts on it, or that it certainly was not billed; and what it cost in place of
    /// what was drawn for it.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`]; [`StoreError::Conflict`] if the job never began this purchase.
    async fn end_purchase(&self, lease: Lease, bill: &Bill) -> Result<(), StoreError>;

    /// Holds the lease for another `by` from now.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`].
    async fn extend(&self, lease: Lease, by: Duration) -> Result<(), StoreError>;

    /// Ends an attempt: its record, the job's next state, its verdict or receipt, its follow-up jobs, the end of jobs
    /// that those replace, and the release or skipping of what follows it. Gives up the lease.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`]. [`StoreError::Overtaken`] if [`super::Replaced::has_gone_on`] says so of a job that is
    /// to be replaced, as it is in the same atomic step; the lease is still held.
    async fn settle(&self, lease: Lease, settlement: Settlement) -> Result<(), StoreError>;

    // ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Everything on record about an event. A body in a file is not read: see [`Store::body`].
    async fn timeline(&self, event: EventId) -> Result<Option<Timeline>, StoreError>;

    /// Newest first.
    async fn events(&self, query: EventQuery) -> Result<Vec<EventSummary>, StoreError>;

    /// Oldest event first: dead letters, jobs waiting for a person, and so on.
    async fn jobs(&self, query: JobQuery) -> Result<Vec<Job>, StoreError>;

    /// How many jobs a query names, its `limit` and `after` aside.
    async fn count(&self, query: JobQuery) -> Result<u64, StoreError>;

    /// Dead letters by what they have in common, the largest group first.
    async fn dead_groups(&self) -> Result<Vec<DeadGroup>, StoreError>;

    /// How much is where, by counts that are kept: it does not look at what it counts.
    async fn depths(&self) -> Result<Depths, StoreError>;

    /// The present by the time that the store goes by. All that was asked for before has happened by then.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// When each source was last heard of with an event or a redelivery.
    async fn last_heard(&self) -> Result<Vec<(Name, Timestamp)>, StoreError>;

    /// What was spent on judges on a day, by classifier and judge. Kept for [`super::SPENT_KEPT`].
    async fn spent(&self, day: &Day) -> Result<Vec<Spent>, StoreError>;

    // ── Operating ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Carries out a person's decision.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the job does not wait any more: of two decisions one counts.
    async fn resolve(&self, job: JobId, resolution: Resolution) -> Result<(), StoreError>;

    /// Puts dead letters back to their lanes with fresh attempts and the same frozen requests; returns how many.
    /// Actions skipped because of them wait for them again. One call moves at most [`super::ROWS_MAX`]; a sweep of
    /// more asks again until none is left, with `until` set to [`Store::now`] as it began, so that what dies again
    /// meanwhile is not taken twice.
    async fn redrive(&self, query: JobQuery) -> Result<u64, StoreError>;

    /// Makes those of `jobs` due at once that are parked: handed back without an attempt, and not due yet. How many those
    /// were. Nothing else of them changes, except that none is younger than its due time; others stay as they are.
    async fn unpark(&self, jobs: &[JobId]) -> Result<u64, StoreError>;

    /// Lets dead letters go for good; returns how many, in steps as [`Store::redrive`].
    async fn discard(&self, query: JobQuery, note: &str) -> Result<u64, StoreError>;

    /// Adds route jobs that run an event again. Idempotent by the sweep that the jobs name: an event that has a job
    /// of it is left as it is. In the same atomic step it is seen that no other run of the event is open, as
    /// [`crate::decide::replan::hinders`] says: of two sweeps at once one wins, and the other is refused. An earlier run
    /// of one of the routes that waits for a person is discarded: its question is put anew.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is no such event, its body is gone, or one of its route jobs has not ended.
    async fn replay(&self, event: EventId, jobs: Vec<NewJob>) -> Result<Replayed, StoreError>;

    /// Stops handing out jobs of a route (its actions too), of a destination, or all jobs; accepting goes on and
    /// nothing is lost. Work under way ends. Idempotent.
    async fn pause(&self, pause: Pause) -> Result<(), StoreError>;

    /// Ends a pause. Idempotent.
    async fn resume(&self, pause: Pause) -> Result<(), StoreError>;

    /// What is paused now.
    async fn pauses(&self) -> Result<Vec<Pause>, StoreError>;

    // ── Keeping house ───────────────────────────────────────────────────────────────────────────────────────────────

    /// The value under `name`; `None` before it was first moved.
    async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Moves a cursor on from `from`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it stands elsewhere: somebody else has moved it.
    async fn move_cursor(&self, name: &str, from: Option<&str>, to: &str) -> Result<(), StoreError>;

    /// Takes the next turn of a periodic job: `true` for one caller in every `every`, however many ask.
    async fn take_turn(&self, job: &str, every: Duration) -> Result<bool, StoreError>;

    /// Draws on a rate shared by all processes as many of the wanted cells as there are, but first gives back. Over any
    /// time no more is drawn than the pace allows in it, and its burst; what is given back is as if it had not been drawn, and what
    /// is left can be told to be less.
    /// Where only one process uses the store, its rates may end with it.
    async fn draw_rate(&self, draw: RateDraw) -> Result<RateDrawn, StoreError>;

    /// Whether other processes may use the store at the same time: what this one knows by itself is not all then. Costs
    /// nothing.
    fn is_shared(&self) -> bool;

    /// One bounded step of retention. Unfinished, waiting and dead work is exempt, whatever its age.
    async fn retain(&self, step: RetainStep) -> Result<Retained, StoreError>;

    /// One bounded step of erasing a person's data: of each event after `after` on whose record `key` stands, body,
    /// headers, requests, verdicts, receipts and bought answers go; its open jobs are discarded, and the record says
    /// so. Dedupe keys stay, as every other one does, until they are old enough: without them the sender's next
    /// redelivery would be taken for a new event, and bring back what was erased.
    async fn erase(&self, step: EraseStep) -> Result<Erased, StoreError>;

    // ── Watching ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Changes whenever there may be something new to claim.
    fn work(&self) -> watch::Receiver<u64>;

    /// Changes whenever anything was changed: see **Durability**.
    fn changes(&self) -> watch::Receiver<u64>;
}
