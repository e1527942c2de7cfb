//! What is sent, and what is expected of it.

use anyhow::Context;
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    domain::{EventId, EventState},
    source::{self, Scheme},
    store::Timeline,
};

use super::{
    super::send::deliver,
    stage::{FORMS_SECRET, GITHUB_SECRET, PARTNERS_SECRET, STRIPE_SECRET, Stage},
};

/// The stand-in path whose first two requests fail, and how they do.
const FAILING_PATH: &str = "/helpdesk/tickets";
const FAILURES: u32 = 2;
const FAILURE_STATUS: u16 = 503;

/// One delivery of the demo.
struct Sent {
    what: &'static str,
    source: &'static str,
    body: &'static str,
    /// The delivery's id; the same one again is a redelivery.
    id: &'static str,
    github_event: Option<&'static str>,
    /// Signed with a secret that is not the source's.
    forged: bool,
    expected: Expected,
}

/// What should become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Queued, with this label if it has a classifier, and in this state at the end.
    Queued {
        label: Option<&'static str>,
        end: EventState,
    },
    Duplicate,
    Ignored,
    Refused,
    Handshake,
}

const fn labelled(label: &'static str) -> Expected {
    Expected::Queued { label: Some(label), end: EventState::Done }
}

const DONE: Expected = Expected::Queued { label: None, end: EventState::Done };

const PAYMENT: Sent = Sent {
    what: "a payment: four isolated branches",
    source: "stripe",
    body: include_str!("deliveries/payment.json"),
    id: "payment",
    github_event: None,
    forged: false,
    expected: DONE,
};

const PULL_REQUEST: Sent = Sent {
    what: "a pull request that fixes a hole",
    source: "github",
    body: include_str!("deliveries/pull_request.json"),
    id: "0f2d4c6e-0000-4000-8000-000000000001",
    github_event: Some("pull_request"),
    forged: false,
    expected: labelled("security"),
};

const SUPPORT: Sent = Sent {
    what: "a customer in trouble; the helpdesk fails twice before it takes the ticket",
    source: "forms",
    body: include_str!("deliveries/support.json"),
    id: "form-support",
    github_event: None,
    forged: false,
    expected: labelled("support"),
};

const ALL: [Sent; 13] = [
    Sent {
        what: "GitHub tests the line",
        body: include_str!("deliveries/ping.json"),
        id: "ping-1",
        github_event: Some("ping"),
        expected: Expected::Handshake,
        ..PULL_REQUEST
    },
    Sent {
        what: "a buyer",
        body: include_str!("deliveries/lead.json"),
        id: "form-lead",
        expected: labelled("lead"),
        ..SUPPORT
    },
    SUPPORT,
    Sent {
        what: "a colleague in the wrong form",
        body: include_str!("deliveries/internal.json"),
        id: "form-internal",
        expected: labelled("internal"),
        ..SUPPORT
    },
    Sent {
        what: "spam that tries to talk the classifier round",
        body: include_str!("deliveries/spam.json"),
        id: "form-spam",
        expected: labelled("spam"),
        ..SUPPORT
    },
    Sent {
        what: "a note nobody could place: a person decides",
        body: include_str!("deliveries/unclear.json"),
        id: "form-unclear",
        expected: Expected::Queued { label: None, end: EventState::Waiting },
        ..SUPPORT
    },
    PAYMENT,
    Sent { what: "the same payment, delivered again", expected: Expected::Duplicate, ..PAYMENT },
    Sent {
        what: "a customer leaves over the price",
        body: include_str!("deliveries/cancelled.json"),
        id: "cancelled",
        expected: labelled("price"),
        ..PAYMENT
    },
    Sent {
        what: "an update nobody asked for",
        body: include_str!("deliveries/noise.json"),
        id: "noise",
        expected: Expected::Ignored,
        ..PAYMENT
    },
    PULL_REQUEST,
    Sent {
        what: "a pull request signed by somebody else",
        id: "0f2d4c6e-0000-4000-8000-000000000002",
        forged: true,
        expected: Expected::Refused,
        ..PULL_REQUEST
    },
    Sent {
        what: "a partner's failed payment",
        source: "partners",
        body: include_str!("deliveries/partner_failed.json"),
        id: "msg_partner_1",
        expected: DONE,
        ..PAYMENT
    },
];

