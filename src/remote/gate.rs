//! The one gate before a remote: its breaker, its limit and how many calls may be under way.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    decide::breaker::{Breaker, Change, Outcome, Own, Settings, Shown, Ticket, Word},
    rate::Bucket,
};

/// How long to wait for a call under way to end.
const CALLS_WAIT: Duration = Duration::from_millis(250);

/// How long to wait while another process finds out whether the remote works.
const PROBE_ELSEWHERE: Duration = Duration::from_secs(1);

/// Longest time that something is left alone because it asked for that.
const REST_MAX: Duration = Duration::from_hours(1);

/// Why a call may not begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    pub wait: Duration,
    /// To follow the remote's name.
    pub reason: String,
    pub lacks: Lacks,
}

/// What the other side has too little of for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    /// It works, and has no room for now.
    Room,
    /// It does not work, as far as is known.
    Health,
    /// What may be spent there is spent.
    Money,
}

/// What it lets through, and when it does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub breaker: Settings,
    pub per_min: Option<NonZeroU32>,
    pub calls_max: Option<u32>,
}

/// See the module. What is known of the remote may be shared with a gate that was before.
pub(super) struct Gate {
    state: Arc<Mutex<State>>,
    limiter: Option<Arc<Bucket>>,
    bounds: Bounds,
}

struct State {
    breaker: Breaker,
    calls: u32,
    /// Those of them that go on though nobody waits for them.
    unwatched: u32,
    /// Until when it asked to be left alone.
    rest_until: Duration,
    /// Why, in words.
    rest_why: String,
    /// The time as it was last told.
    now: Duration,
}

impl State {
    /// What is wrong while the breaker is not closed.
    fn lacks(&self) -> Lacks {
        if self.breaker.is_spent() { Lacks::Money } else { Lacks::Health }
    }

    /// A call is over.
    fn over(&mut self, unwatched: bool) {
        self.calls = self.calls.saturating_sub(1);
        self.unwatched = self.unwatched.saturating_sub(unwatched.into());
    }
}

impl Busy {
    /// So much of `what` as it may get in a minute was taken, whoever set that limit.
    fn full(what: &str, wait: Duration) -> Self {
        let reason = format!("has no room within its {what} per minute for the next {} ms", wait.as_millis());
        Busy { wait, reason, lacks: Lacks::Room }
    }
}

/// What [`Busy::full`] says of the limit of the gate itself.
const REQUESTS: &str = "requests";

