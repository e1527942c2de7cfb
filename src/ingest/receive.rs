//! One delivery, from its first byte to its answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
};
use bytes::Bytes;
use http::HeaderMap;

use crate::{
    domain::{Delivery, Event, Lane, Name, Unverified},
    engine::{Admitted, Engine, Source},
    host::{self, FailPoint},
    source::{Reading, Refusal, Verified},
    store::{Accepted, Admission, DedupeKey, NewJob},
};

use super::{
    Ingest,
    answer::Answer,
    body::{self, BodyError},
    limits::Gate,
};

/// The reason word for deliveries to a source that is not there.
const UNKNOWN: &str = "unknown_source";

pub(super) async fn receive(
    State(ingest): State<Ingest>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let engine = ingest.engine();
    // A name that is not UTF-8 is no source's either.
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let (Some(source), Some(gate)) = (engine.source(&name), ingest.limiters.gate(&name)) else {
        tracing::warn!(source = name, reason = UNKNOWN, "delivery refused");
        ingest.metrics.refused("unknown", UNKNOWN);
        return Answer::UnknownSource;
    };
    gate.meter.received.inc();
    let (parts, body) = request.into_parts();
    match ingest.take_in(&engine, source, gate, parts.headers, body).await {
        Ok(answer) => answer,
        Err(refused) => {
            tracing::warn!(source = %source.name, reason = refused.word, "delivery refused");
            ingest.metrics.refused(&source.name, refused.word);
            refused.answer
        }
    }
}

/// A refusal, with the word it is counted under.
struct Refused {
    word: &'static str,
    answer: Answer,
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        let (word, answer) = match error {
            BodyError::TooLarge { bytes_max } => ("too_large", Answer::TooLarge { bytes_max }),
            BodyError::Busy => ("busy", Answer::Unavailable { reason: "too much is being received" }),
            BodyError::TimedOut => ("timed_out", Answer::TimedOut),
            BodyError::Broken => ("broken", Answer::Broken),
        };
        Refused { word, answer }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let answer = match refusal {
            Refusal::UnsupportedEncoding => Answer::Encoded,
            Refusal::Missing { .. } | Refusal::Bad { .. } | Refusal::Stale { .. } => Answer::Unverified,
        };
        Refused { word: refusal.reason(), answer }
    }
}

impl Ingest {
    async fn take_in(
        &self,
        engine: &Engine,
        source: &Arc<Source>,
        gate: &Gate,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Answer, Refused> {
        let server = &engine.settings.server;
        let within = Duration::from_millis(server.request_timeout_ms);
        if self.store.load().open_jobs >= engine.settings.store.open_jobs_max {
            return Err(Refused {
                word: "full",
                answer: Answer::Unavailable { reason: "too many jobs are waiting" },
            });
        }
        let (body, _in_flight) =
            body::read(&headers, body, server.body_bytes_max, within, &self.in_flight).await?;
        let delivery = self.verify(source, headers, body)?;
        let id = host::event_id();
        let (event, jobs, keys) = match source.verifier.read(&delivery) {
            Reading::Handshake(handshake) => {
                return Ok(Answer::Handshake { status: handshake.status, body: handshake.body });
            }
            Reading::Unreadable { identity, reason } => {
                tracing::warn!(source = %source.name, event = %id, reason, "kept as a dead letter: unreadable");
                let (event, jobs) = engine.admit_unreadable(source, &delivery, &identity, id, reason);
                (event, jobs, source.keys(&identity))
            }
            Reading::Event(identity) => match engine.admit(source, &delivery, &identity, id) {
                Admitted::Ignored { reason } => {
                    tracing::debug!(source = %source.name, event_type = %identity.event_type, reason, "delivery ignored");
                    self.metrics.ignored(&source.name, &reason);
                    return Ok(Answer::Ignored { reason });
                }
                Admitted::Event { event, jobs } => (event, jobs, source.keys(&identity)),
            },
        };
        let (event, jobs) = self.limit(source, gate, event, jobs, &keys).await?;
        self.accept(gate, &delivery, event, keys, jobs).await
    }

    /// Holds a sender to its share. What is known already is let past; the excess of a sender that does not try again
    /// goes to the bulk lane.
    async fn limit(
        &self,
        source: &Source,
        gate: &Gate,
        mut event: Event,
        mut jobs: Vec<NewJob>,
        keys: &[DedupeKey],
    ) -> Result<(Event, Vec<NewJob>), Refused> {
        if let Err(wait) = self.limiters.admit(gate, event.lane)
            && !self.store.knows(keys).await.unwrap_or(false)
        {
            if source.limits.sender_retries {
                return Err(Refused { word: "rate_limited", answer: Answer::RateLimited { wait } });
            }
            event.lane = Lane::Bulk;
            jobs.iter_mut().for_each(|job| job.lane = Lane::Bulk);
        }
        Ok((event, jobs))
    }

    fn verify(
        &self,
        source: &Source,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Delivery<Verified>, Refusal> {
        let now = self.clock.now();
        let delivery: Delivery<Unverified> = Delivery::new(Name::clone(&source.name), headers, body, now);
        source.verifier.verify(delivery, now)
    }

    async fn accept(
        &self,
        gate: &Gate,
        delivery: &Delivery<Verified>,
        event: Event,
        keys: Vec<DedupeKey>,
        jobs: Vec<NewJob>,
    ) -> Result<Answer, Refused> {
        let id = event.id;
        host::pass(FailPoint::Accepting);
        let accepted = self.store.accept(Admission::new(delivery.trust(), event, keys, jobs)).await;
        host::pass(FailPoint::Accepted);
        match accepted {
            Ok(Accepted::Queued { suspected_replay_of }) => {
                tracing::debug!(source = %delivery.source(), event = %id, "event accepted");
                gate.meter.accepted.inc();
                let note = suspected_replay_of.map(|of| {
                    format!("waits for a person: the same body came before as {of} under another id")
                });
                Ok(Answer::Queued { event: id, note })
            }
            Ok(Accepted::Duplicate { of, state, outcome, revived }) => {
                tracing::info!(source = %delivery.source(), event = %of, revived, "delivered again");
                gate.meter.duplicates.inc();
                Ok(Answer::Duplicate { event: of, state, outcome, revived })
            }
            Err(error) => {
                tracing::error!(source = %delivery.source(), %error, "a delivery could not be stored");
                Err(Refused {
                    word: "store",
                    answer: Answer::Unavailable { reason: "the store cannot take it now" },
                })
            }
        }
    }
}
