//! How often something outside is asked, over all processes that share a store.

use std::time::Duration;

use crate::{
    rate::Pace,
    store::{RateDraw, RateDrawn},
};

use super::Worker;

const MINUTE: Duration = Duration::from_mins(1);

impl Worker {
    /// Takes one of the `per_min` requests that all processes together may send. `what` is asked, and called `name`. Without
    /// an answer in time each process goes by its own limit alone.
    ///
    /// # Errors
    /// There is none left; the wait.
    pub(super) async fn may_ask(&self, what: &str, name: &str, per_min: Option<u32>) -> Result<(), Duration> {
        let Some(per_min) = per_min.filter(|_| self.store.is_shared()) else { return Ok(()) };
        let draw = RateDraw {
            rate: format!("out/{what}/{name}"),
            pace: Pace::new(per_min, MINUTE, per_min),
            cells: 1,
            back: None,
        };
        match self.hear(self.store.draw_rate(draw)).await {
            Some(RateDrawn { cells: 0, wait, .. }) => Err(wait),
            Some(_) | None => Ok(()),
        }
    }
}
