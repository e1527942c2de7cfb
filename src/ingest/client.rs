//! From which address a delivery comes, behind proxies too.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Bits of an IPv6 address that name a customer; the rest is theirs to choose, so it tells nobody apart.
const IPV6_BITS: u32 = 64;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of whoever sent a request that came from `peer`.
///
/// Each proxy adds to the right of `X-Forwarded-For` the address it was called from; what stands further left came with
/// the request, and may be made up. So it is read from the right, and only for as long as the one who wrote it is one
/// of `proxies`. The client is the first who is not, or the last who can be read.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(&address));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    // Several headers of one name are one list, in their order.
    let lists = headers.get_all(FORWARDED_FOR).iter().rev();
    for hop in lists.flat_map(|list| list.to_str().unwrap_or_default().rsplit(',')) {
        let Some(address) = read(hop.trim()) else { break };
        client = address;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// An address as proxies write it; some add the port.
fn read(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// What tells one client from another: an IPv4 address, or the customer's part of an IPv6 address.
pub(super) fn customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - IPV6_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::network;

    fn from(peer: &str, lists: &[&str], proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(list.as_bytes()).unwrap());
        }
        let proxies: Vec<IpNet> = proxies.iter().map(|text| network(text).unwrap()).collect();
        address(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(from("192.0.2.9", &["198.51.100.1"], &[]), "192.0.2.9");
        assert_eq!(from("192.0.2.9", &["198.51.100.1"], &["10.0.0.0/8"]), "192.0.2.9");
        assert_eq!(from("::ffff:192.0.2.9", &["198.51.100.1"], &["10.0.0.0/8"]), "192.0.2.9");
    }

    #[test]
    fn of_what_a_proxy_hands_on_only_what_proxies_wrote_counts() {
        let proxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"];
        for (peer, lists, client) in [
            ("127.0.0.1", &["198.51.100.1"] as &[&str], "198.51.100.1"),
            ("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // Made up by the client, left of its own address.
            ("127.0.0.1", &["203.0.113.7, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["203.0.113.7", "198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["10.0.0.1,198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["nonsense, 198.51.100.1"], "198.51.100.1"),
            // Several proxies.
            ("fd00::2", &["203.0.113.7, 198.51.100.1, 10.1.1.1"], "198.51.100.1"),
            ("10.9.9.9", &["198.51.100.1", "10.1.1.1,10.2.2.2"], "198.51.100.1"),
            // Ports.
            ("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // Nothing to read: the last who can be.
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, caf\u{e9}"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, unknown, 10.1.1.1"], "10.1.1.1"),
            // Proxies only.
            ("127.0.0.1", &["10.3.3.3, 10.1.1.1"], "10.3.3.3"),
        ] {
            assert_eq!(from(peer, lists, &proxies), client, "{peer} {lists:?}");
        }
    }

    #[test]
    fn one_customer_has_one_key() {
        let of = |text: &str| customer(text.parse().unwrap()).to_string();
        assert_eq!(of("198.51.100.1"), "198.51.100.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:3::"), "2001:db8:1:3::");
    }
}
