//! Claims of a store in several parts: from all of them, each lane's share first, and limits and those that run alone over
//! all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    domain::Lane,
    store::{Claim, ClaimRequest, StoreError},
};

use super::{
    Core,
    claim::Claims,
    keys::{self, Shard},
    lock,
    permits::Permits,
};

/// What a process knows of the parts. It decides only in which order they are asked, and what is asked at once.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Where the next claim begins: every part has its turn.
    turn: AtomicUsize,
    /// Parts with jobs that run alone. They are asked first: nothing may be under way when such a job is handed out.
    alone: Mutex<BTreeSet<u16>>,
    /// What waited for a permit when a part was last asked. It is asked for at once the next time, so that what has no
    /// limit is not always first.
    wants: Mutex<BTreeMap<u16, BTreeMap<String, u32>>>,
    /// Permits for which a part may have handed jobs out in an answer that did not come: they are held until the next one
    /// tells, which hands those jobs out once more.
    owed: Mutex<BTreeMap<u16, Permits>>,
}

impl Gathering {
    pub fn suspect(&self, shard: &Shard, is_there: bool) {
        let mut alone = lock(&self.alone);
        if is_there {
            alone.insert(shard.n);
        } else {
            alone.remove(&shard.n);
        }
    }
}

impl Core {
    /// A part that cannot be reached holds up no other: it is an error only where nothing else was found.
    pub(super) async fn gather(
        &self,
        request: &ClaimRequest,
        claims: &mut Claims,
        claim: &mut Claim,
    ) -> Result<(), StoreError> {
        let mut failed = None;
        self.gather_from_all(request, claims, claim, &mut failed).await;
        match failed {
            Some(error) if claim.jobs.is_empty() => return Err(error),
            Some(error) => tracing::warn!(%error, "a part of the store was not reached"),
            None => {}
        }
        if !claim.jobs.is_empty() {
            claim.next_in = None;
        }
        Ok(())
    }

