//! How often something outside is asked, over all processes that share a store.

use std::time::Duration;

use crate::{
    classify::TokensTaken,
    decide::tokens::Need,
    rate::Pace,
    store::{Back, RateDraw, RateDrawn},
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

    /// Takes the tokens of a question to `judge`, which all processes together may send it in a minute: all or none.
    ///
    /// # Errors
    /// There are not enough; the wait.
    pub(super) async fn take_tokens(
        &self,
        judge: &str,
        needs: &[Need],
    ) -> Result<Vec<TokensTaken>, Duration> {
        let mut taken: Vec<TokensTaken> = Vec::with_capacity(needs.len());
        for need in needs {
            let Some(drawn) = self.draw_tokens(judge, *need, need.tokens, None).await else { continue };
            let one = TokensTaken { need: Need { tokens: drawn.cells, ..*need }, at: drawn.at };
            taken.push(one);
            if drawn.cells < need.tokens {
                self.tokens_used(judge, &taken, &vec![0; taken.len()]).await;
                // It was told how long until there is one more.
                let others = need.tokens - drawn.cells - 1;
                return Err(drawn.wait + MINUTE * others / need.per_min.max(1));
            }
        }
        Ok(taken)
    }

    /// Gives back what was taken and not used, and takes what was used beyond.
    pub(super) async fn tokens_used(&self, judge: &str, taken: &[TokensTaken], used: &[u32]) {
        for (TokensTaken { need, at }, used) in taken.iter().zip(used) {
            let back = need.tokens.saturating_sub(*used);
            let back = (back > 0).then_some(Back { cells: back, drawn_at: *at });
            let beyond = used.saturating_sub(need.tokens);
            if back.is_some() || beyond > 0 {
                self.draw_tokens(judge, *need, beyond, back).await;
            }
        }
    }

    async fn draw_tokens(
        &self,
        judge: &str,
        need: Need,
        cells: u32,
        back: Option<Back>,
    ) -> Option<RateDrawn> {
        let Need { counted, per_min, .. } = need;
        let rate = format!("tokens/{judge}/{counted}");
        let draw = RateDraw { rate, pace: Pace::new(per_min, MINUTE, per_min), cells, back };
        if self.store.is_shared() {
            return self.hear(self.store.draw_rate(draw)).await;
        }
        // Nobody else is to be heard: its own store answers.
        self.store.draw_rate(draw).await.ok()
    }
}
