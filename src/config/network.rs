//! One IP address, or a network of them.

use std::net::IpAddr;

use ipnet::IpNet;

/// Reads `10.0.0.1`, `10.0.0.0/8`, `::1`, `fd00::/8`; `None` if it is neither address nor network.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("::1", "::1/128"),
            ("fd00::/8", "fd00::/8"),
        ] {
            assert_eq!(network(text).map(|network| network.to_string()).as_deref(), Some(shown));
        }
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.1:80", " 10.0.0.1", "*", "10.*"] {
            assert_eq!(network(text), None, "{text}");
        }
    }
}
