//! How `verses serve` may be started: where it listens, what it is told in secret, and a certificate that changes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::common::{Device, Server, VERSES, get, request, signal, wait_for};

/// Where nobody answers.
const NOBODY: &str = "http://127.0.0.1:9";
const SERVE: [&str; 5] = ["serve", "--database", "memory:", "--listen", "127.0.0.1:0"];

fn serve_on(address: &str, more: &[&str]) -> Vec<String> {
    let words = ["serve", "--database", "memory:", "--listen", address].into_iter().chain(more.iter().copied());
    words.map(str::to_owned).collect()
}

#[test]
fn a_secret_on_the_command_line_is_refused() {
    let device = Device::new(NOBODY);
    let secret = "a secret that is long enough for everybody";
    for (flag, variable) in [("--jwt-secret", "VERSES_JWT_SECRET"), ("--esv-api-key", "VERSES_ESV_API_KEY")] {
        let output = device.run(&[&SERVE[..], &[flag, secret]].concat());
        output.says(2, &[variable, &format!("{flag}-file")]);
        assert!(!format!("{output:?}").contains(secret), "it is not repeated: {output:?}");
    }
}

#[test]
fn a_secret_comes_from_a_file_or_from_the_environment_but_not_from_both() {
    let mut device = Device::new(NOBODY);
    let file = |name: &str, text: &str| device.file(name, text.as_bytes()).display().to_string();
    let (good, empty) = (file("good", &"s".repeat(40)), file("empty", "\n"));
    let with = |path: &str| {
        [&SERVE[..], &["--jwt-secret-file", path]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = |device: &Device, words: &[String]| device.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    run(&device, &with(&empty)).says(2, &["empty"]);
    run(&device, &with("/nowhere/secret")).says(1, &["/nowhere/secret"]);
    device.set("VERSES_JWT_SECRET", &"t".repeat(40));
    run(&device, &with(&good)).says(2, &["both", "VERSES_JWT_SECRET"]);
    let server = Server::start_with(&["--jwt-secret-file", &good]);
    assert_eq!(get(&server.url, "/health", None).status(), 200);
}

#[test]
fn an_address_that_the_internet_reaches_needs_tls_or_a_proxy() {
    let device = Device::new(NOBODY);
    let run = |words: &[String]| device.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    run(&serve_on("0.0.0.0:0", &[])).says(2, &["0.0.0.0", "--tls-cert", "--behind-proxy"]);
    run(&serve_on("0.0.0.0:0", &["--behind-proxy", "0"])).says(2, &["--tls-cert"]);
    run(&serve_on("127.0.0.1:0", &["--behind-proxy", "nginx"])).says(2, &["--behind-proxy", "nginx"]);
    run(&serve_on("127.0.0.1:0", &["--behind-proxy", "0.0.0.0/0"])).says(2, &["every address"]);
    run(&serve_on("127.0.0.1:0", &["--tls-cert", "/nowhere/c"])).says(2, &["--tls-key"]);
    run(&serve_on("127.0.0.1:0", &["--tls-cert", "/nowhere/c", "--tls-key", "/nowhere/k"])).says(1, &["/nowhere/c"]);
    run(&serve_on("127.0.0.1:0", &["--allowed-origins", "https://app.example/"])).says(2, &["https://app.example/"]);
    let server = Server::start_with(&["--behind-proxy", "10.0.0.0/8,127.0.0.1"]);
    assert_eq!(get(&server.url, "/health", None).status(), 200);
}

#[test]
fn the_metrics_have_a_listener_of_their_own() {
    let mut child = Command::new(VERSES)
        .args([
            "serve",
            "--json",
            "--database",
            "memory:",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let metrics = ready["metrics"].as_str().unwrap().strip_suffix("/metrics").unwrap();
    let answer = get(metrics, "/metrics", None);
    assert_eq!(answer.status(), 200);
    assert!(String::from_utf8_lossy(&answer.body).contains("verses_connections_open"));
    assert_eq!(get(ready["url"].as_str().unwrap(), "/metrics", None).status(), 404);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Makes a certificate for `localhost` and writes it with its key.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// Whether the server proves to be the one with this certificate.
fn is_shown(certificate: &CertificateDer<'static>, url: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let client = TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()));
    let address = url.strip_prefix("https://").expect("an HTTPS server says so");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = TcpStream::connect(address).await.unwrap();
        client.connect(ServerName::try_from("localhost").unwrap(), stream).await.is_ok()
    })
}

#[test]
fn a_renewed_certificate_is_taken_on_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let old = write_certificate(folder.path());
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let flags = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let mut server = Server::start_with(&flags);
    assert!(is_shown(&old, &server.url));
    let new = write_certificate(folder.path());
    assert!(!is_shown(&new, &server.url), "it was not asked to look again");
    signal(server.pid(), "HUP");
    wait_for("the new certificate", || is_shown(&new, &server.url).then_some(()));
    assert!(!is_shown(&old, &server.url));
    assert_eq!(server.terminate(), 0);
}

#[test]
fn the_web_app_of_a_folder_is_served() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<!doctype html>the app").unwrap();
    std::fs::write(folder.path().join("sw.js"), "// worker").unwrap();
    let server = Server::start_with(&["--web-dir", folder.path().to_str().unwrap()]);
    assert_eq!(get(&server.url, "/", None).body, b"<!doctype html>the app");
    let page = request("GET", &server.url, "/today", &[("accept", "text/html")], &[]);
    assert_eq!((page.status(), &*page.body), (200, &b"<!doctype html>the app"[..]));
    assert_eq!(get(&server.url, "/sw.js", None).body, b"// worker");
    assert_eq!(get(&server.url, "/today", None).status(), 404, "a program asked");
    assert_eq!(get(&server.url, "/texts/1/kjv/65.txt", None).status(), 200);
    let device = Device::new(NOBODY);
    device.run(&[&SERVE[..], &["--web-dir", "/nowhere/dist"]].concat()).says(2, &["--web-dir", "/nowhere/dist"]);
}
