//! TLS: the certificate and its key, read from files, and read again when these change; the handshake in bounded time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls::{self, ServerConfig as RustlsConfig};
use tokio_rustls::server::TlsStream;

use crate::config::TlsFiles;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// What is spoken inside, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or holds something else.
    #[error("{path}: {source}: it must hold {what} in PEM", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// The certificate's file holds none.
    #[error("{path}: there is no certificate in it: it must hold the server's, then those that lead to its root, in PEM", path = .0.display())]
    NoCertificate(PathBuf),
    /// Certificate and key do not go together, or are of a kind that is not usable.
    #[error("certificate {cert} with key {key}: {source}", cert = cert.display(), key = key.display())]
    Pair {
        /// Where the certificate is.
        cert: PathBuf,
        /// Where the key is.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// The certificate in use. Cloning gives another handle.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    tickets: Arc<dyn rustls::server::ProducesTickets>,
    current: RwLock<Arc<RustlsConfig>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    pub(super) fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        let pair = |source| pair_error(files, source);
        // A ticket saves a client that comes back most bytes of the handshake.
        let tickets = aws_lc_rs::Ticketer::new().map_err(pair)?;
        let current = RwLock::new(Arc::new(load(files, &tickets)?));
        Ok(Self(Arc::new(Inner { files: files.clone(), tickets, current })))
    }

    /// Reads the files again. Connections that are open keep what they have; after an error new ones do too. Either is
    /// logged.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = load(&self.0.files, &self.0.tickets).map(Arc::new).inspect_err(|error| {
            tracing::error!(%error, "the certificate is not usable: the one before it stays");
        })?;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        tracing::info!("the certificate was read again: new connections get it");
        Ok(())
    }

    /// Reads the files again whenever they have changed. Never ends.
    pub(super) async fn follow(self) {
        let mut seen = self.changed_at();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.changed_at();
            if now == seen {
                continue;
            }
            seen = now;
            // What came of it is in the log.
            drop(self.reload());
        }
    }

    fn changed_at(&self) -> [Option<(SystemTime, u64)>; 2] {
        let at = |path: &Path| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        [at(&self.0.files.cert), at(&self.0.files.key)]
    }

    /// Makes a connection one of TLS.
    pub(super) async fn accept(&self, stream: TcpStream, patience: Duration) -> io::Result<TlsStream<TcpStream>> {
        let current = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let handshake = TlsAcceptor::from(current).accept(stream);
        tokio::time::timeout(patience, handshake).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn pair_error(files: &TlsFiles, source: rustls::Error) -> TlsError {
    TlsError::Pair { cert: files.cert.clone(), key: files.key.clone(), source }
}

fn load(files: &TlsFiles, tickets: &Arc<dyn rustls::server::ProducesTickets>) -> Result<RustlsConfig, TlsError> {
    let file = |path: &Path, what| {
        let path = path.to_owned();
        move |source| TlsError::File { path, what, source }
    };
    let wrong_cert = || file(&files.cert, "a chain of certificates");
    let chain = CertificateDer::pem_file_iter(&files.cert).map_err(wrong_cert())?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(wrong_cert())?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(files.cert.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(file(&files.key, "a private key"))?;
    warn_of_readers(&files.key);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = RustlsConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|source| pair_error(files, source))?;
    config.alpn_protocols = PROTOCOLS.iter().map(|p| p.to_vec()).collect();
    config.ticketer = Arc::clone(tickets);
    Ok(config)
}

/// A key that everybody on the machine can read is said to be one.
fn warn_of_readers(key: &Path) {
    #[cfg(unix)]
    if let Ok(data) = std::fs::metadata(key)
        && std::os::unix::fs::MetadataExt::mode(&data) & 0o004 != 0
    {
        tracing::warn!(key = %key.display(), "everybody on this machine can read the private key: chmod 600 mends it");
    }
    #[cfg(not(unix))]
    let _has_no_such_rights = key;
}
