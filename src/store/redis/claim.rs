//! Handing jobs out, and taking them back when their lease is lost.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::Value;
use serde_json::json;

use crate::{
    decide::lease::Loss,
    domain::{EventId, Lease, Timestamp},
    store::{Claim, ClaimRequest, Claimed, Settlement, StoreError},
};

use super::{
    Core, Mine,
    keys::{self, Shard},
    link::{self, text},
    record::Record,
    script::Reply,
};

/// What a shard told of a claim beside the jobs.
pub(super) struct Told {
    /// How many permits would be of use, by limit.
    pub wants: BTreeMap<String, u32>,
    /// Whether one is there that runs alone; 2 if it waits for that now.
    pub alone: i64,
}

fn wrong() -> StoreError {
    StoreError::Unavailable("a claim that nobody understands".to_owned())
}

/// Longest lease: the server's numbers are exact so far.
const LEASE_MAX: Duration = Duration::from_hours(24 * 365);

/// How long a process counts as alive after it was last heard of.
pub(super) const ALIVE: Duration = Duration::from_secs(10);

/// The numbers of claims: each is greater than those before it, also than those of an earlier process of this name. A
/// shard keeps what it handed out last, and under which number. If the answer to that never came, which the next claim
/// tells by the number of the last one that did, it is handed out once more; a claim that is carried out after a later one
/// gets nothing.
pub(super) struct Claims {
    last: u64,
    /// By shard.
    answered: Vec<u64>,
}

impl Claims {
    /// Numbers count on from the server's time at the start.
    pub fn from_time(seconds: i64, micros: i64, shards: usize) -> Self {
        let last = seconds.saturating_mul(1_000_000).saturating_add(micros).unsigned_abs();
        Claims { last, answered: vec![last; shards] }
    }

    /// The number of a new claim, and of the last one that was answered there.
    fn next(&mut self, shard: &Shard) -> (u64, u64) {
        self.last += 1;
        (self.last, self.answered.get(usize::from(shard.n)).copied().unwrap_or_default())
    }

    /// What the shard handed out under this number is here.
    fn answered(&mut self, shard: &Shard, number: u64) {
        if let Some(answered) = self.answered.get_mut(usize::from(shard.n)) {
            *answered = number;
        }
    }
}

impl Core {
    pub(super) async fn claim(&self, request: &ClaimRequest) -> Result<Claim, StoreError> {
        let mut claim = Claim { jobs: Vec::new(), next_in: None };
        let mut claims = self.claims.lock().await;
        self.forget_overdue().await;
        if self.shards.number() > 1 {
            self.gather(request, &mut claims, &mut claim).await?;
        } else {
            for shard in self.shards.all() {
                self.claim_in(shard, request, &mut claims, None, &mut claim).await?;
            }
        }
        Ok(claim)
    }

    /// Claims from one shard. With `permits` it is one of several: lanes give their shares alone, and limits go by those.
    pub(super) async fn claim_in(
        &self,
        shard: &Shard,
        request: &ClaimRequest,
        claims: &mut Claims,
        permits: Option<&BTreeMap<String, u32>>,
        claim: &mut Claim,
    ) -> Result<Told, StoreError> {
        loop {
            let now = self.clock.now();
            let (number, answered) = claims.next(shard);
            let reply = self.ask(shard, request, permits, now, (number, answered)).await?;
            match reply.word.as_str() {
                "gone" => {
                    for process in &reply.rest {
                        self.bury(shard, &text(process)?).await?;
                    }
                }
                "late" => {
                    let late: Vec<String> = reply.rest.iter().map(text).collect::<Result<_, _>>()?;
                    self.take_back(shard, &late).await?;
                }
                _ => {
                    let [more, next, wants, alone, Value::Array(jobs)] = reply.rest.as_slice() else {
                        return Err(wrong());
                    };
                    let told = Told {
                        wants: serde_json::from_str(&text(wants)?).map_err(|_| wrong())?,
                        alone: link::number(alone)?,
                    };
                    let jobs = self.handed_out(shard, request, now, jobs).await?;
                    claims.answered(shard, number);
                    let found = !jobs.is_empty();
                    claim.jobs.extend(jobs);
                    if found {
                        self.news.announce(false);
                        return Ok(told);
                    }
                    if let Ok(due) = text(next)?.parse() {
                        let wait = Timestamp::from_millis(due).since(now);
                        claim.next_in = Some(claim.next_in.map_or(wait, |other| other.min(wait)));
                    }
                    if link::number(more)? == 0 || !told.wants.is_empty() {
                        return Ok(told);
                    }
                }
            }
        }
    }

