//! Money that is spent on answers: purses, and the book of each day, each in the shard that its name is at home in.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    decide::purchase::answer,
    domain::{
        Answer, Bill, COLUMNS, Change, Charge, Day, Entry, EventId, Lease, Name, Prior, PurchaseOrder, Purse,
        Spent,
    },
    store::{PURSE_KEPT, SPENT_KEPT, StoreError},
};

use super::{
    Core,
    keep::Meter,
    keys::Shard,
    record::{Errand, Step},
};

/// The window of meters whose names hold their dates: there is no second one in sight.
const DATED: Duration = Duration::from_hours(24 * 36_525);

/// What the book of a day is called.
pub(super) fn name(day: &Day) -> String {
    format!("spent:{day}")
}

/// A row as it is kept: a field for each column.
pub(super) fn fields(spent: &Spent) -> impl Iterator<Item = (String, u64)> {
    let Spent { classifier, judge, answers, cost, maybe_billed, maybe_cost, tokens } = spent;
    let row = format!("{classifier}/{judge}");
    let columns = [
        *answers,
        cost.0,
        *maybe_billed,
        maybe_cost.0,
        tokens.input_uncached,
        tokens.cache_write,
        tokens.cache_read,
        tokens.output,
    ];
    COLUMNS.into_iter().zip(columns).map(move |(column, value)| (format!("{row}/{column}"), value))
}

impl Core {
    pub(super) async fn bought(
        &self,
        event: EventId,
        judge: &Name,
        digest: &str,
    ) -> Result<Option<Answer>, StoreError> {
        let Some((_, record)) = self.home(event).await? else { return Ok(None) };
        let purchases: Vec<_> = record.purchases.into_iter().map(|bought| bought.purchase).collect();
        Ok(answer(&purchases, judge, digest).cloned())
    }

    pub(super) async fn begin_purchase(
        &self,
        lease: Lease,
        order: &PurchaseOrder,
    ) -> Result<Prior, StoreError> {
        let id = order.id.as_deref();
        if let Some(purse) = self.draw_money(id, &order.charges).await? {
            // What is on record needs no money.
            let known = self.bought(lease.job.event, &order.judge, &order.digest).await?;
            return Ok(known.map_or(Prior::Short(purse), Prior::Answered));
        }
        let prior = self.change_held(lease, |desk| desk.begin_purchase(lease, order)).await;
        match &prior {
            // The purchase is on record: that the book misses it must not have it begun again.
            Ok(Prior::Begun) if id.is_none() => {
                told("a question", self.enter(None, order.entry.as_ref()).await);
            }
            Ok(Prior::Begun) => self.keep_books(lease).await,
            // Of one that was not heard nobody knows whether it is on record: who says it again draws nothing more.
            Err(StoreError::Unavailable(_)) => {}
            Ok(_) | Err(_) => self.give_money_back(id, &order.charges).await?,
        }
        prior
    }

    pub(super) async fn end_purchase(&self, lease: Lease, bill: &Bill) -> Result<(), StoreError> {
        if self.change_held(lease, |desk| desk.end_purchase(lease, bill)).await? {
            told("the end of a question", self.correct_money(None, &bill.charges).await);
            told("the end of a question", self.enter(None, bill.entry.as_ref()).await);
        }
        self.keep_books(lease).await;
        Ok(())
    }

    /// Does what is to be done elsewhere for the purchases of a job, which its record forgets with its next change. What cannot be
    /// done now is done by whoever comes upon it.
    async fn keep_books(&self, lease: Lease) {
        let open = self.mine().get(&lease.job).and_then(|mine| {
            let record = mine.record.as_ref()?;
            let is_open = |errand: &&Errand| errand.is_account() && !mine.done.contains(errand);
            Some(record.errands.iter().filter(is_open).cloned().collect::<Vec<_>>())
        });
        for errand in open.unwrap_or_default() {
            if let Err(error) = self.account(&errand).await {
                tracing::warn!(job = %lease.job, %error, "what a question costs is not in the book yet; it is tried again");
                return;
            }
            if let Some(mine) = self.mine().get_mut(&lease.job) {
                mine.done.push(errand);
            }
        }
    }

    /// Does an [`Errand::Account`]; once, however often it is said.
    pub(super) async fn account(&self, errand: &Errand) -> Result<(), StoreError> {
        let Errand::Account { id, step, charges, entry } = errand else { return Ok(()) };
        let paid = Some((id.as_str(), *step));
        self.correct_money(paid, charges).await?;
        self.enter(paid, entry.as_ref()).await
    }

