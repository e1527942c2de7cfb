//! What is taken in: an event with its keys and jobs.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{Cause, Event, EventId, EventState, FrozenRequest, Lane, Name, Work},
    source::Verified,
};

/// An event to be accepted with its jobs. Only a verified delivery becomes one, or what the service says itself.
#[derive(Debug)]
pub struct Admission {
    pub(in crate::store) event: Event,
    pub(in crate::store) keys: Vec<DedupeKey>,
    pub(in crate::store) jobs: Vec<NewJob>,
}

impl Admission {
    /// `_proof` is the state of the verified delivery that `event` was made from.
    pub fn new(_proof: &Verified, event: Event, keys: Vec<DedupeKey>, jobs: Vec<NewJob>) -> Self {
        Admission { event, keys, jobs }
    }

    /// An event that the service itself gives, such as an alarm: no stranger's bytes are in it.
    pub fn of_our_own(event: Event, keys: Vec<DedupeKey>, jobs: Vec<NewJob>) -> Self {
        Admission { event, keys, jobs }
    }
}

/// What makes two deliveries the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupeKey {
    /// Unique across sources.
    pub text: String,
    pub on_match: OnMatch,
}

/// What a known key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMatch {
    /// The same event: no second one.
    Duplicate,
    /// A suspected replay: accepted, and its jobs wait for a person.
    Review,
}

/// A job to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub lane: Lane,
    pub work: Work,
    /// Where an action goes.
    pub destination: Option<Name>,
    /// Digest of the configuration that makes it.
    pub config: Arc<str>,
    pub request: Option<FrozenRequest>,
    pub start: Start,
    /// Of a route job: the line it stands in.
    pub order: Option<Order>,
    /// Of a route job: what it may take the place of.
    pub coalesce: Option<Coalesce>,
}

impl NewJob {
    /// A job that is ready at once and stands in no line.
    pub fn new(lane: Lane, work: Work, config: Arc<str>) -> Self {
        NewJob {
            lane,
            work,
            destination: None,
            config,
            request: None,
            start: Start::Ready,
            order: None,
            coalesce: None,
        }
    }
}

/// A line: the route job and the actions of one event must end before those of the next event with the same key may
/// begin. The order is that of acceptance; a redriven intake joins at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Unique across routes.
    pub key: Arc<str>,
    pub on_stuck: OnStuck,
}

/// What a parked, waiting or dead head does to those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStuck {
    /// They wait until it ends, if need be by a person's hand.
    Block,
    /// It leaves the line, and the next one goes.
    Skip,
}

/// Only the newest waiting event of a key is worked on: it takes the due time of an older one on which no work has
/// begun, and its place if both stand in the same line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coalesce {
    /// Unique across routes.
    pub key: Arc<str>,
    /// How long the first event of a key waits for newer ones.
    pub window: Duration,
}

/// The state a job begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Ready,
    /// Ready when so much time has passed from its making on.
    After {
        wait: Duration,
    },
    /// Until the actions named in its plan's `after` are done.
    Blocked,
    Waiting {
        reason: String,
    },
    Dead {
        cause: Cause,
        reason: String,
    },
}

/// What became of an admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    Queued {
        /// The earlier event of which this may be a replay; its jobs wait for a person.
        suspected_replay_of: Option<EventId>,
    },
    /// The event was there already. Its dead jobs, if any, were revived.
    Duplicate {
        of: EventId,
        state: EventState,
        /// How its jobs stand, in words; empty once its record is gone.
        outcome: String,
        revived: u32,
    },
}
