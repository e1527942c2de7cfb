//! Handing out: what is due, what is paused, and what a limit holds.

use std::collections::{BTreeMap, BTreeSet};

use hookyard::{
    domain::{JobId, JobState, Lease},
    store::{ClaimRequest, JobQuery, Limits, Pause},
};

use crate::store::{
    backend::Backend,
    bench::{Bench, LANES},
    given::LEASE,
};

use super::{
    house::{House, LEASE_TICKS},
    job::{Held, Job, destination_name, route_name},
    steps::{NewLimits, Scope},
};

/// Crashes after which a job runs alone.
const SUSPECT: u32 = 2;

impl House {
    /// Takes back what was held too long, and hands out what is due: of a store in one part exactly what the model would,
    /// else what [`House::assert_fair`] allows.
    pub async fn claim<B: Backend>(&mut self, b: &Bench<B>, shares: [u32; 3], limits: &NewLimits) {
        if B::PARTS == 1 {
            self.lose_where(|_| true);
        }
        let [first, second, third] = LANES;
        let asked = [(first, shares[0]), (second, shares[1]), (third, shares[2])];
        let request = ClaimRequest { shares: asked, lease: LEASE, limits: limits.to_store() };
        let given = b.claim(request).await.expect("a claim").jobs;
        if B::PARTS > 1 {
            // Which parts were asked shows in what was taken back; if all were, everything was.
            let told = b.find(JobQuery::default()).await;
            let lost: BTreeMap<JobId, u32> = told.iter().map(|job| (job.id, job.lost_leases)).collect();
            let all = given.len() < shares.iter().sum::<u32>() as usize;
            self.lose_where(|job| all || lost[&job.id] > job.lost);
        }
        let at_of = |id| self.jobs.iter().position(|job| job.id == id).expect("a known job");
        let given: Vec<(usize, Lease)> =
            given.iter().map(|claimed| (at_of(claimed.job.id), claimed.lease)).collect();
        let jobs: BTreeSet<usize> = given.iter().map(|(at, _)| *at).collect();
        assert_eq!(jobs.len(), given.len(), "each once");
        let alone = if B::PARTS == 1 {
            let (expected, alone) = self.due(shares, limits);
            assert_eq!(jobs, expected.into_iter().collect());
            alone
        } else {
            self.assert_fair(b, &jobs, shares, limits).await
        };
        for (at, lease) in given {
            let job = &mut self.jobs[at];
            job.state = JobState::Leased;
            job.lease = Some(Held { lease, until: self.now + LEASE_TICKS, alone });
        }
    }

    pub fn is_over(&self, held: Held) -> bool {
        held.until <= self.now
    }

    /// Takes back those of the jobs held too long.
    fn lose_where(&mut self, which: impl Fn(&Job) -> bool) {
        for at in 0..self.jobs.len() {
            if self.jobs[at].lease.is_some_and(|held| self.is_over(held)) && which(&self.jobs[at]) {
                self.lose(at);
            }
        }
    }

    /// Sees that what a store in several parts handed out is due and within limits; that it is as much as there could be;
    /// that each lane got its share of what has no limit; and that within a part and a lane nobody went before another
    /// under the same limit that was due earlier. Of those that run alone it is the first of some part, with nothing
    /// beside it. Whether it runs alone.
    async fn assert_fair<B: Backend>(
        &self,
        b: &Bench<B>,
        given: &BTreeSet<usize>,
        shares: [u32; 3],
        limits: &NewLimits,
    ) -> bool {
        let max = shares.iter().sum::<u32>() as usize;
        let under_way: Vec<usize> = self.under_way();
        let alone = |at: &usize| self.jobs[*at].lease.is_some_and(|held| held.alone);
        if max == 0 || under_way.iter().any(alone) {
            assert_eq!(given, &BTreeSet::new());
            return false;
        }
        let due = self.due_now();
        assert!(given.iter().all(|at| due.contains(at)), "{given:?} of {due:?}");
        let mut parts = BTreeMap::new();
        for at in &due {
            parts.insert(*at, b.backend().part_of(self.jobs[*at].id.event).await);
        }
        let room = |at: usize| {
            let beside = under_way.iter().filter(|one| same_limit(&self.jobs[at], &self.jobs[**one])).count();
            limits.of(&self.jobs[at]).map(|limit| (limit as usize).saturating_sub(beside))
        };
        let is_suspect = |at: &usize| self.jobs[*at].crashes >= SUSPECT && room(*at) != Some(0);
        let suspects: Vec<usize> = due.iter().copied().filter(is_suspect).collect();
        if !suspects.is_empty() {
            let first = |at: &usize| suspects.iter().find(|other| parts[*other] == parts[at]) == Some(at);
            if given.iter().any(|at| suspects.contains(at)) {
                assert!(given.len() == 1 && under_way.is_empty(), "{given:?} of {suspects:?}");
                assert!(given.iter().all(first), "{given:?} of {suspects:?}");
                return true;
            }
            // That one must run alone is known of a part once it was asked: others may have handed out before.
            let beside = |at: &usize| suspects.iter().any(|suspect| parts[suspect] == parts[at]);
            assert!(!given.iter().any(beside), "{given:?} of {suspects:?}");
            assert!(!given.is_empty() || !under_way.is_empty(), "none of {suspects:?}");
            return false;
        }
        let mut all = 0;
        let mut seen = BTreeSet::new();
        for at in &due {
            let same: Vec<usize> =
                due.iter().copied().filter(|other| same_limit(&self.jobs[*at], &self.jobs[*other])).collect();
            let got = same.iter().filter(|other| given.contains(other)).count();
            let most = room(*at).map_or(same.len(), |room| room.min(same.len()));
            assert!(got <= most, "{got} of {most}: {given:?} of {same:?}");
            if seen.insert(same[0]) {
                all += most;
            }
            let beside =
                |other: &usize| parts[other] == parts[at] && self.jobs[*other].lane == self.jobs[*at].lane;
            let later = same.iter().skip_while(|other| *other != at).filter(|other| beside(other));
            assert!(
                given.contains(at) || later.clone().all(|other| !given.contains(other)),
                "{at} is passed over: {given:?} of {same:?}"
            );
        }
        assert_eq!(given.len(), all.min(max), "{given:?} of {due:?}");
        for (lane, share) in LANES.into_iter().zip(shares) {
            let of_lane = |at: &&usize| self.jobs[**at].lane == lane;
            let free = due.iter().filter(of_lane).filter(|at| room(**at).is_none()).count();
            let got = given.iter().filter(of_lane).count();
            assert!(got >= free.min(share as usize), "{lane} got {got} of {free}, and its share is {share}");
        }
        false
    }

