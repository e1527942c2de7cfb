//! Handing out: what is due, what is paused, and what a limit holds.

use std::collections::BTreeSet;

use hookyard::{
    domain::{JobId, JobState},
    store::{ClaimRequest, Limits, Pause},
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
    /// Takes back what was held too long, and hands out what is due.
    pub async fn claim(&mut self, b: &Bench<impl Backend>, shares: [u32; 3], limits: &NewLimits) {
        for at in 0..self.jobs.len() {
            if self.jobs[at].lease.is_some_and(|held| held.until <= self.now) {
                self.lose(at);
            }
        }
        let (expected, alone) = self.due(shares, limits);
        let [first, second, third] = LANES;
        let shares = [(first, shares[0]), (second, shares[1]), (third, shares[2])];
        let request = ClaimRequest { shares, lease: LEASE, limits: limits.to_store() };
        let given = b.claim(request).await.expect("a claim").jobs;
        let ids: BTreeSet<JobId> = given.iter().map(|claimed| claimed.job.id).collect();
        assert_eq!(ids, expected.iter().map(|at| self.jobs[*at].id).collect::<BTreeSet<_>>());
        for claimed in given {
            let at = self.jobs.iter().position(|job| job.id == claimed.job.id).expect("compared above");
            let job = &mut self.jobs[at];
            job.state = JobState::Leased;
            job.lease = Some(Held { lease: claimed.lease, until: self.now + LEASE_TICKS, alone });
        }
    }

    /// What is handed out now, and whether it is to run alone.
    fn due(&self, shares: [u32; 3], limits: &NewLimits) -> (Vec<usize>, bool) {
        let max = shares.iter().sum::<u32>() as usize;
        let under_way: Vec<usize> =
            (0..self.jobs.len()).filter(|at| self.jobs[*at].lease.is_some()).collect();
        if max == 0 || under_way.iter().any(|at| self.jobs[*at].lease.is_some_and(|held| held.alone)) {
            return (Vec::new(), false);
        }
        let is_due = |job: &Job| job.state == JobState::Ready && job.due <= self.now && !self.is_paused(job);
        let mut due: Vec<usize> = (0..self.jobs.len()).filter(|at| is_due(&self.jobs[*at])).collect();
        due.sort_by_key(|at| (self.jobs[*at].due, self.jobs[*at].id));
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
