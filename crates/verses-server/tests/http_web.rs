//! The web app over HTTP: which path gets which file, how long it may be kept, its forms and its policy; and that the
//! interface beside it answers as ever. The texts for devices that keep them.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;

use std::fs;
use std::io::Read;
use std::path::Path;

use http::{ALICE, Answer, CHANGES, LIMITS, Server, config, send, start, start_with, token};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use verses_corpus::{Corpus, Pieces, book_of_number, translations};
use verses_server::ServerConfig;
use verses_server::web::{EmbeddedFile, NO_WEB_APP, WebApp};

const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const INDEX: &str =
    "<!doctype html><style>body{margin:0}</style><script type=module src=/app/main.0a1b2c3d.js></script>";
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// So large that the layer around the routes compresses it.
const SCRIPT: &str = include_str!("http_web.rs");

static FILES: [EmbeddedFile; 8] = [
    file("index.html", INDEX.as_bytes(), Some(b"index in br")),
    file("sw.js", b"// worker", None),
    file("manifest.webmanifest", b"{}", None),
    file("app/main.0a1b2c3d.js", SCRIPT.as_bytes(), Some(b"main in br")),
    file("app/engine_bg.k3jzq7ab2c.wasm", b"\0asm", None),
    file("app/plain.css", b"a{}", None),
    file("icons/icon.svg", b"<svg/>", None),
    file("robots.txt", b"User-agent: *\n", None),
];

const fn file(path: &'static str, bytes: &'static [u8], brotli: Option<&'static [u8]>) -> EmbeddedFile {
    EmbeddedFile { path, bytes, brotli }
}

async fn embedded() -> Server {
    start_with(ServerConfig { web: WebApp::embedded(&FILES), ..config() }).await
}

/// The same app, in a folder.
fn write_to(folder: &Path) {
    for file in &FILES {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, file.bytes).unwrap();
        if let Some(brotli) = file.brotli {
            fs::write(format!("{}.br", path.display()), brotli).unwrap();
        }
    }
}

async fn of_folder(folder: &Path) -> Server {
    start_with(ServerConfig { web: Some(WebApp::folder(folder).unwrap()), ..config() }).await
}

async fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    asked(server, "GET", path, headers).await
}

