//! HTTPS over real sockets: both versions of HTTP, headers that belong to it, certificates that change, and whoever does
//! not get through the handshake.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
#[path = "common/raw.rs"]
mod raw;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::config;
use raw::{HEALTH, PATIENCE, rest, say};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use verses_server::config::TlsFiles;
use verses_server::{App, OpenError, ServerConfig, Tls, TlsError, serve};

/// Makes a certificate for `localhost` and writes it with its key.
fn write_certificate(folder: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = files(folder);
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") }
}

struct HttpsServer {
    address: SocketAddr,
    tls: Tls,
    stop: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn start(config: ServerConfig) -> HttpsServer {
    let app = App::open(config).await.unwrap();
    let tls = app.tls().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(serve(listener, app, async {
        drop(stopped.await);
    }));
    HttpsServer { address, tls, stop, running }
}

impl HttpsServer {
    async fn stop(self) {
        drop(self.stop);
        tokio::time::timeout(PATIENCE, self.running).await.expect("stops").unwrap().unwrap();
    }
}

fn client(cert: &Path, protocols: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    config
}

async fn connect(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// Asks for `/health` over HTTP/1.1; the whole answer.
async fn health(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer"));
    String::from_utf8_lossy(&answer).into_owned()
}

async fn open_error(files: TlsFiles) -> TlsError {
    match App::open(ServerConfig { tls: Some(files), ..config() }).await {
        Err(OpenError::Tls(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_and_browsers_are_told_to_stay_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_certificate(folder.path());
    let server = start(ServerConfig { tls: Some(files.clone()), ..config() }).await;
    let mut stream = connect(server.address, client(&files.cert, &[b"http/1.1"])).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let answer = health(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");

    let stream = connect(server.address, client(&files.cert, &[b"h2", b"http/1.1"])).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()), "the better one is chosen");
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    drop(tokio::spawn(connection));
    let request = axum::http::Request::get("https://localhost/health").body(()).unwrap();
    let (answer, _) = client.send_request(request, true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    drop((answer, client));
    server.stop().await;
}

#[tokio::test]
async fn a_new_certificate_is_taken_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_certificate(folder.path());
    let old = client(&files.cert, &[b"http/1.1"]);
    let server = start(ServerConfig { tls: Some(files.clone()), ..config() }).await;
    let mut open = connect(server.address, old.clone()).await.unwrap();

    write_certificate(folder.path());
    server.tls.reload().unwrap();
    let new = client(&files.cert, &[b"http/1.1"]);
    assert!(health(&mut connect(server.address, new.clone()).await.unwrap()).await.starts_with("HTTP/1.1 200"));
    assert!(connect(server.address, old).await.is_err(), "the old one is gone");
    assert!(health(&mut open).await.starts_with("HTTP/1.1 200"), "who is connected stays");

    std::fs::write(&files.cert, "garbage").unwrap();
    assert!(matches!(server.tls.reload(), Err(TlsError::NoCertificate(_))));
    assert!(connect(server.address, new).await.is_ok(), "the last good one is kept");
    server.stop().await;
}

#[tokio::test]
async fn whoever_does_not_get_through_the_handshake_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_certificate(folder.path());
    let server = start(ServerConfig { tls: Some(files.clone()), header_timeout_ms: 300, ..config() }).await;
    // Nothing; the beginning of a handshake; plain HTTP.
    for first in [b"".as_slice(), &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01], HEALTH] {
        let answer = rest(&mut say(server.address, first).await).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    }
    // After the handshake the limits are those of any connection.
    let mut silent = connect(server.address, client(&files.cert, &[b"http/1.1"])).await.unwrap();
    let mut nothing = Vec::new();
    drop(tokio::time::timeout(PATIENCE, silent.read_to_end(&mut nothing)).await.expect("the server ends it"));
    assert!(nothing.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_no_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_certificate(folder.path());
    let long = 3_600_000;
    let limits = ServerConfig { tls: Some(files), header_timeout_ms: long, drain_timeout_ms: long, ..config() };
    let server = start(limits).await;
    let mut stream = say(server.address, &[0x16]).await;
    // It has been accepted, and waits for the rest.
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop().await;
    rest(&mut stream).await;
}

#[tokio::test]
async fn files_that_are_not_usable_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = write_certificate(folder.path());
    let at = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().signing_key.serialize_pem();
    for (files, named) in [
        (TlsFiles { cert: "/nowhere/cert.pem".into(), ..good.clone() }, "/nowhere/cert.pem"),
        (TlsFiles { key: "/nowhere/key.pem".into(), ..good.clone() }, "/nowhere/key.pem"),
        (TlsFiles { cert: at("empty.pem", ""), ..good.clone() }, "no certificate"),
        (TlsFiles { key: at("nokey.pem", "text"), ..good.clone() }, "a private key"),
        (TlsFiles { key: at("other.pem", &other), ..good.clone() }, "other.pem"),
    ] {
        let error = open_error(files).await.to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[tokio::test]
async fn a_public_address_is_not_served_in_plain_http() {
    let listen = async |config: ServerConfig| {
        let app = App::open(config).await.unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        serve(listener, app, std::future::ready(())).await
    };
    let error = listen(config()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("--behind-proxy"), "{error}");
    let behind = ServerConfig { behind_proxy: verses_server::proxy::TrustedProxies::Hops(1), ..config() };
    listen(behind).await.unwrap();
}
