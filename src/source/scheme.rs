//! Which sender's rules a source follows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A sender's way of signing and naming its deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    Github,
    Stripe,
    /// Standard Webhooks, under its own header names or Svix's.
    StandardWebhooks,
    /// Hookyard's own plain HMAC, for senders you write yourself.
    Generic,
}

/// What was given is not one of our schemes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scheme: use github, stripe, standard_webhooks or generic")]
pub struct SchemeError(pub String);

impl Scheme {
    pub const ALL: [Scheme; 4] = [Scheme::Github, Scheme::Stripe, Scheme::StandardWebhooks, Scheme::Generic];

    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Github => "github",
            Scheme::Stripe => "stripe",
            Scheme::StandardWebhooks => "standard_webhooks",
            Scheme::Generic => "generic",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scheme {
    type Err = SchemeError;

    fn from_str(text: &str) -> Result<Self, SchemeError> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| SchemeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_one_name_everywhere() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.as_str().parse(), Ok(scheme));
            assert_eq!(serde_json::to_value(scheme).unwrap(), scheme.as_str());
        }
    }

    #[test]
    fn the_error_lists_every_name() {
        let error = "git_hub".parse::<Scheme>().unwrap_err().to_string();
        assert!(Scheme::ALL.iter().all(|one| error.contains(one.as_str())), "{error}");
    }
}
