//! One inbound request, and whether its signature has been checked.

use bytes::Bytes;
use http::HeaderMap;

use super::{Name, Timestamp};

/// One inbound request as it arrived: raw headers and raw body.
///
/// `Trust` says whether its signature was verified. Ingest makes `Delivery<Unverified>`; the only other state is
/// the proof type of [`crate::source`], which nothing outside that module can construct. What stores, filters or
/// routes a delivery takes the proven kind, so unverified bytes cannot reach it.
#[derive(Debug, Clone)]
pub struct Delivery<Trust> {
    source: Name,
    headers: HeaderMap,
    body: Bytes,
    received_at: Timestamp,
    trust: Trust,
}

/// The signature has not been checked: the body must not be read.
#[derive(Debug, Clone, Copy)]
pub struct Unverified;

impl Delivery<Unverified> {
    pub fn new(source: Name, headers: HeaderMap, body: Bytes, received_at: Timestamp) -> Self {
        Delivery { source, headers, body, received_at, trust: Unverified }
    }

    /// The same delivery with a proof of its verification.
    pub fn proven<Proof>(self, proof: Proof) -> Delivery<Proof> {
        let Delivery { source, headers, body, received_at, trust: Unverified } = self;
        Delivery { source, headers, body, received_at, trust: proof }
    }
}

/// What arrived can be read in every state and changed in none: a proof must not outlive the bytes it speaks of.
impl<Trust> Delivery<Trust> {
    pub fn source(&self) -> &Name {
        &self.source
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// A header's text; `None` if it is absent or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}