/// A delivery and the answer it got.
#[derive(Debug)]
pub(super) struct Told {
    pub what: &'static str,
    pub source: &'static str,
    pub status: u16,
    pub answer: Value,
    pub expected: Expected,
}

impl Told {
    /// The event it became, if it did.
    pub fn queued(&self) -> Option<EventId> {
        (self.status == 202).then(|| self.answer.get("event")?.as_str()?.parse().ok()).flatten()
    }

    /// The word of the answer: `queued`, `duplicate`, `ignored`, `refused`.
    pub fn word(&self) -> &str {
        self.answer.get("status").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn reason(&self) -> &str {
        self.answer.get("reason").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Sends everything, in order.
pub(super) async fn send_all(stage: &Stage) -> anyhow::Result<Vec<Told>> {
    stage.sandbox.fail_next(FAILING_PATH, FAILURES, FAILURE_STATUS);
    let mut told = Vec::with_capacity(ALL.len());
    for sent in &ALL {
        told.push(send(stage, sent).await.with_context(|| sent.what)?);
    }
    Ok(told)
}

async fn send(stage: &Stage, sent: &Sent) -> anyhow::Result<Told> {
    let Sent { what, source, body, id, github_event, forged, expected } = *sent;
    let (scheme, secret) = match source {
        "github" => (Scheme::Github, GITHUB_SECRET),
        "stripe" => (Scheme::Stripe, STRIPE_SECRET),
        "partners" => (Scheme::StandardWebhooks, PARTNERS_SECRET),
        _ => (Scheme::Generic, FORMS_SECRET),
    };
    let secret = SecretString::from(if forged { "somebody else's secret" } else { secret });
    let headers = source::sign(scheme, &secret, id, body.as_bytes(), github_event, stage.clock.now())?;
    let url = format!("http://{}/webhooks/{source}", stage.public);
    let (status, answer) = deliver(&url, headers, body.as_bytes().to_vec()).await?;
    let answer = serde_json::from_str(&answer).with_context(|| format!("{status}: {answer}"))?;
    Ok(Told { what, source, status, answer, expected })
}

/// Everything that did not end as it should.
pub(super) fn faults(told: &[Told], timelines: &[Timeline]) -> Vec<String> {
    let mut faults = Vec::new();
    for one in told {
        let fault = match one.expected {
            Expected::Queued { label, end } => queued_fault(one, timelines, label, end),
            Expected::Duplicate => (one.word() != "duplicate").then(|| "is no duplicate".to_owned()),
            Expected::Ignored => (one.word() != "ignored").then(|| "was not ignored".to_owned()),
            Expected::Refused => (one.status != 401).then(|| "was not refused".to_owned()),
            Expected::Handshake => (one.status != 200).then(|| "was not answered".to_owned()),
        };
        faults.extend(fault.map(|fault| format!("{}: {fault} ({} {})", one.what, one.status, one.answer)));
    }
    faults
}

fn queued_fault(one: &Told, timelines: &[Timeline], label: Option<&str>, end: EventState) -> Option<String> {
    let Some(timeline) = one.queued().and_then(|id| timelines.iter().find(|t| t.event.id == id)) else {
        return Some("was not queued".to_owned());
    };
    if timeline.state != end {
        return Some(format!("ended as {}, not as {end}", timeline.state));
    }
    let said = timeline.jobs.iter().find_map(|entry| Some(entry.job.verdict.as_ref()?.label.as_str()));
    (said != label).then(|| {
        format!("was taken for {}, not for {}", said.unwrap_or("nothing"), label.unwrap_or("nothing"))
    })
}
