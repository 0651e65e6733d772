//! `verses demo`: two devices, a slow link, a real server on SQLite. Device A works offline; the same queue is then sent
//! one by one and in batches, each to its own copy of the server, and device B fetches it. Every figure is measured.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::ProgressBar;
use serde::Serialize;
use verses_client::{
    CardWithVerse, DataService, Drained, HttpTimeouts, HttpTransport, Native, NewVerse, Observer, SyncEngine,
    SyncEvent, SyncOptions,
};
use verses_corpus::starter_packs;
use verses_store_sqlite::SqliteStore;

use crate::app::{STORE_FILE, Service};
use crate::args::DemoArgs;
use crate::commands::serve::{LocalServer, SERVER_FILE};
use crate::exit::{CliError, ExitStatus};
use crate::link::{LinkProfile, SlowLink};
use crate::output::{Printer, count, table};
use crate::progress;
use crate::texts::CorpusTexts;

/// Every so many passages one is left for later, and one is not recalled.
const LEAVE_EVERY: usize = 3;
const FAIL_EVERY: usize = 7;
/// How long a run keeps trying when something fails.
const PATIENCE_MS: u64 = 120_000;

/// One way of sending, measured.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    way: &'static str,
    operations: u64,
    requests: u64,
    bytes_up: u64,
    bytes_down: u64,
    seconds: f64,
}

/// The whole result, as printed with `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    passages: usize,
    reviews: usize,
    individually: Measured,
    in_batches: Measured,
    times_faster: f64,
    same_server_state: bool,
    due_on_both_devices: usize,
    same_due_list: bool,
}

/// `verses demo`
///
/// # Errors
/// When a port, a file or the server cannot be had.
pub async fn run(printer: Printer, args: &DemoArgs) -> Result<ExitStatus, CliError> {
    let temporary = tempfile::tempdir().context("making a temporary folder")?;
    let folder = args.keep.as_deref().unwrap_or_else(|| temporary.path());
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let profile = LinkProfile {
        rtt: Duration::from_millis(args.rtt_ms),
        up_bits_per_second: args.up_kbit.saturating_mul(1_000),
        down_bits_per_second: args.down_kbit.saturating_mul(1_000),
    };
    let demo = Demo { printer, folder, profile };
    let outcome = demo.play().await?;
    printer.result(&outcome, || text_of(&outcome))?;
    let good = outcome.same_due_list && outcome.same_server_state;
    Ok(if good { ExitStatus::Done } else { ExitStatus::Error })
}

fn text_of(outcome: &Outcome) -> String {
    let row = |m: &Measured| {
        vec![
            m.way.to_owned(),
            m.operations.to_string(),
            m.requests.to_string(),
            m.bytes_up.to_string(),
            m.bytes_down.to_string(),
            format!("{:.1}", m.seconds),
        ]
    };
    let head = ["", "operations", "requests", "bytes up", "bytes down", "seconds"].map(str::to_owned).to_vec();
    let mut text = table(&[head, row(&outcome.individually), row(&outcome.in_batches)]);
    text.push_str(&format!("\nin batches it took 1/{:.0} of the time\n", outcome.times_faster));
    text.push_str(if outcome.same_server_state {
        "both servers hold the same cards\n"
    } else {
        "THE SERVERS DIFFER\n"
    });
    let due = count(outcome.due_on_both_devices as u64, "passage", "passages");
    text.push_str(&if outcome.same_due_list {
        format!("device B fetched everything: both devices show the same {due} due today")
    } else {
        "THE DEVICES DIFFER".to_owned()
    });
    text
}

struct Demo<'a> {
    printer: Printer,
    folder: &'a Path,
    profile: LinkProfile,
}

