//! From a configured secret to the bytes of an HMAC key.

use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{Scheme, standard_webhooks};

/// Most secrets one source may have at once. Each costs one HMAC per delivery; a rotation needs two.
pub const SECRETS_MAX: usize = 8;

/// Why a source cannot have these secrets. Says which by position, counted from 1, and never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no secret: give at least one, as nothing could be verified")]
    NoSecret,
    #[error(
        "there are {count} secrets and at most {SECRETS_MAX} are tried: remove those that are rotated out"
    )]
    TooMany { count: usize },
    #[error("secret {position} is empty: set it to the signing secret that the sender shows")]
    Empty { position: usize },
    #[error("secret {position} is not base64 after `whsec_`: copy the secret whole, as the sender shows it")]
    NotBase64 { position: usize },
    #[error(
        "secret {position} decodes to {bytes} bytes and Standard Webhooks has 24 to 64: copy the secret \
         whole, or make a new one"
    )]
    Length { position: usize, bytes: usize },
    #[error(
        "secret {position} belongs to an ed25519 key pair, and only HMAC (`v1`) is verified: have the sender \
         sign with a `whsec_` secret"
    )]
    Asymmetric { position: usize },
}

/// The key that `secret` stands for in this scheme.
pub(super) fn bytes(
    scheme: Scheme,
    position: usize,
    secret: &SecretString,
) -> Result<SecretSlice<u8>, KeyError> {
    let text = secret.expose_secret();
    // With an empty key anyone could sign. A secret of white space alone is an unset variable.
    if text.trim().is_empty() {
        return Err(KeyError::Empty { position });
    }
    match scheme {
        Scheme::Github | Scheme::Stripe | Scheme::Generic => Ok(text.as_bytes().to_vec().into()),
        Scheme::StandardWebhooks => standard_webhooks::key(position, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scheme: Scheme, secret: &str) -> Result<Vec<u8>, KeyError> {
        bytes(scheme, 2, &secret.into()).map(|key| key.expose_secret().to_vec())
    }

    #[test]
    fn an_empty_secret_is_refused_by_every_scheme() {
        for scheme in Scheme::ALL {
            for secret in ["", " ", "\n", "\t \r\n"] {
                assert_eq!(key(scheme, secret), Err(KeyError::Empty { position: 2 }), "{scheme} {secret:?}");
            }
        }
    }

    #[test]
    fn text_secrets_are_their_own_bytes() {
        for scheme in [Scheme::Github, Scheme::Stripe, Scheme::Generic] {
            assert_eq!(key(scheme, "whsec_é "), Ok("whsec_é ".as_bytes().to_vec()));
        }
    }
}