impl Gate {
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let state = State {
            breaker: Breaker::new(bounds.breaker),
            calls: 0,
            unwatched: 0,
            rest_until: Duration::ZERO,
            rest_why: String::new(),
            now: Duration::ZERO,
        };
        let limiter = bounds.per_min.map(Bucket::per_minute).map(Arc::new);
        Arc::new(Gate { state: Arc::new(Mutex::new(state)), limiter, bounds })
    }

    /// One with other bounds before the same remote: what is known of it goes on, and what was taken of a limit that stays as it
    /// is. Where the breaker's settings change, calls that are under way are told to the earlier one alone.
    pub fn going_on(&self, bounds: Bounds) -> Arc<Self> {
        let state = if bounds.breaker == self.bounds.breaker {
            Arc::clone(&self.state)
        } else {
            let state = self.state(Duration::ZERO);
            // A call under way that is to find out says so elsewhere: another one is to.
            let breaker = state.breaker.clone().with(bounds.breaker).without_calls(state.now);
            let (rest_until, rest_why, now) = (state.rest_until, state.rest_why.clone(), state.now);
            Arc::new(Mutex::new(State { breaker, calls: 0, unwatched: 0, rest_until, rest_why, now }))
        };
        let limiter = if bounds.per_min == self.bounds.per_min {
            self.limiter.clone()
        } else {
            bounds.per_min.map(Bucket::per_minute).map(Arc::new)
        };
        Arc::new(Gate { state, limiter, bounds })
    }

    fn state(&self, now: Duration) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = state.now.max(now);
        state
    }

    /// Takes the right to make one call.
    pub fn pass(self: &Arc<Self>, now: Duration) -> Result<Pass, Busy> {
        let mut state = self.state(now);
        if self.bounds.calls_max.is_some_and(|max| state.calls >= max) {
            let reason = format!("has {} calls under way, as many as it may", state.calls);
            return Err(Busy { wait: CALLS_WAIT, reason, lacks: Lacks::Room });
        }
        if let Some(wait) = state.rest_until.checked_sub(now).filter(|wait| !wait.is_zero()) {
            let reason = format!("asked to be left alone for another {} ms", wait.as_millis());
            return Err(Busy { wait, reason, lacks: Lacks::Room });
        }
        let ticket = match state.breaker.admit(now) {
            Ok(ticket) => ticket,
            Err((wait, why)) => {
                let is_open = state.breaker.left(now).is_some();
                let how =
                    if is_open { "its breaker is open" } else { "one call finds out whether it works again" };
                let s = wait.as_secs_f32().ceil();
                let reason = format!("is not asked for another {s} s, {how}: {why}");
                return Err(Busy { wait, reason, lacks: state.lacks() });
            }
        };
        if let Some(Err(wait)) = self.limiter.as_ref().map(|limiter| limiter.take(now)) {
            state.breaker.give_back(ticket, now);
            return Err(Busy::full(REQUESTS, wait));
        }
        state.calls += 1;
        Ok(Pass { gate: Arc::clone(self), ticket: Some(ticket), noted: Arc::default(), unwatched: false })
    }

    /// How many calls the breaker lets be under way: `None` for any number.
    pub fn held(&self, now: Duration) -> Option<u32> {
        self.state(now).breaker.room(now)
    }

    /// How long it asked to be left alone; `None` while its breaker is not closed, and nobody knows.
    pub fn rests(&self, now: Duration) -> Option<Duration> {
        let state = self.state(now);
        let is_closed = state.breaker.room(now).is_none();
        is_closed.then(|| state.rest_until.saturating_sub(now))
    }

    /// How long it asked to be left alone, and why, whatever its breaker says.
    pub fn resting(&self, now: Duration) -> Option<(Duration, String)> {
        let state = self.state(now);
        let left = state.rest_until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some((left, state.rest_why.clone()))
    }

    pub fn left(&self, now: Duration) -> Option<Duration> {
        self.state(now).breaker.left(now)
    }

    pub fn shown(&self, now: Duration) -> Shown {
        self.state(now).breaker.shown(now)
    }

    pub fn own(&self) -> Own {
        self.state(Duration::ZERO).breaker.own()
    }

    pub fn hear(&self, word: &Word, now: Duration) {
        self.state(now).breaker.hear(word, now);
    }
}

/// The right to make one call. Dropped without a word, it says nothing of the remote.
pub struct Pass {
    gate: Arc<Gate>,
    ticket: Option<Ticket>,
    /// How the request under it went; of several the last one.
    noted: Arc<Mutex<Option<Outcome>>>,
    /// Nobody waits for the call.
    unwatched: bool,
}

impl Pass {
    /// The call carries an alarm of the service itself: its failures alone are not told of by another alarm.
    pub fn for_alarm(self) -> Self {
        let mut pass = self;
        pass.ticket = pass.ticket.map(Ticket::for_alarm);
        pass
    }

    /// Whether the call is to find out if the remote works again.
    pub fn is_probe(&self) -> bool {
        self.ticket.is_some_and(Ticket::is_probe)
    }

    /// The call is not made, and none is to find out for a while: another process does.
    pub fn put_off(mut self, now: Duration) -> Busy {
        let mut state = self.gate.state(now);
        if let Some(ticket) = self.ticket.take() {
            state.over(self.unwatched);
            state.breaker.put_off(ticket, PROBE_ELSEWHERE, now);
        }
        let reason = "is not asked: another process finds out whether it works again".to_owned();
        Busy { wait: PROBE_ELSEWHERE, reason, lacks: state.lacks() }
    }

    /// The call is not made: others took the requests that it may get.
    pub fn no_room(self, wait: Duration, now: Duration) -> Busy {
        self.without(REQUESTS, wait, now)
    }

