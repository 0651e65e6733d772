//! Addresses of callers: which ones count as one caller, which are proxies of ours, and who is behind them.

use std::net::{IpAddr, Ipv6Addr};

/// What limits per address count by: an IPv4 address, or the /64 network of an IPv6 address, for whoever has one address
/// of such a network has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Caller(IpAddr);

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_caller_and_each_ipv4_address_another() {
        let caller = |text: &str| Caller::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(caller("2001:db8:1:2::3"), caller("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(caller("2001:db8:1:2::3"), caller("2001:db8:1:3::3"));
        assert_ne!(caller("203.0.113.5"), caller("203.0.113.6"));
        assert_eq!(caller("203.0.113.5"), caller("::ffff:203.0.113.5"));
    }
}
