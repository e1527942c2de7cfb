//! What a lease holder does to a record: begin, buy, settle; and how a lease is lost.

use crate::{
    decide::{
        lease::{AfterLoss, Loss, after_loss},
        purchase::{Buy, buy},
    },
    domain::{
        Attempt, AttemptOutcome, Bill, FrozenRequest, JobId, JobState, Lease, Name, Next, Prior, Purchase,
        PurchaseOrder, PurchaseState, Work,
    },
    store::{PARKS_KEPT, Replaced, Settlement, Start, StoreError, state::State},
};

use super::{
    desk::Desk,
    record::{Bought, Errand, Step},
};

impl Desk {
    /// # Errors
    /// [`StoreError::StaleLease`].
    fn held(&self, lease: Lease) -> Result<(), StoreError> {
        if self.record.holds(lease) { Ok(()) } else { Err(StoreError::StaleLease(lease.job)) }
    }

    pub fn begin(&mut self, lease: Lease, request: Option<&FrozenRequest>) -> Result<(), StoreError> {
        self.held(lease)?;
        let now = self.now;
        let Some(entry) = self.change(lease.job.n) else { return Ok(()) };
        // Who had no answer says the same again.
        let again = entry.begun && entry.job.request.as_ref() == request;
        if request.is_some() && entry.job.request.is_some() && !again {
            let told = format!("the request of {} is frozen already", lease.job);
            return Err(StoreError::Conflict(told));
        }
        entry.begun = true;
        entry.job.first_begun_at.get_or_insert(now);
        if request.is_some() {
            entry.job.request = request.cloned();
        }
        Ok(())
    }

    pub fn begin_purchase(&mut self, lease: Lease, order: &PurchaseOrder) -> Result<Prior, StoreError> {
        self.held(lease)?;
        let PurchaseOrder { judge, digest, id, .. } = order;
        let same = |one: &&Bought| id.is_some() && one.n == lease.job.n && one.id == *id;
        if self.record.purchases.iter().find(same).is_some_and(Bought::is_open) {
            // Who had no answer says the same again.
            return Ok(Prior::Begun);
        }
        let is_held = |n: u32| self.record.entry(n).is_some_and(|entry| entry.held.is_some());
        let so_far = self.record.purchases.iter();
        match buy(so_far.map(|one| (&one.purchase, one.n != lease.job.n && is_held(one.n))), judge, digest) {
            Buy::Reuse(Purchase { answer: Some(answer), .. }) => return Ok(Prior::Answered(answer.clone())),
            Buy::Reuse(_) | Buy::Refuse => return Ok(Prior::Spent),
            Buy::Wait => return Ok(Prior::UnderWay),
            Buy::Ask => {}
        }
        let purchase = Purchase {
            judge: Name::clone(judge),
            digest: digest.to_owned(),
            begun_at: self.now,
            state: PurchaseState::MaybeBilled,
            cost: order.most,
            answer: None,
        };
        self.record.purchases.push(Bought { n: lease.job.n, id: id.clone(), purchase });
        if let (Some(id), entry @ Some(_)) = (id.clone(), order.entry.clone()) {
            self.errand(Errand::Account { id, step: Step::Begin, charges: Vec::new(), entry });
        }
        self.rest_changed = true;
        Ok(Prior::Begun)
    }

    /// Whether its account is to be settled with whoever asks: it was not on record before, and is no errand.
    pub fn end_purchase(&mut self, lease: Lease, bill: &Bill) -> Result<bool, StoreError> {
        self.held(lease)?;
        let (Bill { judge, digest, cost, .. }, answer) = (bill, bill.answer.as_ref());
        let state = if answer.is_some() { PurchaseState::Answered } else { PurchaseState::NotBilled };
        let of_job = |one: &&mut Bought| {
            let Purchase { judge: of, digest: question, .. } = &one.purchase;
            one.n == lease.job.n && of == judge && question == digest
        };
        let (id, purchase) = match self.record.purchases.iter_mut().rev().find(of_job) {
            Some(Bought { id, purchase, .. }) => (id.clone(), Some(purchase)),
            None => (None, None),
        };
        match purchase {
            Some(purchase) if purchase.state == PurchaseState::MaybeBilled => {
                purchase.state = state;
                purchase.answer = answer.cloned();
                purchase.cost = *cost;
                self.rest_changed = true;
                let Some(id) = id else { return Ok(true) };
                let (charges, entry) = (bill.charges.clone(), bill.entry.clone());
                self.errand(Errand::Account { id, step: Step::End, charges, entry });
                Ok(false)
            }
            // Who had no answer says the same again.
            Some(purchase) if purchase.state == state && purchase.answer.as_ref() == answer => Ok(false),
            Some(_) | None => Err(StoreError::Conflict(format!("{} never began this purchase", lease.job))),
        }
    }