    /// The call is not made: there is nothing left for it of `what` it may get in a minute.
    pub fn without(self, what: &str, wait: Duration, now: Duration) -> Busy {
        self.unused(now);
        Busy::full(what, wait)
    }

    /// The call is not made: all that was taken for it is given back.
    pub fn unused(mut self, now: Duration) {
        if let Some(ticket) = self.ticket.take() {
            let mut state = self.gate.state(now);
            state.over(self.unwatched);
            state.breaker.give_back(ticket, now);
            if let Some(limiter) = &self.gate.limiter {
                limiter.give_back();
            }
        }
    }

    /// It says that no more than `left` requests are left within this minute. Whether that is fewer than was known here.
    pub fn leave(&self, left: u32, now: Duration) -> bool {
        self.gate.limiter.as_ref().is_some_and(|limiter| limiter.leave(left, now))
    }

    /// It asked to be left alone for so long: no call begins before. What is longer than [`REST_MAX`] counts as that.
    pub fn rest(&self, wait: Duration, why: &str, now: Duration) {
        let mut state = self.gate.state(now);
        let until = now + wait.min(REST_MAX);
        if until > state.rest_until {
            (state.rest_until, state.rest_why) = (until, why.to_owned());
        }
    }

    /// Notes that it will answer nothing until somebody acts; `spent` says that it is a matter of money.
    pub fn barred(&self, reason: String, spent: bool) {
        self.note(Outcome::Barred { reason, spent });
    }

    /// Notes how a request went.
    fn note(&self, outcome: Outcome) {
        self.noting()(outcome);
    }

