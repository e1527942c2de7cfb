//! The right to ask a language model, the question on its way, and what comes back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    super::{
        Hindrance, Turn,
        allowance::{self, Allowance, Limited},
        answer::Reading,
        complaint::{self, Complaint},
        elapsed_ms,
    },
    Llm,
};
use crate::{
    classify::{Ledger, LedgerError, PerMinute, Refusal, RequestTaken, TokensTaken, TokensUsed},
    decide::{breaker::Change, budget::Cost, cost},
    domain::{Answer, Clock, Name, Timestamp, Tokens},
    remote::{Busy, Pass, RemoteError, Request, Response, Rest, retry_after},
};

/// How long a vendor is left alone that has no room and does not say for how long.
const REST_UNTOLD: Duration = Duration::from_secs(1);

/// How long at least a vendor is left alone that has no room, whatever it says: all that wait for it come back at the end.
const REST_MIN: Duration = Duration::from_millis(250);

/// One question on its way.
pub(super) struct Call<'a> {
    pub cost: Cost<'a>,
    /// How many tokens the question has at most, and about how many.
    pub most: u64,
    pub about: u64,
    pub digest: &'a str,
    /// Everything of the request but the question.
    pub request: &'a Request,
    /// As [`super::super::Question::until`].
    pub until: Option<Duration>,
    pub ledger: &'a dyn Ledger,
    pub clock: &'a dyn Clock,
}

/// The right to ask, with all that was taken for it. Whoever does not ask gives it back: see [`Llm::unused`].
#[must_use]
pub(super) struct Room {
    pub pass: Pass,
    pub tokens: Vec<TokensTaken>,
    pub request: Option<RequestTaken>,
}

/// An answer, and what its vendor says of its limits.
pub(super) struct Bought {
    pub answer: Answer,
    pub allowances: Vec<Allowance>,
}

/// Whether a request has left, as far as limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departed {
    No,
    /// It has, and its tokens do not count.
    Unbilled,
    /// It may count at the vendor.
    Perhaps,
}

/// There was no answer.
pub(super) enum Unanswered {
    /// It could not be asked, or has not answered.
    Out { turn: Turn, departed: Departed },
    /// It will not answer this question.
    Refused(Refusal),
}

/// How many times more than the most that it may cost an answer is charged as counted: vendors add some of their own to a question. A
/// count beyond that is a mistake, which must not eat up the budget of a month.
const MISCOUNTED: u64 = 2;

impl Llm {
    /// Takes the right to ask: of its breaker, of its requests and its tokens in a minute.
    pub(super) async fn room(&self, call: &Call<'_>) -> Result<Room, Busy> {
        let Call { ledger, clock, .. } = call;
        let (name, output) = (&self.settings.name, self.settings.output_tokens_max.into());
        let pass = self.remote.ready(clock.monotonic())?;
        if pass.is_probe() && !ledger.may_find_out(name, self.remote.probe_every()).await {
            return Err(pass.put_off(clock.monotonic()));
        }
        if let Some(wait) = self.learned.wait((call.about, output), clock.monotonic()) {
            return Err(pass.without("tokens", wait, clock.monotonic()));
        }
        let needs = self.learned.tighten(self.settings.tokens).needs(call.most, output);
        let tokens = match needs.as_slice() {
            [] => Vec::new(),
            needs => match ledger.take_tokens(name, needs).await {
                Ok(taken) => taken,
                Err(wait) => return Err(pass.without("tokens", wait, clock.monotonic())),
            },
        };
        match ledger.may_ask(name, self.per_min()).await {
            Ok(request) => Ok(Room { pass, tokens, request }),
            Err(wait) => {
                self.give_back(&tokens, None, *ledger).await;
                Err(pass.no_room(wait, clock.monotonic()))
            }
        }
    }

    /// Gives back all that was taken for a question that is not asked after all.
    pub(super) async fn unused(&self, room: Room, call: &Call<'_>) {
        let Room { pass, tokens, request } = room;
        pass.unused(call.clock.monotonic());
        self.give_back(&tokens, request, call.ledger).await;
    }

