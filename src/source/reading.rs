//! What a verified delivery says of itself.

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{UnreadableBody, json::Field};

/// Longest identifier and event type, in bytes. Senders' own are far shorter; keys and metrics need a bound.
pub const ID_BYTES_MAX: usize = 255;

/// The event type of a delivery that was signed but cannot be read.
pub const UNREADABLE: &str = "unreadable";

/// What to do with a verified delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// The sender only tests the line: answer, store nothing.
    Handshake(Handshake),
    /// An event: deduplicate, route, store.
    Event(Identity),
    /// Signed, but the body or an identifier in it breaks the rules. `reason` says what and the remedy, and
    /// quotes at most one key of the body. Stored all the same: the sender would only repeat it.
    Unreadable { identity: Identity, reason: String },
}

/// The answer that a handshake wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshake {
    pub status: u16,
    pub body: Value,
}

/// What a delivery is, before it is an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// In the sender's words; [`UNREADABLE`] if they cannot be read.
    pub event_type: Arc<str>,
    /// Primary first. Empty if the sender gave no id: then every delivery is an event of its own.
    pub keys: Vec<DedupeKey>,
    /// The sender marked it as made in a test environment.
    pub test_mode: bool,
    /// Whose event it is at the sender, in the sender's words and from what is signed; `None` if it names nobody.
    /// Inbound limits go by it.
    pub account: Option<Box<str>>,
}

/// What a redelivery has in common with the first delivery.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DedupeKey {
    pub text: String,
    pub kind: KeyKind,
}

/// What an equal key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The same event.
    Id,
    /// The same bytes under an id that is not signed: perhaps a replay, perhaps two equal events.
    Body,
}

/// Why an identifier or type is not usable.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Body(#[from] UnreadableBody),
    #[error("the header `{header}` is missing: have the sender, or the proxy before us, pass it on")]
    NoHeader { header: &'static str },
    #[error("the body has no `{field}`: {remedy}")]
    NoField { field: &'static str, remedy: &'static str },
    #[error("`{field}` in the body is not {wanted}: have the sender send it so")]
    Kind { field: &'static str, wanted: &'static str },
    #[error("{what} {fault}: have the sender use at most {ID_BYTES_MAX} bytes without control characters")]
    Identifier { what: &'static str, fault: &'static str },
}

/// A reading under construction. A sender's file fills it as far as it gets, so that a delivery whose body
/// fails keeps the id its headers gave.
#[derive(Default)]
pub(super) struct Draft {
    event_type: Option<Arc<str>>,
    ids: Vec<DedupeKey>,
    /// The primary id is covered by the signature, so a replay cannot change it.
    pub(super) id_is_signed: bool,
    pub(super) test_mode: bool,
    account: Option<Box<str>>,
}

impl Draft {
    /// Adds an id; the first one is the primary key.
    pub(super) fn add_id(&mut self, what: &'static str, id: &str) -> Result<(), Fault> {
        identifier(what, id)?;
        if !self.ids.iter().any(|known| known.text == id) {
            self.ids.push(DedupeKey { text: id.to_owned(), kind: KeyKind::Id });
        }
        Ok(())
    }

    pub(super) fn set_type(&mut self, what: &'static str, event_type: &str) -> Result<(), Fault> {
        identifier(what, event_type)?;
        self.event_type = Some(event_type.into());
        Ok(())
    }

    /// Takes the first of these that names an account. One that is no identifier names nobody: an event is not
    /// unreadable for that.
    pub(super) fn set_account<'b>(&mut self, named: impl IntoIterator<Item = Field<'b>>) {
        let names = named.into_iter().filter_map(|field| id("", field).ok()?);
        self.account = names.filter(|name| identifier("", name).is_ok()).map(Box::from).next();
    }

    /// The event type that the body gives as `type`.
    pub(super) fn set_type_from(&mut self, field: Field<'_>) -> Result<(), Fault> {
        let remedy = "have the sender name the event's type there, as in \"order.paid\"";
        let event_type = text("type", field)?.ok_or(Fault::NoField { field: "type", remedy })?;
        self.set_type("`type` in the body", &event_type)
    }

    pub(super) fn finish(self, outcome: Result<(), Fault>, body: &[u8], body_key: bool) -> Reading {
        let Draft { event_type, ids: mut keys, id_is_signed, test_mode, account } = self;
        let reason = outcome.err().map(|fault| fault.to_string());
        if reason.is_some() && keys.is_empty() {
            // The sender will try again with the same bytes; without a key each try would be another dead
            // event.
            keys.push(DedupeKey { text: digest(body), kind: KeyKind::Id });
        } else if body_key && !id_is_signed {
            keys.push(DedupeKey { text: digest(body), kind: KeyKind::Body });
        }
        let event_type = event_type.filter(|_| reason.is_none()).unwrap_or_else(|| UNREADABLE.into());
        let identity = Identity { event_type, keys, test_mode, account };
        match reason {
            None => Reading::Event(identity),
            Some(reason) => Reading::Unreadable { identity, reason },
        }
    }
}

/// An id: text, or an integer that fits 64 bits as its digits. A larger number, or one with a point, has been
/// or would be rounded somewhere on its way, and then two ids become one.
pub(super) fn id<'b>(name: &'static str, field: Field<'b>) -> Result<Option<Cow<'b, str>>, Fault> {
    match field {
        Field::Absent | Field::Null => Ok(None),
        Field::Text(text) => Ok(Some(text)),
        Field::Unsigned(number) => Ok(Some(number.to_string().into())),
        Field::Signed(number) => Ok(Some(number.to_string().into())),
        Field::Bool(_) | Field::Float | Field::Nested => {
            Err(Fault::Kind { field: name, wanted: "text or a 64-bit integer" })
        }
    }
}

/// Text that may be absent.
pub(super) fn text<'b>(name: &'static str, field: Field<'b>) -> Result<Option<Cow<'b, str>>, Fault> {
    match field {
        Field::Absent | Field::Null => Ok(None),
        Field::Text(text) => Ok(Some(text)),
        Field::Bool(_) | Field::Unsigned(_) | Field::Signed(_) | Field::Float | Field::Nested => {
            Err(Fault::Kind { field: name, wanted: "text" })
        }
    }
}

fn identifier(what: &'static str, text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Identifier { what, fault: "is empty" });
    }
    if text.len() > ID_BYTES_MAX {
        return Err(Fault::Identifier { what, fault: "is too long" });
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::Identifier { what, fault: "contains control characters" });
    }
    Ok(())
}

pub(super) fn digest(body: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body)))
}
