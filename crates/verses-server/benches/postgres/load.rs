//! Many users at once over HTTP, against a server in a process of its own: errors, the slowest answers, its memory.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use verses_pgtest::Cluster;
use verses_server::{App, ServerConfig};

use crate::work::{Reviews, user};

/// Set: this process is the server, over the database at this address.
pub(crate) const SERVE_VARIABLE: &str = "VERSES_BENCH_SERVE";
const SECRET: &str = "a secret of the benchmark that is long enough";
const USERS: usize = 64;
const SIZE: usize = 50;
const SECONDS: u64 = 10;
const CONNECTIONS: usize = 1_000;

/// Serves until its input ends.
pub(crate) fn serve(url: String) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = ServerConfig {
            database_url: url,
            jwt_secret: Some(SECRET.to_owned()),
            // All users come from one address here, and none of them rests.
            operations_per_minute: u32::MAX,
            requests_per_minute_per_address: u32::MAX,
            max_connections_per_address: u32::MAX,
            ..ServerConfig::default()
        };
        let app = App::open(config).await.expect("opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
        println!("{}", listener.local_addr().expect("an address"));
        let ended = async {
            let wait = || std::io::Read::read_to_end(&mut std::io::stdin(), &mut Vec::new());
            drop(tokio::task::spawn_blocking(wait).await);
        };
        verses_server::serve(listener, app, ended).await.expect("serves");
    });
}

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(url: &str) -> Self {
        let own = std::env::current_exe().expect("a path");
        let mut process = Command::new(own)
            .env(SERVE_VARIABLE, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut address = String::new();
        let output = process.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut address).expect("says its address");
        Self { process, address: address.trim().to_owned() }
    }

    /// Resident now and at most, MiB.
    fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() / 1_024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn token(number: usize) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let sub = user(number as u128 + 1);
    let claims = json!({ "sub": sub, "aud": "authenticated", "role": "authenticated", "iat": now, "exp": now + 3_600 });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("signs")
}

pub(crate) async fn many_users(cluster: &Cluster) {
    let database = crate::database(cluster).await;
    let server = Server::start(&database.url_as("verses_app"));
    let url = format!("http://{}/functions/v1/verse-operations", server.address);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let (times, started) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let mut tasks = Vec::new();
    for number in 0..USERS {
        let (client, url, times, token) = (client.clone(), url.clone(), Arc::clone(&times), token(number));
        tasks.push(tokio::spawn(async move {
            let post = async |body: &verses_protocol::BatchRequest| {
                let response = client.post(&url).bearer_auth(&token).json_bytes(body).send().await.expect("an answer");
                assert_eq!(response.status(), 200);
                serde_json::from_slice::<serde_json::Value>(&response.bytes().await.expect("a body")).expect("JSON")
            };
            let created = post(&Reviews::creations()).await;
            let id = |result: &serde_json::Value| result["data"]["verse"]["id"].as_str().map(str::to_owned);
            let verses = created["results"].as_array().expect("results").iter().filter_map(id).collect();
            let mut reviews = Reviews::of(verses);
            let mut own = Vec::new();
            let until = Instant::now() + Duration::from_secs(SECONDS);
            while Instant::now() < until {
                let body = reviews.next(SIZE);
                let sent = Instant::now();
                let answer = post(&body).await;
                own.push(sent.elapsed());
                assert_eq!(answer["summary"]["successful"], SIZE, "{answer}");
            }
            times.lock().expect("whole").extend(own);
        }));
    }
    for task in tasks {
        task.await.expect("no error");
    }
    let mut times = std::mem::take(&mut *times.lock().expect("whole"));
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let rate = (times.len() * SIZE) as f64 / started.elapsed().as_secs_f64();
    println!(
        "\n{USERS} users at once sending batches of {SIZE} over HTTP: {} batches, no error, {rate:.0} operations/s",
        times.len()
    );
    println!("answers after {:.0} ms (half), {:.0} ms (99 of 100), {:.0} ms (slowest)", at(0.5), at(0.99), at(1.0));
    let (now, most) = server.memory();
    println!("memory of the server: {now:.0} MiB, at most {most:.0} MiB");
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(ask(&server.address).await);
    }
    let (now, most) = server.memory();
    println!("with {} connections open: {now:.0} MiB, at most {most:.0} MiB", open.len());
}

/// A connection that has asked once and stays.
async fn ask(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(format!("GET /health HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.expect("asks");
    let mut start = [0; 15];
    stream.read_exact(&mut start).await.expect("is answered");
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    stream
}

/// A body of JSON, without the client's own feature for it.
trait JsonBytes {
    fn json_bytes(self, body: &impl serde::Serialize) -> Self;
}

impl JsonBytes for reqwest::RequestBuilder {
    fn json_bytes(self, body: &impl serde::Serialize) -> Self {
        self.header("content-type", "application/json").body(serde_json::to_vec(body).expect("JSON"))
    }
}