    /// Gives back all tokens that were taken for a question which did not count, and its request if that was not made.
    pub(super) async fn give_back(
        &self,
        tokens: &[TokensTaken],
        request: Option<RequestTaken>,
        ledger: &dyn Ledger,
    ) {
        let name = &self.settings.name;
        if !tokens.is_empty() {
            let unused: Vec<_> = tokens.iter().copied().map(TokensTaken::unused).collect();
            ledger.tokens_used(name, &unused).await;
        }
        if let Some(request) = request {
            ledger.not_asked(name, request).await;
        }
    }

    /// Sends the question and records what came of it.
    pub(super) async fn buy(
        &self,
        body: Bytes,
        pass: Pass,
        call: &Call<'_>,
    ) -> Result<Result<Bought, Unanswered>, LedgerError> {
        let Call { cost, digest, ledger, clock, .. } = call;
        let started = clock.monotonic();
        let left = call.until.map(|until| until.saturating_sub(started));
        let request = call.request.clone().with_json(body);
        let (sent, rest) = self.remote.send_within(request, &pass, left).await;
        let is_cut_short = rest.is_some();
        let complaint = sent.as_ref().ok().and_then(|response| complaint_of(response, clock.now()));
        let allowances = sent.as_ref().map_or_else(
            |_| Vec::new(),
            |response| allowance::read(self.settings.wire, &response.headers, clock.now()),
        );
        let complaint = complaint.map(|(told, wait)| {
            let is_full = sent.as_ref().is_ok_and(|response| response.status == 429) && !told.barred;
            if is_full && self.never_fits(&allowances, wait, call) {
                (told.oversized(), None)
            } else {
                (told, wait)
            }
        });
        if let Ok(response) = &sent {
            if let Some((told, wait)) = &complaint {
                leave_alone(told, *wait, response.status, &pass, clock.monotonic());
            }
            let mut refusals = self.lock_refusals();
            let refusals = refusals.entry(Name::clone(cost.classifier)).or_default();
            match &complaint {
                Some((told, _)) if told.is_of_all(response.status) => refusals.refused(&told.heading),
                Some(_) => {}
                None => refusals.answered(),
            }
        }
        let requests_left = self.heed(&allowances, call, &pass);
        match rest {
            Some(rest) => self.hear_out(rest, pass, started, *ledger),
            None => tell(&self.settings.name, pass.end(clock.monotonic())),
        }
        if let Some(left) = requests_left {
            ledger.requests_left(&self.settings.name, self.per_min(), left).await;
        }
        let response = match sent {
            Ok(response) => response,
            Err(RemoteError::NotSent { reason }) => {
                ledger.not_billed(cost, digest).await?;
                return Ok(Err(Unanswered::Out { turn: passing(reason), departed: Departed::No }));
            }
            Err(RemoteError::Unknown { reason }) => {
                self.usual.silent(elapsed_ms(*clock, started));
                let hindrance = if is_cut_short { Hindrance::Slow } else { Hindrance::Failed };
                let turn = Turn::Unavailable { reason, may_pass: true, retry_after: None, hindrance };
                return Ok(Err(Unanswered::Out { turn, departed: Departed::Perhaps }));
            }
        };
        if let Some((complaint, wait)) = complaint {
            let Complaint { reason, may_pass, not_billed, barred, spent, flaw, heading: _ } = complaint;
            if not_billed {
                ledger.not_billed(cost, digest).await?;
            }
            if flaw.is_some() && not_billed {
                let said = Answer {
                    raw: String::from_utf8_lossy(&response.body).into_owned(),
                    model: self.settings.model.id.clone(),
                    tokens: Tokens::default(),
                    latency_ms: elapsed_ms(*clock, started),
                };
                let refusal = Refusal { status: response.status, said };
                ledger.refused(cost, digest, &refusal).await?;
                return Ok(Err(Unanswered::Refused(refusal)));
            }
            let now = clock.monotonic();
            let (retry_after, hindrance) = if response.status == 429 && !barred {
                // Whether it said so or not: as long as it rests, nobody gets an answer.
                let rests = self.remote.resting(now).map(|(left, _)| left);
                let wait = wait.max(rests).unwrap_or(REST_UNTOLD);
                (Some(self.turn_after(wait, call.most, now)), Hindrance::Full)
            } else {
                let held = if barred { self.remote.held_for(now) } else { None };
                let hindrance = match (spent, barred, may_pass) {
                    (true, _, _) => Hindrance::Capped,
                    (false, true, _) => Hindrance::Barred,
                    (false, false, true) => Hindrance::Failed,
                    (false, false, false) => Hindrance::Refused,
                };
                (wait.or(held), hindrance)
            };
            let turn = Turn::Unavailable { reason, may_pass, retry_after, hindrance };
            let departed = if not_billed { Departed::Unbilled } else { Departed::Perhaps };
            return Ok(Err(Unanswered::Out { turn, departed }));
        }
        if let Some(cut) = response.cut {
            // Nobody knows what was said, nor what it cost.
            self.usual.silent(elapsed_ms(*clock, started));
            let turn = passing(format!("the answer {}", cut.told()));
            return Ok(Err(Unanswered::Out { turn, departed: Departed::Perhaps }));
        }
        let raw = String::from_utf8_lossy(&response.body).into_owned();
        let Reading { model, tokens, .. } = self.reading(&raw);
        let model = model.unwrap_or_else(|| self.settings.model.id.clone());
        let counted = cost::cost(tokens, &self.settings.model.price);
        // Without a count, or by one that cannot be, it is taken for as dear as it may have been, and stands uncounted in the
        // books and in the limits.
        let (tokens, paid) = if tokens == Tokens::default() {
            (tokens, cost.most)
        } else if counted.0 > cost.most.0.saturating_mul(MISCOUNTED) {
            let (judge, most) = (&self.settings.name, cost.most);
            tracing::warn!(%judge, %counted, %most, "by its own count an answer cost far more than it can have");
            (Tokens::default(), cost.most)
        } else {
            (tokens, counted)
        };
        let answer = Answer { raw, model, tokens, latency_ms: elapsed_ms(*clock, started) };
        self.usual.note(answer.latency_ms);
        ledger.answered(cost, digest, &answer, paid).await?;
        Ok(Ok(Bought { answer, allowances }))
    }

