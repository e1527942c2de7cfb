//! Cursors, turns, meters and rates: each in the shard that its name is at home in.

use std::time::Duration;

use crate::{
    domain::Timestamp,
    store::{RateDraw, RateDrawn, StoreError},
};

use super::{
    Core,
    keys::Shard,
    link::{number, text},
    record::Step,
    script::DONE_WORDS,
};

/// How long a rate is kept that is full again by the store's time, which may be another than the server's.
const RATE_KEPT: Duration = Duration::from_mins(1);

/// A draw on what is counted within a window.
pub(super) struct Meter<'a> {
    pub name: &'a str,
    pub window: Duration,
    /// How long it is kept after it was last drawn on.
    pub kept: Duration,
    /// Less than 0 gives back.
    pub amount: i64,
    pub limit: u64,
}

impl Core {
    pub(super) async fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        let shard = self.shards.home_of(&format!("cursor:{name}"));
        let key = shard.key(format_args!("cursor:{name}"));
        self.link.run(redis::cmd("GET").arg(key)).await
    }

    pub(super) async fn move_cursor(
        &self,
        name: &str,
        from: Option<&str>,
        to: &str,
    ) -> Result<(), StoreError> {
        let shard = self.shards.home_of(&format!("cursor:{name}"));
        let stands = if from.is_some() { "1" } else { "0" };
        let args = [name, stands, from.unwrap_or_default(), to];
        let reply = self.call(&self.scripts.cursor, shard, args).await?;
        if reply.word != "done" {
            return Err(StoreError::Conflict(format!("somebody else has moved the cursor `{name}`")));
        }
        self.news.announce(false);
        Ok(())
    }

    pub(super) async fn take_turn(&self, job: &str, every: Duration) -> Result<bool, StoreError> {
        let shard = self.shards.home_of(&format!("turn:{job}"));
        let args = [job.to_owned(), every.as_millis().to_string()];
        let reply = self.call(&self.scripts.turn, shard, args).await?;
        Ok(reply.rest.get(DONE_WORDS).map(text).transpose()?.as_deref() == Some("1"))
    }

    pub(super) fn home_of_meter(&self, name: &str) -> &Shard {
        self.shards.home_of(&format!("meter:{name}"))
    }

    /// Draws on all of these meters, or on none: then the place of the first that has too little. All of them are at home in
    /// `home`. `paid` is what that is for, where it is to count once however often it is said.
    pub(super) async fn draw_together(
        &self,
        home: &Shard,
        now: Timestamp,
        paid: Option<(&str, Step)>,
        meters: impl IntoIterator<Item = Meter<'_>>,
    ) -> Result<Option<usize>, StoreError> {
        let ms = |time: Duration| time.as_millis().max(1).to_string();
        let (id, step) = paid.map_or(("", ""), |(id, step)| (id, step.as_str()));
        let mut args = vec![step.to_owned(), id.to_owned()];
        for Meter { name, window, kept, amount, limit } in meters {
            args.extend([name.to_owned(), ms(window), amount.to_string(), limit.to_string(), ms(kept)]);
        }
        let reply = self.call_at(now, &self.scripts.meter, home, args).await?;
        let short = reply.rest.get(DONE_WORDS).map(number).transpose()?.unwrap_or_default();
        Ok(usize::try_from(short).unwrap_or_default().checked_sub(1))
    }

    pub(super) async fn draw_rate(&self, draw: &RateDraw) -> Result<RateDrawn, StoreError> {
        let (now, shard) = (self.clock.now(), self.shards.home_of(&format!("rate:{}", draw.rate)));
        let (back, drawn_at) = draw.back.map_or((0, 0), |back| (back.cells, back.drawn_at.as_millis()));
        let args = [
            draw.rate.clone(),
            draw.pace.cells().to_string(),
            draw.pace.per_us().to_string(),
            draw.pace.burst().to_string(),
            draw.cells.to_string(),
            back.to_string(),
            drawn_at.to_string(),
            RATE_KEPT.as_millis().to_string(),
            draw.leave.map(|most| most.to_string()).unwrap_or_default(),
        ];
        let reply = self.call_at(now, &self.scripts.rate, shard, args).await?;
        let told = |at: usize| {
            reply.rest.get(DONE_WORDS + at).map(number).transpose().map(Option::unwrap_or_default)
        };
        let (cells, wait) = (told(0)?, told(1)?);
        Ok(RateDrawn {
            cells: u32::try_from(cells).unwrap_or(0),
            at: now,
            wait: Duration::from_micros(u64::try_from(wait).unwrap_or(0)),
        })
    }
}
