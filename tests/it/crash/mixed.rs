//! Deliveries of several kinds and sizes, numbered, and what is to be done about each.

use hookyard::{
    config::{ACTIONS, CLASSIFIERS, Files, JUDGES, ROUTES, SETTINGS},
    domain::Clock,
    host::SystemClock,
    source::{self, Scheme},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    load::{CONNECTIONS, Delivery},
    settings, signed,
};

pub(super) const FORMS_SECRET: &str = "secret-of-the-crash-tests";

/// Customers with a line each.
const CUSTOMERS: usize = 5;
/// Bytes that make a body too large for the database, which holds up to 256 KiB itself.
const LARGE: usize = 300_000;
/// What a delivery's number follows in all that is sent because of it.
const NUMBER: &str = "delivery-";

/// Everything of a customer in a line, two actions one after the other; and the second one elsewhere, without a line. It
/// is shipped, and nothing protects from doing it twice.
const ROUTED: &str = r#"
[route.line]
types = ["customer.subscription.trial_will_end"]
order_by = "{{ event.body.data.object.customer }}"
action = [{ id = "record", use = "crm_payment" }, { id = "notice", use = "slack_trial_ending", after = ["record"] }]

[route.refund]
types = ["refund.created"]
action = [{ id = "notice", use = "slack_trial_ending" }, { id = "record", use = "log_payment" }]

[route.shop]
types = ["payment.succeeded"]
action = [{ id = "email", use = "mail_receipt" }, { id = "crm", use = "crm_payment" }]

[route.copy]
types = ["subscription.created"]
action = [{ id = "record", use = "log_subscription" }]
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In the line of its customer.
    Line,
    Refund,
    Shop,
    /// All of these have the same large body.
    Copy,
}

pub(super) fn kind(n: usize) -> Kind {
    // Each connection brings every kind.
    match n / CONNECTIONS % 6 {
        0..3 => Kind::Line,
        3 => Kind::Refund,
        4 => Kind::Shop,
        _ => Kind::Copy,
    }
}

pub(super) fn customer(n: usize) -> usize {
    n % CUSTOMERS
}

pub(super) fn is_large(n: usize) -> bool {
    kind(n) == Kind::Copy || n.is_multiple_of(7)
}

pub(super) fn files(workers: u32) -> Files {
    let files = Files::embedded();
    let actions = files.get(ACTIONS).expect("actions").replace("\nurl = ", "\nallow_private = true\nurl = ");
    let files = files.with(ACTIONS, actions).with(ROUTES, ROUTED.to_owned());
    files.with(CLASSIFIERS, "").with(JUDGES, "").with(SETTINGS, settings(workers))
}

pub(super) fn body(n: usize) -> Vec<u8> {
    let large = if is_large(n) { "x".repeat(LARGE) } else { String::new() };
    let event: Value = match kind(n) {
        Kind::Line => stripe(n, "customer.subscription.trial_will_end", &large),
        Kind::Refund => stripe(n, "refund.created", &large),
        Kind::Shop => json!({
            "type": "payment.succeeded", "large": large,
            "data": {
                "id": format!("{NUMBER}{n}."), "amount_cents": 1_000 + n, "currency": "EUR",
                "customer": { "email": format!("customer{n}@shop.example") },
            },
        }),
        Kind::Copy => json!({ "type": "subscription.created", "large": large, "data": {} }),
    };
    event.to_string().into_bytes()
}

fn stripe(n: usize, kind: &str, large: &str) -> Value {
    let object = json!({ "id": format!("{NUMBER}{n}."), "customer": format!("cus_{}", customer(n)) });
    json!({
        "id": format!("evt_mixed_{n}"), "object": "event", "livemode": true, "type": kind, "large": large,
        "data": { "object": object },
    })
}

pub(super) fn delivery(n: usize) -> Delivery {
    let body = body(n);
    let (source, headers) = match kind(n) {
        Kind::Line | Kind::Refund => ("stripe", signed(&body)),
        Kind::Shop | Kind::Copy => {
            let secret = SecretString::from(FORMS_SECRET);
            let (id, now) = (format!("mixed_{n}"), SystemClock::new().now());
            ("forms", source::sign(Scheme::Generic, &secret, &id, &body, None, now).expect("a key"))
        }
    };
    Delivery { source, headers, body }
}

/// The delivery that something was sent for, by what was sent.
pub(super) fn number(sent: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(sent).ok()?;
    text.split_once(NUMBER)?.1.split_once('.')?.0.parse().ok()
}

/// What a delivery does at the sandbox.
pub(super) fn effects(n: usize) -> &'static [&'static str] {
    match kind(n) {
        Kind::Line => &["crm.payment", "slack.text"],
        Kind::Refund => &["slack.text"],
        Kind::Shop => &["crm.payment", "mail.email"],
        Kind::Copy => &[],
    }
}
