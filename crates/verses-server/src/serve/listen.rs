//! Where a server may listen in plain HTTP, in which passwords and tokens travel readable.

use std::net::{IpAddr, SocketAddr};

use crate::config::{ConfigError, ServerConfig};

/// Who can reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// This machine.
    Machine,
    /// A network that is not routed on the internet.
    Network,
    /// Everybody, or nobody knows who.
    Everybody,
}

fn reach(address: IpAddr) -> Reach {
    match address.to_canonical() {
        address if address.is_loopback() => Reach::Machine,
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => Reach::Network,
        IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Reach::Network,
        // The unspecified address is all of the machine's, public ones among them.
        _ => Reach::Everybody,
    }
}

impl ServerConfig {
    /// Whether the server may listen on this address: with TLS or behind a proxy on any, without both only on one that the
    /// internet does not reach. [`serve`](crate::serve) asks this itself.
    ///
    /// # Errors
    /// [`ConfigError::PublicAddress`] says what to do.
    pub fn may_listen_on(&self, address: SocketAddr) -> Result<(), ConfigError> {
        let guarded = self.tls.is_some() || self.behind_proxy.is_some();
        if !guarded && reach(address.ip()) == Reach::Everybody {
            return Err(ConfigError::PublicAddress { address });
        }
        Ok(())
    }

    /// Whether others than this machine can read along.
    pub(super) fn can_be_overheard(&self, address: SocketAddr) -> bool {
        self.tls.is_none() && reach(address.ip()) != Reach::Machine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsFiles;
    use crate::proxy::TrustedProxies;

    #[test]
    fn a_public_address_needs_tls_or_a_proxy() {
        let plain = ServerConfig::default();
        let tls = ServerConfig { tls: Some(TlsFiles { cert: "c".into(), key: "k".into() }), ..Default::default() };
        let proxy = ServerConfig { behind_proxy: TrustedProxies::Hops(1), ..Default::default() };
        for (address, alone) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("10.1.2.3:1", true),
            ("172.16.0.1:1", true),
            ("192.168.1.4:1", true),
            ("169.254.1.1:1", true),
            ("[fd00::1]:1", true),
            ("[fe80::1]:1", true),
            ("[::ffff:10.1.2.3]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("203.0.113.5:1", false),
            ("172.32.0.1:1", false),
            ("100.64.0.1:1", false),
            ("[2001:db8::1]:1", false),
            ("[::ffff:203.0.113.5]:1", false),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(plain.may_listen_on(address).is_ok(), alone, "{address}");
            assert!(tls.may_listen_on(address).is_ok() && proxy.may_listen_on(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn the_refusal_says_what_to_do() {
        let error = ServerConfig::default().may_listen_on("0.0.0.0:80".parse().unwrap()).unwrap_err().to_string();
        for hint in ["0.0.0.0:80", "--tls-cert", "--tls-key", "--behind-proxy", "127.0.0.1"] {
            assert!(error.contains(hint), "{hint}: {error}");
        }
    }
}
