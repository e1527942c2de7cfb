//! Reading a body within bounds: of one body, of all bodies in flight, and of time.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one permit: small bodies cost one.
pub(super) const PERMIT_BYTES: u64 = 16 << 10;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge {
        bytes_max: u64,
    },
    /// Too many bytes are in flight.
    Busy,
    TimedOut,
    /// The sender broke off.
    Broken,
}

/// A body, and its place among those in flight: taken as long as anybody holds the bytes, also after their sender has
/// hung up.
struct InFlight {
    bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for InFlight {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Permits that stand for `bytes`.
pub(super) fn permits(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(PERMIT_BYTES))
        .unwrap_or(Semaphore::MAX_PERMITS)
        .min(Semaphore::MAX_PERMITS)
}

/// Reads a body of at most `bytes_max`. Its bytes are charged to `in_flight` as they arrive, so that a sender who only
/// announces costs nothing, and given back when the last who holds some of them lets go.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: u64,
    within: Duration,
    in_flight: &Arc<Semaphore>,
) -> Result<Bytes, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(BodyError::TooLarge { bytes_max });
    }
    let read = tokio::time::timeout(within, collect(body, bytes_max, in_flight));
    read.await.map_err(|_| BodyError::TimedOut)?
}

async fn collect(mut body: Body, bytes_max: u64, in_flight: &Arc<Semaphore>) -> Result<Bytes, BodyError> {
    let mut place = charge(in_flight, 1)?;
    let mut whole: Option<Bytes> = None;
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let so_far = whole.as_ref().map_or(parts.len(), Bytes::len);
        let total = (so_far + data.len()) as u64;
        if total > bytes_max {
            return Err(BodyError::TooLarge { bytes_max });
        }
        let missing = permits(total).saturating_sub(place.num_permits());
        if missing > 0 {
            place.merge(charge(in_flight, missing)?);
        }
        match whole.take() {
            // Most bodies come in one piece and are never copied.
            None if parts.is_empty() => whole = Some(data),
            None => parts.extend_from_slice(&data),
            Some(first) => {
                parts.reserve(first.len() + data.len());
                parts.extend_from_slice(&first);
                parts.extend_from_slice(&data);
            }
        }
    }
    let bytes = whole.unwrap_or_else(|| parts.freeze());
    Ok(Bytes::from_owner(InFlight { bytes, _place: place }))
}

fn charge(in_flight: &Arc<Semaphore>, permits: usize) -> Result<OwnedSemaphorePermit, BodyError> {
    let permits = u32::try_from(permits).unwrap_or(u32::MAX);
    Arc::clone(in_flight).try_acquire_many_owned(permits).map_err(|_| BodyError::Busy)
}
