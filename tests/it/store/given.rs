//! Nouns for the tests, complete and dull: each test says only what matters to it.

use std::{sync::LazyLock, time::Duration};

use bytes::Bytes;
use hookyard::{
    domain::{
        ActionPlan, Answer, Attempt, AttemptOutcome, Call, Cause, Delivery, EffectClass, Event, EventId,
        FrozenRequest, HeaderValue, JobId, Lane, Mode, Next, Receipt, Sent, Target, Timestamp, Tokens,
        Verdict, Work,
    },
    source::{Scheme, TOLERANCE_DEFAULT, Verified, Verifier, sign},
    store::{Admission, DedupeKey, NewJob, OnMatch, Settlement, Start},
};
use http::{HeaderMap, HeaderName};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

/// How long the suite's stores remember a dedupe key.
pub const DEDUPE: Duration = Duration::from_hours(8 * 24);

/// How long the leases last that tests take.
pub const LEASE: Duration = Duration::from_secs(30);

/// The least by which two times differ.
pub const TICK: Duration = Duration::from_millis(1);

/// A delivery that was honestly signed and verified: what makes an [`Admission`] possible.
static PROVEN: LazyLock<Delivery<Verified>> = LazyLock::new(|| {
    let (secret, body, now) = (SecretString::from("conformance"), b"{}", Timestamp::default());
    let headers: HeaderMap = sign(Scheme::Generic, &secret, "1", body, None, now)
        .expect("a fit secret")
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header's text")))
        .collect();
    let verifier = Verifier::new(Scheme::Generic, vec![secret], TOLERANCE_DEFAULT).expect("a fit secret");
    let delivery = Delivery::new("forms".into(), headers, Bytes::from_static(body), now);
    verifier.verify(delivery, now).expect("our own signature")
});

/// An event on its way in. It is received when it is sent.
pub struct Draft {
    pub event: Event,
    pub keys: Vec<DedupeKey>,
    pub jobs: Vec<NewJob>,
}

/// The `n`-th event: accepted after all of smaller `n`, with a key of its own and one ready job.
pub fn event(n: u64) -> Draft {
    let event = Event {
        id: event_id(n),
        source: "forms".into(),
        event_type: "lead.form.submitted".into(),
        lane: Lane::Normal,
        received_at: Timestamp::default(),
        test_mode: false,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::from_static(b"{}").into(),
    };
    Draft { event, keys: vec![same(&format!("forms:{n}"))], jobs: vec![route("triage")] }
}

impl Draft {
    pub fn keys(self, keys: impl Into<Vec<DedupeKey>>) -> Self {
        Draft { keys: keys.into(), ..self }
    }

    pub fn jobs(self, jobs: impl Into<Vec<NewJob>>) -> Self {
        Draft { jobs: jobs.into(), ..self }
    }

    pub fn source(mut self, source: &str) -> Self {
        self.event.source = source.into();
        self
    }

    pub fn received(mut self, at: Timestamp) -> Admission {
        self.event.received_at = at;
        Admission::new(PROVEN.trust(), self.event, self.keys, self.jobs)
    }
}

pub fn event_id(n: u64) -> EventId {
    EventId(Uuid::from_u128(0x019b_7600_0000_7000_8000_0000_0000_0000 | u128::from(n)))
}

pub fn job_id(event: EventId, n: u32) -> JobId {
    JobId { event, n }
}

/// A key that makes two deliveries the same event.
pub fn same(text: &str) -> DedupeKey {
    DedupeKey { text: text.to_owned(), on_match: OnMatch::Duplicate }
}

/// A key that makes a later delivery a suspected replay.
pub fn suspect(text: &str) -> DedupeKey {
    DedupeKey { text: text.to_owned(), on_match: OnMatch::Review }
}

/// A ready route job.
pub fn route(name: &str) -> NewJob {
    NewJob::new(Lane::Normal, Work::Route { route: name.into(), replay: None }, "c0ffee".into())
}

/// An action of route `triage`, blocked if it follows others.
pub fn action(id: &str, after: &[&str]) -> NewJob {
    let plan = ActionPlan {
        route: "triage".into(),
        id: id.into(),
        uses: "crm.upsert".into(),
        after: after.iter().map(|id| (*id).into()).collect(),
        on_dead: None,
        delay_ms: 0,
        version: 1,
        dead: None,
    };
    let start = if after.is_empty() { Start::Ready } else { Start::Blocked };
    NewJob { work: Work::Action(plan), start, ..route("triage") }
}