async fn asked(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = server.request(method, path);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// A request whose path nobody tidies up on its way: the status and all of the answer.
async fn raw(server: &Server, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn files_and_pages_are_found_and_everything_else_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    write_to(folder.path());
    for server in [embedded().await, of_folder(folder.path()).await] {
        for file in &FILES {
            let answer = get(&server, &format!("/{}", file.path), &[]).await;
            assert_eq!((answer.status.as_u16(), &*answer.bytes), (200, file.bytes), "{}", file.path);
        }
        for path in ["/", "/today", "/today/", "/library/00000000-0000-4000-8000-00000000000a", "/sync?x=1", "/a%20b"] {
            let answer = get(&server, path, &[("accept", PAGE)]).await;
            assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, INDEX), "{path}");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        }
        // What a script fetches and what has an extension is no page, nor is anything of the interface.
        assert_eq!(get(&server, "/", &[("accept", "*/*")]).await.text(), INDEX);
        assert_eq!(get(&server, "/today", &[("accept", "*/*")]).await.problem(404), "not_found");
        assert_eq!(get(&server, "/today", &[]).await.problem(404), "not_found");
        for path in [
            "/nothing.js",
            "/app/main.ffffffff.js",
            "/app/main.0a1b2c3d.js.br",
            "/index.html.br",
            "/functions",
            "/functions/v1",
            "/functions/v1/other",
            "/rest/v1/verses",
            "/rest",
            "/metrics",
            "/texts",
            "/texts/1",
            "/texts/2/index",
            "/health/",
            "/ready/x",
            "/openapi.json/x",
            "//today",
            "/app//plain.css",
            "/%66unctions/v1",
        ] {
            let answer = get(&server, path, &[("accept", PAGE)]).await;
            assert_eq!(answer.problem(404), "not_found", "{path}");
            assert_eq!(answer.header("content-security-policy"), NOTHING, "{path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
        let of_auth = get(&server, "/auth/v1/other", &[("accept", PAGE)]).await;
        assert_eq!((of_auth.status.as_u16(), of_auth.header("content-type")), (404, "application/json"));
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(asked(&server, method, "/today", &[("accept", PAGE)]).await.problem(404), "not_found");
            assert_eq!(asked(&server, method, "/sw.js", &[]).await.problem(404), "not_found");
            assert_eq!(asked(&server, method, "/", &[("accept", PAGE)]).await.problem(405), "method_not_allowed");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_app() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    write_to(&dist);
    fs::write(folder.path().join("secret.txt"), "a secret").unwrap();
    fs::write(dist.join(".env"), "a secret").unwrap();
    fs::create_dir(dist.join(".git")).unwrap();
    fs::write(dist.join(".git/config"), "a secret").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret.txt"), dist.join("link.txt")).unwrap();
        std::os::unix::fs::symlink(folder.path(), dist.join("up")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret.txt"), dist.join("robots.txt.br")).unwrap();
    }
    for server in [embedded().await, of_folder(&dist).await] {
        for path in [
            "/../secret.txt",
            "/..%2fsecret.txt",
            "/..%2Fsecret.txt",
            "/%2e%2e/secret.txt",
            "/%2e%2e%2fsecret.txt",
            "/app/../../secret.txt",
            "/app/%2e%2e/%2e%2e/secret.txt",
            "/..\\secret.txt",
            "/..%5csecret.txt",
            "/app\\..\\..\\secret.txt",
            "//secret.txt",
            "//..//secret.txt",
            "/./secret.txt",
            "/%2e/index.html",
            "/.env",
            "/%2eenv",
            "/.git/config",
            "/link.txt",
            "/up/secret.txt",
            "/index.html%00",
            "/index.html%00.txt",
            "/%00",
            "/..",
            "/%2e%2e",
            "/today/..",
            "/%252e%252e/secret.txt",
            "/c:/secret.txt",
            "/%ff",
            "/app%2fplain.css",
            "/app%5cplain.css",
            "///etc/passwd",
            "/%2fetc%2fpasswd",
            "/robots.txt/",
            "/robots.txt/x.txt",
        ] {
            let answer = raw(&server, path).await;
            assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
            assert!(!answer.contains("a secret") && !answer.contains("root:"), "{path}: {answer}");
        }
        let robots = get(&server, "/robots.txt", &[("accept-encoding", "br")]).await;
        assert_eq!(robots.text(), "User-agent: *\n", "a compressed form that lies elsewhere is none");
        server.stop().await;
    }
}

#[tokio::test]
async fn what_has_a_hash_in_its_name_is_kept_and_all_else_is_asked_for_again() {
    let server = embedded().await;
    for (path, cache, kind) in [
        ("/app/main.0a1b2c3d.js", "public, max-age=31536000, immutable", "text/javascript; charset=utf-8"),
        ("/app/engine_bg.k3jzq7ab2c.wasm", "public, max-age=31536000, immutable", "application/wasm"),
        ("/app/plain.css", "no-cache", "text/css; charset=utf-8"),
        ("/index.html", "no-cache", "text/html; charset=utf-8"),
        ("/sw.js", "no-cache", "text/javascript; charset=utf-8"),
        ("/manifest.webmanifest", "no-cache", "application/manifest+json"),
        ("/icons/icon.svg", "no-cache", "image/svg+xml; charset=utf-8"),
        ("/robots.txt", "no-cache", "text/plain; charset=utf-8"),
    ] {
        let answer = get(&server, path, &[]).await;
        assert_eq!((answer.header("cache-control"), answer.header("content-type")), (cache, kind), "{path}");
        let scope = if path == "/sw.js" { "/" } else { "" };
        assert_eq!(answer.header("service-worker-allowed"), scope, "{path}");
        assert!(answer.headers.get_all("vary").iter().any(|v| v == "Accept-Encoding"), "{path}");
        let tag = answer.header("etag").to_owned();
        assert!(tag.len() > 10, "{path}: {tag}");
        for known in [tag.clone(), format!("\"other\", {tag}"), tag.trim_start_matches("W/").to_owned(), "*".to_owned()]
        {
            let again = get(&server, path, &[("if-none-match", &known)]).await;
            assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0), "{path} {known}");
            for name in ["etag", "cache-control", "content-security-policy", "x-content-type-options"] {
                assert_eq!(again.header(name), answer.header(name), "{path}: {name}");
            }
        }
        assert_eq!(get(&server, path, &[("if-none-match", "\"other\"")]).await.status, 200, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn brotli_is_for_those_who_take_it_and_has_a_tag_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    write_to(folder.path());
    for server in [embedded().await, of_folder(folder.path()).await] {
        let path = "/app/main.0a1b2c3d.js";
        let plain = get(&server, path, &[]).await;
        let taking = |accepted: &'static str| {
            let server = &server;
            async move { get(server, path, &[("accept-encoding", accepted)]).await }
        };
        for accepted in ["br", "gzip, deflate, br, zstd", "gzip;q=0.5, br;q=0.9", "*"] {
            let answer = taking(accepted).await;
            assert_eq!((answer.header("content-encoding"), &*answer.bytes), ("br", &b"main in br"[..]), "{accepted}");
            assert_eq!(answer.header("content-length"), "10");
            assert_ne!(answer.header("etag"), plain.header("etag"));
            let known = answer.header("etag").to_owned();
            let again = get(&server, path, &[("accept-encoding", accepted), ("if-none-match", &known)]).await;
            assert_eq!(again.status, 304, "{accepted}");
            assert_eq!(
                get(&server, path, &[("if-none-match", &known)]).await.status,
                200,
                "another form is another thing"
            );
        }
        for accepted in ["br;q=0", "identity", "br;q=nonsense", "deflate"] {
            let answer = taking(accepted).await;
            assert_eq!((answer.header("content-encoding"), answer.text().as_str()), ("", SCRIPT), "{accepted}");
            assert_eq!(answer.header("content-length"), SCRIPT.len().to_string());
        }
        for (accepted, coding) in [("gzip", "gzip"), ("br;q=0.5, gzip", "gzip"), ("zstd", "zstd")] {
            let answer = taking(accepted).await;
            assert_eq!(answer.header("content-encoding"), coding, "{accepted}");
            assert!(answer.bytes.len() < SCRIPT.len() && answer.header("etag").starts_with("W/"), "{accepted}");
        }
        // A page too, and through a route that is no file.
        for path in ["/", "/today"] {
            let answer = get(&server, path, &[("accept", PAGE), ("accept-encoding", "br")]).await;
            assert_eq!((answer.header("content-encoding"), answer.text().as_str()), ("br", "index in br"));
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn head_tells_what_get_would() {
    let server = embedded().await;
    for (path, accepted) in
        [("/", "br"), ("/", "identity"), ("/today", "br"), ("/sw.js", "br"), ("/app/main.0a1b2c3d.js", "identity")]
    {
        let headers = [("accept", PAGE), ("accept-encoding", accepted)];
        let (got, head) = (get(&server, path, &headers).await, asked(&server, "HEAD", path, &headers).await);
        assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), got.bytes.len().to_string(), "{path}");
        for name in ["etag", "content-type", "content-encoding", "cache-control", "content-security-policy"] {
            assert_eq!(head.header(name), got.header(name), "{path}: {name}");
        }
    }
    assert_eq!(asked(&server, "HEAD", "/nothing.js", &[]).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn pages_may_run_the_apps_scripts_and_the_styles_that_stand_in_them() {
    use base64::Engine;
    let server = embedded().await;
    let hash = base64::prelude::BASE64_STANDARD.encode(Sha256::digest("body{margin:0}"));
    let policy = |styles: &str| {
        format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'{styles}; img-src 'self' data: blob:; \
             font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'"
        )
    };
    for (path, styles) in [
        ("/", format!(" 'sha256-{hash}'")),
        ("/today", format!(" 'sha256-{hash}'")),
        ("/sw.js", String::new()),
        ("/app/main.0a1b2c3d.js", String::new()),
    ] {
        let answer = get(&server, path, &[("accept", PAGE)]).await;
        assert_eq!(answer.header("content-security-policy"), policy(&styles), "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_interface_answers_the_same_with_and_without_an_app() {
    let (with, without) = (embedded().await, start().await);
    let calls = [
        ("GET", LIMITS),
        ("GET", CHANGES),
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", "/openapi.json"),
        ("POST", "/functions/v1/verse-operations"),
        ("DELETE", "/health"),
        ("OPTIONS", "/"),
        ("GET", "/auth/v1/settings"),
        ("GET", "/auth/v1/nothing"),
        ("GET", "/nothing.txt"),
        ("POST", "/nowhere"),
        ("GET", "/texts/1/kjv/65.txt"),
    ];
    for (method, path) in calls {
        let bearer = format!("Bearer {}", token(ALICE));
        let headers = [("accept", PAGE), ("authorization", bearer.as_str()), ("accept-encoding", "br, gzip")];
        let (one, other) = (asked(&with, method, path, &headers).await, asked(&without, method, path, &headers).await);
        // A cursor names its server, and time goes on.
        assert_eq!((one.status, one.bytes.len()), (other.status, other.bytes.len()), "{method} {path}");
        let names = |answer: &Answer| -> Vec<(String, String)> {
            let kept = answer.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
            kept.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .filter(|(name, _)| !name.starts_with("ratelimit"))
                .collect()
        };
        assert_eq!(names(&one), names(&other), "{method} {path}");
        assert_eq!(one.header("content-security-policy"), NOTHING, "{method} {path}");
        assert_eq!(one.header("permissions-policy"), "", "{method} {path}");
    }
    with.stop().await;
    without.stop().await;
}

#[tokio::test]
async fn a_server_without_an_app_says_what_is_missing() {
    assert_eq!(WebApp::embedded(&[]), None);
    assert_eq!(WebApp::embedded(&FILES[1..]), None, "without a page there is no app");
    let error = WebApp::folder(Path::new("/nowhere/dist")).unwrap_err().to_string();
    assert!(error.contains("/nowhere/dist"), "{error}");
    let server = start().await;
    let home = server.get("/").await;
    assert_eq!((home.status.as_u16(), home.header("content-security-policy")), (200, NOTHING));
    assert!(home.text().starts_with("Verses is running.") && home.text().contains(NO_WEB_APP), "{}", home.text());
    assert_eq!(get(&server, "/today", &[("accept", PAGE)]).await.problem(404), "not_found");
    server.stop().await;
}

#[tokio::test]
async fn a_folder_is_read_again_for_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = of_folder(folder.path()).await;
    assert!(server.get("/").await.text().contains("no index.html"));
    assert_eq!(get(&server, "/today", &[("accept", PAGE)]).await.problem(404), "not_found");
    fs::write(folder.path().join("index.html"), "one").unwrap();
    let first = server.get("/").await;
    fs::write(folder.path().join("index.html"), "two").unwrap();
    let second = server.get("/").await;
    assert_eq!((first.text(), second.text()), ("one".to_owned(), "two".to_owned()));
    assert_ne!(first.header("etag"), second.header("etag"));
    // A compressed form that is older than its file is of another build.
    let (page, packed) = (folder.path().join("index.html"), folder.path().join("index.html.br"));
    fs::write(&packed, "old").unwrap();
    let changed = fs::metadata(&page).unwrap().modified().unwrap();
    let touch = |path: &Path, time| fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    touch(&packed, changed - std::time::Duration::from_secs(5));
    assert_eq!(get(&server, "/", &[("accept-encoding", "br")]).await.text(), "two");
    touch(&packed, changed);
    assert_eq!(get(&server, "/", &[("accept-encoding", "br")]).await.text(), "old");
    server.stop().await;
}

#[tokio::test]
async fn paths_that_callers_invent_are_no_labels() {
    let server = embedded().await;
    for n in 0..5 {
        get(&server, &format!("/invented-{n}"), &[("accept", PAGE)]).await;
        get(&server, &format!("/invented-{n}.js"), &[]).await;
        get(&server, &format!("/texts/1/invented-{n}/1.txt"), &[]).await;
    }
    server.get("/sw.js").await;
    let metrics = server.metrics().await;
    assert!(!metrics.contains("invented"), "{metrics}");
    for (route, status, times) in
        [("app page", 200, 5), ("app file", 200, 1), ("other", 404, 5), ("/texts/1/{translation}/{piece}", 404, 5)]
    {
        let line = format!("verses_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {times}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_text_is_there_in_pieces_that_never_change() {
    let server = start().await;
    let list = server.get("/texts/1/index.json").await;
    assert_eq!((list.header("cache-control"), list.header("content-type")), ("no-cache", "application/json"));
    let list = list.ok();
    let mut pieces = Pieces::new();
    for (info, told) in translations().iter().zip(list["translations"].as_array().unwrap()) {
        assert_eq!(
            (&told["name"], &told["title"], &told["licence"]),
            (&info.name.into(), &info.title.into(), &info.licence.into())
        );
        assert_eq!((&told["books"], told["bytes"].as_array().unwrap().len()), (&66.into(), 66));
        for number in 1..=66_u8 {
            let path = format!("/texts/1/{}/{number}.txt", info.name.to_lowercase());
            let answer = server.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            let book = book_of_number(number).unwrap();
            assert_eq!(answer.text(), Corpus::load(info.name).unwrap().book_text(book), "{path}");
            assert_eq!(told["bytes"][usize::from(number) - 1], answer.bytes.len(), "{path}");
            pieces.insert(info.name, book, answer.text()).unwrap();
            assert!(pieces.has(info.name, book));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_text_is_sent_compressed_and_not_again() {
    let server = start().await;
    let plain = server.get("/texts/1/web/44.txt").await;
    assert_eq!(plain.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(plain.text().lines().any(str::is_empty), "WEB lacks verses of Acts");
    let packed = get(&server, "/texts/1/web/44.txt", &[("accept-encoding", "gzip, deflate, br, zstd")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("content-length"), packed.bytes.len().to_string());
    assert!(packed.bytes.len() * 2 < plain.bytes.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed.bytes).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text());
    let known = packed.header("etag").to_owned();
    assert_ne!(known, plain.header("etag"));
    let again = get(&server, "/texts/1/web/44.txt", &[("accept-encoding", "gzip"), ("if-none-match", &known)]).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    let zstd = get(&server, "/texts/1/web/44.txt", &[("accept-encoding", "zstd")]).await;
    assert_eq!(zstd.header("content-encoding"), "zstd");
    for path in [
        "/texts/1/KJV/1.txt",
        "/texts/1/esv/1.txt",
        "/texts/1/kjv/0.txt",
        "/texts/1/kjv/67.txt",
        "/texts/1/kjv/01.txt",
        "/texts/1/kjv/+1.txt",
        "/texts/1/kjv/1",
        "/texts/1/kjv/1.json",
        "/texts/1/kjv/%ff.txt",
        "/texts/1/kjv/300.txt",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.problem(404), "not_found", "{path}");
        assert!(answer.text().contains("/texts/1/index.json") && answer.text().contains("kjv and web"), "{path}");
    }
    for path in ["/texts/1/other.json", "/texts/2/kjv/1.txt", "/texts/1/kjv/1.txt/x", "/texts/1//1.txt"] {
        assert_eq!(server.get(path).await.problem(404), "not_found", "{path}");
    }
    server.stop().await;
}
