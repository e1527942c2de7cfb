//! Requests for work that wait here for it. Work that comes is handed out in the transaction that brings it, so that the two share a
//! commit.

use rusqlite::Result;

use crate::{
    domain::{Lease, Timestamp},
    store::{Claim, ClaimRequest, Coming, LimitsNow, Wanted},
};

use super::{
    claim::{claim, forget_batch},
    writer::Desk,
};

/// A request that found nothing.
pub(super) struct Standing {
    request: ClaimRequest,
    limits: LimitsNow,
    wanted: Wanted,
    /// When it asks again by itself, as a job will be due then.
    until: Option<Timestamp>,
}

/// What there is for a request that waited, to be handed out once it is written: jobs, or that one is due sooner than was told.
pub(super) struct Found {
    wanted: Wanted,
    claim: Claim,
}

/// As [`claim`]; a request that finds nothing stays here.
pub(super) fn claim_or_stand(
    desk: &mut Desk<'_>,
    request: ClaimRequest,
    limits: LimitsNow,
) -> Result<(Claim, Option<Coming>)> {
    let now = claim(desk, &request)?;
    let coming = now.jobs.is_empty().then(|| {
        let (wanted, coming) = Coming::of_one();
        let until = due(desk, &now);
        // Whoever looks again while nothing happens leaves no more than one behind.
        desk.standing.retain(|one| !one.wanted.is_withdrawn());
        desk.standing.push(Standing { request, limits, wanted, until });
        coming
    });
    Ok((now, coming))
}

/// Gives what the transaction has brought, or made room for, to those who wait.
pub(super) fn serve(desk: &mut Desk<'_>) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for Standing { mut request, limits, wanted, until } in std::mem::take(desk.standing) {
        if wanted.is_withdrawn() {
            continue;
        }
        request.limits = limits();
        let claim = claim(desk, &request)?;
        let is_sooner = due(desk, &claim).is_some_and(|due| until.is_none_or(|until| due < until));
        if claim.jobs.is_empty() && !is_sooner {
            desk.standing.push(Standing { request, limits, wanted, until });
        } else {
            found.push(Found { wanted, claim });
        }
    }
    Ok(found)
}

fn due(desk: &Desk<'_>, claim: &Claim) -> Option<Timestamp> {
    claim.next_in.map(|wait| desk.now.plus(wait))
}

/// Hands out what is written now; the leases of jobs that nobody waits for any more.
pub(super) fn hand_out(found: Vec<Found>) -> Vec<Lease> {
    let missed = found.into_iter().filter_map(|Found { wanted, claim }| wanted.hand_out(claim).err());
    missed.flat_map(|claim| claim.jobs).map(|claimed| claimed.lease).collect()
}

/// Takes jobs back on which nobody has worked.
pub(super) fn take_back(desk: &mut Desk<'_>, leases: &[Lease]) -> Result<()> {
    for lease in leases {
        if let Some(held) = desk.leases.get(*lease)
            && desk.leases.release(lease.job).is_some()
        {
            desk.tally.lease(held.queue, -1);
            forget_batch(desk, held.batch)?;
            desk.new_work = true;
        }
    }
    Ok(())
}