    async fn gather_from_all(
        &self,
        request: &ClaimRequest,
        claims: &mut Claims,
        claim: &mut Claim,
        failed: &mut Option<StoreError>,
    ) {
        let order = self.order();
        let max = request.max() as usize;
        let mut left = request.shares;
        // Lanes of parts that have no more.
        let mut dry: BTreeSet<(u16, Lane)> = BTreeSet::new();
        for shard in &order {
            // Whoever asks for nothing still takes back what was lost, wherever that was.
            if max > 0 && claim.jobs.len() >= max {
                break;
            }
            let before = claim.jobs.len();
            let told = self
                .claim_from(shard, &ClaimRequest { shares: left, ..request.clone() }, claims, claim)
                .await;
            for (lane, share) in &mut left {
                let got = claim.jobs[before..].iter().filter(|claimed| claimed.job.lane == *lane).count();
                let got = u32::try_from(got).unwrap_or(u32::MAX);
                if got < *share {
                    dry.insert((shard.n, *lane));
                }
                *share = share.saturating_sub(got);
            }
            match told {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    dry.extend(Lane::ALL.iter().map(|lane| (shard.n, *lane)));
                    *failed = Some(error);
                }
            }
        }
        // What lanes leave goes to the others.
        for (lane, _) in request.shares {
            for shard in order.iter().filter(|shard| !dry.contains(&(shard.n, lane))) {
                let room = max.saturating_sub(claim.jobs.len());
                if room == 0 {
                    break;
                }
                let room = u32::try_from(room).unwrap_or(u32::MAX);
                let shares = request.shares.map(|(of, _)| (of, if of == lane { room } else { 0 }));
                match self.claim_from(shard, &ClaimRequest { shares, ..request.clone() }, claims, claim).await
                {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => *failed = Some(error),
                }
            }
        }
        // As they would come from one part.
        let at = |lane| request.shares.iter().position(|(of, _)| *of == lane);
        claim.jobs.sort_by_key(|claimed| (at(claimed.job.lane), claimed.job.due, claimed.job.id));
    }

    /// The parts in the order to ask them.
    fn order(&self) -> Vec<Shard> {
        let mut order: Vec<Shard> = self.shards.all().cloned().collect();
        let turn = self.gathering.turn.fetch_add(1, Ordering::Relaxed);
        order.rotate_left(turn % self.shards.number());
        let alone = lock(&self.gathering.alone);
        order.sort_by_key(|shard| !alone.contains(&shard.n));
        order
    }

    /// Claims from one part; `false` if nothing more may be asked for now.
    async fn claim_from(
        &self,
        shard: &Shard,
        request: &ClaimRequest,
        claims: &mut Claims,
        claim: &mut Claim,
    ) -> Result<bool, StoreError> {
        let mut wants = lock(&self.gathering.wants).remove(&shard.n).unwrap_or_default();
        // Limits of which no permit is left.
        let mut used_up: BTreeSet<String> = BTreeSet::new();
        let first = claim.jobs.len();
        loop {
            let before = claim.jobs.len();
            let room = request.max().saturating_sub(u32::try_from(before - first).unwrap_or(u32::MAX));
            let until = self.clock.now().plus(request.lease);
            let mut permits = self.take_permits(&wants, &request.limits, room, until).await?;
            let none = used_up.iter().map(|name| (name.clone(), 0));
            let at_hand: BTreeMap<String, u32> =
                none.chain(permits.iter().map(|(name, of)| (name.clone(), of.len() as u32))).collect();
            let rest = self.rest_of(request, &claim.jobs[first..]);
            let told = self.claim_in(shard, &rest, claims, Some(&at_hand), claim).await;
            let told = match told {
                Ok(told) => told,
                Err(error) => {
                    let mut owed = lock(&self.gathering.owed);
                    let owed = owed.entry(shard.n).or_default();
                    permits.into_iter().for_each(|(name, of)| owed.entry(name).or_default().extend(of));
                    return Err(error);
                }
            };
            let mut owed = lock(&self.gathering.owed).remove(&shard.n).unwrap_or_default();
            for claimed in &claim.jobs[before..] {
                let name = keys::limited(&claimed.job);
                let permit = permits.get_mut(&name).and_then(Vec::pop);
                let permit = permit.or_else(|| owed.get_mut(&name).and_then(Vec::pop));
                if let Some(permit) = permit
                    && let Some(mine) = self.mine().get_mut(&claimed.lease.job)
                {
                    mine.permit = Some(permit);
                }
            }
            // Who got fewer than he wanted, and used them all, knows that there are no more. Who got as many does not: more
            // may wait than was known when he asked. Nor does who gave them back, since one that runs alone went before.
            let is_used_up = |(name, unused): &(&String, &Vec<_>)| {
                unused.is_empty() && at_hand.get(*name) < wants.get(*name)
            };
            used_up.extend(permits.iter().filter(is_used_up).map(|(name, _)| name.clone()));
            self.give_up(permits.into_values().chain(owed.into_values()).flatten()).await;
            self.gathering.suspect(shard, told.alone > 0);
            let full = claim.jobs.len() - first >= request.max() as usize;
            wants = told.wants.clone();
            wants.retain(|name, _| !used_up.contains(name));
            let runs_alone = self.mine().values().any(|mine| mine.alone);
            if full || wants.is_empty() || told.alone == 2 || runs_alone {
                if !told.wants.is_empty() {
                    lock(&self.gathering.wants).insert(shard.n, told.wants);
                }
                return Ok(told.alone != 2 && !runs_alone);
            }
        }
    }

    /// What is left of the shares of a request.
    fn rest_of(&self, request: &ClaimRequest, jobs: &[crate::store::Claimed]) -> ClaimRequest {
        let mut rest = request.clone();
        for (lane, share) in &mut rest.shares {
            let got = jobs.iter().filter(|claimed| claimed.job.lane == *lane).count();
            *share = share.saturating_sub(u32::try_from(got).unwrap_or(u32::MAX));
        }
        rest
    }
}