    pub fn settle(&mut self, lease: Lease, settlement: &Settlement) -> Result<(), StoreError> {
        self.held(lease)?;
        let replaced = self.replaced(lease.job, &settlement.replaces)?;
        if !settlement.follow_up.is_empty() {
            self.has_room(settlement.follow_up.len())?;
        }
        let n = lease.job.n;
        let (to, due, counted) = State::after(&settlement.next, self.now);
        self.set_state(n, &to, due);
        let Some(entry) = self.change(n) else { return Ok(()) };
        entry.held = None;
        entry.begun = false;
        entry.job.attempts += counted;
        entry.job.in_doubt = settlement.in_doubt;
        if settlement.afresh {
            entry.job.fresh_at = entry.job.due;
        }
        keep_line(&mut entry.history, settlement.attempt.clone());
        if settlement.verdict.is_some() {
            entry.job.verdict.clone_from(&settlement.verdict);
        }
        if settlement.receipt.is_some() {
            entry.job.receipt.clone_from(&settlement.receipt);
        }
        if entry.job.request.is_none() {
            entry.job.request.clone_from(&settlement.request);
        }
        let line = entry.line.clone();
        let mut new = Vec::with_capacity(settlement.follow_up.len());
        for job in &settlement.follow_up {
            // A shadow holds nobody up.
            let line = line.clone().filter(|_| !job.work.is_shadow());
            new.push((self.insert(job, line), job));
        }
        // After what takes their place: it may be a place in a line, and must not be given up between.
        self.discard_replaced(lease.job, &replaced);
        for (n, job) in new {
            // What follows one that is born dead is skipped; what follows only what is done already goes at once.
            if matches!((&job.work, &job.start), (Work::Action(_), Start::Dead { .. } | Start::Blocked)) {
                self.release(n);
            }
        }
        if to.state.is_settled() {
            self.release(n);
        }
        if matches!(settlement.next, Next::Park { .. }) || to.state.is_settled() {
            self.moved(n, to.state.is_final());
        }
        Ok(())
    }

    /// The jobs whose place the follow-up takes, each as it was planned for.
    fn replaced(&self, by: JobId, replaces: &[Replaced]) -> Result<Vec<u32>, StoreError> {
        let mut jobs = Vec::with_capacity(replaces.len());
        for replaced in replaces.iter().filter(|replaced| replaced.job.event == by.event) {
            let Some(job) = self.job(replaced.job.n) else { continue };
            if replaced.has_gone_on(job) {
                return Err(StoreError::Overtaken(replaced.job));
            }
            jobs.push(replaced.job.n);
        }
        Ok(jobs)
    }

    fn discard_replaced(&mut self, by: JobId, replaced: &[u32]) {
        let reason = format!("replaced by a newer plan, of {by}");
        for n in replaced {
            // As it is now: the end of another one may have released or skipped it.
            if self.job(*n).is_some_and(|job| !job.state.is_final()) {
                self.finish(*n, &State::with(JobState::Discarded, &reason));
            }
        }
    }

    /// Takes a job back from a worker that is gone; one that nobody holds stays as it is.
    pub fn lose(&mut self, n: u32, loss: Loss) {
        let now = self.now;
        if self.record.entry(n).is_none_or(|entry| entry.held.is_none()) {
            return;
        }
        let Some(entry) = self.change(n) else { return };
        entry.held = None;
        let job = &mut entry.job;
        job.lost_leases += 1;
        job.crashes += u32::from(loss == Loss::Crashed);
        job.in_doubt |= entry.begun;
        entry.begun = false;
        (job.state, job.due) = (JobState::Ready, now);
        job.reason = Some(match after_loss(job.lost_leases, job.crashes) {
            AfterLoss::Ready => loss.why().to_owned(),
            AfterLoss::Alone => format!("{}; it will run with nothing beside it", loss.why()),
            // Whoever claims it settles it as dead without running it, with what its route says about deaths.
            AfterLoss::Dead { reason, .. } => reason,
        });
        entry.history.push(Attempt {
            started_at: now,
            ended_at: now,
            outcome: AttemptOutcome::LeaseLost,
            detail: Some(loss.why().to_owned()),
            status: None,
        });
    }
}

/// Adds a line; of those that tell of being handed back, only so many in a row.
fn keep_line(history: &mut Vec<Attempt>, line: Attempt) {
    let is_park = |line: &Attempt| line.outcome == AttemptOutcome::Parked;
    let parks = history.iter().rev().take_while(|line| is_park(line)).take(PARKS_KEPT).count();
    if is_park(&line) && parks == PARKS_KEPT {
        history.pop();
    }
    history.push(line);
}