    async fn ask(
        &self,
        shard: &Shard,
        request: &ClaimRequest,
        permits: Option<&BTreeMap<String, u32>>,
        now: Timestamp,
        (number, answered): (u64, u64),
    ) -> Result<Reply, StoreError> {
        let (idle, alone) = {
            let mine = self.mine();
            (mine.is_empty(), mine.values().any(|mine| mine.alone))
        };
        let limits = &request.limits;
        // Nothing beside one that runs alone; what was lost is taken back all the same.
        let shares: Vec<_> = request
            .shares
            .iter()
            .map(|(lane, share)| json!([lane, if alone { 0 } else { *share }]))
            .collect();
        let mut wish = json!({
            "number": number,
            "answered": answered,
            "alive": ALIVE.as_millis() as u64,
            "lease": u64::try_from(request.lease.min(LEASE_MAX).as_millis()).unwrap_or(u64::MAX),
            "idle": idle,
            "shares": shares,
            "routes": limits.routes,
            "destinations": limits.destinations,
        });
        if let (Some(permits), Some(wish)) = (permits, wish.as_object_mut()) {
            wish.insert("permits".to_owned(), json!(permits));
            wish.insert("strict".to_owned(), json!(true));
        }
        self.call_at(now, &self.scripts.claim, shard, [wish.to_string()]).await
    }

    /// The jobs that were handed out, with their events as they are by now.
    async fn handed_out(
        &self,
        shard: &Shard,
        request: &ClaimRequest,
        now: Timestamp,
        jobs: &[Value],
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut leases = Vec::with_capacity(jobs.len());
        let mut commands = redis::pipe();
        for pair in jobs.chunks(2) {
            let [id, token] = pair else { return Err(wrong()) };
            let id = keys::job_id(&text(id)?).ok_or_else(wrong)?;
            commands.cmd("HGETALL").arg(shard.event(id.event)).cmd("GET").arg(shard.body(id.event));
            leases.push(Lease { job: id, token: link::number(token)?.unsigned_abs() });
        }
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let mut answers = self.link.run_all(&commands).await?.into_iter();
        let mut claimed = Vec::with_capacity(leases.len());
        for lease in leases {
            let (Some(hash), Some(body)) = (answers.next(), answers.next()) else { return Err(wrong()) };
            let body = match body {
                Value::BulkString(bytes) => Some(Bytes::from(bytes)),
                _ => None,
            };
            match Record::read(hash, body) {
                Ok(Some(record)) if record.holds(lease) => {
                    claimed.push(self.take_up(shard, request, now, lease, record)?);
                }
                // Somebody may have ended it meanwhile, or erased its event.
                Ok(_) => {}
                // It must not hold up those beside it, again and again.
                Err(error) => {
                    tracing::error!(job = %lease.job, %error, "a job cannot be read; it waits until its lease is over");
                }
            }
        }
        Ok(claimed)
    }

