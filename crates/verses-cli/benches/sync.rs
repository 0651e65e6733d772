//! Syncing over a slow link, measured: requests, bytes and seconds of batches, of one single request, and of individual
//! calls, in one run. Prints figures and ratios; nothing fails by time.
#![allow(missing_docs, reason = "a benchmark has no interface")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use verses_cli::app::STORE_FILE;
use verses_cli::commands::serve::{LocalServer, SERVER_FILE};
use verses_cli::link::{LinkProfile, SlowLink};
use verses_cli::texts::CorpusTexts;
use verses_client::{
    ClientConfig, DataService, Drained, HttpTimeouts, HttpTransport, Method, Native, NewVerse, Platform, Request,
    SyncEngine, SyncOptions, Transport,
};
use verses_corpus::starter_packs;
use verses_protocol::{BatchOperation, BatchRequest, BatchTag, OPERATIONS_PATH};
use verses_store::LocalStore;
use verses_store_sqlite::SqliteStore;

const REVIEWS: usize = 1_000;
const EMAIL: &str = "bench@verses.example";
const PASSWORD: &str = "a benchmark";

/// A clock that moves on by something like the time of a review whenever it is read for one.
#[derive(Clone)]
struct Reviewer {
    now: Arc<AtomicI64>,
    seed: Arc<AtomicU64>,
}

impl Reviewer {
    fn new() -> Self {
        let start = Native.now_ms() - 36 * 3_600_000;
        Self { now: Arc::new(AtomicI64::new(start)), seed: Arc::new(AtomicU64::new(7)) }
    }

    fn next_review(&self) {
        let between = 20_000 + i64::try_from(self.random() % 90_000).unwrap_or(0);
        self.now.fetch_add(between, Ordering::Relaxed);
    }
}

impl Platform for Reviewer {
    fn now_ms(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        Native.monotonic_ms()
    }

