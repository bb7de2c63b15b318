//! Who a request comes from, where proxies stand in between.

use std::net::IpAddr;
use std::str::FromStr;

use super::Head;

/// Addresses that begin with the same bits, as in `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether an address is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let differing = width - self.bits;
            differing == width || a >> differing == b >> differing
        };
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// A text is no address and no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no IP address, and no network such as 10.0.0.0/8")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let base = base.parse::<IpAddr>().map_err(|_| NetworkError)?.to_canonical();
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| NetworkError))?;
        if bits > width { Err(NetworkError) } else { Ok(Self { base, bits }) }
    }
}

/// The proxies whose word is taken for who has asked them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(pub Vec<Network>);

impl Proxies {
    /// The address a request comes from: of the peer, unless that is one of the proxies. Then it is
    /// the last address in `X-Forwarded-For` that is none of theirs: what stands before it is what a
    /// client may have written itself. A peer without an address has come through a Unix socket and
    /// is a proxy, if there are any.
    #[must_use]
    pub fn client(&self, peer: Option<IpAddr>, head: &Head<'_>) -> Option<IpAddr> {
        if self.0.is_empty() || peer.is_some_and(|peer| !self.trusts(peer)) {
            return peer;
        }
        let lists: Vec<&str> = head
            .headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"))
            .map(|(_, list)| list)
            .collect();
        let mut client = peer;
        for entry in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
            // What a proxy of ours did not write as an address it does not vouch for.
            let Some(address) = address(entry.trim()) else { break };
            client = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(bare, _)| bare);
    let with_port = || text.parse::<std::net::SocketAddr>().map(|address| address.ip());
    bare.unwrap_or(text).parse().or_else(|_| with_port()).ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HeadLimits, parse_head};

    fn client(proxies: &[&str], peer: Option<&str>, headers: &[&str]) -> Option<String> {
        let proxies = Proxies(proxies.iter().map(|text| text.parse().unwrap()).collect());
        let lines: String =
            headers.iter().map(|list| format!("X-Forwarded-For: {list}\r\n")).collect();
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let limits = HeadLimits { max_bytes: 4_096, max_headers: 64 };
        let head = parse_head(text.as_bytes(), &limits).unwrap().unwrap();
        let peer = peer.map(|peer| peer.parse().unwrap());
        proxies.client(peer, &head).map(|address| address.to_string())
    }

    #[test]
    fn nobody_else_is_believed() {
        for (proxies, peer, headers, expected) in [
            (&[][..], Some("10.0.0.1"), &["1.1.1.1"][..], Some("10.0.0.1")),
            (&["10.0.0.0/8"], Some("11.0.0.1"), &["1.1.1.1"], Some("11.0.0.1")),
            (&["10.0.0.0/8"], Some("10.0.0.1"), &["1.1.1.1"], Some("1.1.1.1")),
            // What the client itself has written stands before what a proxy has seen.
            (&["10.0.0.0/8"], Some("10.0.0.1"), &["9.9.9.9, 1.1.1.1"], Some("1.1.1.1")),
            (&["10.0.0.0/8"], Some("10.0.0.1"), &["9.9.9.9", "1.1.1.1"], Some("1.1.1.1")),
            (&["10.0.0.0/8"], Some("10.0.0.1"), &["1.1.1.1,10.2.0.1"], Some("1.1.1.1")),
            (&["10.0.0.0/8"], Some("10.0.0.1"), &["1.1.1.1, nonsense"], Some("10.0.0.1")),
            (&["10.0.0.0/8"], Some("10.0.0.1"), &[], Some("10.0.0.1")),
            (&["10.0.0.0/8"], None, &["1.1.1.1:4711"], Some("1.1.1.1")),
            (&[], None, &["1.1.1.1"], None),
            (&["::1"], Some("::1"), &["[2001:db8::1]:80"], Some("2001:db8::1")),
            (&["10.0.0.1"], Some("::ffff:10.0.0.1"), &["1.1.1.1"], Some("1.1.1.1")),
        ] {
            let found = client(proxies, peer, headers);
            assert_eq!(found.as_deref(), expected, "{proxies:?} {peer:?} {headers:?}");
        }
    }

    #[test]
    fn a_network_is_its_first_bits() {
        let contains = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("192.168.1.0/24", "192.168.1.255"));
        assert!(!contains("192.168.1.0/24", "192.168.2.0"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        for text in ["", "10.0.0.0/33", "10.0.0.0/x", "a", "::/129", "10.0.0/8"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text:?}");
        }
    }
}
