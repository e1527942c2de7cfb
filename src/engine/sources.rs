//! A source, ready to receive.

use std::time::Duration;

use super::Origin;
use crate::{
    config::tables::SameBody,
    domain::Name,
    source::{self, Verifier},
    store::{DedupeKey, OnMatch},
};

/// Who sends, how it is verified, and how much is let in.
#[derive(Debug)]
pub struct Source {
    pub name: Name,
    pub origin: Origin,
    pub verifier: Verifier,
    pub limits: Limits,
    /// Silence of this length is alarming.
    pub silence: Option<Duration>,
}

/// Events let in per minute, from the source and of these from one account or else client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub critical_per_min: u32,
    pub other_per_min: u32,
    pub account_critical_per_min: u32,
    pub account_other_per_min: u32,
    /// The sender tries again when refused; the excess of one that does not goes to the bulk lane instead.
    pub sender_retries: bool,
}

impl Source {
    /// The store's keys for what a delivery says of itself.
    pub fn keys(&self, identity: &source::Identity) -> Vec<DedupeKey> {
        keys(&self.name, self.origin.same_body, identity)
    }
}

/// The store's keys for what a delivery to `source` says of itself: unique across sources, and each with its meaning.
pub(super) fn keys(source: &str, same_body: SameBody, identity: &source::Identity) -> Vec<DedupeKey> {
    let mut keys = Vec::with_capacity(identity.keys.len());
    for key in &identity.keys {
        let on_match = match (key.kind, same_body) {
            (source::KeyKind::Id, _) | (source::KeyKind::Body, SameBody::Duplicate) => OnMatch::Duplicate,
            (source::KeyKind::Body, SameBody::Review) => OnMatch::Review,
            (source::KeyKind::Body, SameBody::Accept) => continue,
        };
        keys.push(DedupeKey { text: format!("{source}/{}", key.text), on_match });
    }
    keys
}
