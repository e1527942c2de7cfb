//! Who may use the admin listener.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::Console;

/// Lets a request pass that carries the token, or any if none is configured (then the listener is on loopback).
///
/// A browser page elsewhere could still send a blind `POST` to a loopback port; a request that names a foreign
/// `Host` or `Origin` is therefore refused.
pub(super) async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    let allowed = is_allowed(&console, request.headers());
    if allowed {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, "the admin listener wants `Authorization: Bearer <server.admin_token>`\n")
            .into_response()
    }
}

fn is_allowed(console: &Console, headers: &HeaderMap) -> bool {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match &console.token {
        Some(token) => header(header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|given| given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()),
        None => header(header::HOST).is_none_or(loopback) && header(header::ORIGIN).is_none(),
    }
}

/// Whether `host` is this machine by its own name or address. A name that merely looks like one could be led here.
fn loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