    /// SplitMix64: as incompressible as the operating system's randomness, and the same in every run.
    fn random(&self) -> u64 {
        let mut z = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    async fn sleep(&self, ms: u64) {
        Native.sleep(ms).await;
    }
}

type Device<P> = DataService<SqliteStore, HttpTransport, P>;

fn device<P: Platform>(home: &Path, url: &str, platform: P, individually: bool) -> Result<Device<P>> {
    let store = SqliteStore::open(&home.join(STORE_FILE))?;
    let mut config = ClientConfig { max_requests_per_window: 1_000_000, ..ClientConfig::default() };
    if individually {
        config.batch.delivery = batchsync::Delivery::IndividualOnly;
    }
    let transport = HttpTransport::new(url, HttpTimeouts::default())?;
    Ok(DataService::new(store, transport, platform, Arc::new(CorpusTexts), config))
}

struct Measured {
    requests: u64,
    bytes_up: u64,
    body_bytes: u64,
    seconds: f64,
}

fn main() -> Result<()> {
    // Cargo passes --bench; a filter is not needed for three measurements.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    prepare(folder).await?;
    println!("{REVIEWS} reviews made offline, sent over 300 ms round trip, 780 kbit/s up, 1.6 Mbit/s down");
    let ten = sync(folder, "ten", false, Some(10)).await?;
    println!("  10 queued operations: {} request", ten.requests);
    let single = one_request(folder).await?;
    show("one single request", &single);
    let batches = sync(folder, "batches", false, None).await?;
    show("verses sync, in batches", &batches);
    println!("  bytes of a review on the wire, compressed: {:.1}", batches.body_bytes as f64 / REVIEWS as f64);
    println!("  time of batches / time of the single request: {:.2}", batches.seconds / single.seconds);
    println!("  individual calls, all {REVIEWS} of them: takes a few minutes ...");
    let individually = sync(folder, "individually", true, None).await?;
    show("verses sync, one by one", &individually);
    println!("  time one by one / time in batches: {:.0}", individually.seconds / batches.seconds);
    Ok(())
}

fn show(way: &str, measured: &Measured) {
    let Measured { requests, bytes_up, seconds, .. } = measured;
    println!("  {way:26} {requests:5} requests {bytes_up:8} bytes up {seconds:8.2} s");
}

/// A device with the starter list synced and 1,000 reviews queued, and its server: copied for each measurement.
async fn prepare(folder: &Path) -> Result<()> {
    let server = LocalServer::start(&make(folder, "server")?.join(SERVER_FILE)).await?;
    let reviewer = Reviewer::new();
    let home = make(folder, "home")?;
    // Signed in now: a session that has run out would cost every measurement another round trip.
    device(&home, &server.url(), Native, false)?.sign_up(Some(EMAIL), Some(PASSWORD)).await?;
    let device = device(&home, &server.url(), reviewer.clone(), false)?;
    let items = starter_packs().iter().flat_map(|p| p.items.iter());
    let verses: Vec<NewVerse> = items.map(|i| NewVerse { reference: i.osis.clone(), ..NewVerse::default() }).collect();
    device.add_verses(&verses, |_| {}).await?;
    let (_, drained) = SyncEngine::open(device.clone()).await?.sync(SyncOptions::default()).await?;
    ensure!(drained == Drained::Empty, "the starter list could not be sent");
    server.stop().await?;
    let library = device.library().await?;
    copy(folder, "server", "server-ten")?;
    for i in 0..REVIEWS {
        if i == 10 {
            copy(folder, "home", "home-ten")?;
        }
        reviewer.next_review();
        let card = &library[(i * 37) % library.len()].card;
        device.record_review(card.verse_id, i % 6 != 0, Some(10 + (i * 7 % 50) as u32)).await?;
    }
    drop(device);
    for copy_to in ["single", "batches", "individually"] {
        copy(folder, "home", &format!("home-{copy_to}"))?;
        copy(folder, "server", &format!("server-{copy_to}"))?;
    }
    Ok(())
}

async fn sync(folder: &Path, name: &str, individually: bool, expected: Option<u64>) -> Result<Measured> {
    let server = LocalServer::start(&folder.join(format!("server-{name}")).join(SERVER_FILE)).await?;
    let link = SlowLink::start(server.address(), LinkProfile::SLOW_3G).await?;
    let device = device(&folder.join(format!("home-{name}")), &link.url(), Native, individually)?;
    let started = Instant::now();
    let mut engine = SyncEngine::open(device.clone()).await?;
    let (result, drained) = engine.process_batch_queue(SyncOptions { patience_ms: 600_000 }).await?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(drained == Drained::Empty, "something is left: {drained:?}");
    ensure!(result.summary.successful == expected.unwrap_or(REVIEWS as u64), "{:?}", result.summary);
    server.stop().await.context("stopping the server")?;
    Ok(Measured {
        requests: result.summary.requests,
        bytes_up: link.bytes().up,
        body_bytes: result.summary.bytes_sent,
        seconds,
    })
}

/// The floor: the same operations in one compressed request on a fresh connection.
async fn one_request(folder: &Path) -> Result<Measured> {
    let server = LocalServer::start(&folder.join("server-single").join(SERVER_FILE)).await?;
    let link = SlowLink::start(server.address(), LinkProfile::SLOW_3G).await?;
    let device = device(&folder.join("home-single"), &link.url(), Native, false)?;
    let session = device.session().await?.context("signed in")?;
    let queued = device.store().queue_of(&session.user_id, false, u32::MAX).await?;
    let operations = queued.iter().map(|row| {
        let operation = serde_json::to_value(&row.data)?;
        let kind = row.meta.kind.clone();
        Ok(BatchOperation { id: row.meta.id.clone(), kind, data: operation["data"].clone() })
    });
    let operations = operations.collect::<Result<Vec<_>>>()?;
    let batch =
        BatchRequest { operation: BatchTag::Batch, batch_id: "one".into(), operations, cursor: None, pull: false };
    let body = Some(serde_json::to_vec(&batch)?);
    let transport = HttpTransport::new(&link.url(), HttpTimeouts::default())?;
    let started = Instant::now();
    let request =
        Request { method: Method::Post, path: OPERATIONS_PATH.into(), bearer: Some(session.access_token), body };
    let response = transport.send(request, None).await?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(response.status == 200, "status {}", response.status);
    server.stop().await.context("stopping the server")?;
    Ok(Measured { requests: 1, bytes_up: link.bytes().up, body_bytes: response.bytes_sent, seconds })
}

fn make(folder: &Path, name: &str) -> Result<std::path::PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

fn copy(folder: &Path, from: &str, to: &str) -> Result<()> {
    let target = make(folder, to)?;
    for entry in std::fs::read_dir(folder.join(from))? {
        let entry = entry?;
        std::fs::copy(entry.path(), target.join(entry.file_name()))?;
    }
    Ok(())
}
