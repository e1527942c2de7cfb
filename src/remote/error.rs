//! Why there is no answer, and whether the request may have had its effect all the same.

use std::{error::Error, time::Duration};

use super::guard::NotPublic;

/// Why a request has no answer. Names no URL and no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// Nothing left: it certainly had no effect.
    #[error("{reason}")]
    NotSent { reason: String },
    /// It may have left, wholly or in part, before time ran out or the connection broke.
    #[error("{reason}")]
    Unknown { reason: String },
}

impl RemoteError {
    pub fn reason(&self) -> &str {
        match self {
            RemoteError::NotSent { reason } | RemoteError::Unknown { reason } => reason,
        }
    }

    /// Nothing left in that time.
    pub(super) fn unconnected(time: Duration) -> Self {
        RemoteError::NotSent { reason: format!("no connection was made within {} ms", time.as_millis()) }
    }

    /// There was no answer in that time.
    pub(super) fn unheard(time: Duration) -> Self {
        RemoteError::Unknown { reason: format!("no answer within {} ms", time.as_millis()) }
    }

    /// What reqwest's error means. `timeout` is the time that was allowed; `may_have_left` is false where it is certain that
    /// nothing did.
    pub(super) fn from_reqwest(error: &reqwest::Error, timeout: Duration, may_have_left: bool) -> Self {
        if let Some(refused) = find::<NotPublic>(error) {
            return RemoteError::NotSent { reason: refused.to_string() };
        }
        let cause = root(error);
        // The order matters: a time-out while connecting is both, and then nothing has left.
        if error.is_dns() {
            RemoteError::NotSent { reason: format!("its name could not be resolved: {cause}") }
        } else if error.is_connect() && error.is_timeout() {
            RemoteError::NotSent { reason: "no connection was made in time".to_owned() }
        } else if error.is_connect() {
            RemoteError::NotSent { reason: format!("could not connect: {cause}") }
        } else if error.is_builder() {
            RemoteError::NotSent { reason: format!("the request cannot be made: {cause}") }
        } else if error.is_timeout() && !may_have_left {
            Self::unconnected(timeout)
        } else if error.is_timeout() {
            Self::unheard(timeout)
        } else {
            let reason = format!("the connection broke before an answer came: {cause}");
            if may_have_left { RemoteError::Unknown { reason } } else { RemoteError::NotSent { reason } }
        }
    }
}

/// Whether it says nothing about the other side: by our own doing nothing went out.
pub(super) fn is_ours(error: &reqwest::Error) -> bool {
    error.is_builder() || find::<NotPublic>(error).is_some()
}

/// The innermost cause. The outer ones repeat it, and reqwest's own names the URL.
fn root(error: &reqwest::Error) -> String {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut text = "the HTTP client gives no cause".to_owned();
    while let Some(inner) = cause {
        if !inner.is::<reqwest::Error>() {
            text = inner.to_string();
        }
        cause = inner.source();
    }
    text
}

fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        cause = inner.source();
    }
    None
}