    /// How many requests all processes together may send, and who has counted one of them already.
    pub(super) fn per_min(&self) -> Option<PerMinute> {
        let (own, learned) = (self.remote.limit_per_min(), self.learned.requests());
        let requests = own.into_iter().chain(learned).min()?;
        Some(PerMinute { requests, counted_here: own == Some(requests) })
    }

    /// Whether a question that was refused for now will always be: Anthropic says the same of one that is larger than all it lets
    /// through in a minute as of any that comes too early. But it names no time then, or it has a whole minute left, and that is
    /// less than the question about has.
    fn never_fits(&self, allowances: &[Allowance], wait: Option<Duration>, call: &Call<'_>) -> bool {
        let output = self.settings.output_tokens_max.into();
        let never_holds = |told: &Allowance| told.never_holds((call.about, output));
        allowances.iter().any(|told| (wait.is_none() || told.is_whole()) && never_holds(told))
    }

    /// Leaves the vendor alone where it says that next to nothing is left of a limit, and takes its word for the requests; how many
    /// are left, if that may be fewer than was known.
    fn heed(&self, allowances: &[Allowance], call: &Call<'_>, pass: &Pass) -> Option<u32> {
        let now = call.clock.monotonic();
        if let Some(wait) = allowances.iter().filter_map(Allowance::rest_of_all).max() {
            pass.rest(wait, "it said that hardly anything is left of what it allows", now);
        }
        self.learned.hear(allowances, now);
        let requests = allowances.iter().find(|allowance| allowance.limited == Limited::Requests)?;
        let left = u32::try_from(requests.left).unwrap_or(u32::MAX);
        let is_news = pass.leave(left, now) || !self.per_min()?.counted_here;
        is_news.then_some(left)
    }