    fn under_way(&self) -> Vec<usize> {
        let holds = |at: &usize| self.jobs[*at].lease.is_some_and(|held| !self.is_over(held));
        (0..self.jobs.len()).filter(holds).collect()
    }

    /// What is due, whatever limits say: the first first.
    fn due_now(&self) -> Vec<usize> {
        let is_due = |job: &Job| job.state == JobState::Ready && job.due <= self.now && !self.is_paused(job);
        let mut due: Vec<usize> = (0..self.jobs.len()).filter(|at| is_due(&self.jobs[*at])).collect();
        due.sort_by_key(|at| (self.jobs[*at].due, self.jobs[*at].id));
        due
    }

    /// What is handed out now, and whether it is to run alone.
    fn due(&self, shares: [u32; 3], limits: &NewLimits) -> (Vec<usize>, bool) {
        let max = shares.iter().sum::<u32>() as usize;
        let under_way = self.under_way();
        if max == 0 || under_way.iter().any(|at| self.jobs[*at].lease.is_some_and(|held| held.alone)) {
            return (Vec::new(), false);
        }
        let due = self.due_now();
        let has_room = |at: usize, taken: &[usize]| {
            let job = &self.jobs[at];
            let beside = under_way.iter().chain(taken).filter(|one| same_limit(job, &self.jobs[**one]));
            limits.of(job).is_none_or(|limit| beside.count() < limit as usize)
        };
        let suspect = |at: &usize| self.jobs[*at].crashes >= SUSPECT && has_room(*at, &[]);
        if let Some(suspect) = due.iter().copied().find(suspect) {
            return if under_way.is_empty() { (vec![suspect], true) } else { (Vec::new(), false) };
        }
        let mut taken = Vec::new();
        // Each lane's share first; then whoever has more.
        for share in [shares, shares.map(|_| u32::MAX)] {
            for (lane, share) in LANES.into_iter().zip(share) {
                let end = max.min(taken.len().saturating_add(share as usize));
                for at in due.iter().copied().filter(|at| self.jobs[*at].lane == lane) {
                    if taken.len() < end && !taken.contains(&at) && has_room(at, &taken) {
                        taken.push(at);
                    }
                }
            }
        }
        (taken, false)
    }

    fn is_paused(&self, job: &Job) -> bool {
        self.paused.iter().any(|scope| match *scope {
            Scope::Route(route) => job.route == route,
            Scope::Destination(destination) => job.destination() == Some(destination),
            Scope::Everything => true,
        })
    }
}

/// Whether two jobs count against the same limit: a destination's, or that of the route for what has none.
fn same_limit(one: &Job, other: &Job) -> bool {
    one.destination() == other.destination() && (one.destination().is_some() || one.route == other.route)
}

impl NewLimits {
    fn of(&self, job: &Job) -> Option<u32> {
        match job.destination() {
            Some(destination) => self.destinations[usize::from(destination)],
            None => self.routes[usize::from(job.route)],
        }
    }

    fn to_store(&self) -> Limits {
        let routes = (0..).zip(self.routes).filter_map(|(n, max)| Some((route_name(n).into(), max?)));
        let destinations =
            (0..).zip(self.destinations).filter_map(|(n, max)| Some((destination_name(n).into(), max?)));
        Limits { routes: routes.collect(), destinations: destinations.collect() }
    }
}

impl Scope {
    pub fn to_store(self) -> Pause {
        match self {
            Scope::Route(route) => Pause::Route(route_name(route).into()),
            Scope::Destination(destination) => Pause::Destination(destination_name(destination).into()),
            Scope::Everything => Pause::Everything,
        }
    }
}