    fn take_up(
        &self,
        shard: &Shard,
        request: &ClaimRequest,
        now: Timestamp,
        lease: Lease,
        record: Record,
    ) -> Result<Claimed, StoreError> {
        let entry = record.entry(lease.job.n).ok_or_else(wrong)?;
        let job = entry.job.clone();
        let mine = Mine {
            shard: shard.n,
            token: lease.token,
            alone: entry.held.as_ref().is_some_and(|held| held.alone),
            until: now.plus(request.lease),
            limited: if self.shards.number() > 1 { keys::limited(&job) } else { String::new() },
            permit: None,
            record: None,
            done: Vec::new(),
        };
        let event = Arc::new(record.event.clone());
        let has_bought = !record.purchases.is_empty();
        self.mine().insert(lease.job, Mine { record: Some(record), ..mine });
        Ok(Claimed { lease, at: now, job, event, has_bought })
    }

    /// Takes back all that a process was working on when it ended, and forgets it.
    pub(super) async fn bury(&self, shard: &Shard, process: &str) -> Result<(), StoreError> {
        let leased: Vec<String> =
            self.link.run(redis::cmd("ZRANGE").arg(shard.key("leases")).arg(0).arg(-1)).await?;
        let mut left: Vec<_> = leased.iter().filter_map(|job| keys::job_id(job)).collect();
        left.sort_unstable();
        for job in left {
            let lost = self.lose(shard, job, |held| held.process == process, Loss::Crashed).await;
            self.postpone(shard, job, lost).await?;
        }
        if self.shards.number() > 1 {
            self.call(&self.scripts.permit, shard, ["bury", process]).await?;
        }
        self.call(&self.scripts.bury, shard, [process]).await.map(drop)
    }

    pub(super) async fn extend(&self, lease: Lease, by: Duration) -> Result<(), StoreError> {
        let stale = || StoreError::StaleLease(lease.job);
        let (n, permit) = match self.mine().get(&lease.job) {
            Some(mine) => (Some(mine.shard), mine.permit.clone()),
            None => (None, None),
        };
        let shard = match n.and_then(|n| self.shards.get(n)) {
            Some(shard) => shard.clone(),
            None => self.home(lease.job.event).await?.ok_or_else(stale)?.0,
        };
        let now = self.clock.now();
        let until = now.plus(by);
        let args = [
            shard.event(lease.job.event),
            lease.job.n.to_string(),
            keys::member(lease.job),
            lease.token.to_string(),
            until.as_millis().to_string(),
        ];
        let reply = self.call_at(now, &self.scripts.extend, &shard, args).await?;
        if reply.word != "done" {
            return Err(stale());
        }
        if let Some(mine) = self.mine().get_mut(&lease.job) {
            mine.until = until;
        }
        if let Some(permit) = &permit {
            self.hold_on(permit, until).await;
        }
        Ok(())
    }

    /// The jobs of an event that were under way here have ended by somebody's will.
    pub(super) async fn let_go_of(&self, event: EventId) {
        let mut permits = Vec::new();
        self.mine().retain(|job, mine| {
            let goes = job.event == event;
            if goes {
                permits.extend(mine.permit.take());
            }
            !goes
        });
        self.give_up(permits).await;
    }

    pub(super) async fn settle(&self, lease: Lease, settlement: &Settlement) -> Result<(), StoreError> {
        let settled = self.change_held(lease, |desk| desk.settle(lease, settlement)).await;
        if let Err(StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::Overtaken(_)) = settled
        {
            return settled;
        }
        // It is over, also if the answer to an earlier word of it was lost.
        let (ran_alone, idle, permit) = {
            let mut mine = self.mine();
            let is_over = mine.get(&lease.job).is_some_and(|mine| mine.token == lease.token);
            let ended = if is_over { mine.remove(&lease.job) } else { None };
            let ran_alone = ended.as_ref().is_some_and(|mine| mine.alone);
            (ran_alone, mine.is_empty(), ended.and_then(|mine| mine.permit))
        };
        if let Some(permit) = permit {
            self.give_up([permit]).await;
        }
        // Others may have waited for one that ran alone, or one that must run alone for all others.
        if ran_alone || idle {
            self.news.announce(true);
        }
        settled
    }
}
