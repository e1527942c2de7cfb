//! Tests over loopback, and the tiny server that `act`'s tests use too.

use std::net::SocketAddr;

use axum::Router;
use http::{HeaderMap, Method, StatusCode};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Serves `router` on a loopback port until the test ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    in_background(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Answers every connection with these bytes as soon as something has been read, and closes it.
pub(crate) async fn canned(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    in_background(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection.write_all(answer).await;
        }
    });
    address
}

/// A loopback port at which nothing listens.
pub(crate) async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

fn options() -> RemoteOptions {
    RemoteOptions { allow_private: true, ..RemoteOptions::default() }
}

fn post(address: SocketAddr, path: &str) -> Request {
    Request::new(Method::POST, format!("http://{address}{path}").parse().unwrap())
}

async fn send(options: RemoteOptions, request: Request) -> Result<Response, RemoteError> {
    Remote::new(options).unwrap().send(request).await
}

#[tokio::test]
async fn what_is_given_is_sent_and_what_comes_is_read() {
    let echo = |method: Method, headers: HeaderMap, body: String| async move {
        let shown = ["user-agent", "authorization", "content-type", "x-own"]
            .map(|name| headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned());
        (StatusCode::CREATED, [("x-answer", "yes")], format!("{method} {} {body}", shown.join(" ")))
    };
    let address = serve(Router::new().fallback(echo)).await;
    let request = post(address, "/x").with_header("x-own", "1").unwrap().with_json(r#"{"a":1}"#);
    let response = send(options(), request).await.unwrap();
    assert_eq!((response.status, response.cut), (201, None));
    assert_eq!(response.headers["x-answer"], "yes");
    let want = format!("POST hookyard/{} - application/json 1 {{\"a\":1}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(response.body, want);
    let request = post(address, "/x").with_bearer(&SecretString::from("tok_123")).unwrap();
    let response = send(options(), request).await.unwrap();
    assert!(response.excerpt().contains("Bearer [redacted]"), "{}", response.excerpt());
    let request = post(address, "/hook/x?sig=hunter2").with_secret_url().with_body("/hook/x sig=hunter2");
    let response = send(options(), request).await.unwrap();
    assert!(response.excerpt().ends_with("[redacted] [redacted]"), "{}", response.excerpt());
}

#[tokio::test]
async fn redirects_are_answers() {
    let moved = || async { (StatusCode::FOUND, [("location", "/elsewhere")]) };
    let elsewhere = || async { "followed" };
    let router = Router::new()
        .route("/x", axum::routing::any(moved))
        .route("/elsewhere", axum::routing::any(elsewhere));
    let response = send(options(), post(serve(router).await, "/x")).await.unwrap();
    assert_eq!(response.status, 302);
}

#[tokio::test]
async fn answers_are_read_up_to_the_bound() {
    let address = serve(Router::new().fallback(|| async { "x".repeat(300_000) })).await;
    for (answer_bytes_max, length, is_cut) in
        [(0, 0, true), (10, 10, true), (299_999, 299_999, true), (300_000, 300_000, false)]
    {
        let response =
            send(RemoteOptions { answer_bytes_max, ..options() }, post(address, "/")).await.unwrap();
        assert_eq!(
            (response.body.len(), response.cut),
            (length, is_cut.then_some(Cut::TooLong)),
            "{answer_bytes_max}"
        );
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_its_status() {
    let address = canned(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart").await;
    let response = send(options(), post(address, "/")).await.unwrap();
    assert_eq!(
        (response.status, &response.body[..], response.cut),
        (200, b"part".as_slice(), Some(Cut::BrokeOff))
    );
    assert_eq!(response.json(), None);
}

#[tokio::test]
async fn what_did_not_leave_is_told_from_what_may_have_arrived() {
    let not_sent = send(options(), post(closed().await, "/secret")).await.unwrap_err();
    assert!(
        matches!(&not_sent, RemoteError::NotSent { reason } if reason.starts_with("could not connect: "))
    );

    let plain = canned(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let tls = Request::new(Method::POST, format!("https://{plain}/secret").parse().unwrap());
    let not_sent = send(options(), tls).await.unwrap_err();
    assert!(matches!(&not_sent, RemoteError::NotSent { .. }), "{not_sent}");

    // Too long for a label of DNS: no resolver is asked.
    let unresolvable = format!("http://{}/secret", "x".repeat(64)).parse().unwrap();
    let not_sent = send(options(), Request::new(Method::GET, unresolvable)).await.unwrap_err();
    assert!(
        matches!(&not_sent, RemoteError::NotSent { reason } if reason.contains("resolved")),
        "{not_sent}"
    );

    let broken = send(options(), post(canned(b"").await, "/secret")).await.unwrap_err();
    assert!(matches!(&broken, RemoteError::Unknown { reason } if reason.contains("broke")), "{broken}");

    let silent = serve(Router::new().fallback(std::future::pending::<()>)).await;
    let timeout = std::time::Duration::from_millis(200);
    let late = send(RemoteOptions { timeout, ..options() }, post(silent, "/secret")).await.unwrap_err();
    assert_eq!(late, RemoteError::Unknown { reason: "no answer within 200 ms".to_owned() });

    for error in [not_sent, broken, late] {
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn private_addresses_are_refused_by_number_and_by_name() {
    let address = serve(Router::new().fallback(|| async { "reached" })).await;
    let port = address.port();
    for url in [
        format!("http://127.0.0.1:{port}/secret"),
        format!("http://[::1]:{port}/secret"),
        format!("http://[::ffff:127.0.0.1]:{port}/secret"),
        format!("http://2130706433:{port}/secret"),
        format!("http://localhost:{port}/secret"),
    ] {
        let request = Request::new(Method::POST, url.parse().unwrap());
        let error = send(RemoteOptions::default(), request).await.unwrap_err();
        let RemoteError::NotSent { reason } = &error else { panic!("{url}: {error:?}") };
        assert!(reason.contains("allow_private"), "{url}: {reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[tokio::test]
async fn other_schemes_and_passwords_in_urls_are_refused() {
    for url in ["ftp://example.com/", "file:///etc/passwd", "http://me:hunter2@example.com/"] {
        let request = Request::new(Method::GET, url.parse().unwrap());
        let error = send(RemoteOptions::default(), request).await.unwrap_err();
        assert!(matches!(&error, RemoteError::NotSent { .. }), "{url}: {error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn senseless_options_are_refused() {
    let none = RemoteOptions { limit_per_min: Some(0), ..options() };
    assert!(matches!(Remote::new(none), Err(SetupError::NoRequests)));
    let none = RemoteOptions { timeout: std::time::Duration::ZERO, ..options() };
    assert!(matches!(Remote::new(none), Err(SetupError::NoTime)));
    let one = Remote::new(RemoteOptions { limit_per_min: Some(1), ..options() }).unwrap();
    assert!(one.ready(std::time::Duration::ZERO).is_ok());
    let busy = one.ready(std::time::Duration::ZERO).unwrap_err();
    assert_eq!(busy.wait, std::time::Duration::from_secs(60));
}

#[test]
fn debug_shows_no_secret() {
    let request = post("127.0.0.1:9".parse().unwrap(), "/services/T/B/x")
        .with_secret_url()
        .with_bearer(&SecretString::from("tok_123"))
        .unwrap()
        .with_json("private");
    let shown = format!("{request:?}");
    assert!(shown.contains("authorization"), "{shown}");
    for secret in ["services", "tok_123", "private"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let error = Request::new(Method::GET, "http://a/".parse().unwrap());
    let error = error.with_bearer(&SecretString::from("tok_123\n")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("tok_123"), "{error:?}");
}

async fn breaker_after(url: &str) -> crate::decide::breaker::Shown {
    let breaker = crate::decide::breaker::Settings { failures: 3, ..Default::default() };
    let timeout = std::time::Duration::from_millis(300);
    let remote = Remote::new(RemoteOptions { breaker, timeout, ..options() }).unwrap();
    let elapsed = std::time::Duration::from_secs(1);
    for _ in 0..3 {
        let pass = remote.ready(elapsed).unwrap();
        let _ = remote.send_under(Request::new(Method::GET, url.parse().unwrap()), &pass).await;
        pass.end(elapsed);
    }
    remote.breaker(elapsed)
}

#[tokio::test]
async fn what_says_that_the_other_side_is_down_and_what_does_not() {
    use crate::decide::breaker::Shown;
    let answer = |axum::extract::Path(status): axum::extract::Path<u16>| async move {
        (StatusCode::from_u16(status).unwrap(), "somebody's private words")
    };
    let base =
        format!("http://{}", serve(Router::new().route("/{status}", axum::routing::get(answer))).await);
    let silent = serve(Router::new().fallback(std::future::pending::<()>)).await;
    let never_ends = || async {
        axum::body::Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>())
    };
    let slow = serve(Router::new().fallback(never_ends)).await;
    for (url, want) in [
        (format!("{base}/500"), "answered 500"),
        (format!("{base}/503"), "answered 503"),
        (format!("{base}/529"), "answered 529"),
        (format!("{base}/408"), "answered 408"),
        (format!("http://{silent}/"), "no answer within 300 ms"),
        (format!("http://{}/", closed().await), "could not connect: "),
        (format!("http://{}/", canned(b"").await), "the connection broke before an answer came: "),
        (
            format!("http://{}/", canned(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart").await),
            "its answer broke off",
        ),
        (format!("http://{slow}/"), "its answer did not come to its end in time"),
        (format!("http://{}.invalid/", "x".repeat(64)), "its name could not be resolved: "),
    ] {
        let shown = breaker_after(&url).await;
        let Shown::Open { reason, .. } = &shown else { panic!("{url}: {shown:?}") };
        let start = format!("3 failures in a row; the last one: {want}");
        assert!(reason.starts_with(&start) && !reason.contains("private"), "{url}: {reason}");
    }
    for status in [200, 204, 302, 400, 401, 404, 409, 422, 425, 429] {
        let shown = breaker_after(&format!("{base}/{status}")).await;
        assert_eq!(shown, Shown::Closed { failures_in_a_row: 0 }, "{status}");
    }
    // What we do not send ourselves says nothing.
    assert_eq!(breaker_after("ftp://127.0.0.1/").await, Shown::Closed { failures_in_a_row: 0 });
}

/// A remote whose breaker opens at the first failure.
fn touchy(timeout: std::time::Duration) -> Remote {
    let breaker = crate::decide::breaker::Settings { failures: 1, ..Default::default() };
    Remote::new(RemoteOptions { breaker, timeout, ..options() }).unwrap()
}

#[tokio::test]
async fn whom_nobody_waits_for_has_failed_only_when_all_its_time_is_over() {
    use std::time::Duration;
    let silent = serve(Router::new().fallback(std::future::pending::<()>)).await;
    let remote = touchy(Duration::from_millis(300));
    let pass = remote.ready(Duration::ZERO).unwrap();
    let within = Some(Duration::from_millis(200));
    let (cut, rest) = remote.send_within(post(silent, "/"), &pass, within).await;
    assert_eq!(cut.unwrap_err(), RemoteError::Unknown { reason: "no answer within 200 ms".to_owned() });
    assert_eq!(remote.held(Duration::ZERO), None, "nobody knows yet");
    let pass = pass.unwatched().unwrap();
    let late = rest.unwrap().await.unwrap_err();
    assert_eq!(late, RemoteError::Unknown { reason: "no answer within 300 ms".to_owned() });
    assert!(pass.end(Duration::ZERO).is_some() && remote.held(Duration::ZERO) == Some(0));
}

#[tokio::test]
async fn a_request_that_has_not_left_when_nobody_waits_any_more_never_leaves() {
    use std::time::Duration;
    // Whoever listens there never gets as far as to shake hands.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", mute.local_addr().unwrap());
    for (ms, is_failure) in [(20, false), (1_000, true)] {
        let remote = touchy(Duration::from_secs(10));
        let pass = remote.ready(Duration::ZERO).unwrap();
        let request = Request::new(Method::POST, url.parse().unwrap()).with_json("{}");
        let (cut, rest) = remote.send_within(request, &pass, Some(Duration::from_millis(ms))).await;
        let want = RemoteError::NotSent { reason: format!("no connection was made within {ms} ms") };
        assert_eq!((cut.unwrap_err(), rest.is_none()), (want, true));
        assert_eq!(pass.end(Duration::ZERO).is_some(), is_failure, "{ms} ms without a connection");
    }
}
