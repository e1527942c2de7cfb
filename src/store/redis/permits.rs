//! Limits of a store in several parts. What is handed out under one of them needs a permit, and those are counted in one
//! place: the home shard of the limit's name. A permit is held for as long as the lease: it goes back when the job is
//! settled, with the process that is gone, or by itself. In one part nobody asks for one: its jobs under way are counted.
//!
//! What was handed out before there was a limit has none. A process counts what it holds so itself, not what others do: a
//! limit that is new holds over all of them once those jobs have ended.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    domain::Timestamp,
    store::{Limits, StoreError},
};

use super::{Core, link::number, script::DONE_WORDS};

/// One of those that a limit allows.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    limit: String,
    member: String,
}

/// Permits at hand, by limit.
pub(super) type Permits = BTreeMap<String, Vec<Permit>>;

/// How many a limit allows.
fn allowed(limits: &Limits, name: &str) -> Option<u32> {
    match name.split_once(':')? {
        ("route", route) => limits.routes.get(route).copied(),
        ("destination", destination) => limits.destinations.get(destination).copied(),
        _ => None,
    }
}

impl Core {
    /// Takes of the permits that are wanted as many as there are, but no more than `max` of each limit.
    pub(super) async fn take_permits(
        &self,
        wants: &BTreeMap<String, u32>,
        limits: &Limits,
        max: u32,
        until: Timestamp,
    ) -> Result<Permits, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut taken = Permits::new();
        for (name, wanted) in wants {
            // What has no limit any more is given without.
            let Some(allowed) = allowed(limits, name) else { continue };
            let bare = |mine: &&super::Mine| mine.permit.is_none() && mine.limited == *name;
            let bare = self.mine().values().filter(bare).count();
            let allowed = allowed.saturating_sub(u32::try_from(bare).unwrap_or(u32::MAX));
            let count = max.min(*wanted).min(allowed);
            let first = NEXT.fetch_add(u64::from(count), Ordering::Relaxed);
            let home = self.shards.home_of(&format!("limit:{name}"));
            let args = [
                "take".to_owned(),
                name.clone(),
                allowed.to_string(),
                count.to_string(),
                until.as_millis().to_string(),
                first.to_string(),
            ];
            let permit =
                |n| Permit { limit: name.clone(), member: format!("{}/{}", self.process, first + n) };
            let given = match self.call(&self.scripts.permit, home, args).await {
                Ok(reply) => {
                    reply.rest.get(DONE_WORDS).map(number).transpose()?.unwrap_or_default().unsigned_abs()
                }
                Err(error) => {
                    // They may have been given in an answer that did not come.
                    let asked = (0..u64::from(count)).map(permit);
                    self.give_up(taken.into_values().flatten().chain(asked)).await;
                    return Err(error);
                }
            };
            taken.insert(name.clone(), (0..given).map(permit).collect());
        }
        Ok(taken)
    }

    /// Gives permits back. One that cannot be given back now goes by itself.
    pub(super) async fn give_up(&self, permits: impl IntoIterator<Item = Permit>) {
        let mut by_limit: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Permit { limit, member } in permits {
            by_limit.entry(limit).or_default().push(member);
        }
        for (limit, members) in by_limit {
            let home = self.shards.home_of(&format!("limit:{limit}"));
            let args = ["give".to_owned(), limit.clone()].into_iter().chain(members);
            if let Err(error) = self.call(&self.scripts.permit, home, args).await {
                tracing::warn!(%error, limit, "a place within a limit is free only when its lease is over");
            }
        }
    }

    /// Holds a permit for as long as its lease, which was extended.
    pub(super) async fn hold_on(&self, permit: &Permit, until: Timestamp) {
        let home = self.shards.home_of(&format!("limit:{}", permit.limit));
        let args = ["hold", &permit.limit, &permit.member, &until.as_millis().to_string()];
        if let Err(error) = self.call(&self.scripts.permit, home, args).await {
            tracing::warn!(%error, limit = permit.limit, "a place within a limit may be free before its job has ended");
        }
    }
}