/// `job` as a dead letter.
pub fn dead(job: NewJob, cause: Cause) -> NewJob {
    NewJob { start: Start::Dead { cause, reason: "born dead".to_owned() }, ..job }
}

/// `job`, to wait for a person.
pub fn waiting(job: NewJob) -> NewJob {
    NewJob { start: Start::Waiting { reason: "a trust rule".to_owned() }, ..job }
}

/// A request with everything in it that a careless store might not give back as it was.
pub fn request(key: &str) -> FrozenRequest {
    let bearer = HeaderValue::Credential { prefix: "Bearer ".to_owned() };
    let plain = HeaderValue::Plain("a,b;  c".to_owned());
    FrozenRequest {
        kind: "http".into(),
        destination: "crm".into(),
        idempotency_key: key.to_owned(),
        class: EffectClass::Keyed { life_ms: 7_200_000 },
        retry_unknown: false,
        mode: Mode::Live,
        mode_reason: None,
        frozen_at: Timestamp::from_millis(1_767_225_600_123),
        call: Call::Http {
            method: "POST".to_owned(),
            target: Target::Url("https://crm.example/contacts?a=%20&b=ä".to_owned()),
            headers: vec![("authorization".to_owned(), bearer), ("x-plain".to_owned(), plain)],
            body: "{\"z\":1,\"a\":\"\u{0}\u{1}\u{7f}\u{2028}\u{10ffff} ' \\\" \\\\ \r\n\t\",\"n\":1.0}\n"
                .to_owned(),
        },
    }
}

pub fn verdict(label: &str) -> Verdict {
    Verdict {
        classifier: "triage".into(),
        label: label.to_owned(),
        confidence: 0.875,
        calibrated: true,
        output: json!({ "label": label, "score": 3, "why": ["\u{0} ü", null] }),
        judge: "rules".into(),
        judged_by: "rules, not an LLM".to_owned(),
        model: "rules".to_owned(),
        why: vec!["a rule held".to_owned()],
        prompt_digest: "p".repeat(64),
        variant: None,
        late: false,
        redacted: std::collections::BTreeMap::new(),
        schema_digest: "s".repeat(64),
        tokens: Tokens::default(),
        latency_ms: 2,
        rungs: Vec::new(),
    }
}

pub fn receipt(id: &str) -> Receipt {
    Receipt { sent: Sent::Sent, status: Some(201), body: json!({ "id": id, "big": u64::MAX }) }
}

pub fn answer(raw: &str) -> Answer {
    let tokens = Tokens { input_uncached: 900, cache_write: 80, cache_read: 7, output: 42 };
    Answer { raw: raw.to_owned(), model: "large-1".to_owned(), tokens, latency_ms: 812 }
}

/// An attempt that ended as `next` says, and nothing else.
pub fn settlement(next: Next) -> Settlement {
    let outcome = match next {
        Next::Done => AttemptOutcome::Done,
        Next::Retry { .. } => AttemptOutcome::Retry,
        Next::Park { .. } => AttemptOutcome::Parked,
        Next::Review { .. } => AttemptOutcome::Waiting,
        Next::Skip { .. } => AttemptOutcome::Skipped,
        Next::Dead { .. } => AttemptOutcome::Dead,
    };
    let at = Timestamp::from_millis(1_767_225_600_000);
    let attempt = Attempt {
        started_at: at,
        ended_at: at.plus(Duration::from_millis(250)),
        outcome,
        detail: Some("as planned".to_owned()),
        status: Some(200),
    };
    Settlement {
        attempt,
        next,
        afresh: false,
        request: None,
        in_doubt: false,
        verdict: None,
        receipt: None,
        follow_up: Vec::new(),
        replaces: Vec::new(),
        bill: None,
    }
}

/// No wait at all.
pub const AT_ONCE: Duration = Duration::ZERO;

pub fn retry(wait: Duration) -> Next {
    Next::Retry { wait, reason: "no answer".to_owned() }
}

pub fn park(wait: Duration) -> Next {
    Next::Park { wait, reason: "breaker open".to_owned() }
}

pub fn review() -> Next {
    Next::Review { reason: "below the gate".to_owned() }
}

pub fn skip() -> Next {
    Next::Skip { reason: "paid meanwhile".to_owned() }
}

pub fn die() -> Next {
    Next::Dead { cause: Cause::Exhausted, reason: "5 attempts".to_owned() }
}
