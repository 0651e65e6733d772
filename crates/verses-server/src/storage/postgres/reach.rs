//! How PostgreSQL is reached: an address as people write it, and TLS on the way. Pools and listeners are elsewhere.
//!
//! `sslmode` is read more strictly than libpq does: whatever asks for TLS also checks the certificate and the name in it, and
//! without a word about it every connection that leaves the machine asks for TLS.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::faults::told;
use crate::storage::StorageError;

/// Parameter of libpq: the file with the certificates to trust, in PEM.
const ROOT_CERTIFICATE: &str = "sslrootcert";
/// Modes of libpq that this driver does not know, and that ask for no more than is done anyway.
const STRICT_MODES: [&str; 2] = ["sslmode=verify-full", "sslmode=verify-ca"];

/// An address that was read: the driver's settings, and what encrypts.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl Reach {
    /// Reads an address, with limits for connections that go silent.
    ///
    /// # Errors
    /// [`StorageError::Failed`] when the address or the file of certificates cannot be read. The address is not repeated: it
    /// may hold a password.
    pub(super) fn read(url: &str) -> Result<Self, StorageError> {
        let (url, roots) = split(url)?;
        let mut config: Config = url.parse().map_err(|_| {
            failed("the address of the database cannot be read: write postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE")
        })?;
        if config.get_ssl_mode() == SslMode::Prefer {
            config.ssl_mode(if stays_here(&config) { SslMode::Disable } else { SslMode::Require });
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => MakeRustlsConnect::new(trusting(RootCertStore::empty())?),
            _ => MakeRustlsConnect::new(match roots {
                Some(file) => trusting(of_file(Path::new(&file))?)?,
                None => of_this_machine()?,
            }),
        };
        if config.get_application_name().is_none() {
            config.application_name("verses");
        }
        config.connect_timeout(Duration::from_secs(3)).tcp_user_timeout(Duration::from_secs(15));
        config.keepalives_idle(Duration::from_secs(30));
        Ok(Self { config, tls })
    }
}

fn failed(text: impl Into<String>) -> StorageError {
    StorageError::Failed(text.into())
}

/// Whether no packet leaves the machine: sockets in the file system, and loopback.
fn stays_here(config: &Config) -> bool {
    let by_name = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    let addresses = config.get_hostaddrs();
    if addresses.is_empty() {
        config.get_hosts().iter().all(by_name)
    } else {
        addresses.iter().all(IpAddr::is_loopback)
    }
}

/// The address without the parameters that the driver does not know, and the file of certificates in them.
fn split(url: &str) -> Result<(String, Option<String>), StorageError> {
    let Some((place, parameters)) = url.split_once('?') else { return Ok((url.to_owned(), None)) };
    let mut roots = None;
    let mut kept = Vec::new();
    for parameter in parameters.split('&') {
        match parameter.split_once('=') {
            Some((ROOT_CERTIFICATE, file)) => roots = Some(unescaped(file)?),
            _ if STRICT_MODES.contains(&parameter) => kept.push("sslmode=require"),
            _ => kept.push(parameter),
        }
    }
    Ok((format!("{place}?{}", kept.join("&")), roots))
}

fn unescaped(text: &str) -> Result<String, StorageError> {
    let plain = percent_encoding::percent_decode_str(text).decode_utf8();
    Ok(plain.map_err(|_| failed(format!("the address of the database: {ROOT_CERTIFICATE} is not UTF-8")))?.into_owned())
}

/// The certificates in a file.
fn of_file(file: &Path) -> Result<RootCertStore, StorageError> {
    let wrong = |what: String| failed(format!("{ROOT_CERTIFICATE} {}: {what}", file.display()));
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let mut roots = RootCertStore::empty();
    for certificate in found.map_err(|error| wrong(format!("{error}: it must hold certificates in PEM")))? {
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, StorageError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| failed(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Whom the machine trusts.
fn of_this_machine() -> Result<ClientConfig, StorageError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| failed(error.to_string()))?;
    let builder = builder.with_platform_verifier().map_err(|error| {
        failed(format!(
            "the certificates that this machine trusts cannot be read ({error}): install them (Debian: ca-certificates), or \
             name a file of your own in the database's address (&{ROOT_CERTIFICATE}=FILE)"
        ))
    })?;
    Ok(builder.with_no_client_auth())
}

/// What to do about a connection that failed because of TLS; nothing if it failed because of something else.
pub(super) fn tls_hint(error: &tokio_postgres::Error) -> Option<&'static str> {
    let text = told(error);
    if text.contains("server does not support TLS") {
        return Some(
            "switch TLS on at the database, or, on a network that nobody else can listen to, add ?sslmode=disable to its \
             address",
        );
    }
    text.contains("invalid peer certificate").then_some(
        "name the file with the certificate of whoever signed it in the database's address (?sslrootcert=FILE), and the host \
         as the certificate does",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        // Which certificates a machine trusts is its own matter.
        let (url, _) = split(url).unwrap();
        let config: Config = url.parse().unwrap();
        match config.get_ssl_mode() {
            SslMode::Prefer if stays_here(&config) => SslMode::Disable,
            SslMode::Prefer => SslMode::Require,
            said => said,
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_its_owner_says_no() {
        for (url, expected) in [
            ("postgres://verses_app@127.0.0.1:5432/verses", SslMode::Disable),
            ("postgres://verses_app@localhost/verses", SslMode::Disable),
            ("postgres://verses_app@%2Frun%2Fpostgresql/verses", SslMode::Disable),
            ("postgres://verses_app@db.example.org/verses", SslMode::Require),
            ("postgres://verses_app@10.0.0.5/verses?sslmode=prefer", SslMode::Require),
            ("postgres://verses_app@localhost,db.example.org/verses", SslMode::Require),
            ("postgres://verses_app@localhost/verses?hostaddr=192.0.2.1", SslMode::Require),
            ("postgres://verses_app@db.example.org/verses?sslmode=disable", SslMode::Disable),
            ("postgres://verses_app@127.0.0.1/verses?sslmode=require", SslMode::Require),
            ("postgres://a@h/v?application_name=x&sslmode=verify-full&sslrootcert=%2Fca.pem", SslMode::Require),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }

    #[test]
    fn a_file_of_certificates_is_named_in_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a ca.pem");
        let url = format!("postgres://ann:secret@db/v?sslrootcert={}", file.display().to_string().replace(' ', "%20"));
        let error = |url: &str| Reach::read(url).err().unwrap().to_string();
        assert!(error(&url).contains("a ca.pem"), "{}", error(&url));
        std::fs::write(&file, "nothing").unwrap();
        assert!(error(&url).contains("no certificate"), "{}", error(&url));
        assert!(!error(&url).contains("secret"));
        assert!(!error("postgres://ann:secret@db:port/v").contains("secret"));
    }
}
