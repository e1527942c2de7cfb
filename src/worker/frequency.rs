//! How often something outside is asked, over all processes that share a store.

use std::time::Duration;

use crate::{
    classify::{PerMinute, RequestTaken, TokensTaken, TokensUsed},
    decide::tokens::Need,
    rate::Pace,
    store::{Back, RateDraw, RateDrawn},
};

use super::Worker;

const MINUTE: Duration = Duration::from_mins(1);

/// What is asked for tokens.
const JUDGE: &str = "judge";

/// What became of a draw, and who has counted it.
struct Outcome {
    drawn: RateDrawn,
    /// Only this process has.
    alone: bool,
}

impl Worker {
    /// Takes one of the `per_min` requests that all processes together may send; what was taken, if they are counted together.
    /// `what` is asked, and called `name`. Without an answer in time each process goes by its own count alone.
    ///
    /// # Errors
    /// There is none left; the wait.
    pub(super) async fn may_ask(
        &self,
        what: &'static str,
        name: &str,
        per_min: Option<PerMinute>,
    ) -> Result<Option<RequestTaken>, Duration> {
        let Some((per_min, draw)) = self.requests(what, name, per_min) else { return Ok(None) };
        let Outcome { drawn, alone } = self.draw((what, name), RateDraw { cells: 1, ..draw }).await;
        match drawn {
            RateDrawn { cells: 0, wait, .. } => Err(wait),
            RateDrawn { at, .. } => Ok(Some(RequestTaken { per_min, at, alone })),
        }
    }

    /// Gives back a request that was not made.
    pub(super) async fn not_asked(&self, what: &'static str, name: &str, taken: RequestTaken) {
        let RequestTaken { per_min, at, alone } = taken;
        if let Some((_, draw)) = self.requests(what, name, Some(per_min)) {
            let back = Some(Back { cells: 1, drawn_at: at });
            self.settle_draw((what, name), RateDraw { back, ..draw }, alone).await;
        }
    }

    /// No more than `left` of them are left.
    pub(super) async fn requests_left(
        &self,
        what: &'static str,
        name: &str,
        per_min: Option<PerMinute>,
        left: u32,
    ) {
        if let Some((_, draw)) = self.requests(what, name, per_min) {
            self.draw((what, name), RateDraw { leave: Some(left), ..draw }).await;
        }
    }

    /// The rate of requests, if there is more to count than this process has counted.
    fn requests(&self, what: &str, name: &str, per_min: Option<PerMinute>) -> Option<(PerMinute, RateDraw)> {
        let per_min = per_min.filter(|per_min| !per_min.counted_here || self.store.is_shared())?;
        Some((per_min, per_minute(format!("out/{what}/{name}"), per_min.requests)))
    }

    /// Takes the tokens of a question to `judge`, which all processes together may send it in a minute: all or none. Without
    /// an answer in time each process goes by its own count alone.
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
            let draw = RateDraw { cells: need.tokens, ..tokens(judge, *need) };
            let Outcome { drawn, alone } = self.draw((JUDGE, judge), draw).await;
            let one = TokensTaken { need: Need { tokens: drawn.cells, ..*need }, at: drawn.at, alone };
            taken.push(one);
            if drawn.cells < need.tokens {
                let unused: Vec<_> = taken.into_iter().map(TokensTaken::unused).collect();
                self.tokens_used(judge, &unused).await;
                // It was told how long until there is one more.
                let others = need.tokens - drawn.cells - 1;
                return Err(drawn.wait + MINUTE * others / need.per_min.max(1));
            }
        }
        Ok(taken)
    }

    /// Gives back what was taken and not used, and takes what was used beyond; leaves no more than the vendor said.
    pub(super) async fn tokens_used(&self, judge: &str, used: &[TokensUsed]) {
        for &TokensUsed { taken: TokensTaken { need, at, alone }, used, left } in used {
            let back = need.tokens.saturating_sub(used);
            let back = (back > 0).then_some(Back { cells: back, drawn_at: at });
            let beyond = used.saturating_sub(need.tokens);
            if back.is_some() || beyond > 0 || left.is_some() {
                let draw = RateDraw { cells: beyond, back, leave: left, ..tokens(judge, need) };
                self.settle_draw((JUDGE, judge), draw, alone).await;
            }
        }
    }

    /// What follows a draw, which others know nothing of if it was made `alone`. What was said to be left they hear all the
    /// same.
    async fn settle_draw(&self, of: (&'static str, &str), draw: RateDraw, alone: bool) {
        if !alone {
            self.draw(of, draw).await;
            return;
        }
        let leave =
            draw.leave.map(|left| RateDraw { cells: 0, back: None, leave: Some(left), ..draw.clone() });
        self.rates.draw(self.clock.now(), &draw);
        if let Some(leave) = leave {
            self.draw(of, leave).await;
        }
    }

    /// Draws on a rate that all processes share. What the store does not answer in time is drawn on this process's own count,
    /// which knows what it has drawn before: a limit that cannot be read is one still.
    async fn draw(&self, (what, name): (&'static str, &str), draw: RateDraw) -> Outcome {
        let is_shared = self.store.is_shared();
        let asked = self.store.draw_rate(draw.clone());
        // Where nobody else is to be heard its own store answers.
        let told = if is_shared { self.hear(asked).await } else { asked.await.ok() };
        let now = self.clock.now();
        match told {
            Some(drawn) => {
                if is_shared {
                    self.rates.draw(now, &RateDraw { cells: drawn.cells, ..draw });
                }
                Outcome { drawn, alone: false }
            }
            None => {
                self.metrics.asked_alone(what, name);
                Outcome { drawn: self.rates.draw(now, &draw), alone: true }
            }
        }
    }
}

/// Nothing yet of what a judge may get of tokens.
fn tokens(judge: &str, Need { counted, per_min, .. }: Need) -> RateDraw {
    per_minute(format!("tokens/{judge}/{counted}"), per_min)
}

fn per_minute(rate: String, per_min: u32) -> RateDraw {
    RateDraw { rate, pace: Pace::new(per_min, MINUTE, per_min), cells: 0, back: None, leave: None }
}