impl Demo<'_> {
    async fn play(&self) -> Result<Outcome, CliError> {
        let say = |text: String| self.printer.remark(&text);
        let (rtt, up) = (self.profile.rtt.as_millis(), self.profile.up_bits_per_second / 1_000);
        say(format!(
            "A real server on SQLite, two devices, and between them a link of {rtt} ms round trip and {up} kbit/s up."
        ));
        let (passages, reviews) = self.prepare().await?;
        say(format!(
            "Device A, offline: added {passages} passages of the starter list and reviewed {reviews} of them."
        ));
        say("Sending them one by one ...".into());
        let (individually, one_by_one) = self.send("one by one", "a-individually", "server-individually", true).await?;
        say("Sending the same queue in batches ...".into());
        let (in_batches, batched) = self.send("in batches", "a-batches", "server-batches", false).await?;
        say("Device B signs in and fetches ...".into());
        let due_b = self.device_b().await?;
        let due_a = self.due_of("a-batches").await?;
        Ok(Outcome {
            passages,
            reviews,
            times_faster: individually.seconds / in_batches.seconds.max(0.001),
            individually,
            in_batches,
            same_server_state: one_by_one == batched,
            due_on_both_devices: due_b.len(),
            same_due_list: due_a == due_b,
        })
    }

    /// Device A signs up, works offline, and is then copied together with its server, so that both ways of sending
    /// begin from the same state.
    async fn prepare(&self) -> Result<(usize, usize), CliError> {
        let server = self.server("server").await?;
        let home = self.folder.join("a");
        let (passages, reviews) = {
            let device = open(&home, &server.url(), false)?;
            device.sign_up(Some("a@demo.example"), Some("a demonstration")).await?;
            server.stop().await?;
            work_offline(&device).await?
        };
        for (from, copies) in
            [("a", ["a-individually", "a-batches"]), ("server", ["server-individually", "server-batches"])]
        {
            for copy in copies {
                copy_folder(&self.folder.join(from), &self.folder.join(copy))?;
            }
        }
        Ok((passages, reviews))
    }

    async fn server(&self, name: &str) -> Result<LocalServer, CliError> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        LocalServer::start(&folder.join(SERVER_FILE)).await
    }

    /// Sends one copy of the queue through the link; gives the figures and what the server then holds.
    async fn send(
        &self,
        way: &'static str,
        home: &str,
        server: &str,
        individually: bool,
    ) -> Result<(Measured, Vec<String>), CliError> {
        let server = self.server(server).await?;
        let link = self.link(server.address()).await?;
        let device = open(&self.folder.join(home), &link.url(), individually)?;
        let waiting = device.queue_totals().await?.waiting;
        let bar = progress::count_bar(self.printer, waiting, way);
        let started = Instant::now();
        let mut engine = SyncEngine::open(device.clone()).await?.observed(observer(bar.clone()));
        let (result, drained) = engine.process_batch_queue(SyncOptions { patience_ms: PATIENCE_MS }).await?;
        let seconds = started.elapsed().as_secs_f64();
        bar.finish_and_clear();
        if drained != Drained::Empty || result.summary.failed > 0 {
            let left = result.summary.total - result.summary.successful;
            return Err(CliError::Other(anyhow::anyhow!("{left} operations could not be sent {way}")));
        }
        let bytes = link.bytes();
        let measured = Measured {
            way,
            operations: result.summary.successful,
            requests: result.summary.requests,
            bytes_up: bytes.up,
            bytes_down: bytes.down,
            seconds,
        };
        let held = self.held_by(&server).await?;
        server.stop().await?;
        Ok((measured, held))
    }

    /// What a fresh device sees of the server: every card, as text.
    async fn held_by(&self, server: &LocalServer) -> Result<Vec<String>, CliError> {
        let fresh = tempfile::tempdir().context("making a temporary folder")?;
        let device = open(fresh.path(), &server.url(), false)?;
        device.sign_in("a@demo.example", "a demonstration").await?;
        SyncEngine::open(device.clone()).await?.sync_from_remote().await?;
        let mut cards: Vec<String> = device.library().await?.iter().map(card_line).collect();
        cards.sort_unstable();
        Ok(cards)
    }

    async fn device_b(&self) -> Result<Vec<String>, CliError> {
        let server = self.server("server-batches").await?;
        let link = self.link(server.address()).await?;
        let device = open(&self.folder.join("b"), &link.url(), false)?;
        device.sign_in("a@demo.example", "a demonstration").await?;
        SyncEngine::open(device.clone()).await?.sync_from_remote().await?;
        let due = due_lines(&device).await?;
        server.stop().await?;
        Ok(due)
    }

    async fn due_of(&self, home: &str) -> Result<Vec<String>, CliError> {
        due_lines(&open(&self.folder.join(home), "http://127.0.0.1:9", false)?).await
    }

    async fn link(&self, server: SocketAddr) -> Result<SlowLink, CliError> {
        Ok(SlowLink::start(server, self.profile).await.context("opening the slow link")?)
    }
}

fn open(home: &Path, url: &str, individually: bool) -> Result<Service, CliError> {
    let store = SqliteStore::open(&home.join(STORE_FILE))?;
    let transport = HttpTransport::new(url, HttpTimeouts::default()).map_err(|e| CliError::Usage(e.to_string()))?;
    let mut config = verses_client::ClientConfig::default();
    if individually {
        config.batch.delivery = batchsync::Delivery::IndividualOnly;
    }
    Ok(DataService::new(store, transport, Native, Arc::new(CorpusTexts), config))
}

async fn work_offline(device: &Service) -> Result<(usize, usize), CliError> {
    let items = starter_packs().iter().flat_map(|p| p.items.iter());
    let verses: Vec<NewVerse> = items.map(|i| NewVerse { reference: i.osis.clone(), ..NewVerse::default() }).collect();
    device.add_verses(&verses, |_| {}).await?;
    let library = device.library().await?;
    let mut reviews = 0;
    for (index, entry) in library.iter().enumerate().filter(|(i, _)| i % LEAVE_EVERY != 0) {
        device.record_review(entry.card.verse_id, index % FAIL_EVERY != 0, Some(20)).await?;
        reviews += 1;
    }
    Ok((library.len(), reviews))
}

fn observer(bar: ProgressBar) -> Observer {
    Arc::new(move |event| {
        if let SyncEvent::Progress(now) = event {
            bar.set_length(now.total);
            bar.set_position(now.successful);
        }
    })
}

async fn due_lines(device: &Service) -> Result<Vec<String>, CliError> {
    let today = device.today(None).await?;
    Ok(device.due(today).await?.iter().map(card_line).collect())
}

fn card_line(entry: &CardWithVerse) -> String {
    let reference = entry.verse.as_ref().map_or("", |v| v.reference.as_str());
    let card = &entry.card;
    format!(
        "{reference}|{:?}|{}|{}|{}|{}",
        card.current_phase, card.phase_progress_count, card.current_streak, card.best_streak, card.next_due_date
    )
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), CliError> {
    let copy = || -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        Ok(())
    };
    Ok(copy().with_context(|| format!("copying {} to {}", from.display(), to.display()))?)
}
