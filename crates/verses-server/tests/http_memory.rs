//! A thousand connections, whatever they do, take a bounded amount of memory. Counted where it is allocated, not measured.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "common/http.rs"]
mod http;
#[path = "common/raw.rs"]
mod raw;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{ALICE, OPERATIONS, Server, config, start_with, token};
use raw::{PATIENCE, head, say};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use verses_server::ServerConfig;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call is passed on unchanged; the counters touch no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise about `pointer` and `layout` is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: usize = 1_000;
const MIB: usize = 1024 * 1024;
const LONG_MS: u64 = 3_600_000;

/// Most bytes allocated at once while this runs, above what there was before.
async fn most<T>(work: impl Future<Output = T>) -> (usize, T) {
    let before = LIVE.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let done = work.await;
    let most = MOST.load(Ordering::Relaxed) - before;
    eprintln!("{most} bytes at most");
    (most, done)
}

async fn server() -> Server {
    let server = start_with(ServerConfig {
        max_connections_per_address: 10_000,
        // Nothing ends by itself while the test looks.
        header_timeout_ms: LONG_MS,
        body_stall_timeout_ms: LONG_MS,
        body_timeout_ms: LONG_MS,
        body_min_bytes_per_second: 1,
        idle_timeout_ms: LONG_MS,
        drain_timeout_ms: 100,
        ..config()
    })
    .await;
    // Whatever is made once is made now.
    server.get("/health").await.ok();
    server
}

fn upload(length: usize) -> String {
    let token = token(ALICE);
    format!(
        "POST {OPERATIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn connections_that_wait_for_their_next_request_are_small() {
    let server = server().await;
    let (bytes, _open) = most(async {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut stream = say(server.address, b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
            assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
            open.push(stream);
        }
        open
    })
    .await;
    assert!(bytes < 48 * MIB, "{bytes} bytes for {CONNECTIONS} connections");
    server.stop().await;
}

#[tokio::test]
async fn heads_that_never_end_are_bounded_by_their_size() {
    let server = server().await;
    let half = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}", "y".repeat(30_000));
    let (bytes, _open) = most(async {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            open.push(say(server.address, half.as_bytes()).await);
        }
        // Answered after the ones before it were read.
        server.get("/health").await.ok();
        open
    })
    .await;
    assert!(bytes < 150 * MIB, "{bytes} bytes for {CONNECTIONS} connections");
    server.stop().await;
}

#[tokio::test]
async fn large_uploads_share_a_budget_and_the_rest_is_told_to_come_back() {
    let server = server().await;
    let (length, token_head) = (200_000, upload(200_000));
    let (bytes, ()) = most(async {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(token_head.as_bytes()).await.unwrap();
            // All but the last byte: what is taken in is kept.
            stream.write_all(&vec![b' '; length - 1]).await.unwrap();
            open.push(async move { head(&mut stream).await });
        }
        // One address has 16 MiB: what fits waits for its last byte, the rest is refused.
        let mut answers: FuturesUnordered<_> = open.into_iter().collect();
        let mut refused = 0;
        while refused < CONNECTIONS - 100 {
            assert!(answers.next().await.unwrap().starts_with("HTTP/1.1 503"));
            refused += 1;
        }
    })
    .await;
    assert!(bytes < 150 * MIB, "{bytes} bytes for {CONNECTIONS} connections");
    server.stop().await;
}

#[tokio::test]
async fn bodies_that_become_gigabytes_take_what_a_body_may_take() {
    let server = server().await;
    let mebibyte = vec![b' '; MIB];
    let gzip = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&mebibyte).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(mebibyte.as_slice(), 19).unwrap();
    drop(mebibyte);
    for (coding, piece) in [("gzip", gzip), ("zstd", zstd)] {
        let body = axum::body::Bytes::from(piece.repeat(900_000 / piece.len()));
        let (bytes, ()) = most(async {
            let posts = (0..20).map(|_| {
                let post =
                    server.request("POST", OPERATIONS).bearer_auth(token(ALICE)).header("content-encoding", coding);
                http::send(post.body(body.clone()))
            });
            for answer in posts.collect::<FuturesUnordered<_>>().collect::<Vec<_>>().await {
                // One address has its share of the memory for bodies: who comes too many at once is told to come back.
                let code = answer.problem(answer.status.as_u16());
                assert!(matches!(&*code, "body_too_large" | "unavailable"), "{coding}: {code}");
            }
        })
        .await;
        // Twenty bodies as they travel, and what one is while it is unpacked.
        assert!(bytes < 64 * MIB, "{bytes} bytes for 20 bombs in {coding}");
    }
    server.stop().await;
}

#[tokio::test]
async fn many_requests_on_many_connections_of_http_2_are_bounded_too() {
    let server = server().await;
    let token = token(ALICE);
    let (bytes, _open) = most(async {
        let (mut clients, mut bodies, mut answers) = (Vec::new(), Vec::new(), FuturesUnordered::new());
        // The other side of each connection is in this process too, and counted.
        for _ in 0..100 {
            let stream = TcpStream::connect(server.address).await.unwrap();
            let (client, connection) = h2::client::handshake(stream).await.unwrap();
            drop(tokio::spawn(connection));
            let mut client = client.ready().await.unwrap();
            for _ in 0..100 {
                let request = axum::http::Request::post(format!("http://x{OPERATIONS}"))
                    .header("authorization", format!("Bearer {token}"));
                let (answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
                body.send_data(vec![b' '; 1_000].into(), false).unwrap();
                answers.push(answer);
                bodies.push(body);
                client = client.ready().await.unwrap();
            }
            clients.push(client);
        }
        // One address has 1,024 at once.
        for _ in 0..8_000 {
            let answer = tokio::time::timeout(PATIENCE, answers.next()).await.expect("most are refused");
            assert_eq!(answer.unwrap().unwrap().status(), 503);
        }
        (clients, bodies)
    })
    .await;
    assert!(bytes < 150 * MIB, "{bytes} bytes for 10,000 requests");
    tokio::time::timeout(PATIENCE, server.stop()).await.expect("stops");
}
