//! Who is behind a proxy: which hops are trusted, and what they say in `X-Forwarded-For` or `Forwarded`. Anybody can write
//! these headers, so only what trusted hops added counts, read from the right.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Which hops before this server are proxies of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TrustedProxies {
    /// None: forwarding headers mean nothing.
    #[default]
    None,
    /// So many, one after the other; every connection comes from the last of them.
    Hops(u8),
    /// Those with such addresses.
    Networks(Vec<Network>),
}

/// The header in which proxies tell who is before them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which most write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// What names no proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Neither a number nor an address.
    #[error(
        "{0:?} names no proxy: write how many there are (1), or their addresses (10.0.0.0/8 192.0.2.7), or private"
    )]
    Unreadable(String),
    /// A number beside other things.
    #[error("the number of proxies stands alone: write either how many there are or their addresses")]
    Mixed,
    /// Every address there is.
    #[error("{0} is every address there is, and anybody could then write who they are: name the proxies")]
    Everybody(Network),
}

impl FromStr for Network {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let wrong = || ProxyError::Unreadable(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
            None => widest,
        };
        if prefix > widest {
            return Err(wrong());
        }
        let network = Self { address, prefix };
        if prefix == 0 { Err(ProxyError::Everybody(network)) } else { Ok(network) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Network {
    /// Whether the address is in it. An IPv4 address written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// Loopback and the networks that are not routed on the internet.
const PRIVATE: [&str; 7] =
    ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7"];

impl TrustedProxies {
    /// Reads what was written: one number, or addresses, networks and the word `private`.
    ///
    /// # Errors
    /// [`ProxyError`] names what is wrong.
    pub fn parse<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, ProxyError> {
        let words: Vec<&str> =
            written.into_iter().flat_map(|w| w.split([',', ' '])).filter(|w| !w.is_empty()).collect();
        match words.as_slice() {
            [] => return Ok(Self::None),
            [number] if number.bytes().all(|b| b.is_ascii_digit()) => {
                let hops: u8 = number.parse().map_err(|_| ProxyError::Unreadable((*number).to_owned()))?;
                return Ok(if hops == 0 { Self::None } else { Self::Hops(hops) });
            }
            _ => {}
        }
        if words.iter().any(|w| w.bytes().all(|b| b.is_ascii_digit())) {
            return Err(ProxyError::Mixed);
        }
        let mut networks = Vec::new();
        for word in words {
            if word == "private" {
                for network in PRIVATE {
                    networks.push(network.parse()?);
                }
            } else {
                networks.push(word.parse()?);
            }
        }
        Ok(Self::Networks(networks))
    }

    /// Whether there are any.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether a connection from this address is one of a proxy.
    #[must_use]
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::Hops(_) => true,
            Self::Networks(networks) => networks.iter().any(|network| network.contains(peer)),
        }
    }

    /// Whom a request on a connection from `peer` comes from: the last address that a trusted hop wrote.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap, header: ForwardedHeader) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.is_proxy(peer) {
            return peer;
        }
        let mut before = match header {
            ForwardedHeader::XForwardedFor => x_forwarded_for(headers),
            ForwardedHeader::Forwarded => forwarded(headers),
        };
        let mut client = peer;
        let mut hops = 0;
        loop {
            let trusted = match self {
                Self::None => false,
                Self::Hops(trusted) => hops < *trusted,
                Self::Networks(_) => self.is_proxy(client),
            };
            // A trusted hop that does not say who was before it stands for them.
            match before.pop() {
                Some(Some(address)) if trusted => client = address,
                _ => return client,
            }
            hops += 1;
        }
    }
}

/// What is written, leftmost first; `None` where it is no address.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter();
    lines.flat_map(|line| line.to_str().unwrap_or("?").split(',')).map(|node| address(node.trim())).collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let mut nodes = Vec::new();
    for line in headers.get_all(FORWARDED) {
        for element in split_unquoted(line.to_str().unwrap_or("?"), ',') {
            let named = split_unquoted(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
            let node =
                named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, node)| node.trim()).next();
            nodes.push(node.and_then(|node| address(node.trim_matches('"'))));
        }
    }
    nodes
}

/// Parts between separators that are in no quotation marks.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}

