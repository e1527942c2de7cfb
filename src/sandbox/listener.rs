//! A listener on loopback, which serves until it is told to stop.

use std::net::SocketAddr;

use axum::Router;
use tokio::{net::TcpListener, sync::oneshot};

use super::{Background, SandboxError};

pub(super) struct Listener {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<oneshot::Receiver<()>>,
}

impl Listener {
    /// Listens at `bind`, and hands its server to `spawn`.
    pub async fn open(
        bind: SocketAddr,
        router: Router,
        spawn: impl Fn(Background),
    ) -> Result<Self, SandboxError> {
        if !bind.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(bind));
        }
        let failed = |error| SandboxError::Bind { at: bind, error };
        let listener = TcpListener::bind(bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        spawn(Box::pin(async move {
            let server = axum::serve(listener, router).with_graceful_shutdown(async {
                let _ = stopped.await; // told to stop, or dropped
            });
            let _ = server.await; // axum's server does not fail
            let _ = end.send(());
        }));
        Ok(Listener { address, stop: Some(stop), ended: Some(ended) })
    }

    /// Takes no more requests; those under way are answered.
    pub fn close(&mut self) {
        self.stop.take();
    }

    /// Completes when it is closed and every request is answered.
    pub async fn ended(&mut self) {
        if let Some(ended) = self.ended.take() {
            let _ = ended.await; // an error means that whoever ran it has dropped it: ended all the same
        }
    }
}