    /// Draws all charges, or none: then it is this purse that has too little. Those of one shard are drawn in one step: there no
    /// question is refused for what another one holds for a moment that is refused itself.
    async fn draw_money(&self, id: Option<&str>, charges: &[Charge]) -> Result<Option<Purse>, StoreError> {
        let paid = id.map(|id| (id, Step::Begin));
        let mut drawn = Vec::with_capacity(charges.len());
        for (home, charges) in self.by_home(charges) {
            if let Some(purse) = self.charge(home, paid, &charges).await? {
                self.give_money_back(id, &drawn).await?;
                return Ok(Some(purse));
            }
            drawn.extend(charges);
        }
        Ok(None)
    }

    async fn give_money_back(&self, id: Option<&str>, charges: &[Charge]) -> Result<(), StoreError> {
        let back = charges.iter().map(|charge| Charge { by: charge.by.saturating_neg(), ..charge.clone() });
        self.correct_money(id.map(|id| (id, Step::Back)), &back.collect::<Vec<_>>()).await
    }

    /// Draws or gives back whatever the limits.
    async fn correct_money(&self, paid: Option<(&str, Step)>, charges: &[Charge]) -> Result<(), StoreError> {
        let charges: Vec<_> = charges.iter().map(|charge| Charge { limit: None, ..charge.clone() }).collect();
        for (home, charges) in self.by_home(&charges) {
            self.charge(home, paid, &charges).await?;
        }
        Ok(())
    }

    /// Charges by the shard that their purses are at home in, in the order in which those come.
    fn by_home(&self, charges: &[Charge]) -> Vec<(&Shard, Vec<Charge>)> {
        let mut by_home: Vec<(&Shard, Vec<Charge>)> = Vec::new();
        for charge in charges {
            let home = self.home_of_meter(&charge.meter);
            match by_home.iter_mut().find(|(known, _)| *known == home) {
                Some((_, of_home)) => of_home.push(charge.clone()),
                None => by_home.push((home, vec![charge.clone()])),
            }
        }
        by_home
    }

    /// Does all charges of one shard, or none: then it is this purse that has too little.
    async fn charge(
        &self,
        home: &Shard,
        paid: Option<(&str, Step)>,
        charges: &[Charge],
    ) -> Result<Option<Purse>, StoreError> {
        let meters = charges.iter().map(|charge| Meter {
            name: &charge.meter,
            window: DATED,
            kept: PURSE_KEPT,
            amount: charge.by,
            limit: charge.limit.unwrap_or(i64::MAX.unsigned_abs()),
        });
        let meters: Vec<Meter<'_>> = meters.collect();
        let short = self.draw_together(home, self.clock.now(), paid, meters).await?;
        Ok(short.and_then(|at| charges.get(at)).map(|charge| charge.purse))
    }

    /// Writes into the book of a day.
    async fn enter(&self, paid: Option<(&str, Step)>, entry: Option<&Entry>) -> Result<(), StoreError> {
        let Some(Entry { day, classifier, judge, change: Change(change) }) = entry else { return Ok(()) };
        let book = name(day);
        let (id, step) = paid.map_or(("", ""), |(id, step)| (id, step.as_str()));
        let mut args = vec![book.clone(), SPENT_KEPT.as_millis().to_string(), step.to_owned(), id.to_owned()];
        for (column, by) in COLUMNS.into_iter().zip(change).filter(|(_, by)| **by != 0) {
            args.extend([format!("{classifier}/{judge}/{column}"), by.to_string()]);
        }
        self.call(&self.scripts.spent, self.shards.home_of(&book), args).await.map(drop)
    }

    pub(super) async fn spent(&self, day: &Day) -> Result<Vec<Spent>, StoreError> {
        let book = name(day);
        let key = self.shards.home_of(&book).key(&book);
        let kept: BTreeMap<String, u64> = self.link.run(redis::cmd("HGETALL").arg(key)).await?;
        let mut rows: BTreeMap<(&str, &str), [u64; COLUMNS.len()]> = BTreeMap::new();
        for (field, value) in &kept {
            let mut parts = field.splitn(3, '/');
            let (Some(classifier), Some(judge), Some(column)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let at = COLUMNS.iter().position(|known| *known == column);
            if let Some(place) = at.and_then(|at| rows.entry((classifier, judge)).or_default().get_mut(at)) {
                *place = *value;
            }
        }
        let row = |((classifier, judge), columns): ((&str, &str), [u64; COLUMNS.len()])| {
            Spent::of(Name::from(classifier), Name::from(judge), &columns)
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// What is on record is not taken back where the purses or the book of the day could not be reached: too much stays drawn.
fn told(what: &str, kept: Result<(), StoreError>) {
    if let Err(error) = kept {
        tracing::warn!(%error, "{what} is not in the book of its day");
    }
}
