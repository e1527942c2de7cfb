//! The classifier's ledger, kept in the store under the job's lease.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{
    classify::{
        Hearing, Hindrance, Ledger, LedgerError, PerMinute, RequestTaken, TokensTaken, TokensUsed, Unwatched,
    },
    decide::{budget::Cost, tokens::Need},
    domain::{Answer, Bill, Flaw, Lease, Money, Name, Prior, PurchaseOrder},
    host::{self, FailPoint},
    store::{Claimed, Settlement, StoreError},
};

use super::Worker;

pub(super) struct StoreLedger<'a> {
    pub worker: &'a Worker,
    pub claimed: &'a Claimed,
    /// How many questions were begun.
    begun: AtomicU32,
    /// An answer that was handed in and is not known to be on record yet.
    on_its_way: Mutex<Option<OnItsWay<'a>>>,
}

struct OnItsWay<'a> {
    bill: Bill,
    ended: BoxFuture<'a, Result<(), StoreError>>,
}

impl<'a> StoreLedger<'a> {
    pub fn new(worker: &'a Worker, claimed: &'a Claimed) -> Self {
        StoreLedger { worker, claimed, begun: AtomicU32::new(0), on_its_way: Mutex::default() }
    }

    /// Settles the job. An answer that is on its way to the record need not be waited for: it gets there first, or else together
    /// with what follows from it.
    ///
    /// # Errors
    /// As [`crate::store::Store::settle`].
    pub async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let (store, lease) = (&self.worker.store, self.claimed.lease);
        let Some(OnItsWay { bill, ended }) = self.take_on_its_way() else {
            return self.worker.insist(self.claimed, || store.settle(lease, settlement.clone())).await;
        };
        let settlement = Settlement { bill: Some(bill.clone()), ..settlement };
        let settle = || store.settle(lease, settlement.clone());
        let (ended, settled) = tokio::join!(biased; ended, settle());
        let settled = match settled {
            Err(StoreError::Unavailable(_)) => self.worker.insist(self.claimed, settle).await,
            settled => settled,
        };
        // What is refused as a whole leaves the bill where it was, and the next settlement has none.
        if matches!((&ended, &settled), (Err(StoreError::Unavailable(_)), Err(StoreError::Overtaken(_)))) {
            self.end(&bill).await?;
        }
        settled
    }

    /// Puts on record what an answer cost.
    async fn end(&self, bill: &Bill) -> Result<(), StoreError> {
        let (store, lease) = (&self.worker.store, self.claimed.lease);
        self.worker.insist(self.claimed, || store.end_purchase(lease, bill)).await
    }

    /// Hands in an answer, and waits for it to be on record where it is not certain to be there before all that follows.
    async fn hand_in(&self, bill: Bill) -> Result<(), StoreError> {
        let (store, lease, order) = (&self.worker.store, self.claimed.lease, bill.clone());
        let mut ended: BoxFuture<'a, _> = Box::pin(async move {
            let ended = store.end_purchase(lease, &order).await;
            host::pass(FailPoint::AnswerCommitted);
            ended
        });
        let first = if store.keeps_order() {
            poll_fn(|context| Poll::Ready(ended.as_mut().poll(context))).await
        } else {
            Poll::Ready(ended.as_mut().await)
        };
        match first {
            Poll::Pending => {
                *self.on_its_way.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(OnItsWay { bill, ended });
                Ok(())
            }
            Poll::Ready(Err(StoreError::Unavailable(_))) => self.end(&bill).await,
            Poll::Ready(ended) => ended,
        }
    }

    /// Waits until all answers are on record.
    async fn arrived(&self) -> Result<(), StoreError> {
        let Some(OnItsWay { bill, ended }) = self.take_on_its_way() else { return Ok(()) };
        match ended.await {
            Err(StoreError::Unavailable(_)) => self.end(&bill).await,
            ended => ended,
        }
    }

    fn take_on_its_way(&self) -> Option<OnItsWay<'a>> {
        self.on_its_way.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn lost(error: StoreError) -> LedgerError {
    match error {
        StoreError::StaleLease(_) => LedgerError::LeaseLost,
        StoreError::Conflict(reason) | StoreError::Unavailable(reason) => LedgerError::Unavailable { reason },
        error @ StoreError::Overtaken(_) => LedgerError::Unavailable { reason: error.to_string() },
    }
}

