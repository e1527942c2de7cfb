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

use super::{Core, keep::Meter};

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
        if let Some(purse) = self.draw_money(&order.charges).await? {
            // What is on record needs no money.
            let known = self.bought(lease.job.event, &order.judge, &order.digest).await?;
            return Ok(known.map_or(Prior::Short(purse), Prior::Answered));
        }
        let prior = self.change_held(lease, |desk| desk.begin_purchase(lease, order)).await;
        match &prior {
            // The purchase is on record: that the book misses it must not have it begun again.
            Ok(Prior::Begun) => told("a question", self.enter(order.entry.as_ref()).await),
            // Of one that was not heard nobody knows whether it is on record.
            Err(StoreError::Unavailable(_)) => {}
            Ok(_) | Err(_) => self.give_money_back(&order.charges).await?,
        }
        prior
    }

    pub(super) async fn end_purchase(&self, lease: Lease, bill: &Bill) -> Result<(), StoreError> {
        let is_new = self.change_held(lease, |desk| desk.end_purchase(lease, bill)).await?;
        if is_new {
            told("the end of a question", self.correct_money(&bill.charges).await);
            told("the end of a question", self.enter(bill.entry.as_ref()).await);
        }
        Ok(())
    }

    /// Draws all charges, or none: then it is this purse that has too little.
    async fn draw_money(&self, charges: &[Charge]) -> Result<Option<Purse>, StoreError> {
        for (at, charge) in charges.iter().enumerate() {
            if !self.charge(charge, charge.by).await? {
                self.give_money_back(charges.get(..at).unwrap_or_default()).await?;
                return Ok(Some(charge.purse));
            }
        }
        Ok(None)
    }

    async fn give_money_back(&self, charges: &[Charge]) -> Result<(), StoreError> {
        for charge in charges {
            self.charge(charge, charge.by.saturating_neg()).await?;
        }
        Ok(())
    }

    /// Draws or gives back whatever the limits.
    async fn correct_money(&self, charges: &[Charge]) -> Result<(), StoreError> {
        for charge in charges {
            self.charge(&Charge { limit: None, ..charge.clone() }, charge.by).await?;
        }
        Ok(())
    }

    async fn charge(&self, charge: &Charge, by: i64) -> Result<bool, StoreError> {
        let limit = charge.limit.unwrap_or(i64::MAX.unsigned_abs());
        let meter = Meter { name: &charge.meter, window: DATED, kept: PURSE_KEPT };
        self.meter(meter, self.clock.now(), by, limit).await
    }

    /// Writes into the book of a day.
    async fn enter(&self, entry: Option<&Entry>) -> Result<(), StoreError> {
        let Some(Entry { day, classifier, judge, change: Change(change) }) = entry else { return Ok(()) };
        let book = name(day);
        let mut args = vec![book.clone(), SPENT_KEPT.as_millis().to_string()];
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
