//! Serving HTTP/1.1 to strangers: every connection is counted, timed and ended.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::Request};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
};

use super::Tasks;

/// Connections open at one time, and those that wait to be accepted: whoever is turned away by the system itself tries
/// again after a second.
const CONNECTIONS_MAX: u32 = 4_096;

/// Wait after the system had no handle left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a request's connection; every request served here carries it as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Listens at `address`.
///
/// # Errors
/// The address is in use, or not ours.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A service that is started again need not wait until the connections of the last one are forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(CONNECTIONS_MAX)
}

/// Serves until the group of tasks is told to stop; then requests under way are answered and idle connections closed.
///
/// A connection has `header_within` to send each request's head, and so to stay idle. Bodies are the handlers' affair.
pub async fn serve(listener: TcpListener, router: Router, tasks: Tasks, header_within: Duration) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    serve_at(listener, router, tasks, header_within, slots).await;
}

/// As [`serve`], with a slot for each connection.
async fn serve_at(
    listener: TcpListener,
    router: Router,
    tasks: Tasks,
    header_within: Duration,
    slots: Arc<Semaphore>,
) {
    let open = GracefulShutdown::new();
    loop {
        let next = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            () = tasks.stopping() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small answers on this connection may be delayed");
        }
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_within)
            .serve_connection(TokioIo::new(stream), service);
        let connection = open.watch(connection);
        tasks.spawn("connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
    }
    open.shutdown().await;
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    const GUARD: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn it_ends_when_told_also_while_every_slot_is_taken_by_an_idle_connection() {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let at = listener.local_addr().unwrap();
        let (tasks, slots) = (Tasks::default(), Arc::new(Semaphore::new(1)));
        let serving = serve_at(listener, Router::new(), tasks.clone(), 10 * GUARD, slots);
        let idle = async {
            let mut connection = TcpStream::connect(at).await.unwrap();
            connection.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
            assert!(connection.read_u8().await.is_ok(), "it is served");
            tasks.stop();
            let mut rest = Vec::new();
            connection.read_to_end(&mut rest).await.unwrap(); // ends as the service hangs up
        };
        let ended = tokio::time::timeout(GUARD, async { tokio::join!(serving, idle) }).await;
        assert!(ended.is_ok(), "it waits for the connection");
    }
}