    /// Settles the tokens of an answer by what its vendor counted, and by what it says is left.
    pub(super) async fn settle(&self, taken: &[TokensTaken], bought: &Bought, ledger: &dyn Ledger) {
        // Where nobody counted, what was taken stays taken.
        if taken.is_empty() || bought.answer.tokens == Tokens::default() {
            return;
        }
        let room = self.settings.output_tokens_max.into();
        let used = |taken: &TokensTaken| {
            let limited = Limited::Tokens(taken.need.counted);
            let told = bought.allowances.iter().find(|allowance| allowance.limited == limited);
            let left = told.map(|allowance| u32::try_from(allowance.left).unwrap_or(u32::MAX));
            TokensUsed { taken: *taken, used: taken.need.taken(bought.answer.tokens, room), left }
        };
        let used: Vec<_> = taken.iter().map(used).collect();
        self.has_used(&used);
        ledger.tokens_used(&self.settings.name, &used).await;
    }

    /// Lets a call that was cut short for the next judge go on by itself until its vendor answers, or its whole time is over: that the
    /// event could not wait longer is no failure of the vendor's, and only so is one that is dead told from one that is slow, while
    /// nobody is held up. What it says of itself is heeded. Its answer is not used: the purchase stays one that may have been billed.
    fn hear_out(&self, rest: Rest, pass: Pass, since: Duration, ledger: &dyn Ledger) {
        let Some(pass) = pass.unwatched() else { return };
        let (judge, usual) = (Name::clone(&self.settings.name), Arc::clone(&self.usual));
        ledger.go_on(Box::new(move |clock| {
            Box::pin(async move {
                if let Ok(response) = rest.await {
                    match complaint_of(&response, clock.now()) {
                        Some((told, wait)) => {
                            leave_alone(&told, wait, response.status, &pass, clock.monotonic());
                        }
                        None if response.cut.is_none() => usual.note(elapsed_ms(&*clock, since)),
                        None => {}
                    }
                }
                tell(&judge, pass.end(clock.monotonic()));
            })
        }));
    }
}

/// What a vendor says in place of an answer, and after which time it may give one.
fn complaint_of(response: &Response, now: Timestamp) -> Option<(Complaint, Option<Duration>)> {
    if response.is_success() {
        return None;
    }
    let told = complaint::read(response.status, &String::from_utf8_lossy(&response.body));
    let wait = retry_after(&response.headers, now).filter(|_| told.may_pass);
    Some((told, wait))
}

/// Leaves a vendor alone that says so: what it says to one holds for all, others would only be refused too.
fn leave_alone(told: &Complaint, wait: Option<Duration>, status: u16, pass: &Pass, now: Duration) {
    match wait {
        // It is the question that is wrong: others are answered.
        _ if told.flaw.is_some() => {}
        _ if told.barred => pass.barred(told.heading.clone(), told.spent),
        Some(wait) => pass.rest(wait.max(REST_MIN), &told.heading, now),
        None if status == 429 => pass.rest(REST_UNTOLD, &told.heading, now),
        None => {}
    }
}

/// Says what has become of a judge's breaker.
fn tell(judge: &Name, change: Option<Change>) {
    match change {
        Some(Change::Opened { reason }) => {
            tracing::warn!(%judge, reason, "the breaker of a judge has opened")
        }
        Some(Change::Closed) => tracing::info!(%judge, "the breaker of a judge has closed"),
        None => {}
    }
}

fn passing(reason: String) -> Turn {
    Turn::Unavailable { reason, may_pass: true, retry_after: None, hindrance: Hindrance::Failed }
}