    /// Notes how a request went, when that is known.
    pub(super) fn noting(&self) -> impl Fn(Outcome) + Send + use<> {
        let noted = Arc::clone(&self.noted);
        move |outcome| *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome)
    }

    /// Whoever made the call waits for it no longer, and it goes on by itself, to find out whether the other side is slow or dead: the
    /// other side works on it still. As many do at one time as open the breaker if all of them fail; `None` beyond that, when the
    /// call is to be dropped, and says nothing.
    pub fn unwatched(mut self) -> Option<Self> {
        let mut state = self.gate.state(Duration::ZERO);
        if state.unwatched >= self.gate.bounds.breaker.failures {
            return None;
        }
        state.unwatched += 1;
        drop(state);
        self.unwatched = true;
        Some(self)
    }

    /// The attempt has ended: tells what [`super::Remote::send_under`] noted, if anything was sent; what has changed by
    /// it.
    pub fn end(self, now: Duration) -> Option<Change> {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.tell(&noted?, now)
    }

    /// Tells how the call went; what has changed by it.
    pub fn tell(mut self, outcome: &Outcome, now: Duration) -> Option<Change> {
        let ticket = self.ticket.take()?;
        let mut state = self.gate.state(now);
        state.over(self.unwatched);
        state.breaker.record(ticket, outcome, now)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let mut state = self.gate.state(Duration::ZERO);
            let now = state.now;
            state.over(self.unwatched);
            state.breaker.give_back(ticket, now);
        }
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn bounds() -> Bounds {
        Bounds { breaker: Settings::default(), per_min: None, calls_max: None }
    }

    fn one_failure(open: Duration) -> Settings {
        Settings { failures: 1, open, ..Settings::default() }
    }

    fn failed() -> Outcome {
        Outcome::Failed { reason: "503".to_owned() }
    }

    #[test]
    fn so_many_calls_are_under_way_at_one_time() {
        let gate = Gate::new(Bounds { calls_max: Some(2), ..bounds() });
        let (one, two) = (gate.pass(S).unwrap(), gate.pass(S).unwrap());
        assert_eq!(gate.pass(S).unwrap_err().wait, CALLS_WAIT);
        drop(one);
        two.tell(&Outcome::Answered, S);
        assert!(gate.pass(S).is_ok());
    }

    #[test]
    fn what_the_limit_refuses_takes_nothing_from_the_breaker() {
        let (breaker, per_min) = (one_failure(60 * S), Some(NonZeroU32::MIN));
        let gate = Gate::new(Bounds { breaker, per_min, ..bounds() });
        assert!(matches!(
            gate.pass(Duration::ZERO).unwrap().tell(&failed(), Duration::ZERO),
            Some(Change::Opened { .. })
        ));
        assert!(gate.pass(30 * S).unwrap_err().reason.contains("breaker is open"));
        let probe = gate.pass(60 * S).unwrap();
        drop(probe);
        assert!(
            gate.pass(61 * S).unwrap_err().reason.contains("its requests per minute"),
            "the probe took the minute's one"
        );
        assert!(gate.pass(120 * S).unwrap().tell(&Outcome::Answered, 120 * S) == Some(Change::Closed));
    }

    #[test]
    fn while_one_call_finds_out_the_breaker_is_not_said_to_be_open() {
        let gate = Gate::new(Bounds { breaker: one_failure(60 * S), ..bounds() });
        gate.pass(Duration::ZERO).unwrap().tell(&failed(), Duration::ZERO);
        let _probe = gate.pass(60 * S).unwrap();
        let reason = gate.pass(60 * S).unwrap_err().reason;
        assert!(reason.contains("one call finds out") && !reason.contains("is open"), "{reason}");
    }

    #[test]
    fn what_is_known_goes_on_behind_other_bounds_and_a_limit_that_changed_is_a_new_one() {
        let two = NonZeroU32::new(2);
        let bounds = Bounds { breaker: one_failure(60 * S), per_min: two, ..bounds() };
        let gate = Gate::new(bounds);
        let pass = gate.pass(S).unwrap();
        pass.rest(20 * S, "429", S);
        // Another number of calls: all the same.
        let next = gate.going_on(Bounds { calls_max: Some(9), ..bounds });
        assert_eq!(next.resting(S), Some((20 * S, "429".to_owned())));
        pass.tell(&failed(), S);
        assert_eq!(next.left(S), Some(60 * S), "what is under way is heard of");
        // Other settings of the breaker: it is open as before.
        let next = next.going_on(Bounds { breaker: one_failure(5 * S), ..bounds });
        assert_eq!((next.left(S), next.resting(S).map(|(left, _)| left)), (Some(60 * S), Some(20 * S)));
        next.pass(61 * S).unwrap().tell(&Outcome::Answered, 61 * S);
        // A limit that is the same is as far used up as it was.
        next.pass(61 * S).unwrap();
        assert!(next.pass(61 * S).is_err() && next.going_on(bounds).pass(61 * S).is_err());
        let wider = next.going_on(Bounds { per_min: NonZeroU32::new(3), ..bounds });
        assert!(wider.pass(61 * S).is_ok());
    }

    #[test]
    fn calls_that_nobody_waits_for_are_as_many_as_open_the_breaker_and_are_under_way_still() {
        let breaker = Settings { failures: 2, ..Settings::default() };
        let gate = Gate::new(Bounds { breaker, calls_max: Some(3), ..bounds() });
        let let_go = || gate.pass(S).expect("there is room").unwatched();
        let (one, two) = (let_go().expect("goes on"), let_go().expect("goes on"));
        assert!(let_go().is_none(), "one more would find out nothing more");
        let watched = gate.pass(S).expect("there is room");
        assert_eq!(gate.pass(S).unwrap_err().wait, CALLS_WAIT);
        drop(watched);
        for call in [one, two] {
            assert!(gate.held(2 * S).is_none());
            call.note(failed());
            call.end(2 * S);
        }
        assert_eq!(gate.left(2 * S), Some(60 * S), "both have failed");
        assert!(gate.pass(62 * S).expect("may find out").unwatched().is_some());
    }

    #[test]
    fn a_probe_under_way_is_not_waited_for_by_a_breaker_with_other_settings() {
        let bounds = Bounds { breaker: one_failure(60 * S), ..bounds() };
        let gate = Gate::new(bounds);
        gate.pass(Duration::ZERO).unwrap().tell(&failed(), Duration::ZERO);
        let probe = gate.pass(60 * S).unwrap();
        let next = gate.going_on(Bounds { breaker: one_failure(5 * S), ..bounds });
        assert!(next.pass(60 * S).unwrap().is_probe());
        drop(probe);
    }
}
