//! Whether a request has begun to leave: its body is taken only once there is a connection to write it to.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Whether the body was taken.
#[derive(Clone, Default)]
pub(super) struct Departure(Arc<AtomicBool>);

impl Departure {
    /// `body`, which tells when it is taken. One without a byte is never taken.
    pub fn of(&self, body: Bytes) -> reqwest::Body {
        reqwest::Body::wrap(Leaving { body: Some(body), departure: self.clone() })
    }

    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct Leaving {
    body: Option<Bytes>,
    departure: Departure,
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.departure.0.store(true, Ordering::Release);
        Poll::Ready(self.body.take().map(|body| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    /// Told exactly: its length stands in the head, as that of any other body.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}
