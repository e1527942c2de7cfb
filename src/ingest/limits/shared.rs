//! Limits that hold over all processes which share a store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::{
    domain::Clock,
    rate::{Cell, Drawing, Slice, Slot, Stand},
    store::{Back, RateDraw, RateDrawn, Store, StoreError},
};

use super::{SENDERS_MAX, Sender};

const MINUTE: Duration = Duration::from_mins(1);

/// Longest time that a delivery waits to hear how much the other processes took. Then it goes by this process's own
/// limit, and so do those that follow, for a second.
const DRAW_WITHIN: Duration = Duration::from_millis(50);

/// How often idle senders are looked for once there is no room for another.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Where all processes draw.
#[async_trait]
pub(in crate::ingest) trait Rates: Send + Sync {
    async fn draw(&self, draw: RateDraw) -> Result<RateDrawn, StoreError>;
}

#[async_trait]
impl Rates for Arc<dyn Store> {
    async fn draw(&self, draw: RateDraw) -> Result<RateDrawn, StoreError> {
        self.draw_rate(draw).await
    }
}

/// What limits draw with.
#[derive(Clone)]
pub(in crate::ingest) struct Till {
    pub rates: Arc<dyn Rates>,
    pub clock: Arc<dyn Clock>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    Cell(Cell),
    Spent {
        wait: Duration,
    },
    /// The others' share is not known; this process's own limit is what counts.
    Alone,
}

/// One limit.
pub(super) struct Shared {
    name: String,
    slice: Slice,
    /// One draw at a time: whoever comes meanwhile finds what it brought.
    drawing: tokio::sync::Mutex<()>,
}

impl Shared {
    pub fn per_minute(name: String, cells: u32) -> Self {
        Shared { name, slice: Slice::new(cells, MINUTE), drawing: tokio::sync::Mutex::new(()) }
    }

    /// How long until there is one, where it is known without asking that there is none.
    pub fn spent(&self, till: &Till) -> Option<Duration> {
        self.slice.spent(till.clock.monotonic())
    }

    /// Takes a cell. Waits for nothing while there are some in the slice.
    pub async fn take(&self, till: &Till) -> Took {
        match self.slice.take(till.clock.monotonic()) {
            Stand::Taken(cell) => Took::Cell(cell),
            Stand::Spent { wait } => Took::Spent { wait },
            Stand::Alone => Took::Alone,
            Stand::Draw(drawing) => self.draw_in_time(till, drawing).await,
        }
    }

    async fn draw_in_time(&self, till: &Till, drawing: Drawing) -> Took {
        let took = within(till, async {
            let _one = self.drawing.lock().await;
            self.draw(till, drawing).await
        });
        took.await.unwrap_or_else(|| {
            self.slice.unanswered(till.clock.monotonic());
            Took::Alone
        })
    }

    async fn draw(&self, till: &Till, first: Drawing) -> Took {
        let mut drawing = first;
        loop {
            let asked = till.clock.monotonic();
            // Somebody else may have drawn meanwhile.
            match self.slice.take(asked) {
                Stand::Taken(cell) => return Took::Cell(cell),
                Stand::Spent { wait } => return Took::Spent { wait },
                Stand::Alone => return Took::Alone,
                Stand::Draw(again) => drawing.back = drawing.back.or(again.back),
            }
            match till.rates.draw(self.request(drawing)).await {
                Ok(RateDrawn { cells, at, wait }) => {
                    self.slice.fill(cells, at, wait, asked, till.clock.monotonic());
                }
                Err(error) => {
                    tracing::debug!(%error, rate = self.name, "a shared limit was not reached");
                    self.slice.unanswered(till.clock.monotonic());
                    return Took::Alone;
                }
            }
            drawing.back = None;
        }
    }

    fn request(&self, drawing: Drawing) -> RateDraw {
        RateDraw {
            rate: self.name.clone(),
            pace: self.slice.pace(),
            cells: drawing.cells,
            back: drawing.back.map(|(cells, drawn_at)| Back { cells, drawn_at }),
            leave: None,
        }
    }

    /// Undoes a take. What cannot be given back in time is not: it comes back by itself.
    pub async fn give_back(&self, till: &Till, cell: Cell) {
        if let Some(drawing) = self.slice.give_back(cell, till.clock.monotonic())
            && let Some(Err(error)) = within(till, till.rates.draw(self.request(drawing))).await
        {
            tracing::debug!(%error, rate = self.name, "what was not used was not given back");
        }
    }
}

/// What comes in time.
async fn within<T>(till: &Till, coming: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        came = coming => Some(came),
        () = till.clock.sleep_until(till.clock.now().plus(DRAW_WITHIN)) => None,
    }
}

/// A limit for each sender, as many as this process has of its own; the rest share one, over all processes.
pub(super) struct SharedSenders {
    name: String,
    cells: u32,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    limits: HashMap<Slot<Sender>, Arc<Shared>>,
    swept: Duration,
}

impl SharedSenders {
    pub fn per_minute(name: String, cells: u32) -> Self {
        SharedSenders { name, cells, known: Mutex::default() }
    }

    pub fn of(&self, slot: &Slot<Sender>, elapsed: Duration) -> Arc<Shared> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = known.limits.get(slot) {
            return Arc::clone(limit);
        }
        if known.limits.len() > SENDERS_MAX && elapsed >= known.swept + SWEEP_EVERY {
            known.swept = elapsed;
            known.limits.retain(|_, limit| !limit.slice.is_idle(elapsed));
        }
        let slot = if known.limits.len() > SENDERS_MAX { &Slot::Shared } else { slot };
        let make = || Arc::new(Shared::per_minute(format!("{}/{}", self.name, tag(slot)), self.cells));
        Arc::clone(known.limits.entry(slot.clone()).or_insert_with(make))
    }
}

/// What a sender is called where all processes count: of one length, and saying nothing of who it is.
fn tag(slot: &Slot<Sender>) -> String {
    let digest = match slot {
        Slot::Own(Sender::Account(account)) => Sha256::digest(format!("account/{account}")),
        Slot::Own(Sender::Client(address)) => Sha256::digest(format!("client/{address}")),
        Slot::Shared => return "others".to_owned(),
    };
    hex::encode(digest.get(..16).unwrap_or(&digest))
}

#[cfg(test)]
mod tests;