/// An address with or without a port and brackets.
fn address(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(node);
    let address = bare.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|a| a.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(proxies: &[&str], peer: &str, sent: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in sent {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let proxies = TrustedProxies::parse(proxies.iter().copied()).unwrap();
        proxies.client(ip(peer), &headers, ForwardedHeader::XForwardedFor).to_string()
    }

    #[test]
    fn without_a_proxy_the_header_means_nothing() {
        assert_eq!(client(&[], "198.51.100.9", &["10.0.0.1"]), "198.51.100.9");
        assert_eq!(client(&["0"], "198.51.100.9", &["10.0.0.1"]), "198.51.100.9");
    }

    #[test]
    fn as_many_hops_are_believed_as_there_are_proxies() {
        for (hops, sent, is) in [
            ("1", vec!["203.0.113.5"], "203.0.113.5"),
            ("1", vec!["1.1.1.1, 203.0.113.5"], "203.0.113.5"),
            ("1", vec!["1.1.1.1", "203.0.113.5"], "203.0.113.5"),
            ("2", vec!["1.1.1.1, 203.0.113.5, 192.0.2.8"], "203.0.113.5"),
            ("2", vec!["192.0.2.8"], "192.0.2.8"),
            ("1", vec![], "192.0.2.7"),
            ("1", vec!["nobody"], "192.0.2.7"),
            ("2", vec!["unknown, 192.0.2.8"], "192.0.2.8"),
            ("1", vec!["203.0.113.5, "], "192.0.2.7"),
        ] {
            assert_eq!(client(&[hops], "192.0.2.7", &sent), is, "{hops} {sent:?}");
        }
    }

    #[test]
    fn hops_with_known_addresses_are_believed_and_no_others() {
        let ours = ["192.0.2.0/24", "2001:db8:1::/48"];
        for (peer, sent, is) in [
            ("192.0.2.7", "203.0.113.5", "203.0.113.5"),
            ("192.0.2.7", "1.1.1.1, 203.0.113.5, 192.0.2.99", "203.0.113.5"),
            // Someone who reaches the server directly cannot say who they are.
            ("203.0.113.5", "1.1.1.1", "203.0.113.5"),
            ("203.0.113.5", "1.1.1.1, 192.0.2.7", "203.0.113.5"),
            ("2001:db8:1::7", "2001:db8:9::5", "2001:db8:9::5"),
            ("::ffff:192.0.2.7", "203.0.113.5", "203.0.113.5"),
            // All of them are ours: the first one asked by itself.
            ("192.0.2.7", "192.0.2.9, 192.0.2.8", "192.0.2.9"),
        ] {
            assert_eq!(client(&ours, peer, &[sent]), is, "{peer} {sent}");
        }
        assert_eq!(client(&["private"], "10.1.2.3", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(client(&["private"], "203.0.113.9", &["203.0.113.5"]), "203.0.113.9");
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (node, is) in [
            ("203.0.113.5", Some("203.0.113.5")),
            ("203.0.113.5:8080", Some("203.0.113.5")),
            ("2001:db8::5", Some("2001:db8::5")),
            ("[2001:db8::5]", Some("2001:db8::5")),
            ("[2001:db8::5]:8080", Some("2001:db8::5")),
            ("::ffff:203.0.113.5", Some("203.0.113.5")),
            ("", None),
            ("unknown", None),
            ("_hidden", None),
            ("203.0.113.5.6", None),
            ("localhost", None),
        ] {
            assert_eq!(address(node), is.map(ip), "{node:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_too_but_never_both() {
        let mut headers = HeaderMap::new();
        headers.append(
            FORWARDED,
            r#"for=1.1.1.1;proto=http, FOR="[2001:db8::5]:80";by="a,b;for=2.2.2.2""#.parse().unwrap(),
        );
        headers.append(X_FORWARDED_FOR, "203.0.113.5".parse().unwrap());
        let read = |hops, header| TrustedProxies::Hops(hops).client(ip("192.0.2.7"), &headers, header).to_string();
        assert_eq!(read(1, ForwardedHeader::Forwarded), "2001:db8::5");
        assert_eq!(read(2, ForwardedHeader::Forwarded), "1.1.1.1");
        assert_eq!(read(1, ForwardedHeader::XForwardedFor), "203.0.113.5");
    }

    #[test]
    fn what_names_no_proxy_is_told() {
        let parse = |words: &[&str]| TrustedProxies::parse(words.iter().copied());
        assert_eq!(parse(&["1"]), Ok(TrustedProxies::Hops(1)));
        assert!(
            matches!(parse(&["10.0.0.0/8,fd00::/8", "192.0.2.7"]), Ok(TrustedProxies::Networks(n)) if n.len() == 3)
        );
        for wrong in [&["nginx"][..], &["10.0.0.0/33"], &["10.0.0.0/+8"], &["10.0.0/8"], &["256"], &["-1"]] {
            assert!(matches!(parse(wrong), Err(ProxyError::Unreadable(_))), "{wrong:?}");
        }
        assert_eq!(parse(&["1", "10.0.0.0/8"]), Err(ProxyError::Mixed));
        for wrong in ["0.0.0.0/0", "::/0"] {
            assert!(matches!(parse(&[wrong]), Err(ProxyError::Everybody(_))), "{wrong}");
        }
    }
}
