//! Moving the work of the SQLite file to Redis. It may end at any moment, and is then begun again.
//!
//! 1. Redis is reached, and found empty.
//! 2. The file notes that its work goes: from now on no service opens it.
//! 3. Redis is closed to everybody else, and all is copied there; what is there already stays as it is.
//! 4. Both sides are counted, and must agree. Redis notes that it has everything.
//! 5. The file notes that its work is gone.
//! 6. Redis is opened: the first job may be handed out.

use std::{pin::Pin, task::Poll};

use serde::{Deserialize, Serialize};

use crate::{
    decide::migration::{Arriving, Leaving, Refusal, Step, next},
    domain::Body,
};

use super::{
    Carried, Departure, Inventory, Store, StoreError,
    redis::{self, Import, Standing, Target},
    sqlite::SqliteStore,
};

/// Why the work was not moved, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(
        "{to} holds events of another origin, and the work of two stores is not mixed: choose another store.redis.prefix, \
         or empty it"
    )]
    Foreign { to: String },
    #[error(
        "the work of this file was moved to {to}, and not to what [store.redis] names now: `hookyard serve` goes on with \
         it where it is"
    )]
    Gone { to: String },
    #[error(
        "in the file and in Redis there is not the same: {}. Nothing works on it in either; run it again, or stay with the \
         file with --abandon", .0.join("; ")
    )]
    Differs(Vec<String>),
    #[error(transparent)]
    Redis(#[from] redis::OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what Redis keeps of the migration cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// What was moved, however many runs it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// Where the work is now.
    pub to: String,
    #[serde(flatten)]
    pub moved: Inventory,
    pub dedupe_keys: u64,
    /// Older events, at their end, that stay in the file.
    pub events_left: u64,
}

/// How far it is: events copied, of how many.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Moves the work of `file` to `target`, or what an earlier run left of it. A second run after a whole one moves nothing,
/// and tells the same. `name` is one that no migration had; `to` names the target for people.
///
/// # Errors
/// See [`MigrateError`]; another run goes on.
pub async fn migrate(
    file: &SqliteStore,
    target: Target,
    name: String,
    to: String,
    progress: Progress<'_>,
) -> Result<Migrated, MigrateError> {
    Journey { file, to, progress }.go(target, name).await
}

struct Journey<'a> {
    file: &'a SqliteStore,
    to: String,
    progress: Progress<'a>,
}

impl Journey<'_> {
    async fn go(&self, target: Target, name: String) -> Result<Migrated, MigrateError> {
        let departure = self.file.departure().await?;
        let standing = target.standing().await?;
        let step = next(leaving(departure.as_ref()), arriving(&standing));
        match (step, departure) {
            (Step::Refuse(Refusal::Gone), Some(Departure { to, .. })) => Err(MigrateError::Gone { to }),
            (Step::Open, Some(departure)) => {
                let import = target.of(&departure.id);
                self.arrive(&import, departure, serde_json::from_str(&standing.result.unwrap_or_default())?)
                    .await
            }
            (Step::GoOn, Some(departure)) => self.copy(target.of(&departure.id), departure).await,
            (Step::Begin, _) => {
                let departure = self.file.depart(name, self.to.clone()).await?;
                self.copy(target.of(&departure.id), departure).await
            }
            (Step::Refuse(_) | Step::Open | Step::GoOn, _) => {
                Err(MigrateError::Foreign { to: self.to.clone() })
            }
        }
    }

    async fn copy(&self, import: Import, departure: Departure) -> Result<Migrated, MigrateError> {
        import.begin().await.map_err(|error| match error {
            StoreError::Conflict(_) => MigrateError::Foreign { to: self.to.clone() },
            error => error.into(),
        })?;
        let mut export = self.file.export(&departure).await?;
        let extent = export.extent().await?;
        let (mut copied, all) = (0, extent.carried.events);
        (self.progress)(0, all);
        loop {
            let page = export.next().await?;
            if page.is_empty() {
                break;
            }
            let (apart, here): (Vec<&Carried>, Vec<&Carried>) =
                page.iter().partition(|carried| matches!(carried.event.body, Body::File(_)));
            together(here.into_iter().map(|carried| import.put(carried, None))).await?;
            // One large body in memory at a time.
            for carried in apart {
                let body = self.file.body(&carried.event).await?;
                import.put(carried, body.as_ref()).await?;
            }
            copied += page.len() as u64;
            (self.progress)(copied, all);
        }
        import.furnish(&export.household().await?, departure.at).await?;
        let differences = extent.carried.differences(&import.inventory().await?);
        if !differences.is_empty() {
            return Err(MigrateError::Differs(differences));
        }
        let migrated = Migrated {
            to: self.to.clone(),
            moved: extent.carried,
            dedupe_keys: extent.keys,
            events_left: extent.left,
        };
        import.is_whole(&serde_json::to_string(&migrated)?).await?;
        self.arrive(&import, departure, migrated).await
    }

    /// Everything is there: whoever comes first may work on it, there alone.
    async fn arrive(
        &self,
        import: &Import,
        departure: Departure,
        migrated: Migrated,
    ) -> Result<Migrated, MigrateError> {
        if !departure.done {
            self.file.departed(departure).await?;
        }
        import.open().await?;
        Ok(migrated)
    }
}

fn leaving(departure: Option<&Departure>) -> Leaving<'_> {
    match departure {
        None => Leaving::No,
        Some(Departure { id, done: false, .. }) => Leaving::Begun { id },
        Some(Departure { id, done: true, .. }) => Leaving::Done { id },
    }
}

fn arriving(standing: &Standing) -> Arriving<'_> {
    match &standing.migration {
        Some(id) => Arriving::Begun { id, whole: standing.result.is_some() },
        None if standing.events > 0 => Arriving::InUse,
        None => Arriving::Empty,
    }
}

/// Does all at the same time; ends with the first that fails.
async fn together<E>(all: impl Iterator<Item = impl Future<Output = Result<(), E>>>) -> Result<(), E> {
    let mut open: Vec<Pin<Box<_>>> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        let mut at = 0;
        while let Some(one) = open.get_mut(at) {
            match one.as_mut().poll(context) {
                Poll::Ready(Ok(())) => drop(open.swap_remove(at)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => at += 1,
            }
        }
        if open.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}