/// The same refusal on its way back through the classifier.
pub(super) fn found(error: LedgerError, lease: Lease) -> StoreError {
    match error {
        LedgerError::LeaseLost => StoreError::StaleLease(lease.job),
        LedgerError::Unavailable { reason } => StoreError::Unavailable(reason),
        // The store's own ledger sells whatever is asked for.
        error @ (LedgerError::Unrecorded { .. } | LedgerError::Refused { .. }) => {
            StoreError::Unavailable(error.to_string())
        }
    }
}

#[async_trait]
impl Ledger for StoreLedger<'_> {
    async fn bought(&self, judge: &Name, digest: &str) -> Result<Option<Answer>, LedgerError> {
        if !self.claimed.has_bought {
            return Ok(None);
        }
        let (store, event) = (&self.worker.store, self.claimed.event.id);
        self.worker.insist(self.claimed, || store.bought(event, judge, digest)).await.map_err(lost)
    }

    async fn begin(&self, cost: &Cost<'_>, digest: &str) -> Result<Prior, LedgerError> {
        self.arrived().await.map_err(lost)?;
        let (store, lease) = (&self.worker.store, self.claimed.lease);
        let (charges, entry) = cost.reserve();
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let order = PurchaseOrder {
            id: Some(format!("{}/{}/{number}", lease.job, lease.token)),
            most: cost.most,
            charges,
            entry: Some(entry),
            ..PurchaseOrder::new(cost.judge, digest)
        };
        let prior = self.worker.insist(self.claimed, || store.begin_purchase(lease, &order)).await;
        host::pass(FailPoint::JudgeBegun);
        if let Ok(Prior::Short(purse)) = prior {
            self.worker.metrics.short(cost.judge, purse.as_str());
        }
        prior.map_err(lost)
    }

    async fn answered(
        &self,
        cost: &Cost<'_>,
        digest: &str,
        answer: &Answer,
        paid: Money,
    ) -> Result<(), LedgerError> {
        let (charges, entry) = cost.answered(paid, answer.tokens);
        let bill =
            Bill { cost: paid, charges, entry: Some(entry), ..Bill::new(cost.judge, digest, Some(answer)) };
        self.hand_in(bill).await.map_err(lost)
    }

    async fn not_billed(&self, cost: &Cost<'_>, digest: &str) -> Result<(), LedgerError> {
        let (charges, entry) = cost.not_billed();
        let bill = Bill { charges, entry: Some(entry), ..Bill::new(cost.judge, digest, None) };
        self.end(&bill).await.map_err(lost)
    }

    fn heard(&self, judge: &Name, _digest: &str, hearing: Hearing<'_>) {
        if hearing.is_new {
            self.worker.metrics.answer(judge, hearing.flaw.map_or("valid", Flaw::as_str), hearing.again);
        }
    }

    fn go_on(&self, call: Unwatched) {
        let (tasks, call) = (self.worker.tasks.clone(), call(Arc::clone(&self.worker.clock)));
        self.worker.tasks.spawn("call that nobody waits for", async move {
            tokio::select! {
                () = call => {}
                () = tasks.stopping() => {}
            }
        });
    }

    fn unavailable(&self, judge: &Name, hindrance: Hindrance) {
        self.worker.metrics.unavailable(judge, hindrance.as_str());
    }

    async fn may_find_out(&self, judge: &Name, every: Duration) -> bool {
        self.worker.may_find_out("judge", judge, every).await
    }

    async fn may_ask(
        &self,
        judge: &Name,
        per_min: Option<PerMinute>,
    ) -> Result<Option<RequestTaken>, Duration> {
        self.worker.may_ask("judge", judge, per_min).await
    }

    async fn not_asked(&self, judge: &Name, taken: RequestTaken) {
        self.worker.not_asked("judge", judge, taken).await;
    }

    async fn take_tokens(&self, judge: &Name, needs: &[Need]) -> Result<Vec<TokensTaken>, Duration> {
        self.worker.take_tokens(judge, needs).await
    }

    async fn tokens_used(&self, judge: &Name, used: &[TokensUsed]) {
        self.worker.tokens_used(judge, used).await;
    }

    async fn requests_left(&self, judge: &Name, per_min: Option<PerMinute>, left: u32) {
        self.worker.requests_left("judge", judge, per_min, left).await;
    }
}
