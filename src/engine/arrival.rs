//! A case as its sender delivers it, once or again: what the store would know it by.

use super::{Engine, sources};
use crate::{
    config::{Case, CaseDelivery, tables::SameBody},
    domain::Timestamp,
    source::{KeyKind, Scheme, TOLERANCE_DEFAULT},
    store::{DedupeKey, OnMatch},
};

/// The headers in which an id stands that nobody has signed.
const UNSIGNED: [(Scheme, &str); 2] =
    [(Scheme::Github, "x-github-delivery"), (Scheme::Generic, "x-event-id")];

/// How long a sender waits before it sends again.
const AGAIN_MS: i64 = 60_000;

/// Which of a case's deliveries it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    First,
    /// What was sent is sent again.
    Again,
    /// The same body comes under another id.
    Anew,
}

/// What a delivery is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    keys: Vec<DedupeKey>,
    /// Whether the same body under a new id could be known.
    by_body: bool,
}

impl Keys {
    /// Whether a delivery with these keys is known where one with those of `first` was accepted.
    pub fn are_known_by(&self, first: &Keys) -> Option<OnMatch> {
        let known = |key: &&DedupeKey| first.keys.iter().any(|other| other.text == key.text);
        let known: Vec<OnMatch> = self.keys.iter().filter(known).map(|key| key.on_match).collect();
        let strongest = |wanted| known.iter().find(|on_match| **on_match == wanted).copied();
        strongest(OnMatch::Duplicate).or_else(|| strongest(OnMatch::Review))
    }

    /// Whether the source would know the same body under a new id.
    pub fn tell_the_body(&self) -> bool {
        self.by_body
    }
}

impl Engine {
    /// Why the case's delivery would be refused by its source as it is configured; `None` if it would not, or there is none. Of a
    /// source that is not set up here only the usual is known.
    pub fn refusal_of(&self, case: &Case) -> Option<String> {
        let delivery = case.delivery.as_ref()?;
        let origin = self.origin(&case.event.source);
        if let Some(origin) = origin
            && *delivery.scheme != *origin.scheme.as_str()
        {
            let (source, scheme) = (&case.event.source, origin.scheme.as_str());
            return Some(format!("`{source}` is of the scheme {scheme}, and not of {}", delivery.scheme));
        }
        // Who reads cases refuses one that is no delivery at all.
        delivery.refusal(origin.map_or(TOLERANCE_DEFAULT, |origin| origin.tolerance)).ok().flatten()
    }

    /// What a delivery of `case` is known by. A case without a delivery is given one, under an id of its own. `None` if its
    /// source is not configured.
    ///
    /// # Errors
    /// It would not be accepted; why.
    pub fn keys_of(&self, case: &Case, arrival: Arrival) -> Result<Option<Keys>, String> {
        let Some(origin) = self.origin(&case.event.source) else { return Ok(None) };
        let delivery = match &case.delivery {
            None => {
                let (id, wait) = match arrival {
                    Arrival::First => (case.id.clone(), 0),
                    Arrival::Again => (case.id.clone(), AGAIN_MS),
                    Arrival::Anew => (format!("{} anew", case.id), AGAIN_MS),
                };
                CaseDelivery::made_of(&case.event, origin.scheme, &id, Timestamp::from_millis(wait))?
            }
            Some(delivery) => {
                let mut delivery = delivery.clone();
                if arrival == Arrival::Anew {
                    rename(&mut delivery, origin.scheme);
                }
                delivery
            }
        };
        let identity = delivery.identity(origin.same_body != SameBody::Accept)?;
        let keys = sources::keys(&case.event.source, origin.same_body, &identity);
        let by_body =
            origin.same_body != SameBody::Accept && identity.keys.iter().any(|key| key.kind == KeyKind::Body);
        Ok(Some(Keys { keys, by_body }))
    }
}

/// Gives a delivery another id, where nobody has signed it.
fn rename(delivery: &mut CaseDelivery, scheme: Scheme) {
    let header = UNSIGNED.iter().find(|(of, _)| *of == scheme).map(|(_, header)| *header);
    for (_, id) in
        delivery.headers.iter_mut().filter(|(name, _)| Some(name.to_lowercase().as_str()) == header)
    {
        id.push_str("-anew");
    }
}
