//! Leases that are over.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    decide::lease::Loss,
    domain::{JobId, Lease, Timestamp},
    store::StoreError,
};

use super::{
    Core,
    keys::{self, Shard},
    link::text,
    script::DONE_WORDS,
};

/// When a job is looked at again that could not be taken back.
const POSTPONED: Duration = Duration::from_mins(1);

impl Core {
    /// Takes back what is `late`: jobs, each followed by the token that its lease had. Somebody else may have done so since,
    /// and handed it out again.
    pub(super) async fn take_back(&self, shard: &Shard, late: &[String]) -> Result<(), StoreError> {
        let lease = |pair: &[String]| match pair {
            [job, token] => Some(Lease { job: keys::job_id(job)?, token: token.parse().ok()? }),
            _ => None,
        };
        let mut late: Vec<Lease> = late.chunks(2).filter_map(lease).collect();
        late.sort_unstable_by_key(|lease| lease.job);
        let mut permits = Vec::new();
        for lease in late {
            let lost = self.lose(shard, lease.job, |held| held.token == lease.token, Loss::Expired).await;
            self.postpone(shard, lease.job, lost).await?;
            let mut mine = self.mine();
            if mine.get(&lease.job).is_some_and(|mine| mine.token == lease.token) {
                permits.extend(mine.remove(&lease.job).and_then(|mine| mine.permit));
            }
        }
        self.give_up(permits).await;
        Ok(())
    }

    /// A job that could not be taken back, such as one whose record cannot be read, holds up no other: it is looked at again
    /// later.
    ///
    /// # Errors
    /// The server is not reached.
    pub(super) async fn postpone(
        &self,
        shard: &Shard,
        job: JobId,
        lost: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Err(error) = lost else { return Ok(()) };
        let until = self.clock.now().plus(POSTPONED).as_millis();
        let mut later = redis::cmd("ZADD");
        // It may be another's, who holds it for longer than that.
        later.arg(shard.key("leases")).arg("XX").arg("GT").arg(until).arg(keys::member(job));
        let _: i64 = self.link.run(&later).await?;
        tracing::error!(%job, %error, "a job could not be taken back; it is looked at again in {POSTPONED:?}");
        Ok(())
    }

    /// Forgets what this process let its lease run out on, who says so no more. It goes by what Redis knows of that: while
    /// that was not there no lease ran out.
    pub(super) async fn forget_overdue(&self) {
        let now = self.clock.now();
        let mut overdue: BTreeMap<u16, Vec<Lease>> = BTreeMap::new();
        for (job, mine) in self.mine().iter().filter(|(_, mine)| mine.until <= now) {
            overdue.entry(mine.shard).or_default().push(Lease { job: *job, token: mine.token });
        }
        let mut permits = Vec::new();
        for (n, leases) in overdue {
            // As long as nothing is known of it, it is under way. That a part is not reached is told by the claim.
            let Ok(held) = self.held_until(n, now, &leases).await else { continue };
            let mut mine = self.mine();
            for (lease, until) in leases.iter().zip(held) {
                match (until, mine.get_mut(&lease.job)) {
                    (_, Some(mine)) if mine.token != lease.token => {}
                    (Some(until), Some(mine)) if until > now => mine.until = until,
                    _ => permits.extend(mine.remove(&lease.job).and_then(|mine| mine.permit)),
                }
            }
        }
        self.give_up(permits).await;
    }

    /// Until when leases of a part are held; nothing for one that no longer is.
    async fn held_until(
        &self,
        n: u16,
        now: Timestamp,
        leases: &[Lease],
    ) -> Result<Vec<Option<Timestamp>>, StoreError> {
        let Some(shard) = self.shards.get(n) else { return Ok(Vec::new()) };
        let args = leases.iter().flat_map(|lease| {
            let (event, n) = (shard.event(lease.job.event), lease.job.n.to_string());
            [event, n, keys::member(lease.job), lease.token.to_string()]
        });
        let reply = self.call_at(now, &self.scripts.held, shard, args).await?;
        let times = reply.rest.iter().skip(DONE_WORDS).map(text);
        times.map(|until| Ok(until?.parse().ok().map(Timestamp::from_millis))).collect()
    }
}
