//! One delivery, from its first byte to its answer.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
};
use bytes::Bytes;
use http::{HeaderMap, request::Parts};

use crate::{
    domain::{Delivery, Event, Lane, Name, Unverified},
    engine::{Admitted, Engine, Source},
    host::{self, FailPoint, http::Peer},
    source::{Reading, Refusal, Verified},
    store::{Accepted, Admission, DedupeKey, NewJob},
};

use super::{
    Ingest,
    answer::Answer,
    body, client,
    fullness::fullness,
    limits::{Gate, Sender, Share},
    refused::Refused,
};

/// The reason word for deliveries to a source that is not there.
const UNKNOWN: &str = "unknown_source";

/// Most characters that the log shows of the name of a source that is not there.
const NAME_CHARS_SHOWN_MAX: usize = 64;

pub(super) async fn receive(
    State(ingest): State<Ingest>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let engine = ingest.engine();
    // A name that is not UTF-8 is no source's either.
    let name = name.map_or_else(|_| String::new(), |Path(name)| name);
    let (parts, body) = request.into_parts();
    let client = ingest.client(&parts);
    let gates = ingest.gates(&engine);
    let (Some(source), Some(gate)) = (engine.source(&name), gates.of(&name)) else {
        return ingest.unknown(&name, client);
    };
    gate.meter.received.inc();
    match ingest.take_in(Inbound { engine: &engine, source, gate, client }, parts.headers, body).await {
        Ok(answer) => answer,
        Err(refused) => ingest.refuse(&source.name, client, &gate.log, refused),
    }
}

/// What is known of a delivery before it is read.
#[derive(Clone, Copy)]
struct Inbound<'a> {
    engine: &'a Engine,
    source: &'a Arc<Source>,
    gate: &'a Gate,
    client: IpAddr,
}

/// A delivery that is to become an event.
struct Candidate {
    event: Event,
    jobs: Vec<NewJob>,
    keys: Vec<DedupeKey>,
}

impl Ingest {
    /// The address a request comes from.
    fn client(&self, parts: &Parts) -> IpAddr {
        // Whoever serves without saying who calls has one client.
        let peer = parts.extensions.get().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(peer)| peer.ip());
        client::address(peer, &parts.headers, &self.proxies)
    }

    fn unknown(&self, name: &str, client: IpAddr) -> Answer {
        self.metrics.refused("unknown", UNKNOWN);
        if let Some(held_back) = self.strangers.due(UNKNOWN, self.clock.monotonic()) {
            let name: String = name.chars().take(NAME_CHARS_SHOWN_MAX).collect();
            tracing::warn!(source = name, reason = UNKNOWN, %client, held_back, "delivery refused");
        }
        Answer::UnknownSource
    }

    async fn take_in(&self, inbound: Inbound<'_>, headers: HeaderMap, body: Body) -> Result<Answer, Refused> {
        let Inbound { engine, source, gate, client } = inbound;
        if let Some(full) = fullness(&*self.store, &engine.settings.store, &self.pressure, source) {
            return Err(full.into());
        }
        let server = &engine.settings.server;
        let within = Duration::from_millis(server.request_timeout_ms);
        let body = body::read(&headers, body, server.body_bytes_max, within, &self.in_flight).await?;
        let delivery = self.verify(source, headers, body)?;
        let id = host::event_id();
        let (identity, event, jobs) = match source.verifier.read(&delivery) {
            Reading::Handshake(handshake) => {
                return Ok(Answer::Handshake { status: handshake.status, body: handshake.body });
            }
            Reading::Unreadable { identity, reason } => {
                if let Some(held_back) = gate.log.due("unreadable", self.clock.monotonic()) {
                    tracing::warn!(source = %source.name, event = %id, reason, held_back, "signed, but unreadable");
                }
                let (event, jobs) = engine.admit_unreadable(source, &delivery, &identity, id, reason);
                (identity, event, jobs)
            }
            Reading::Event(identity) => match engine.admit(source, &delivery, &identity, id) {
                Admitted::Ignored { reason } => {
                    tracing::debug!(source = %source.name, event_type = %identity.event_type, reason, "delivery ignored");
                    self.metrics.ignored(&source.name, &reason);
                    return Ok(Answer::Ignored { reason });
                }
                Admitted::Event { event, jobs } => (identity, event, jobs),
            },
        };
        let candidate = Candidate { event, jobs, keys: source.keys(&identity) };
        let sender = Sender::new(identity.account, client);
        let (candidate, share) = self.limit(inbound, sender, candidate).await?;
        self.accept(gate, &delivery, candidate, share).await
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

    /// Holds a sender to its share, and its source to its own. What is known already is let past; the excess of a
    /// sender that does not try again goes to the bulk lane.
    async fn limit<'g>(
        &self,
        inbound: Inbound<'g>,
        sender: Sender,
        mut candidate: Candidate,
    ) -> Result<(Candidate, Option<Share<'g>>), Refused> {
        let Candidate { event, jobs, keys } = &mut candidate;
        match inbound.gate.admit(event.lane, sender, self.clock.monotonic()).await {
            Ok(share) => return Ok((candidate, Some(share))),
            Err(_) if self.store.knows(keys).await.unwrap_or(false) => {}
            Err(spent) if inbound.source.limits.sender_retries => return Err(spent.into()),
            Err(_) => {
                inbound.gate.meter.demoted.inc();
                event.lane = Lane::Bulk;
                jobs.iter_mut().for_each(|job| job.lane = Lane::Bulk);
            }
        }
        Ok((candidate, None))
    }

    /// Commits the event with its jobs. Only what is new counts against the limits: what was taken for a redelivery,
    /// or for what the store could not take, is given back. Not so where the sender hangs up before the answer, as
    /// the event may be on disk by then.
    async fn accept(
        &self,
        gate: &Gate,
        delivery: &Delivery<Verified>,
        candidate: Candidate,
        share: Option<Share<'_>>,
    ) -> Result<Answer, Refused> {
        let Candidate { event, jobs, keys } = candidate;
        let id = event.id;
        host::pass(FailPoint::Accepting);
        let accepted = self.store.accept(Admission::new(delivery.trust(), event, keys, jobs)).await;
        host::pass(FailPoint::Accepted);
        let is_new = matches!(accepted, Ok(Accepted::Queued { .. }));
        if let Some(share) = share.filter(|_| !is_new) {
            share.give_back().await;
        }
        match accepted? {
            Accepted::Queued { suspected_replay_of } => {
                tracing::debug!(source = %delivery.source(), event = %id, "event accepted");
                gate.meter.accepted.inc();
                let note = suspected_replay_of.map(|of| {
                    format!("waits for a person: the same body came before as {of} under another id")
                });
                Ok(Answer::Queued { event: id, note })
            }
            Accepted::Duplicate { of, state, outcome, revived } => {
                tracing::info!(source = %delivery.source(), event = %of, revived, "delivered again");
                gate.meter.duplicates.inc();
                Ok(Answer::Duplicate { event: of, state, outcome, revived })
            }
        }
    }
}
