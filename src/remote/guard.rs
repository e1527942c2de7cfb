//! Keeps requests out of private networks (server-side request forgery).
//!
//! Names are judged by what they resolve to, in the resolver that the client itself uses: a connection is made to
//! the very addresses that were judged. Addresses written in the URL never reach a resolver and are judged first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// The destination is not on the public Internet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is at {address}, which is no public address: set `allow_private = true` if that is meant")]
pub(super) struct NotPublic {
    host: String,
    address: IpAddr,
}

/// Whether `address` is one that anybody on the Internet could reach: neither private, loopback, link-local,
/// shared (CGNAT), multicast, unspecified, reserved nor for documentation, and not a wrapping of another address.
///
/// After IANA's special-purpose address registries for IPv4 and IPv6. Of the IPv6 space only 2000::/3 is assigned
/// for global unicast. Within and besides it stand forms that carry an IPv4 address: mapped, 6to4 and Teredo are
/// refused altogether, as no public service is named by them; NAT64 (64:ff9b::/96, RFC 6052) is as public as the
/// address within, since on an IPv6-only network every IPv4 host is reached through it.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)              // this network, private, loopback
            | (100, 64..=127, _)          // shared address space (CGNAT)
            | (169, 254, _)               // link-local, cloud metadata
            | (172, 16..=31, _)           // private
            | (192, 0, 0)                 // protocol assignments
            | (192, 0, 2)                 // documentation
            | (192, 88, 99)               // 6to4 relays
            | (192, 168, _)               // private
            | (198, 18..=19, _)           // benchmarking
            | (198, 51, 100)              // documentation
            | (203, 0, 113)               // documentation
            | (224..=255, _, _) // multicast, reserved, broadcast
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments, with Teredo; documentation; 6to4; documentation.
        [0x2001, 0x0000..=0x01ff, ..]
        | [0x2001, 0x0db8, ..]
        | [0x2002, ..]
        | [0x3fff, 0x0000..=0x0fff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

/// Refuses an address that stands in the URL itself. Names pass: they are judged when resolved.
pub(super) fn check_literal(url: &Url) -> Result<(), NotPublic> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) if !is_public(address) => Err(NotPublic { host: host.to_owned(), address }),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether `url` names this machine or an address that is not public, as far as that can be said without resolving names.
pub fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let local = host == "localhost" || host.ends_with(".localhost");
    local || check_literal(url).is_err()
}

/// Resolves names by the system's resolver and keeps only public addresses; a name without any is refused.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let (public, other): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|address| is_public(address.ip()));
            match other.first() {
                Some(address) if public.is_empty() => {
                    Err(NotPublic { host: name.as_str().to_owned(), address: address.ip() }.into())
                }
                Some(_) | None => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for (address, want) in [
            ("8.8.8.8", true),
            ("1.1.1.1", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.0.1", true),
            ("172.32.0.1", true),
            ("192.167.255.255", true),
            ("223.255.255.255", true),
            ("2606:4700::1111", true),
            ("2a00:1450:4001:81b::200e", true),
            ("2001:200::1", true),
            ("64:ff9b::808:808", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.1", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", false),
            ("::ffff:0:8.8.8.8", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b:1::808:808", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:1ff::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("2002:808:808::", false),
            ("3fff::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), want, "{address}");
        }
    }

    #[test]
    fn addresses_in_urls_are_judged_however_they_are_written() {
        for (url, want) in [
            ("https://8.8.8.8/", true),
            ("https://[2606:4700::1111]:8443/", true),
            ("https://localhost/", true), // a name: the resolver judges it
            ("http://127.0.0.1:8080/", false),
            ("http://127.1/", false),
            ("http://2130706433/", false),
            ("http://0x7f.0.0.1/", false),
            ("http://0177.0.0.1/", false),
            ("http://%31%32%37.0.0.1/", false),
            ("http://１２７.0.0.1/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("http://169.254.169.254/latest/meta-data/", false),
        ] {
            assert_eq!(check_literal(&Url::parse(url).unwrap()).is_ok(), want, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_as_public_as_what_it_resolves_to() {
        let error = PublicOnly.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(error.to_string().starts_with("localhost is at "), "{error}");
    }
}
