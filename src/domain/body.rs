//! The raw signed bytes of an event, wherever they are.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Where a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Here(Bytes),
    /// Too large to be handed around: the store reads it on request.
    File(BodyFile),
    /// Removed, by retention or because a person's data was erased.
    Gone,
}

/// A body in a file of its own, named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyFile {
    /// SHA-256, hex.
    pub sha256: String,
    pub bytes: u64,
}

impl Body {
    /// The bytes, if they are here.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Body::Here(bytes) => Some(bytes),
            Body::File(_) | Body::Gone => None,
        }
    }

    pub fn len(&self) -> u64 {
        match self {
            Body::Here(bytes) => bytes.len() as u64,
            Body::File(file) => file.bytes,
            Body::Gone => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body::Here(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Body::Here(bytes.into())
    }
}
