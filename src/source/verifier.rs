//! The only way to a verified delivery.

use std::{fmt, time::Duration};

use secrecy::SecretString;

use super::{
    Handshake, KeyError, Reading, Refusal, SECRETS_MAX, Scheme, generic, github, headers, key, mac,
    reading::Draft, refusal::Window, standard_webhooks, stripe,
};
use crate::domain::{Delivery, Timestamp, Unverified};

/// How far a signed time may lie from ours, either way, unless configured otherwise. Stripe's and Standard
/// Webhooks' SDKs use the same (stripe-node `Webhooks`, standardwebhooks `WEBHOOK_TOLERANCE_IN_SECONDS`).
pub const TOLERANCE_DEFAULT: Duration = Duration::from_secs(300);

/// Proof that a delivery's signature was checked. Only [`Verifier::verify`] makes one, and it cannot be
/// copied from one delivery to another:
///
/// ```compile_fail,E0423
/// let forged = hookyard::source::Verified(());
/// ```
///
/// ```compile_fail,E0507
/// # use hookyard::{domain::{Delivery, Unverified}, source::Verified};
/// fn forge(known: &Delivery<Verified>, other: Delivery<Unverified>) -> Delivery<Verified> {
///     other.proven(*known.trust())
/// }
/// ```
#[derive(Debug)]
pub struct Verified(());

/// One source's scheme and keys, ready for use.
pub struct Verifier {
    scheme: Scheme,
    keys: Box<[mac::Key]>,
    tolerance: Duration,
    body_key: bool,
}

impl Verifier {
    /// A verifier for one source. Any of the secrets may have signed a delivery, so that one can be rotated
    /// in before the other is rotated out. `tolerance` counts in whole seconds and only for schemes that sign
    /// a time (all but GitHub); see [`TOLERANCE_DEFAULT`].
    ///
    /// # Errors
    /// There is no secret, or one is empty or no key of this scheme: better no source than one that anybody,
    /// or nobody, can sign for.
    pub fn new(scheme: Scheme, secrets: Vec<SecretString>, tolerance: Duration) -> Result<Self, KeyError> {
        match secrets.len() {
            0 => return Err(KeyError::NoSecret),
            1..=SECRETS_MAX => {}
            count => return Err(KeyError::TooMany { count }),
        }
        let keys = secrets
            .iter()
            .zip(1..)
            .map(|(secret, position)| Ok(mac::Key::new(&key::bytes(scheme, position, secret)?)))
            .collect::<Result<_, _>>()?;
        Ok(Verifier { scheme, keys, tolerance, body_key: false })
    }

    /// Whether [`Verifier::read`] also gives a key made of the body where the sender's id is not signed. Off
    /// at first, as it hashes the body a second time.
    #[must_use]
    pub fn with_body_key(self, body_key: bool) -> Self {
        Verifier { body_key, ..self }
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Checks that one of the secrets signed exactly these bytes, near `now`. Order: encoding, headers,
    /// signature, age; so only correctly signed deliveries are ever called stale.
    ///
    /// # Errors
    /// See [`Refusal`]; the delivery is dropped with it.
    pub fn verify(
        &self,
        delivery: Delivery<Unverified>,
        now: Timestamp,
    ) -> Result<Delivery<Verified>, Refusal> {
        headers::refuse_encoded(delivery.headers())?;
        let (headers, body) = (delivery.headers(), delivery.body().as_ref());
        let window = Window { now, tolerance: self.tolerance };
        match self.scheme {
            Scheme::Github => github::verify(&self.keys, headers, body)?,
            Scheme::Stripe => stripe::verify(&self.keys, headers, body, window)?,
            Scheme::StandardWebhooks => standard_webhooks::verify(&self.keys, headers, body, window)?,
            Scheme::Generic => generic::verify(&self.keys, headers, body, window)?,
        }
        Ok(delivery.proven(Verified(())))
    }

    /// What a verified delivery says of itself: one pass over the body, by the rule of [`super::payload`],
    /// without building a tree. Never fails: a body that cannot be read is a reading too.
    pub fn read(&self, delivery: &Delivery<Verified>) -> Reading {
        let (headers, body) = (delivery.headers(), delivery.body().as_ref());
        if let Some(handshake) = self.handshake(delivery) {
            return Reading::Handshake(handshake);
        }
        let mut draft = Draft::default();
        let outcome = match self.scheme {
            Scheme::Github => github::read(&mut draft, headers, body),
            Scheme::Stripe => stripe::read(&mut draft, body),
            Scheme::StandardWebhooks => standard_webhooks::read(&mut draft, headers, body),
            Scheme::Generic => generic::read(&mut draft, headers, body),
        };
        draft.finish(outcome, body, self.body_key)
    }

    fn handshake(&self, delivery: &Delivery<Verified>) -> Option<Handshake> {
        match self.scheme {
            Scheme::Github => github::handshake(delivery.headers()),
            Scheme::Stripe | Scheme::StandardWebhooks | Scheme::Generic => None,
        }
    }
}

/// Shows no key.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.scheme)
            .field("secrets", &self.keys.len())
            .field("tolerance", &self.tolerance)
            .field("body_key", &self.body_key)
            .finish()
    }
}
