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

/// Permits that stand for `bytes`.
pub(super) fn permits(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(PERMIT_BYTES))
        .unwrap_or(Semaphore::MAX_PERMITS)
        .min(Semaphore::MAX_PERMITS)
}

/// Reads a body of at most `bytes_max`. What it may take is reserved in `in_flight` before the first byte is read,
/// and given back when the returned permit is dropped.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: u64,
    within: Duration,
    in_flight: &Arc<Semaphore>,
) -> Result<(Bytes, OwnedSemaphorePermit), BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(BodyError::TooLarge { bytes_max });
    }
    let reserve = u32::try_from(permits(announced.unwrap_or(bytes_max)).max(1)).unwrap_or(u32::MAX);
    let permit = Arc::clone(in_flight).try_acquire_many_owned(reserve).map_err(|_| BodyError::Busy)?;
    let read = tokio::time::timeout(within, collect(body, announced, bytes_max));
    let bytes = read.await.map_err(|_| BodyError::TimedOut)??;
    Ok((bytes, permit))
}

async fn collect(mut body: Body, announced: Option<u64>, bytes_max: u64) -> Result<Bytes, BodyError> {
    let mut whole: Option<Bytes> = None;
    let mut parts = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let so_far = whole.as_ref().map_or(parts.len(), Bytes::len);
        if (so_far + data.len()) as u64 > bytes_max {
            return Err(BodyError::TooLarge { bytes_max });
        }
        match whole.take() {
            // Most bodies come in one piece and are never copied.
            None if parts.is_empty() => whole = Some(data),
            None => parts.extend_from_slice(&data),
            Some(first) => {
                parts.reserve(
                    usize::try_from(announced.unwrap_or(0)).unwrap_or(0).max(first.len() + data.len()),
                );
                parts.extend_from_slice(&first);
                parts.extend_from_slice(&data);
            }
        }
    }
    Ok(whole.unwrap_or_else(|| parts.freeze()))
}
